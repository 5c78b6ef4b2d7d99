"""A preflight: on whatever file, the verdicts that the pipeline gives, and no word on what only the console knows."""

from __future__ import annotations

import datetime as dt
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from datasets.formats.errors import UnreadableSource
from datasets.formats.normalize import normalize
from datasets.quality import preflight as module
from datasets.quality.checks import measure_checks
from datasets.quality.plain_csv import NotPlain
from datasets.quality.preflight import preflight

TODAY = dt.date(2026, 11, 23)
CHECKS: list[dict[str, Any]] = [
    {"name": "required_fields_present", "fields": ["id", "kind", "place"]},
    {"name": "required_fields_present", "fields": ["size"]},
    {"name": "field_type", "field": "day", "type": "date"},
    {"name": "field_type", "field": "size", "type": "number"},
    {"name": "field_type", "field": "id", "type": "integer"},
    {"name": "allowed_values", "field": "kind", "values": ["hail", "wind"]},
    {"name": "allowed_values", "field": "id", "values": [1, 2, 3]},
    {"name": "unique", "fields": ["id"]},
    {"name": "unique", "fields": ["kind", "size"]},
    {"name": "unique", "fields": ["place"]},
    {"name": "duplicate_rate"},
    {"name": "geometry_valid"},
    {"name": "geometry_type", "types": ["Polygon"]},
    {"name": "within_extent", "bbox": [-102.05, 36.99, -94.6, 40.0]},
    {"name": "null_rate", "field": "size"},
    {"name": "value_range", "field": "size", "min": 0, "max": 10},
    {"name": "value_range", "field": "id", "min": 2},
    {"name": "date_order", "start": "day", "end": "until"},
    {"name": "no_future_dates", "field": "day"},
    {"name": "pattern", "field": "kind", "pattern": "[a-z]+"},
    {"name": "pattern", "field": "id", "pattern": "[0-9]+"},
    {"name": "row_count"},
    {"name": "rejected_rate"},
    {"name": "no_such_check"},
]
FIELDS = ("id", "kind", "size", "day", "until")
SPEC = {
    "normalization": {
        "canonical_fields": {**{name: f"upstream.{name}" for name in FIELDS}, "place": "derived.from_latlon(lat,lon)"}
    },
    "validation": {"checks": [{"threshold": 0.5, **check} for check in CHECKS]},
}
HEADER = "id,kind,size,day,until,lat,lon\n"
GOOD = "1,hail,1.5,2024-05-01,2024-05-02,38.1,-97.5\n2,wind,,2024-05-03,2024-05-03,38.25,-98\n"


def of_the_pipeline(text: bytes, folder: Path, spec: Any = SPEC) -> list[Any]:
    (folder / "in").write_bytes(text)
    paths = {"target": folder / "out", "rejects": folder / "rejects"}
    result = normalize(folder / "in", spec=spec, progress=lambda _done, _total: None, **paths)
    rejected = result.rows_rejected
    measured = measure_checks(folder / "out", spec=spec, rows_rejected=rejected, previous_rows=None, as_of=TODAY)
    return [result.rows_written, *(replace(check, sample_rows=()) for check in measured.results)]


def told(text: bytes, folder: Path, spec: Any = SPEC) -> Any:
    (folder / "points.csv").write_bytes(text)
    return preflight(folder / "points.csv", spec=spec, as_of=TODAY)


plain = st.sampled_from(["1", "2", "3", "7", "100", "-4", "0"])
numbers = st.one_of(plain, st.text("0123456789.+-eE_ xXiInNfFaA,;", max_size=6), st.sampled_from(["", "inf", "1_0.5"]))
decimals = st.one_of(st.floats(0, 12).map(lambda n: f"{n:.3f}"), st.just(""), numbers)
texts = st.one_of(st.sampled_from(["hail", "wind", "", " ", "é", "\u3000", "~", "true", "TRUE", "007"]), numbers)
days = st.one_of(
    st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)).map(str), st.sampled_from(["", "5/7/2024", "x", "20240501"])
)
latitudes = st.one_of(
    st.floats(36, 41).map(str), st.sampled_from(["38", "38.5", "+38", " 38", "91", "-0", "0"]), numbers
)
longitudes = st.one_of(st.floats(-103, -94).map(str), st.sampled_from(["-97", "-97.5", "+-97", "1e2", ""]), numbers)
odd_row = st.tuples(numbers, texts, decimals, days, days, latitudes, longitudes).map(",".join)
good_row = st.builds(
    lambda n, kind, size, a, b, y, x: f"{n},{kind},{size:.2f},{a},{b},{y:.5f},{x:.5f}",
    st.integers(1, 30),
    st.sampled_from(["hail", "wind", "snow"]),
    st.floats(0, 12),
    st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)),
    st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)),
    st.floats(36, 41),
    st.floats(-103, -94),
)
files = st.builds(
    lambda good, odd, more, end: "\n".join([HEADER.strip(), *good, *odd, *more]) + end,
    st.lists(good_row, min_size=1, max_size=8),
    st.one_of(st.just([]), st.lists(odd_row, max_size=2)),
    st.lists(good_row, max_size=4),
    st.sampled_from(["\n", "", "\n\n"]),
)


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@example(HEADER + GOOD)
@example(HEADER + GOOD + GOOD)
@example(HEADER + GOOD + "5,a,1,,,0.0,0\n5,a,1,,,-0.0,0\n")
@example(HEADER + GOOD + "3,hail,4,,,,\n,hail,4,,,,\n,hail,4,,,,\n")
@example(HEADER + GOOD + "9223372036854775807,hail,4,,,,\n-9223372036854775808,hail,4,,,,\n")
@example(HEADER + GOOD + "9223372036854775808,hail,4,,,,\n")
@example(HEADER + GOOD + "3,hail,4,,,+-38,1_0.5\n")
@given(files)
def test_e2_what_is_told_of_a_file_where_it_lies_is_what_the_pipeline_says(text):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "points.csv").write_text(text, encoding="utf-8", newline="")
        try:
            found = module._direct(folder / "points.csv", SPEC, (), TODAY, folder)
        except NotPlain:
            return
        assert [found.rows, *found.checks] == of_the_pipeline(text.encode(), folder)


def test_e2_a_plain_csv_is_judged_where_it_lies(tmp_path):
    found = told((HEADER + GOOD).encode(), tmp_path)
    assert (found.way, found.why, found.rows) == ("direct", "", 2)
    assert [found.rows, *found.checks] == of_the_pipeline((HEADER + GOOD).encode(), tmp_path)


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ('3,"hail",4,,,38,-97\n', "quotes"),
        ("3,hail,4,,,38,-97\r\n", "carriage returns"),
        ("03,hail,4,,,38,-97\n" * 900 + "x,hail,4,,,38,-97\n" * 4000, "type"),
        ("3,hail,4,,,38,\n", "coordinate"),
        ("3,hail,4,,,95,-97\n", "coordinate"),
        ("3,hail,4,,,1_0,-97\n", "coordinate"),
        ("3,hail,4,,\n", "columns"),
        ("3,hail,4,,,38,-97\n\n3,hail,4,,,38,-97\n", "one row"),
    ],
)
def test_e2_what_is_not_plain_is_normalized_first_and_judged_alike(tmp_path, monkeypatch, rows, why):
    monkeypatch.setattr("datasets.formats.isolated.normalize_isolated", normalize)
    text = (HEADER + "1,hail,2,2024-05-01,2024-05-02,38.1,-97.5\n" * 2000 + rows).encode()
    found = told(text, tmp_path)
    assert found.way == "normalized"
    assert why in found.why
    assert [found.rows, *(replace(one, sample_rows=()) for one in found.checks)] == of_the_pipeline(text, tmp_path)


def test_e2_a_file_that_the_pipeline_refuses_is_refused(tmp_path):
    with pytest.raises(UnreadableSource):
        told(b"id,kind,size,day,until,lat,lon\n", tmp_path)


def test_e2_what_only_the_console_knows_is_not_checked_and_said_so(tmp_path):
    checks = [
        {"name": "row_growth", "threshold": 0.1},
        {"name": "references", "threshold": 1, "field": "kind", "dataset": "kinds"},
        {"name": "row_count", "threshold": 1},
    ]
    found = told((HEADER + GOOD).encode(), tmp_path, {**SPEC, "validation": {"checks": checks}})
    assert [check.name for check in found.checks] == ["row_count"]
    assert [name for name, _why in found.not_checked] == ["row_growth", "references"]
    assert found.verdict == "pass"


def test_e2_a_spec_without_checks_passes_nothing(tmp_path):
    assert told((HEADER + GOOD).encode(), tmp_path, {**SPEC, "validation": {"checks": []}}).verdict == "error"


def test_c2_what_is_told_names_no_row_and_no_value(tmp_path):
    document = told((HEADER + GOOD + "77,snow,4,2024-05-01,2024-05-02,39.125,-97\n").encode(), tmp_path).as_json()
    assert all(check["sample_rows"] == [] for check in document["checks"])
    assert "39.125" not in str(document)
    assert "snow" not in str(document)
