"""Clause E2: failing records go to quarantine with their reasons, the others go on, and no row is lost or altered."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.quality.checks import measure_checks, report_on
from datasets.quality.rowset import Failing, RowSet
from datasets.quality.split import BATCH_ROWS, split_rows
from tests.quality.files import write_geoparquet

COLUMNS = {"id": [1, 2, 2, 4, None], "depth": [5.0, -1.0, 7.0, None, 3.0]}
SHAPES = ["POINT (-98 38)", "POINT (-97 38)", "POINT Z (10 50 1)", "LINESTRING (-99 38, -98 39)", None]
DIGESTS = {"artifact_digest": "sha256:" + "1" * 64, "measured_digest": "sha256:" + "2" * 64}


def measured(path, *checks):
    return measure_checks(path, spec={"validation": {"checks": list(checks)}}, rows_rejected=0, previous_rows=0)


def split(tmp_path, *checks, columns=COLUMNS, shapes=SHAPES):
    source = write_geoparquet(tmp_path / "in.parquet", columns, shapes)
    found = measured(source, *checks)
    paths = {"passing": tmp_path / "passing.parquet", "quarantined": tmp_path / "quarantined.parquet"}
    return found, split_rows(source, found.failing, **paths), source, *paths.values()


UNIQUE = {"name": "unique", "fields": ["id"], "threshold": 0.5}
POSITIVE = {"name": "value_range", "field": "depth", "min": 0, "threshold": 0.5}
INSIDE = {"name": "within_extent", "threshold": 0.1}
PRESENT = {"name": "required_fields_present", "fields": ["id"], "threshold": 1}


def test_e2_every_row_goes_one_way_with_all_its_reasons(tmp_path):
    found, counts, source, passing, quarantined = split(tmp_path, UNIQUE, POSITIVE, INSIDE, PRESENT)
    assert [check.verdict for check in found.results] == ["pass", "pass", "pass", "fail"]
    assert (counts.rows_passing, counts.rows_quarantined) == (2, 3)
    apart = pq.read_table(quarantined)
    assert apart["kfm_row"].to_pylist() == [2, 3, 5]
    assert apart["kfm_reasons"].to_pylist() == [
        ["value_range"],
        ["unique", "within_extent"],
        ["required_fields_present"],
    ]
    whole = pq.read_table(source)
    assert pq.read_table(passing).equals(whole.take([0, 3]).cast(pq.read_table(passing).schema))
    assert apart.drop(["kfm_row", "kfm_reasons"]).to_pylist() == whole.take([1, 2, 4]).to_pylist()


def test_e2_the_passing_files_extent_says_nothing_of_what_was_set_apart(tmp_path):
    _found, _counts, _source, passing, quarantined = split(tmp_path, INSIDE)
    column = json.loads(pq.read_schema(passing).metadata[b"geo"])["columns"]["geometry"]
    assert column["bbox"] == [-99.0, 38.0, -97.0, 39.0]
    assert column["geometry_types"] == ["LineString", "Point"]
    apart = json.loads(pq.read_schema(quarantined).metadata[b"geo"])["columns"]["geometry"]
    assert (apart["bbox"], apart["geometry_types"]) == ([10.0, 50.0, 10.0, 50.0], ["Point Z"])


@pytest.mark.parametrize(
    "check",
    [
        {**POSITIVE, "severity": "warn"},
        {**POSITIVE, "threshold": 0},
        {"name": "null_rate", "field": "depth", "threshold": 0},
        {"name": "duplicate_rate", "fields": ["id"], "threshold": 0},
        {"name": "row_count", "threshold": 100},
        {"name": "unheard_of", "threshold": 1},
    ],
    ids=["a warning", "nothing can miss it", "a rate", "a rate of repeats", "a count", "an error"],
)
def test_e2_a_check_that_judges_no_row_sets_none_apart(tmp_path, check):
    found = measured(write_geoparquet(tmp_path / "in.parquet", COLUMNS, SHAPES), check)
    assert len(found.failing.union()) == 0


def test_e2_all_rows_may_fail(tmp_path):
    _found, counts, _source, passing, _quarantined = split(
        tmp_path, {"name": "allowed_values", "field": "id", "values": [9], "threshold": 1}, PRESENT
    )
    assert (counts.rows_passing, counts.rows_quarantined) == (0, 5)
    assert pq.read_table(passing).num_rows == 0


def test_e2_columns_that_bear_our_names_keep_them(tmp_path):
    columns = {"kfm_row": [1, 2], "kfm_reasons": ["a", "b"], "x": [1, -1]}
    checks = {"name": "value_range", "field": "x", "min": 0, "threshold": 0.1}
    _found, counts, _source, _passing, quarantined = split(tmp_path, checks, columns=columns, shapes=None)
    assert (counts.row_column, counts.reasons_column) == ("kfm_row_", "kfm_reasons_")
    assert pq.read_table(quarantined).to_pylist() == [
        {"kfm_row": 2, "kfm_reasons": "b", "x": -1, "kfm_row_": 2, "kfm_reasons_": ["value_range"]}
    ]


def test_the_same_rows_give_the_same_bytes(tmp_path):
    pairs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        *_rest, passing, quarantined = split(tmp_path / name, UNIQUE, INSIDE)
        pairs.append((passing.read_bytes(), quarantined.read_bytes()))
    assert pairs[0] == pairs[1]


def test_e2_rows_of_another_file_are_refused(tmp_path):
    source = write_geoparquet(tmp_path / "in.parquet", COLUMNS, SHAPES)
    with pytest.raises(ValueError, match="another file"):
        split_rows(source, Failing(4), passing=tmp_path / "p", quarantined=tmp_path / "q")


def test_e2_a_split_over_many_batches_loses_no_row(tmp_path):
    count = BATCH_ROWS * 2 + 5
    columns = {"x": [-1 if n % 1000 == 3 else n for n in range(count)]}
    check = {"name": "value_range", "field": "x", "min": 0, "threshold": 0.1}
    _found, counts, _source, passing, quarantined = split(tmp_path, check, columns=columns, shapes=None)
    apart = [n + 1 for n in range(count) if n % 1000 == 3]
    assert pq.read_table(quarantined)["kfm_row"].to_pylist() == apart
    assert pq.read_table(passing)["x"].to_pylist() == [n for n in range(count) if n % 1000 != 3]
    assert counts.rows_passing + counts.rows_quarantined == count


def test_e1_the_report_says_what_was_measured_and_what_goes_on(tmp_path):
    found, _counts, _source, passing, _quarantined = split(tmp_path, UNIQUE, INSIDE)
    report = report_on(found, passing, rows_rejected=4, **DIGESTS).as_json()
    assert (report["rows"], report["rows_quarantined"], report["rows_rejected"]) == (4, 1, 4)
    assert (report["artifact_digest"], report["measured_digest"]) == tuple(DIGESTS.values())
    assert report["failing_geometry_rows"] == [3]
    assert report["extent"] == [-99, 38, -97, 39]


@given(st.integers(1, 70), st.data())
def test_a_row_set_is_a_set_of_rows(rows, data):
    chosen = data.draw(st.lists(st.integers(0, rows - 1)))
    start, stop = sorted(data.draw(st.lists(st.integers(0, rows), min_size=2, max_size=2)))
    found = RowSet(rows)
    found.add(np.array(chosen, dtype=np.int64))
    assert len(found) == len(set(chosen))
    assert found.first(rows) == tuple(n + 1 for n in sorted(set(chosen)))
    assert found.first(3) == found.first(rows)[:3]
    assert found.between(start, stop).tolist() == [n in chosen for n in range(start, stop)]


@pytest.mark.parametrize("row", [-1, 3])
def test_a_row_outside_the_table_is_refused(row):
    with pytest.raises(IndexError):
        RowSet(3).add([row])
