"""Clause D1 under KFM's own profile: what the vocabularies leave open, one rule spoiled at a time."""

from __future__ import annotations

import json

import pytest

from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.prov import build_prov
from datasets.catalogs.stac import build_stac_collection, build_stac_item, envelope
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from tests.catalogs.facts_world import PROCESS, facts

GUARDED = facts(policy_label="restricted_sensitive_location")


def codes(findings) -> set[str]:
    return {finding.code for finding in findings}


@pytest.mark.parametrize(
    ("start", "end", "code"),
    [
        ("2026-02-01T10:00:00Z", "2026-02-01T09:00:00Z", "prov_activity_ends_first"),
        ("2026-02-01T24:00:00Z", "2026-02-01T09:00:00Z", "prov_activity_ends_first"),
        ("2026-02-01T09:00:00.2Z", "2026-02-01T09:00:00.1Z", "prov_activity_ends_first"),
        ("2026-02-01T09:00:00", "2026-02-01T10:00:00", "prov_time_without_zone"),
        ("12026-02-01T09:00:00Z", "12026-02-01T10:00:00Z", "literal_form"),
    ],
)
def test_d1_an_activitys_times_are_a_start_and_then_an_end_in_utc(start, end, code):
    document = json.loads(build_prov(facts()))
    run = next(node for node in document["@graph"] if node["@id"] == PROCESS)
    run["prov:startedAtTime"]["@value"], run["prov:endedAtTime"]["@value"] = start, end
    assert code in codes(validate_prov(json.dumps(document).encode(), profile="kfm"))


def place(document: dict, bbox: list[float], geometry: dict | None = None) -> bytes:
    document["bbox"] = bbox
    if geometry is not None:
        document["geometry"] = geometry
    return json.dumps(document).encode()


SITE = {"type": "Point", "coordinates": [-98.7654321, 38.1234567]}
ACROSS = {"type": "LineString", "coordinates": [[-103.0, 37.0], [-94.0, 40.0]]}


@pytest.mark.parametrize(
    ("bbox", "geometry", "code"),
    [
        ([-102.5, 37.0, -94.0, 40.0], envelope((-102.5, 37.0, -94.0, 40.0)), "extent_too_exact"),
        ([-103.0, 36.0, -94.0, 40.0], None, "bbox_differs"),
        ([-103.0, 37.0, -94.0, 40.0], ACROSS, "geometry_differs"),
        ([-99.0, 38.0, 0.0, -98.0, 39.0, 0.0], SITE, "bbox_differs"),
    ],
)
def test_d1_an_item_of_a_guarded_place_tells_no_more_than_whole_degrees(bbox, geometry, code):
    document = json.loads(build_stac_item(GUARDED))
    assert validate_stac(json.dumps(document).encode(), profile="kfm") == []
    assert codes(validate_stac(place(document, bbox, geometry), profile="kfm")) == {code}


def test_d1_a_record_of_a_guarded_place_tells_no_more_than_whole_degrees():
    good = build_dcat(GUARDED)
    spoiled = good.replace(b"-103 37", b"-102.5 37")
    assert spoiled != good
    assert validate_dcat(good, profile="kfm") == []
    assert [found.code for found in validate_dcat(spoiled, profile="kfm")] == ["extent_too_exact"]


def test_d1_a_collection_of_a_guarded_place_tells_no_more_than_whole_degrees():
    document = json.loads(build_stac_collection(GUARDED))
    assert validate_stac(json.dumps(document).encode(), profile="kfm") == []
    document["extent"]["spatial"]["bbox"] = [[-98.8, 38.1, -98.7, 38.2]]
    (found,) = validate_stac(json.dumps(document).encode(), profile="kfm")
    assert (found.code, found.where) == ("extent_too_exact", "/extent/spatial/bbox/0")
