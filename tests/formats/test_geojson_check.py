"""RFC 7946, judged: every third-party verdict, and never a traceback."""

from __future__ import annotations

import json

import pytest

from datasets.formats.geojson_check import MAX_FINDINGS, check_geojson
from tests.cases import case_path, manifest_rows

# Its own .result file lists no problem, and RFC 7946 section 11.2 forbids no precision; the set's folder says "bad".
DISAGREES = {"bad/excessive_precision_truncated.geojson"}
ROWS = [row for row in manifest_rows("geojson/geojsonhint") if row["expected"] in {"valid", "invalid"}]


@pytest.mark.parametrize("row", [pytest.param(row, id=row["file"]) for row in ROWS if row["file"] not in DISAGREES])
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
]


@pytest.mark.parametrize(("file", "code", "where"), PLACES)
def test_a_finding_says_where(file, code, where):
    findings = check_geojson(case_path("geojson", "geojsonhint", *file.split("/")))
    assert (code, where) in [(finding.code, finding.where) for finding in findings]


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
