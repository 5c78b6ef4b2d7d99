"""Raster checks on the reader's facts: what each measures, and that neither kind of file passes the other's checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import datasets.quality
from datasets.quality.checks import KNOWN, check_raster, run_checks
from datasets.quality.raster_checks import RASTER

DIGEST = "sha256:" + "a" * 64
SCHEMA = json.loads((Path(datasets.quality.__file__).parent / "qa_report.schema.json").read_text())


def raster(**other: Any) -> dict[str, Any]:
    square = [[-99.0, 38.0], [-98.0, 38.0], [-98.0, 39.0], [-99.0, 39.0], [-99.0, 38.0]]
    band = {"name": "band_1", "type": "uint8", "nodata": 255.0, "description": None}
    return {
        "cloud_optimized": True,
        "width": 10,
        "height": 20,
        "bands": [band, {**band, "name": "band_2"}],
        "footprint": {"type": "Polygon", "coordinates": [square]},
    } | other


def checked(facts: dict[str, Any], **check: Any) -> Any:
    declared = {"operator": ">=", "threshold": 1.0} | check
    report = check_raster(facts, spec={"validation": {"checks": [declared]}}, artifact_digest=DIGEST)
    jsonschema.validate(report.as_json(), SCHEMA)
    return report.checks[0]


def bands(*nodata: float | None) -> list[dict[str, Any]]:
    return [{"name": f"band_{n}", "type": "int16", "nodata": value} for n, value in enumerate(nodata, start=1)]


@pytest.mark.parametrize(
    ("facts", "check", "value", "verdict"),
    [
        ({}, {"name": "raster_structure"}, 1.0, "pass"),
        ({"cloud_optimized": False}, {"name": "raster_structure"}, 0.0, "fail"),
        ({"cloud_optimized": None}, {"name": "raster_structure"}, 0.0, "fail"),
        ({}, {"name": "band_count", "operator": "==", "threshold": 2}, 2, "pass"),
        ({"bands": bands(0.0)}, {"name": "band_count", "operator": "==", "threshold": 2}, 1, "fail"),
        ({"bands": bands(0.0, None)}, {"name": "nodata_declared"}, 0.5, "fail"),
        ({"bands": bands(0.0, "nan")}, {"name": "nodata_declared"}, 1.0, "pass"),
        ({}, {"name": "within_extent"}, 1.0, "pass"),
        ({}, {"name": "within_extent", "bbox": [-98.5, 38.0, -98.0, 39.0]}, 0.5, "fail"),
        ({}, {"name": "within_extent", "bbox": [10.0, 38.0, 11.0, 39.0]}, 0.0, "fail"),
        ({}, {"name": "within_extent", "bbox": [10.0, 38.0, 9.0, 39.0]}, None, "error"),
        ({}, {"name": "no_such_check"}, None, "error"),
    ],
)
def test_e2_each_raster_check_measures_the_facts(facts, check, value, verdict):
    found = checked(raster(**facts), **check)
    assert (found.value, found.verdict) == (value if value is None else pytest.approx(value), verdict)


@pytest.mark.parametrize("name", sorted(KNOWN.keys() - RASTER.keys()))
def test_e2_a_check_on_rows_can_never_pass_on_a_raster(name):
    given = {"operator": ">=", "threshold": 0, "field": "a", "severity": "warn"}
    found = checked(raster(), name=name, **given)
    assert (found.verdict, found.value) == ("error", None)
    assert found.message.endswith("a raster has neither.")


@pytest.mark.parametrize("name", sorted(RASTER.keys() - KNOWN.keys()))
def test_e2_a_raster_check_can_never_pass_on_rows(tmp_path, name):
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "t.parquet")
    spec = {"validation": {"checks": [{"name": name, "operator": ">=", "threshold": 0}]}}
    report = run_checks(tmp_path / "t.parquet", spec=spec, rows_rejected=0, previous_rows=None, artifact_digest=DIGEST)
    assert (report.checks[0].verdict, report.status) == ("error", "fail")


def test_e1_a_raster_without_declared_checks_does_not_pass():
    assert check_raster(raster(), spec={}, artifact_digest=DIGEST).status == "fail"
