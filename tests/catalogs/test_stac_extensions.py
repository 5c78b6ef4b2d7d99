"""Clause D1 for STAC extensions: their fields are judged by our own schemas, and what is not packaged is not passed."""

from __future__ import annotations

import json

import pytest

from datasets.catalogs.stac_schemas import EXTENSIONS, extension_validator
from datasets.catalogs.validate_stac import validate_stac
from kfm_console.validation import Options, judge, verdict

BASE = "https://stac-extensions.github.io"
WELL = {
    "projection/v1.0.0": {"proj:epsg": 32614, "proj:shape": [2, 2]},
    "projection/v1.1.0": {"proj:epsg": None},
    "projection/v1.2.0": {"proj:code": "EPSG:32614"},
    "projection/v2.0.0": {"proj:code": "EPSG:32614", "proj:transform": [1, 0, 0, 0, -1, 0]},
    "eo/v1.0.0": {"eo:cloud_cover": 1.2},
    "eo/v1.1.0": {"eo:snow_cover": 0},
    "eo/v2.0.0": {"eo:common_name": "red"},
    "view/v1.0.0": {"view:off_nadir": 3.8},
    "view/v1.1.0": {"view:moon_elevation": -5},
    "sat/v1.0.0": {"sat:orbit_state": "ascending"},
    "sat/v1.1.0": {"sat:orbit_cycle": 12},
    "scientific/v1.0.0": {"sci:doi": "10.5061/dryad.s2v81.2/27.2"},
    "sar/v1.1.0": {"sar:beam_ids": ["IW3"]},
    "processing/v1.0.0": {"processing:software": {"gdal": "3.9"}},
    "processing/v1.2.0": {"processing:version": "0.1"},
    "raster/v1.1.0": {"raster:bands": [{"data_type": "uint8", "nodata": "nan"}]},
    "raster/v2.0.0": {"raster:sampling": "area"},
    "table/v1.2.0": {"table:columns": [{"name": "a"}], "table:row_count": 3},
    "timestamps/v1.1.0": {"published": "2026-01-01T00:00:00Z"},
    "version/v1.2.0": {"version": "1", "deprecated": False},
    "remote-data/v1.0.0": {"rd:type": "scene", "rd:product_level": "LV3A", "rd:sat_id": "one"},
}
ILL = {
    "projection/v1.0.0": {"proj:shape": [2, 2]},
    "projection/v1.1.0": {"proj:epsg": "EPSG:32614"},
    "projection/v1.2.0": {"proj:code": 32614},
    "projection/v2.0.0": {"proj:epsg": 32614},
    "eo/v1.0.0": {"eo:cloud_cover": 101},
    "eo/v1.1.0": {"eo:snow": 0},
    "eo/v2.0.0": {"eo:bands": [{"name": "red"}]},
    "view/v1.0.0": {"view:off_nadir": -1},
    "view/v1.1.0": {"view:moon_elevation": 91},
    "sat/v1.0.0": {"sat:orbit_state": "up"},
    "sat/v1.1.0": {"sat:orbit_cycle": "12"},
    "scientific/v1.0.0": {"sci:doi": "https://doi.org/10.5061/x"},
    "sar/v1.1.0": {"sar:beam_ids": "IW3"},
    "processing/v1.0.0": {"processing:software": "gdal"},
    "processing/v1.2.0": {"processing:version": 0.1},
    "raster/v1.1.0": {"raster:bands": [{"data_type": "byte"}]},
    "raster/v2.0.0": {"raster:sampling": "Area"},
    "table/v1.2.0": {"table:columns": [{"type": "text"}]},
    "timestamps/v1.1.0": {"published": "yesterday"},
    "version/v1.2.0": {"version": 1},
    "remote-data/v1.0.0": {"rd:type": "scene"},
}


def an_item(extension: str, fields: dict, stac_version: str = "1.1.0") -> bytes:
    return json.dumps(
        {
            "type": "Feature",
            "stac_version": stac_version,
            "stac_extensions": [extension],
            "id": "one",
            "geometry": None,
            "properties": {"datetime": "2026-01-01T00:00:00Z", **fields},
            "links": [],
            "assets": {},
        }
    ).encode()


@pytest.mark.parametrize("stac_version", ["1.0.0", "1.1.0"])
@pytest.mark.parametrize("release", WELL)
def test_d1_fields_of_an_extension_are_judged_by_its_release(release, stac_version):
    uri = f"{BASE}/{release}/schema.json"
    assert validate_stac(an_item(uri, WELL[release], stac_version), profile="core") == []
    found = validate_stac(an_item(uri, ILL[release], stac_version), profile="core")
    assert {(finding.code, finding.kind) for finding in found} == {("schema_violation", "violated")}


def test_d1_every_extension_schema_compiles_and_judges_a_good_and_a_bad_item():
    assert set(WELL) == set(ILL)
    for uri in EXTENSIONS:
        extension_validator(uri)


@pytest.mark.parametrize("profile", ["core", "kfm"])
def test_d1_an_extension_without_a_schema_is_cannot_check_unless_something_is_broken(profile):
    unknown = f"{BASE}/no-such/v1.0.0/schema.json"
    found = validate_stac(an_item(unknown, {}), profile=profile)
    assert "cannot_check" in {finding.code for finding in found}
    assert profile == "kfm" or verdict(found) == "error"
    assert verdict(validate_stac(an_item(unknown, {"datetime": "soon"}), profile=profile)) == "fail"


def test_d1_a_schema_beside_the_document_is_used_and_one_elsewhere_is_not(tmp_path):
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "properties": {"properties": {"required": ["x:y"]}},
    }
    (tmp_path / "own.json").write_text(json.dumps(schema))
    (tmp_path / "good.json").write_bytes(an_item("./own.json", {"x:y": 1}))
    (tmp_path / "bad.json").write_bytes(an_item("./own.json", {}))
    (tmp_path / "far.json").write_bytes(an_item("https://example.com/own.json", {}))
    (tmp_path / "none.json").write_bytes(an_item("./good.json", {}))
    verdicts = [
        judge("stac", str(tmp_path / f"{name}.json"), Options("core"))["verdict"]
        for name in ("good", "bad", "far", "none")
    ]
    assert verdicts == ["pass", "fail", "error", "error"]


@pytest.mark.parametrize("stac_version", ["1.0.0-rc.2", "0.9.0", "1.2.0", None, 1.1])
def test_d1_any_other_stac_version_is_unknown(stac_version):
    found = validate_stac(an_item(f"{BASE}/view/v1.0.0/schema.json", {}, stac_version), profile="core")
    assert [finding.code for finding in found] == ["unknown_stac_version"]


def test_d1_a_collection_is_named_exactly_when_it_is_linked():
    for stac_version in ("1.0.0", "1.1.0"):
        item = json.loads(an_item(f"{BASE}/view/v1.0.0/schema.json", {}, stac_version))
        link = {"rel": "collection", "href": "./collection.json"}
        for named, linked in ((True, True), (False, False), (True, False), (False, True)):
            spoiled = item | ({"collection": "c"} if named else {}) | ({"links": [link]} if linked else {})
            found = validate_stac(json.dumps(spoiled).encode(), profile="core")
            assert (found == []) == (named == linked), (stac_version, named, linked, found)
            assert [one.message for one in found if named] == [
                "The item names a collection, and has no link of relation collection that leads to it."
            ] * (named and not linked)


def test_d1_fields_that_an_extension_requires_or_refuses_of_one_release_only():
    def judged(release: str, fields: dict, asset: dict | None = None) -> str:
        item = json.loads(an_item(f"{BASE}/{release}/schema.json", fields))
        item["assets"] = {"data": {"href": "./data.tif", **(asset or {})}}
        return verdict(validate_stac(json.dumps(item).encode(), profile="core"))

    bands = {"eo:bands": [{"name": "B4"}]}
    assert judged("version/v1.0.0", {}) == "fail"
    assert judged("version/v1.0.0", {"version": "1"}) == "pass"
    assert judged("eo/v1.0.0", {"eo:clouds": 1}) == "fail"
    assert judged("eo/v1.0.0", bands) == "fail"
    assert judged("eo/v1.0.0", bands, bands) == "pass"
    values = {"values": [1], "summary": "water"}
    for wrong in ({"file:values": []}, {"file:values": [{"values": [1]}]}, {"file:local_path": "/etc/hosts"}):
        assert judged("file/v2.1.0", {}, wrong) == "fail", wrong
    assert judged("file/v2.1.0", {}, {"file:values": [values], "file:local_path": "a/b.tif"}) == "pass"


def test_d1_an_extension_that_is_no_address_breaks_the_core_schema():
    for stac_version in ("1.0.0", "1.1.0"):
        found = validate_stac(an_item("no address at all", {}, stac_version), profile="core")
        assert verdict(found) == "fail"
