"""Clause E2: types, patterns and references, and that a single broken check breaks only itself."""

from __future__ import annotations

import pytest
import shapely

from datasets.quality import one_pass
from datasets.quality.checks import measure_checks
from datasets.quality.measures import NotMeasurable, RowTest, Table
from datasets.quality.shapes import _Geometries, _Points, shapes_of
from tests.quality.files import pa, write_geoparquet

COLUMNS = {
    "whole": [1, 2, None, 4],
    "real": [1.0, 2.5, None, float("inf")],
    "text": ["12", " 12.5", "soon", None],
    "day": ["2024-01-01", "01/02/2024", "20240103", "the 4th"],
    "yes": ["true", "FALSE", "yes", None],
    "flag": [True, False, None, True],
    "code": ["20001", "2000", "20001x", None],
}


@pytest.fixture(scope="module")
def parquet(tmp_path_factory):
    return write_geoparquet(tmp_path_factory.mktemp("kinds") / "in.parquet", COLUMNS)


def results(parquet, *checks, references=None):
    spec = {"validation": {"checks": list(checks)}}
    return measure_checks(parquet, spec=spec, rows_rejected=0, previous_rows=0, references=references).results


TYPES = [
    ("whole", "integer", ()), ("whole", "number", ()), ("whole", "text", (1, 2, 4)), ("whole", "date", (1, 2, 4)),
    ("real", "number", (4,)), ("real", "integer", (2, 4)), ("text", "text", ()), ("text", "number", (3,)),
    ("text", "integer", (2, 3)), ("day", "date", (4,)), ("yes", "boolean", (3,)), ("flag", "boolean", ()),
    ("flag", "integer", (1, 2, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("field", "kind", "rows"), TYPES, ids=[f"{f} as {k}" for f, k, _r in TYPES])
def test_e2_values_of_another_type_fail(parquet, field, kind, rows):
    (result,) = results(parquet, {"name": "field_type", "field": field, "type": kind, "threshold": 1})
    assert result.sample_rows == rows
    assert result.verdict == ("fail" if rows else "pass")


@pytest.mark.parametrize(
    ("field", "pattern", "rows"),
    [
        ("code", "[0-9]{5}", (2, 3)),
        ("whole", "[12]", (4,)),
        ("code", "(a+)+$", (1, 2, 3)),
        ("code", ".*'.*", (1, 2, 3)),
    ],
)
def test_e2_texts_must_match_the_whole_pattern(parquet, field, pattern, rows):
    (result,) = results(parquet, {"name": "pattern", "field": field, "pattern": pattern, "threshold": 1})
    assert result.sample_rows == rows


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "(?=a)", "", "a" * 501, None, 7])
def test_e2_a_pattern_that_cant_be_read_is_an_error(parquet, pattern):
    assert (
        results(parquet, {"name": "pattern", "field": "code", "pattern": pattern, "threshold": 0})[0].verdict == "error"
    )


def test_e2_domain_is_allowed_values(parquet):
    check = {"field": "whole", "values": [1, 2], "threshold": 1}
    one, other = results(parquet, {"name": "domain", **check}, {"name": "allowed_values", **check})
    assert (one.value, one.sample_rows) == (other.value, other.sample_rows) == (2 / 3, (4,))


@pytest.mark.parametrize(
    ("field", "values", "rows"),
    [
        ("real", [1, 2.5, None], (4,)),
        ("whole", [1.0, 2, 4], ()),
        ("flag", [True], (2,)),
        ("code", ["20001", "it's"], (2, 3)),
    ],
)
def test_e2_values_are_compared_as_the_fields_type(parquet, field, values, rows):
    (result,) = results(parquet, {"name": "domain", "field": field, "values": values, "threshold": 1})
    assert (result.sample_rows, result.verdict) == (rows, "fail" if rows else "pass"), result.message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("whole", [1.5]),
        ("whole", [True]),
        ("whole", [2**63]),
        ("flag", [1]),
        ("code", [7]),
        ("code", [None]),
        ("real", ["x"]),
    ],
)
def test_e2_values_of_another_type_are_an_error(parquet, field, values):
    assert results(parquet, {"name": "domain", "field": field, "values": values, "threshold": 0})[0].verdict == "error"


REFERENCE = {"name": "references", "field": "whole", "dataset": "counties", "dataset_field": "fips", "threshold": 1}


@pytest.fixture(scope="module")
def counties(tmp_path_factory):
    columns = {"fips": [1, 2, 2, None], "name": ["a", "b", "c", "d"], "whole": [9, 9, 9, 9]}
    return write_geoparquet(tmp_path_factory.mktemp("other") / "it's.parquet", columns)


def test_e2_a_value_that_the_other_dataset_lacks_fails(parquet, counties):
    (result,) = results(parquet, REFERENCE, references={"counties": counties})
    assert (result.value, result.sample_rows) == (2 / 3, (4,))


def test_e2_whole_numbers_and_others_are_compared_as_numbers(parquet, counties):
    (result,) = results(parquet, {**REFERENCE, "field": "real"}, references={"counties": counties})
    assert (result.value, result.sample_rows) == (1 / 3, (2, 4))


def test_e2_several_fields_refer_together(tmp_path, counties):
    path = write_geoparquet(tmp_path / "in.parquet", {"fips": [1, 1, None], "name": ["a", "b", "z"]})
    check = {"name": "references", "fields": ["fips", "name"], "dataset": "counties", "threshold": 1}
    (result,) = results(path, check, references={"counties": counties})
    assert (result.value, result.sample_rows) == (0.5, (2,))


@pytest.mark.parametrize(
    "change",
    [
        {"dataset": "not_published"},
        {"dataset": None},
        {"dataset_field": "gone"},
        {"dataset_field": "name"},
        {"field": "gone"},
        {"dataset_fields": ["fips", "name"]},
    ],
    ids=str,
)
def test_e2_a_reference_that_cant_be_followed_is_an_error(parquet, counties, change):
    check = {**REFERENCE, **change, "threshold": 0}
    assert results(parquet, check, references={"counties": counties})[0].verdict == "error"


def test_e2_a_probe_that_breaks_the_common_query_breaks_only_itself(parquet):
    table = Table(parquet)
    broken, sound = RowTest("true", "CAST(c3 AS BIGINT) > 1", "rows"), RowTest("true", "c0 IS NULL", "rows")
    found = one_pass.measure_all(table, [broken, sound, NotMeasurable("Not this.")])
    table.close()
    assert isinstance(found[0], NotMeasurable)
    assert found[1].counts == {"checked": 4, "failed": 1}
    assert str(found[2]) == "Not this."


def test_e2_rows_of_equal_hash_are_compared_before_they_count_as_repeats(parquet, monkeypatch):
    monkeypatch.setattr(one_pass, "_hash", lambda _columns: "1")
    (result,) = results(parquet, {"name": "unique", "fields": ["day"], "threshold": 1})
    assert (result.value, result.verdict) == (1, "pass")


def test_e2_what_is_unique_in_a_part_of_its_fields_is_not_counted_again(tmp_path, monkeypatch):
    asked = []
    one = Table.one
    monkeypatch.setattr(Table, "one", lambda table, sql, *rest: asked.append(sql) or one(table, sql, *rest))
    path = write_geoparquet(tmp_path / "in.parquet", {"a": [1, 2, 3], "b": [1, 1, 1], "c": [1, 1, 2]})
    checks = [{"name": "unique", "fields": names, "threshold": 1} for names in (["a"], ["a", "b"], ["b"], ["b", "c"])]
    measured = [result.value for result in results(path, *checks)]
    assert measured == [1, 1, 1 / 3, 2 / 3]
    assert not any("hash(c0, c1)" in sql for sql in asked)


SHAPES = ["POINT (-98 38)", "POINT (0 0)", "POINT (10 50)"]


@pytest.mark.parametrize("slice_", [slice(0, 3), slice(1, 3), slice(2, 2)])
def test_plain_points_are_read_as_they_are_by_the_geometry_library(slice_):
    column = pa.array([shapely.to_wkb(shapely.from_wkt(text), byte_order=1) for text in SHAPES], pa.binary())
    column = column[slice_.start : slice_.stop]
    quick, slow = shapes_of(column), _Geometries(column)
    assert isinstance(quick, _Points) == bool(len(column))
    for name in ("present", "valid", "types", "bounds"):
        assert getattr(quick, name).tolist() == getattr(slow, name).tolist()


@pytest.mark.parametrize("text", [None, "POINT EMPTY", "POINT Z (1 2 3)", "LINESTRING (0 0, 1 1)", "big-endian"])
def test_what_is_no_plain_point_is_read_by_the_geometry_library(text):
    order = 0 if text == "big-endian" else 1
    shape = None if text is None else shapely.from_wkt("POINT (1 2)" if order == 0 else text)
    column = pa.array([None if shape is None else shapely.to_wkb(shape, byte_order=order)], pa.binary())
    assert isinstance(shapes_of(column), _Geometries)
