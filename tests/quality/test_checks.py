"""Clauses E1 and E2: each declared check has its own verdict, and what isn't measured doesn't pass."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import jsonschema_rs
import pytest
import rfc8785

import datasets.quality.checks as quality
from datasets.quality.checks import run_checks
from tests.quality.files import write_geoparquet

DIGEST = "sha256:" + "0" * 64
SCHEMA = json.loads(Path(quality.__file__).with_name("qa_report.schema.json").read_text())
COLUMNS = {
    "id": [1, 2, 2, 4],
    "kind": ["hail", "hail", "wind", "snow"],
    "size": [1.5, 2.5, None, 99.5],
    "begin": ["2024-01-01", "02-JAN-24 10:00:00", "2024-01-05", "2024-01-05"],
    "end": ["2024-01-02", "03-JAN-24 10:00:00", "2024-01-04", "soon"],
    'a"b': ["x", "x", None, "x"],
}
SHAPES = ["POINT (-98 38)", "POLYGON ((-98 38, -97 39, -97 38, -98 39, -98 38))", "POINT (10 50)", None]


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    return write_geoparquet(tmp_path_factory.mktemp("it's [a] * glob?") / "out.parquet", COLUMNS, SHAPES)


def report(parquet, *checks, spec=None, **options):
    facts = {"rows_rejected": 1, "previous_rows": 5, "artifact_digest": DIGEST, **options}
    made = run_checks(parquet, spec={**(spec or {}), "validation": {"checks": list(checks)}}, **facts)
    body = made.as_json()
    jsonschema_rs.validator_for(SCHEMA).validate(json.loads(rfc8785.dumps(body)))
    return made


def one(parquet, spec=None, **check):
    (result,) = report(parquet, check, spec=spec).checks
    return result


MEASURED = [
    ({"name": "geometry_valid", "threshold": 1}, 2 / 3, "fail", (2,)),
    ({"name": "geometry_valid", "threshold": 0.5}, 2 / 3, "pass", (2,)),
    ({"name": "geometry_type", "types": ["point"], "threshold": 1}, 2 / 3, "fail", (2,)),
    ({"name": "within_extent", "threshold": 1}, 2 / 3, "fail", (3,)),
    ({"name": "within_extent", "bbox": [-180, -90, 180, 90], "threshold": 1}, 1, "pass", ()),
    ({"name": "required_fields_present", "fields": ["id", 'a"b'], "threshold": 1}, 3 / 4, "fail", (3,)),
    ({"name": "unique", "fields": ["id"], "threshold": 1}, 3 / 4, "fail", (3,)),
    ({"name": "unique", "parameters": {"fields": ["id", "kind"]}, "threshold": 1}, 1, "pass", ()),
    ({"name": "duplicate_rate", "threshold": 0}, 0, "pass", ()),
    ({"name": "null_rate", "field": "size", "threshold": 0.2}, 1 / 4, "fail", (3,)),
    ({"name": "value_range", "field": "size", "min": 0, "max": 10, "threshold": 1}, 2 / 3, "fail", (4,)),
    ({"name": "allowed_values", "field": "kind", "values": ["hail", "wind"], "threshold": 1}, 3 / 4, "fail", (4,)),
    ({"name": "allowed_values", "field": "id", "values": [1, 2, 4], "threshold": 1}, 1, "pass", ()),
    ({"name": "date_order", "start": "begin", "end": "end", "threshold": 1}, 2 / 4, "fail", (3, 4)),
    ({"name": "row_count", "operator": "==", "threshold": 4}, 4, "pass", ()),
    ({"name": "row_growth", "threshold": 0.1}, 1 / 5, "fail", ()),
    ({"name": "rejected_rate", "threshold": 0.2}, 1 / 5, "pass", ()),
    ({"name": "rejected_rate", "operator": "<", "threshold": 0.2}, 1 / 5, "fail", ()),
    ({"name": "rejected_rate", "threshold": 0, "severity": "warn"}, 1 / 5, "warn", ()),
]


@pytest.mark.parametrize(("check", "value", "verdict", "rows"), MEASURED)
def test_e2_measures(parquet, check, value, verdict, rows):
    result = one(parquet, **check)
    assert result.value == pytest.approx(value)
    assert (result.verdict, result.sample_rows) == (verdict, rows)


NOT_MEASURED = [
    {"name": "sparkles", "threshold": 1},
    {"name": "geometry_valid"},
    {"name": "geometry_valid", "threshold": True},
    {"name": "geometry_valid", "threshold": "1"},
    {"name": "geometry_valid", "threshold": 1, "operator": "=>"},
    {"name": "geometry_valid", "threshold": 1, "operator": 3},
    {"name": "geometry_valid", "threshold": 1, "severity": "whatever"},
    {"name": "geometry_valid", "threshold": 1, "parameters": []},
    {"threshold": 1},
    {"name": "unique", "threshold": 1},
    {"name": "unique", "fields": ["gone"], "threshold": 1},
    {"name": "unique", "fields": [["id"]], "threshold": 1},
    {"name": "null_rate", "field": 'id"; DROP VIEW t; --', "threshold": 1},
    {"name": "value_range", "field": "kind", "min": 0, "threshold": 1},
    {"name": "value_range", "field": "size", "threshold": 1},
    {"name": "value_range", "field": "size", "min": "0 OR 1=1", "threshold": 1},
    {"name": "allowed_values", "field": "id", "values": ["x"], "threshold": 1},
    {"name": "allowed_values", "field": "id", "threshold": 1},
    {"name": "date_order", "start": "begin", "threshold": 1},
    {"name": "no_future_dates", "field": "begin", "threshold": 1},
    {"name": "geometry_type", "types": ["Blob"], "threshold": 1},
    {"name": "within_extent", "bbox": [1, 2, 3], "threshold": 1},
    {"name": "within_extent", "bbox": [3, 2, 1, 4], "threshold": 1},
    {"name": "required_fields_present", "threshold": 1},
]


@pytest.mark.parametrize("check", NOT_MEASURED, ids=lambda check: json.dumps(check)[:60])
def test_e2_what_cannot_be_measured_is_an_error_never_a_pass(parquet, check):
    made = report(parquet, check, {"name": "row_count", "threshold": 1})
    assert [result.verdict for result in made.checks] == ["error", "pass"]
    assert made.checks[0].value is None
    assert made.status == "fail"


def test_an_error_is_not_softened_by_severity(parquet):
    assert report(parquet, {"name": "sparkles", "threshold": 1, "severity": "warn"}).status == "fail"


def test_e1_no_declared_check_is_a_failure_that_says_so(parquet):
    made = report(parquet)
    assert made.status == "fail"
    assert "no checks" in made.message


@pytest.mark.parametrize("validation", [None, [], "x", {"checks": "x"}, {"checks": [None]}])
def test_e1_a_misdeclared_validation_fails(parquet, validation):
    spec = {"validation": validation}
    made = run_checks(parquet, spec=spec, rows_rejected=0, previous_rows=0, artifact_digest=DIGEST)
    assert made.status == "fail"


def test_e2_growth_needs_the_number_before(parquet):
    check = {"name": "row_growth", "threshold": 1}
    assert report(parquet, check, previous_rows=None).checks[0].verdict == "error"


def test_e2_future_dates_need_a_day(parquet):
    check = {"name": "no_future_dates", "field": "begin", "threshold": 1}
    assert report(parquet, check, as_of=dt.date(2024, 1, 5)).status == "pass"
    assert report(parquet, check, as_of=dt.date(2024, 1, 1)).checks[0].sample_rows == (2, 3, 4)


def test_required_fields_default_to_the_canonical_ones(parquet):
    spec = {"normalization": {"canonical_fields": {"id": "upstream.id", "geometry": "derived.from_wkt"}}}
    assert one(parquet, spec, name="required_fields_present", threshold=1).sample_rows == (4,)


def test_the_same_bytes_give_the_same_report(parquet):
    checks = [check for check, *_rest in MEASURED]
    assert rfc8785.dumps(report(parquet, *checks).as_json()) == rfc8785.dumps(report(parquet, *checks).as_json())


def test_a_name_that_the_engine_uses_itself_is_only_a_name(tmp_path):
    columns = {"file_row_number": [1], "r": [2], "N": [3], "n": [4]}
    path = write_geoparquet(tmp_path / "out", columns, ["POINT (-98 38)"])
    made = report(path, {"name": "null_rate", "field": "N", "threshold": 0})
    assert made.status == "pass"
    assert [column["name"] for column in made.columns][:4] == ["file_row_number", "r", "N", "n"]


def test_a_table_without_geometry_cannot_be_called_valid(tmp_path):
    path = write_geoparquet(tmp_path / "out", {"a": [1], "b": [2]})
    assert one(path, name="geometry_valid", threshold=0).verdict == "error"
