"""Clauses A1 and E2 at the door: what is read, what is refused, and in which words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.normalize import NormalizeResult, normalize
from tests.cases import case_path

POINT = {"type": "Point", "coordinates": [-98.5, 38.5]}
SQUARE = [[-98, 38], [-97, 38], [-97, 39], [-98, 39], [-98, 38]]


def feature(geometry, **properties):
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features, **members):
    return json.dumps({"type": "FeatureCollection", "features": list(features), **members}).encode()


def run(folder: Path, raw: bytes, spec=None, **options) -> NormalizeResult:
    (folder / "in").write_bytes(raw)
    return normalize(
        folder / "in",
        spec=spec or {},
        target=folder / "out.parquet",
        rejects=folder / "rejects.jsonl",
        progress=lambda _done, _total: None,
        **options,
    )


def table(folder: Path):
    return pq.read_table(folder / "out.parquet")


def rejects(folder: Path):
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]


def refused(folder: Path, raw: bytes, spec=None, **options) -> UnreadableSource:
    with pytest.raises(UnreadableSource) as caught:
        run(folder, raw, spec, **options)
    assert not (folder / "out.parquet").exists()
    assert caught.value.message.endswith(".")
    assert caught.value.fix
    return caught.value


WHOLE = collection(feature(POINT, a=1))
FATAL = {
    "truncated": (WHOLE[:-30], "truncated_json"),
    "cut after a feature": (WHOLE[:-2], "truncated_json"),
    "cut in a string": (WHOLE[:-40] + b'"abc', "invalid_json"),
    "trailing garbage": (WHOLE + b" x", "trailing_data"),
    "two documents": (WHOLE + b"\n" + WHOLE, "trailing_data"),
    "a comma too many": (WHOLE[:-2] + b",]}", "invalid_json"),
    "NaN": (WHOLE.replace(b"-98.5", b"NaN"), "not_finite"),
    "Infinity": (WHOLE.replace(b"-98.5", b"-Infinity"), "not_finite"),
    "duplicate in a feature": (WHOLE.replace(b'"a": 1', b'"a": 1, "a": 2'), "duplicate_member"),
    "duplicate at the top": (b'{"type": "FeatureCollection", ' + WHOLE[1:], "duplicate_member"),
    "latin-1": (WHOLE.replace(b'"a"', b'"\xe9"'), "not_utf8"),
    "byte order mark": (b"\xef\xbb\xbf" + WHOLE, "byte_order_mark"),
    "depth bomb": (b'{"type":"Point","coordinates":' + b"[" * 100_000, "too_deep"),
    "object bomb": (b'{"a":' * 100_000, "too_deep"),
    "a number of 5000 digits": (WHOLE.replace(b": 1}", b": " + b"9" * 5_000 + b"}"), "number_too_long"),
    "empty": (b"", "empty_file"),
    "white space": (b" \r\n", "empty_file"),
    "no features": (collection(), "no_records"),
    "features not a list": (b'{"type":"FeatureCollection","features":{}}', "not_geojson"),
    "plain object": (b'{"a":1}', "not_geojson"),
    "array": (b"[1]", "not_geojson"),
    "TopoJSON": (b'{"type":"Topology","objects":{}}', "not_geojson"),
    "HTML": (b"<!DOCTYPE html><html>", "html_page"),
    "XML": (b"<?xml version='1.0'?><a/>", "unsupported_format"),
    "gzip": (b"\x1f\x8b\x08\x00", "unsupported_format"),
    "zip": (b"PK\x03\x04abc", "bad_archive"),
    "parquet": (b"PAR1abcd", "invalid_parquet"),
    "UTF-16": ("a,b\n1,2".encode("utf-16"), "unsupported_format"),
    "binary": (b"\x01\x02\x00\x03", "binary_file"),
    "prose": (b"Not found\n", "unsupported_format"),
    "wrong crs": (collection(feature(POINT), crs={"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}), "wrong_crs"),
    "linked crs": (collection(feature(POINT), crs={"type": "link"}), "wrong_crs"),
    "projected": (collection(feature({"type": "Point", "coordinates": [-11e6, 4e6]})), "probably_projected"),
    "nothing valid": (collection(feature({"type": "Point", "coordinates": []})), "no_valid_records"),
    "csv duplicate column": (b"a,b,a\n1,2,3\n", "duplicate_column"),
    "csv blank column": (b"a,,c\n1,2,3\n", "unnamed_column"),
    "csv without rows": (b"lat,lon\n", "no_records"),
    "csv of 10,000 columns": (",".join(f"c{i}" for i in range(10_000)).encode() + b"\n", "too_many_columns"),
    "csv latin-1": (b"a,b\n1,\xe9\n", "not_utf8"),
    "csv open quote": (b'a,b\n1,"x\n2,3\n', "invalid_csv"),
    "csv projected": (b"y,x\n4000000,-11000000\n", "probably_projected"),
    "csv ragged throughout": (b"a,b\n1\n2\n3,4\n", "not_a_table"),
}


@pytest.mark.parametrize("case", FATAL)
def test_a_file_that_cannot_be_trusted_is_refused_whole(tmp_path, case):
    raw, code = FATAL[case]
    assert refused(tmp_path, raw).code == code


def test_broken_json_names_byte_and_line(tmp_path):
    raw = b'{"type": "FeatureCollection",\n "features": [\n' + b"1 2]}"
    error = refused(tmp_path, raw)
    assert error.where == f"byte {raw.index(b'2]')}, line 3"


def test_nan_is_found_at_its_byte_even_behind_a_string_that_says_nan(tmp_path):
    raw = collection(feature(POINT, a="NaN")).replace(b"-98.5", b"NaN")
    error = refused(tmp_path, raw)
    assert error.where.startswith(f"byte {raw.rindex(b'NaN')},")


def test_bytes_that_are_not_utf8_are_found_far_into_the_file(tmp_path):
    raw = collection(*[feature(POINT, note="é" * 40) for _ in range(20_000)])
    at = raw.rindex(b"-98.5")
    error = refused(tmp_path, raw[:at] + b"\xff" + raw[at + 1 :])
    assert error.where == f"byte {at}"


RECORDS = {
    "unclosed ring": ({"type": "Polygon", "coordinates": [[*SQUARE[:4], [-98, 38.1]]]}, "unclosed_ring"),
    "short ring": ({"type": "Polygon", "coordinates": [SQUARE[:3]]}, "too_few_positions"),
    "short line": ({"type": "LineString", "coordinates": [[1, 2]]}, "too_few_positions"),
    "no rings": ({"type": "Polygon", "coordinates": []}, "invalid_structure"),
    "one number": ({"type": "Point", "coordinates": [1]}, "too_few_coordinates"),
    "four numbers": ({"type": "Point", "coordinates": [1, 2, 3, 4]}, "too_many_coordinates"),
    "text": ({"type": "Point", "coordinates": [1, "2"]}, "not_a_number"),
    "boolean": ({"type": "Point", "coordinates": [1, True]}, "not_a_number"),
    "null": ({"type": "Point", "coordinates": [1, None]}, "not_a_number"),
    "mixed": ({"type": "LineString", "coordinates": [[1, 2], [1, 2, 3]]}, "mixed_dimensions"),
    "huge integer": ({"type": "Point", "coordinates": [10**400, 1]}, "not_finite"),
    "outside": ({"type": "Point", "coordinates": [181, 1]}, "outside_lon_lat"),
    "nesting": ({"type": "MultiPolygon", "coordinates": [1, 2]}, "invalid_structure"),
    "type": ({"type": "point", "coordinates": [1, 2]}, "unknown_geometry_type"),
    "type is a list": ({"type": [], "coordinates": [1, 2]}, "unknown_geometry_type"),
    "array": ([1, 2], "invalid_structure"),
    "empty collection": ({"type": "GeometryCollection", "geometries": []}, "too_few_positions"),
}


@pytest.mark.parametrize("case", RECORDS)
def test_e2_a_bad_record_is_counted_named_and_masked(tmp_path, case):
    geometry, code = RECORDS[case]
    good = [feature(POINT)] * 3
    result = run(tmp_path, collection(*good, feature(geometry, secret="38.12345")))
    assert (result.rows_read, result.rows_written, result.rows_rejected) == (4, 3, 1)
    (reject,) = rejects(tmp_path)
    assert (reject["row"], reject["code"]) == (4, code)
    assert not any(digits in reject["message"] for digits in ("38.1", "181", "98"))


@pytest.mark.parametrize(
    ("value", "code"), [(r'"a\u0000b"', "nul_character"), (r'"\ud800"', "lone_surrogate"), ("1e999", "not_finite")]
)
def test_text_that_no_store_can_hold_is_rejected_by_record(tmp_path, value, code):
    raw = collection(feature(POINT, a=1), feature(POINT, a="@")).replace(b'"@"', value.encode())
    run(tmp_path, raw)
    assert [(r["row"], r["code"]) for r in rejects(tmp_path)] == [(2, code)]


def test_1e400_as_a_coordinate_is_not_finite(tmp_path):
    raw = collection(feature(POINT), feature({"type": "Point", "coordinates": [1.5, 2]})).replace(b"1.5", b"1e400")
    run(tmp_path, raw)
    assert rejects(tmp_path)[0]["code"] == "not_finite"


def test_vertices_and_value_sizes_are_limited(tmp_path):
    line = {"type": "LineString", "coordinates": [[0, i / 100] for i in range(50)]}
    result = run(tmp_path, collection(feature(POINT), feature(line)), limits=Limits(vertices=49))
    assert result.rejected_by_code == {"too_many_vertices": 1}
    (tmp_path / "out.parquet").unlink()
    big = collection(feature(POINT, note="x" * 3_000_000))
    assert refused(tmp_path, big, limits=Limits(value_characters=1_000_000)).code == "value_too_large"


def test_the_output_is_geoparquet_1_1(tmp_path):
    polygon = {"type": "Polygon", "coordinates": [SQUARE]}
    raw = collection(
        feature(POINT), feature(polygon), feature({"type": "Point", "coordinates": [1, 2, 3]}), feature(None)
    )
    result = run(tmp_path, raw)
    geo = json.loads(table(tmp_path).schema.metadata[b"geo"])
    column = geo["columns"][geo["primary_column"]]
    assert (geo["version"], column["encoding"]) == ("1.1.0", "WKB")
    assert column["geometry_types"] == ["Point", "Point Z", "Polygon"] == list(result.geometry_types)
    assert column["bbox"] == [-98.5, 2, 1, 39]
    assert column["crs"]["id"] == {"authority": "EPSG", "code": 4326}
    shapes = shapely.from_wkb(table(tmp_path)["geometry"].to_pylist())
    assert shapes[1].equals(shapely.from_geojson(json.dumps(polygon)))
    assert shapes[2].z == 3
    assert shapes[3] is None
    assert result.vertices == 1 + 5 + 1


def test_a1_same_bytes_and_spec_give_the_same_bytes(tmp_path):
    raw = collection(*[feature(POINT, a=i, b=str(i)) for i in range(100)])
    one = run(tmp_path, raw, preview=tmp_path / "p1")
    first = (tmp_path / "out.parquet").read_bytes()
    assert run(tmp_path, raw, preview=tmp_path / "p2") == one
    assert (tmp_path / "out.parquet").read_bytes() == first
    assert (tmp_path / "p1").read_bytes() == (tmp_path / "p2").read_bytes()


def test_types_do_not_depend_on_the_order_of_rows(tmp_path):
    rows = [feature(POINT, a=1, b=1, c=True, d=2**60, e={"k": [1]}), feature(POINT, a=1.5, b="x", c=None, d=1, e=None)]
    for features in (rows, rows[::-1]):
        result = run(tmp_path, collection(*features))
        types = {column["name"]: column["type"] for column in result.columns}
        expected = {"a": "double", "b": "string", "c": "bool", "d": "int64", "e": "string", "geometry": "geometry"}
        assert types == expected
    assert sorted(table(tmp_path)["b"].to_pylist()) == ["1", "x"]
    assert table(tmp_path)["e"].to_pylist() == [None, '{"k":[1]}']


def test_csv_codes_with_leading_zeros_and_long_numbers_stay_text(tmp_path):
    raw = b"fips,n,x1,long,flag,day,lat,lon\n020,1,1.50,12345678901234567890,true,2024-01-02,38,-98\n001,,2.25,1,FALSE,,,\n"  # noqa: E501 - data
    result = run(tmp_path, b"\xef\xbb\xbf" + raw)
    row = table(tmp_path).to_pylist()[0]
    assert row.pop("geometry")
    expected = {"fips": "020", "n": 1, "x1": 1.5, "long": "12345678901234567890", "flag": True, "day": "2024-01-02"}
    assert row == {**expected, "lat": 38, "lon": -98}
    assert table(tmp_path)["geometry"].null_count == 1
    assert result.columns[0] == {"name": "fips", "type": "string"}


def test_csv_rows_that_cannot_be_kept_are_named(tmp_path):
    good = b"38,-98,a\n" * 8
    raw = b"lat,lon,n\n" + good + b"38,-98\n38,,x\nnan,1,x\n91,1,x\n38,-98,\x00\n"
    (tmp_path / "pad").write_bytes(raw)
    run(tmp_path, raw.replace(good, good * 2_000))
    codes = [(r["row"] - 16_000, r["code"]) for r in rejects(tmp_path)]
    names = ["ragged_row", "half_a_position", "not_a_number", "outside_lon_lat", "nul_character"]
    assert codes == list(enumerate(names, start=1))


def test_csv_well_known_text(tmp_path):
    raw = b'id;wkt\n1;POINT (-98 38)\n2;"POLYGON ((0 0, 1 0, 1 1, 0 0))"\n3;POLYGON ((0 0, 1 0, 1 1, 0 0.5))\n4;\n5;nonsense\n'  # noqa: E501 - data
    result = run(tmp_path, raw)
    assert result.geometry_types == ("Point", "Polygon")
    assert result.rejected_by_code == {"invalid_wkt": 2}
    assert [row["row"] for row in rejects(tmp_path)] == [3, 5]


def test_declared_encoding_is_obeyed(tmp_path):
    raw = "lat,lon,name\n38,-98,Café\n".encode("cp1252")
    run(tmp_path, raw, {"normalization": {"encoding": "cp1252"}})
    assert table(tmp_path)["name"].to_pylist() == ["Café"]


def test_a2_canonical_fields_are_kept_in_order_and_a_missing_column_is_refused(tmp_path):
    fields = {"where": "derived.from_latlon(Y1,X1)", "name": "upstream.N"}
    run(tmp_path, b"N,Y1,X1\na,38,-98\n", {"normalization": {"canonical_fields": fields}})
    assert table(tmp_path).schema.names == ["name", "where"]
    (tmp_path / "out.parquet").unlink()
    spec = {"normalization": {"canonical_fields": {**fields, "z": "upstream.GONE"}}}
    assert refused(tmp_path, b"N,Y1,X1\na,38,-98\n", spec).code == "column_missing"
    spec = {"normalization": {"canonical_fields": {"g": "derived.magic"}}}
    assert refused(tmp_path, WHOLE, spec).code == "bad_normalization"
    spec = {"normalization": {"canonical_fields": {"g": "derived.from_latlon"}}}
    assert refused(tmp_path, WHOLE, spec).code == "bad_normalization"


def test_another_target_crs_is_reprojected_and_an_unknown_one_refused(tmp_path):
    result = run(tmp_path, WHOLE, {"normalization": {"crs": "EPSG:26914"}})
    shape = shapely.from_wkb(table(tmp_path)["geometry"].to_pylist()[0])
    assert 500_000 < shape.x < 600_000
    assert 4_200_000 < shape.y < 4_300_000
    assert result.bbox == (-98.5, 38.5, -98.5, 38.5)
    (tmp_path / "out.parquet").unlink()
    assert refused(tmp_path, WHOLE, {"normalization": {"crs": "EPSG:nonsense"}}).code == "unknown_crs"


def test_hostile_strings_survive_as_data(tmp_path):
    naughty = json.loads(case_path("hostile", "naughty-strings", "blns.json").read_text(encoding="utf-8"))
    names = sorted({text for text in naughty if text.strip()} | {"../../etc/passwd", 'x"; DROP TABLE t; --'})
    run(tmp_path, collection(feature(POINT, **dict.fromkeys(names, "../../etc/passwd"), values="\n".join(naughty))))
    kept = table(tmp_path)
    assert kept.schema.names[:-2] == names
    assert kept["values"].to_pylist() == ["\n".join(naughty)]


def test_json_test_suite_never_ends_in_a_traceback(tmp_path):
    for path in sorted(case_path("hostile", "json-test-suite").rglob("*.json")):
        assert refused(tmp_path, path.read_bytes()).code


def test_kansas_storm_events_are_read_by_kfms_own_spec(tmp_path):
    spec = json.loads(case_path("kfm", "spec", "noaa_ncei_storm_events.spec.json").read_text())
    for path in case_path("kansas", "noaa-storm-events").glob("*details*.csv"):
        result = run(tmp_path, path.read_bytes(), spec, preview=tmp_path / "preview")
        assert result.rows_written == result.rows_read > 10
        assert [c["name"] for c in result.columns] == list(spec["normalization"]["canonical_fields"])
        assert json.loads((tmp_path / "preview").read_bytes())["features"]


def test_a_preview_stays_small(tmp_path):
    angle = np.linspace(0, 2 * np.pi, 3_000)[:-1]
    features = []
    for i in range(60):
        ring = np.column_stack(
            [-98 + i / 60 + np.cos(angle) * (1 + 0.1 * np.sin(angle * 300)), 38 + np.sin(angle)]
        ).tolist()
        features.append(feature({"type": "Polygon", "coordinates": [[*ring, ring[0]]]}))
    result = run(tmp_path, collection(*features), preview=tmp_path / "preview")
    shown = json.loads((tmp_path / "preview").read_bytes())
    assert 0 < result.preview_bytes <= 300_000
    assert shown["features"]


finite = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(finite, min_size=1, max_size=5))
def test_coordinates_come_back_to_the_last_bit(tmp_path, points):
    run(tmp_path, collection(*[feature({"type": "Point", "coordinates": list(point)}) for point in points]))
    shapes = shapely.from_wkb(table(tmp_path)["geometry"].to_pylist())
    assert [(shape.x, shape.y) for shape in shapes] == points


MEMORY = """
import sys
from pathlib import Path
from datasets.formats.normalize import normalize
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) // 1024
before = peak()
folder = Path(sys.argv[1])
normalize(folder / "in", spec={}, target=folder / "out", rejects=folder / "r", progress=lambda a, b: None)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_file(tmp_path):
    one = json.dumps(feature({"type": "Polygon", "coordinates": [[[-98 + i / 500, 38.123456] for i in range(400)]]}))
    ring = json.loads(one)
    ring["geometry"]["coordinates"][0].append(ring["geometry"]["coordinates"][0][0])
    text = json.dumps(ring)
    count = 16_000_000 // len(text)
    (tmp_path / "in").write_text('{"type":"FeatureCollection","features":[' + ",".join([text] * count) + "]}")
    command = [sys.executable, "-c", MEMORY, str(tmp_path)]
    grown = int(
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]).stdout
    )
    assert grown < 120
