"""Versions in other coordinate systems and encodings, through the whole truth path: what is published is in degrees."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
import shapely
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from datasets.registry import record_spec
from datasets.runs import current_files
from datasets.stores import read_document
from promotions.states import State
from tests.world import SPEC, World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

BOX = (-99.0, 38.0, -98.75, 38.15)  # of ``wells()``


def world(**normalization) -> World:
    spec = deepcopy(SPEC)
    spec["normalization"].update(normalization)
    return World.build(spec=spec)


def documents(version):
    parts = {file.part: file.artifact_id for file in current_files(version)}
    return {part: read_document(parts[part]) for part in ("preview", "stac_item", "stac_collection", "dcat")}


@pytest.mark.parametrize("crs", ["EPSG:26914", "EPSG:3857", "OGC:CRS84"])
def test_d1_a_version_in_another_system_is_published_in_degrees(crs):
    of_wells = world(crs=crs)
    version = of_wells.version_in(State.PUBLISHED)
    told = documents(version)
    drawn = shapely.from_geojson(told["preview"].decode())
    assert drawn.bounds == pytest.approx(BOX, abs=1e-4)
    item, collection = json.loads(told["stac_item"]), json.loads(told["stac_collection"])
    assert item["bbox"] == pytest.approx(BOX, abs=0.01)
    assert shapely.from_geojson(json.dumps(item["geometry"])).bounds == pytest.approx(BOX, abs=0.01)
    assert collection["extent"]["spatial"]["bbox"] == [item["bbox"]]
    wkt = told["dcat"].decode().split("POLYGON")[1].split("))")[0]
    assert shapely.from_wkt(f"POLYGON{wkt}))").bounds == pytest.approx(item["bbox"])
    page = Client().get(reverse("promotions:version", args=[version.dataset.slug, version.version_id]))
    assert "99.00° W to 98.75° W, 38.00° N to 38.15° N" in page.content.decode()


def test_e1_text_in_the_encoding_that_the_spec_declares_is_ingested():
    fields = {"well_id": "upstream.well_id", "depth_m": "upstream.depth_m", "geometry": "derived.from_latlon"}
    raw = "well_id,depth_m,größe,lat,lon\nMüller,1,2,38,-98\nGröße,2,3,38.5,-98.5\n".encode("cp1252")
    of_wells = world(canonical_fields=fields, encoding="cp1252")
    version = of_wells.version_in(State.PUBLISHED, content=raw, name="wells.csv")
    assert version.version_id
    undeclared = failure_without(of_wells, fields)
    assert "The text is not valid utf-8." in undeclared


def failure_without(of_wells, fields):
    """How such bytes fail under a spec that declares no encoding."""
    spec = deepcopy(SPEC)
    spec["normalization"]["canonical_fields"] = fields
    record_spec(dataset=of_wells.dataset, spec=spec, by=of_wells.person("contributor"), at=timezone.now())
    raw = "well_id,depth_m,größe,lat,lon\nMüller,1,2,38,-98\n".encode("cp1252")
    return of_wells.run(of_wells.acquire(raw, name="wells.csv")).failure
