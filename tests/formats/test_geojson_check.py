"""RFC 7946, judged: every third-party verdict, and never a traceback."""

from __future__ import annotations

import json

import pytest

from datasets.formats.geojson_check import MAX_FINDINGS, check_geojson
from datasets.formats.normalize import normalize
from tests.cases import case_path, manifest_rows

ROWS = [row for row in manifest_rows("geojson/geojsonhint") if row["expected"] in {"valid", "invalid"}]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["file"]) for row in ROWS])
def test_geojsonhint_verdicts(row):
    findings = check_geojson(case_path("geojson", "geojsonhint", *row["file"].split("/")))
    assert bool(findings) == (row["expected"] == "invalid"), findings
    for finding in findings:
        assert finding.code
        assert finding.where
        assert finding.message
        assert finding.kind == "violated"


PLACES = [
    ("bad/stringcoord.geojson", "not_a_number", "/features/0/geometry/coordinates/1"),
    ("bad/bad-duplicate-properties.geojson", "duplicate_member", "byte 0, line 1"),
    ("bad/different-first-size.geojson", "unclosed_ring", "/coordinates/1/0"),
    ("bad/bad-polygon-interiorring-rhr.geojson", "winding_order", "/coordinates/1"),
    ("bad/bbox-contains-string.geojson", "bbox_not_a_number", "/bbox/3"),
    ("bad/featurecollection_changed_semantics.geojson", "changed_semantics", "/coordinates"),
    ("bad/excessive_precision_truncated.geojson", "excessive_precision", "/coordinates/0/0"),
]


@pytest.mark.parametrize(("file", "code", "where"), PLACES)
def test_a_finding_says_where(file, code, where):
    findings = check_geojson(case_path("geojson", "geojsonhint", *file.split("/")))
    assert (code, where) in [(finding.code, finding.where) for finding in findings]


def line(*coordinates):
    return json.dumps({"type": "LineString", "coordinates": coordinates}).encode()


NOISY = [
    (line([100, 5.0000000001], [1.25, 2]), "/coordinates/0/1"),
    (line([1, 2], [-98.9999999999, 38.5]), "/coordinates/1/0"),
    (line([1, 2], [3, 4, 0.30000000000000004]), "/coordinates/1/2"),
    (
        b'{"type":"Feature","properties":null,"geometry":' + line([1, 2.0000000001], [3, 4]) + b"}",
        "/geometry/coordinates/0/1",
    ),
]


@pytest.mark.parametrize(("raw", "where"), NOISY)
def test_decimals_that_are_only_noise_are_excessive(raw, where):
    (finding,) = check_geojson(raw)
    assert (finding.code, finding.where) == ("excessive_precision", where)


@pytest.mark.parametrize(
    "raw",
    [
        line([-149.92383493947585, -107.20901451037372], [1, 2]),
        # reprojected data: one coordinate happens to be round, the others are not
        line([-99.29090999963849, 38.123456789], [-96.28485299975368, 39.1]),
        line([100.0000000001, 2.0000000001], [3.14159265, 4]),
        line([100.123456, 2], [1e3, 4]),
        b'{"type":"Feature","properties":{"rate":1.0000000001},"geometry":' + line([1, 2], [3, 4]) + b"}",
    ],
)
def test_decimals_that_say_something_stay_as_they_are(raw):
    assert check_geojson(raw) == []


def test_untidy_geojson_fails_the_check_and_is_still_taken_in(tmp_path):
    source = tmp_path / "in"
    source.write_bytes(line([100.0000000001, 5], [1, 2]))
    assert check_geojson(source)
    paths = {"target": tmp_path / "out", "rejects": tmp_path / "rejects"}
    assert normalize(source, spec={}, progress=lambda _done, _total: None, **paths).rows_written == 1


def test_hostile_json_is_a_finding_not_a_traceback():
    for path in sorted(case_path("hostile", "json-test-suite").rglob("*.json")):
        assert check_geojson(path), path.name


def test_a_missing_file_could_not_be_checked(tmp_path):
    (finding,) = check_geojson(tmp_path / "absent")
    assert finding.kind == "error"


def test_findings_and_nesting_are_bounded():
    points = {"type": "MultiPoint", "coordinates": [1] * 1_000}
    assert len(check_geojson(json.dumps(points).encode())) == MAX_FINDINGS + 1
    nested = {"type": "Point", "coordinates": [0, 0]}
    for _ in range(150):
        nested = {"type": "GeometryCollection", "geometries": [nested, nested["coordinates"] if 0 else {"type": "X"}]}
    assert check_geojson(json.dumps(nested).encode())
