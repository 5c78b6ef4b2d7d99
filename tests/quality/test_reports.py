"""Clauses E1, E2 and C2: what a report describes, what drifted, what a threshold would have done, what goes out."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema_rs
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

import datasets.quality.checks as quality
from datasets.quality.checks import measure_checks, report_on
from datasets.quality.drift import distance, drift_between
from datasets.quality.thresholds import PastRun, preview
from tests.quality.files import pa, write_geoparquet

SCHEMA = jsonschema_rs.validator_for(json.loads(Path(quality.__file__).with_name("qa_report.schema.json").read_text()))
DIGEST = "sha256:" + "0" * 64
SECRET = "Zebulon Canary"
COLUMNS = {
    "depth": [float(n) for n in range(100)],
    "owner": [SECRET if n == 7 else "A" if n % 2 else "B" for n in range(100)],
    "note": [f"note {n}" for n in range(100)],
    "flag": [n % 4 == 0 for n in range(100)],
    "seen": pa.array([n * 86_400 for n in range(100)], pa.timestamp("s")),
    "nothing": pa.array([None] * 100, pa.float64()),
    "one": [5] * 100,
    "odd": [float("nan"), float("inf"), 1e300, -1e300, *[0.5] * 96],
    "big": [2**62 + n for n in range(100)],
}
SHAPES = [f"POINT ({-98.123456 + n / 1000} 38)" for n in range(100)]
CHECKS = [
    {"name": "within_extent", "threshold": 0.1, "bbox": [-98.1, 37, -97, 39]},
    {
        "name": "custom_sql",
        "sql": "SELECT max(depth) FROM data",
        "returns": "number",
        "operator": "<=",
        "threshold": 200,
    },
    {"name": "value_range", "field": "depth", "max": 50, "threshold": 0.9, "severity": "warn"},
]


def made(path, *checks):
    spec = {"validation": {"checks": list(checks)}}
    measured = measure_checks(path, spec=spec, rows_rejected=0, previous_rows=0)
    return report_on(measured, path, rows_rejected=0, artifact_digest=DIGEST, measured_digest=DIGEST)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return made(write_geoparquet(tmp_path_factory.mktemp("report") / "in.parquet", COLUMNS, SHAPES), *CHECKS)


@pytest.fixture(scope="module")
def told(report):
    return {one["name"]: one for one in report.as_json()["distributions"]}


def canonical(report):
    body = json.loads(rfc8785.dumps(report.as_json()))
    SCHEMA.validate(body)
    return body


def test_numbers_have_a_range_quantiles_and_twenty_bins(told):
    assert (told["depth"]["min"], told["depth"]["max"], told["depth"]["count"]) == (0, 99, 100)
    assert told["depth"]["bins"] == [5] * 20
    assert dict(told["depth"]["quantiles"])[0.5] == 49
    assert told["one"]["bins"] == [100] + [0] * 19
    assert (told["odd"]["count"], sum(told["odd"]["bins"])) == (98, 98)
    assert sum(told["big"]["bins"]) == 100
    assert "nothing" not in told


def test_dates_are_seconds_and_have_bins(told):
    assert (told["seen"]["kind"], told["seen"]["max"]) == ("date", 99 * 86_400)
    assert told["seen"]["bins"] == [5] * 20


def test_few_texts_are_told_and_many_only_counted(told):
    assert told["owner"]["values"] == [["B", 50], ["A", 49], [SECRET, 1]]
    assert (told["note"]["values"], told["note"]["count"]) == (None, 100)
    assert told["flag"]["values"] == [["false", 75], ["true", 25]]


def test_the_report_is_as_its_schema_says_and_the_same_each_time(report, tmp_path):
    again = made(write_geoparquet(tmp_path / "in.parquet", COLUMNS, SHAPES), *CHECKS)
    assert rfc8785.dumps(again.as_json()) == rfc8785.dumps(report.as_json())
    for one in (report, report.beside({"depth"}), report.without_values(), report.against(report.as_json())):
        canonical(one)


def test_c2_beside_transformed_data_no_value_place_or_row_is_told(report, tmp_path):
    before = made(write_geoparquet(tmp_path / "b.parquet", {"depth": [1.0], "hidden": [SECRET]}, ["POINT (-99 39)"]))
    whole = report.against(before.as_json())
    body = canonical(whole.beside({"depth", "geometry"}))
    assert (body["distributions"], body["extent"], body["failing_geometry_rows"]) == ([], None, [])
    assert body["drift"]["extent"] is None
    assert {column["name"] for column in body["columns"]} == {"depth", "geometry"}
    assert {column["name"] for column in body["drift"]["columns"]} == {"depth", "geometry"}
    assert [check["sample_rows"] for check in body["checks"]] == [[], [], []]
    assert (body["checks"][1]["value"], body["checks"][1]["withheld"]) == (None, True)
    text = json.dumps(body)
    for hidden in (SECRET, "owner", "hidden", "note", "98.1", "-99", '"99"', " 99;", " is 99"):
        assert hidden not in text, hidden
    assert SECRET in json.dumps(whole.as_json())  # the test could fail


def test_c2_readers_of_reports_alone_are_told_no_value(report):
    body = canonical(report.without_values())
    assert (body["distributions"], body["extent"], body["checks"][1]["value"]) == ([], None, None)
    assert [check["verdict"] for check in body["checks"]] == ["pass", "pass", "warn"]
    assert SECRET not in json.dumps(body)


def test_drift_names_what_changed(report, tmp_path):
    columns = {"depth": [float(n + 50) for n in range(100)], "one": ["5"] * 100, "new": [1] * 100}
    columns["owner"] = ["A"] * 50 + [None] * 50
    after = made(write_geoparquet(tmp_path / "in.parquet", columns, SHAPES)).as_json()
    drift = drift_between(report.as_json(), after)
    assert drift["columns_added"] == ["new"]
    assert set(drift["columns_removed"]) == {"note", "flag", "seen", "nothing", "odd", "big"}
    assert drift["type_changes"] == [{"name": "one", "before": "int64", "after": "string"}]
    by_name = {column["name"]: column for column in drift["columns"]}
    assert by_name["depth"]["distance"] == pytest.approx(0.505, abs=0.01)
    assert by_name["one"]["distance"] is None
    assert (by_name["owner"]["null_rate_before"], by_name["owner"]["null_rate_after"]) == (0, 0.5)
    assert by_name["owner"]["distance"] == pytest.approx(0.51)
    assert drift["extent"]["before"] == drift["extent"]["after"]
    assert drift["rows"] == {"before": 100, "after": 100}


def test_drift_from_nothing_to_itself_is_none(report):
    body = report.as_json()
    drift = drift_between(body, body)
    assert (drift["columns_added"], drift["columns_removed"], drift["type_changes"]) == ([], [], [])
    known = [column["distance"] for column in drift["columns"] if column["distance"] is not None]
    assert len(known) >= 7
    assert set(known) == {0}


def test_drift_from_a_v1_report_says_what_it_can(report):
    body = report.as_json()
    old = {"kfm_qa_report_version": "v1", "artifact_digest": DIGEST, "rows": 50, "columns": body["columns"]}
    drift = drift_between(old, body)
    assert drift["rows"] == {"before": 50, "after": 100}
    assert {column["distance"] for column in drift["columns"]} == {None}


def ranges(least, most, bins):
    return {"kind": "number", "count": sum(bins), "min": least, "max": most, "bins": bins}


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        (ranges(0, 1, [1] * 20), ranges(5, 6, [1] * 20), 1),
        (ranges(5, 5, [9] + [0] * 19), ranges(5, 5, [1] + [0] * 19), 0),
        (ranges(5, 5, [9] + [0] * 19), ranges(6, 6, [1] + [0] * 19), 1),
        (ranges(0, 2, [1] * 20), ranges(1, 1, [1] + [0] * 19), 0.5),
    ],
)
def test_distances_run_from_alike_to_apart(one, other, apart):
    assert distance(one, other) == pytest.approx(apart)
    assert distance(other, one) == pytest.approx(apart)


BINS = st.lists(st.integers(0, 9), min_size=20, max_size=20).filter(any)
RANGE = st.builds(lambda a, b, bins: ranges(min(a, b), max(a, b), bins), st.integers(-9, 9), st.integers(-9, 9), BINS)


@given(RANGE, RANGE)
def test_a_distance_is_a_distance(one, other):
    found = distance(one, other)
    assert 0 <= found <= 1 + 1e-9
    assert found == pytest.approx(distance(other, one))
    assert distance(one, one) == 0


def past(name, value, verdict, *, severity="fail", checks=1):
    check = {"name": "unique", "value": value, "verdict": verdict, "severity": severity}
    return PastRun(name, f"run {name}", {"checks": [check] * checks})


def test_a_threshold_preview_says_which_runs_it_would_have_stopped():
    runs = [
        past("v1", 1.0, "pass"),
        past("v2", 0.95, "pass"),
        past("v3", 0.5, "fail"),
        past("v4", None, "error"),
        past("v5", 0.95, "pass", severity="warn"),
        PastRun("v6", "run v6", None),
        past("v7", 0.95, "pass", checks=2),
    ]
    found = preview(runs, "unique", 0, ">=", 0.99)
    assert [(one.version_id, one.then, one.now) for one in found] == [
        ("v1", "pass", "pass"),
        ("v2", "pass", "fail"),
        ("v3", "fail", "fail"),
        ("v4", "fail", "not judged"),
        ("v5", "pass", "warn"),
        ("v6", "not judged", "not judged"),
        ("v7", "pass", "fail"),
    ]
    assert [one.version_id for one in found if one.stopped] == ["v2", "v7"]
    assert [one.version_id for one in preview(runs, "unique", 0, ">=", 0.1) if one.let_through] == ["v3"]


def test_a_check_that_moved_in_the_spec_is_found_by_its_name_when_it_is_the_only_one():
    assert preview([past("v1", 0.5, "fail")], "unique", 3, ">=", 0.1)[0].now == "pass"
    assert preview([past("v1", 0.5, "fail", checks=2)], "unique", 3, ">=", 0.1)[0].now == "not judged"
    assert preview([past("v1", 0.5, "fail")], "other", 0, ">=", 0.1)[0].now == "not judged"


def test_a_preview_under_an_unknown_operator_is_refused():
    with pytest.raises(ValueError, match="operator"):
        preview([], "unique", 0, "~", 1)
