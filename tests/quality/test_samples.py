"""Clause C2 on pages: a failing row is shown as its label lets it, and not at all where the label is not known."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest

from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.obligations import Obligation, ObligationKind
from datasets.quality.samples import failing_geometries, masked, samples
from tests.quality.files import pa, write_geoparquet

COLUMNS = {
    "id": [1, 2, 3],
    "owner": ["Zebulon", "B", "C" * 500],
    "latBegin": ["38.654321"] * 3,
    "seen": pa.array([0, 1, 2], pa.timestamp("s")),
    "raw": [b"abc", None, b""],
    "odd": [float("nan"), 1.5, None],
}
SHAPES = ["POINT (-98.123456 38.654321)", "POLYGON ((-98 38, -97 39, -97 38, -98 39, -98 38))", None]
REPORT = {
    "checks": [
        {"name": "geometry_valid", "sample_rows": [2]},
        {"name": "unique", "sample_rows": [3, 2]},
        {"name": "value_range", "sample_rows": [1, 99]},
    ],
    "failing_geometry_rows": [2, 3],
}
EXACT = "98.123456"
REMOVE = Obligation(ObligationKind.REMOVE_ATTRIBUTES, ("owner",))


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    return write_geoparquet(tmp_path_factory.mktemp("samples") / "in.parquet", COLUMNS, SHAPES)


def shown(parquet, label, *obligations):
    mask = partial(masked, label=BUILT_IN_LABELS.get(label), obligations=obligations)
    return samples(parquet, REPORT, mask=mask)


def test_each_row_is_shown_once_with_the_checks_it_fails(parquet):
    rows = shown(parquet, "public")
    assert [(row["row"], row["checks"]) for row in rows] == [
        (1, ["value_range"]),
        (2, ["geometry_valid", "unique"]),
        (3, ["unique"]),
    ]
    assert rows[0]["geometry"] == {"type": "Point", "coordinates": [-98.123456, 38.654321]}
    assert rows[0]["values"]["owner"] == "Zebulon"
    assert rows[0]["values"]["odd"] == "nan"
    assert len(rows[2]["values"]["owner"]) < 210
    json.dumps(rows, allow_nan=False)


def test_c2_a_generalized_label_shows_the_grid_and_no_field_that_tells_the_place(parquet):
    row = shown(parquet, "public_generalized")[0]
    assert row["geometry"]["type"] == "Point"
    assert row["geometry"]["coordinates"] != [-98.123456, 38.654321]
    assert row["geometry"]["coordinates"] == pytest.approx([-98.12, 38.65], abs=0.02)
    assert "38.654321" not in json.dumps(row)
    assert row["values"]["id"] == 1


@pytest.mark.parametrize("label", ["embargoed", "restricted", "restricted_sensitive_location", "quarantine"])
def test_c2_a_label_that_not_all_staff_read_withholds_the_place(parquet, label):
    rows = shown(parquet, label)
    assert all(row["geometry"] is None for row in rows)
    assert "38.654321" not in json.dumps(rows)
    assert rows[0]["withheld"]


def test_c2_an_unknown_label_shows_nothing_but_row_numbers(parquet):
    rows = shown(parquet, "never_heard_of")
    assert all(row["values"] == {} and row["geometry"] is None and row["withheld"] for row in rows)


@pytest.mark.parametrize(
    "obligation",
    [
        Obligation(ObligationKind.GENERALIZE_TIME, "year"),
        Obligation(ObligationKind.SUPPRESS_SMALL_COUNTS, 5),
        Obligation(ObligationKind.METADATA_ONLY),
    ],
)
def test_c2_an_obligation_about_single_rows_shows_none(parquet, obligation):
    rows = shown(parquet, "public", obligation)
    assert all(row["values"] == {} and row["geometry"] is None for row in rows)


def test_c2_removed_fields_are_withheld_under_any_label(parquet):
    for label in ("public", "public_generalized", "quarantine"):
        assert "Zebulon" not in json.dumps(shown(parquet, label, REMOVE))
    inner = Obligation(ObligationKind.REMOVE_ATTRIBUTES, ("owner.name",))
    assert "Zebulon" not in json.dumps(shown(parquet, "public", inner))


def test_c2_a_place_off_the_grid_is_withheld(tmp_path):
    path = write_geoparquet(tmp_path / "in.parquet", {"id": [1]}, ["POINT (1e30 1e30)"])
    mask = partial(masked, label=BUILT_IN_LABELS["public_generalized"])
    (row,) = samples(path, {"checks": [{"name": "x", "sample_rows": [1]}]}, mask=mask)
    assert row["geometry"] is None


def test_c2_a_label_that_loses_its_grid_is_masked_by_the_versions_own_obligation(parquet):
    bare = replace(BUILT_IN_LABELS["public"], default_obligations=())
    mask = partial(masked, label=bare, obligations=[Obligation(ObligationKind.GENERALIZE_GEOMETRY, 10_000)])
    assert EXACT not in json.dumps(samples(parquet, REPORT, mask=mask))


def test_the_map_of_failing_geometries_holds_what_the_mask_leaves(parquet):
    whole = failing_geometries(parquet, REPORT, mask=partial(masked, label=BUILT_IN_LABELS["public"]))
    assert [feature["properties"] for feature in whole["features"]] == [{"row": 2}]
    assert failing_geometries(parquet, REPORT, mask=partial(masked, label=None))["features"] == []
