"""Clause D1: STAC names the system that vector data's coordinates are in, where the run that made the data recorded it.

A version made before it was recorded says nothing of it, and its catalogs still come out as they were.
"""

from __future__ import annotations

import io
import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pyproj
import pytest
from django.utils import timezone

from datasets.catalogs.facts import IncompleteFactsError
from datasets.catalogs.stac import PROJECTION_EXTENSION, build_stac_item
from datasets.catalogs.validate_stac import validate_stac
from datasets.formats.degrees import Whereabouts
from datasets.models import DatasetVersion, DriftOutcome
from datasets.runs import current_files
from datasets.steps import validate
from datasets.steps.outgoing import GEOJSON_SYSTEM, SYSTEM_PART
from datasets.stores import console_store
from promotions import dossier, gates, upkeep
from promotions.states import State
from tests.catalogs.facts_world import facts
from tests.world import SPEC, World

MOST = 10_000_000


def a_spec(crs: str, *obligations: dict[str, Any]) -> dict[str, Any]:
    spec = deepcopy(SPEC)
    spec["normalization"]["crs"] = crs
    label = "public_generalized" if obligations else "public"
    spec["sensitivity"] = {"policy_label_intent": label, "obligations": list(obligations)}
    return spec


def made(spec: dict[str, Any]) -> tuple[World, DatasetVersion]:
    world = World.build(spec=spec)
    return world, world.version_in(State.CATALOG)


def item_of(version: DatasetVersion) -> bytes:
    (file,) = [f for f in current_files(version) if f.part == "stac_item"]
    return console_store().read(file.artifact_id, MOST)


def system_of_the_bytes(version: DatasetVersion) -> str:
    """What the released GeoParquet's own metadata say."""
    (file,) = [f for f in current_files(version) if f.part == "data"]
    schema = pq.read_schema(io.BytesIO(console_store().read(file.artifact_id, MOST)))
    crs = json.loads(schema.metadata[b"geo"])["columns"]["geometry"].get("crs")
    return "OGC:CRS84" if crs is None else f"{crs['id']['authority']}:{crs['id']['code']}"


def gate_d(world: World, version: DatasetVersion) -> list[Any]:
    return list(gates.evaluate_all(dossier.gather(world.standing(version)).evidence)["D"].findings)


@pytest.mark.django_db
@pytest.mark.slow
@pytest.mark.parametrize(
    ("crs", "obligations", "stated"),
    [
        ("EPSG:4326", [], "EPSG:4326"),
        ("EPSG:26914", [], "EPSG:26914"),
        ("EPSG:4326", [{"type": "generalize_geometry", "min_cell_size_m": 5000}], "OGC:CRS84"),
    ],
    ids=["degrees", "metres", "drawn anew on a grid"],
)
def test_d1_a_vector_asset_names_the_system_that_its_bytes_are_in(crs, obligations, stated):
    world, version = made(a_spec(crs, *obligations))
    raw = item_of(version)
    item = json.loads(raw)
    assert item["assets"]["data"]["proj:code"] == stated == system_of_the_bytes(version)
    assert item["assets"]["preview"]["proj:code"] == GEOJSON_SYSTEM
    assert [key for key, asset in item["assets"].items() if "proj:code" in asset] == ["data", "preview"]
    assert PROJECTION_EXTENSION in item["stac_extensions"]
    assert [*validate_stac(raw, profile="core"), *validate_stac(raw, profile="kfm")] == []
    assert gate_d(world, version) == []
    assert upkeep.check_catalogs(version.pk, timezone.now()).outcome == DriftOutcome.SAME


@pytest.mark.django_db
@pytest.mark.slow
def test_d1_a_version_made_before_the_system_was_recorded_stays_as_it_was(monkeypatch):
    with monkeypatch.context() as earlier:
        earlier.setattr(validate, "parquet_system", lambda _path: "")  # an earlier console recorded nothing of it
        world, version = made(a_spec("EPSG:26914"))
    assert SYSTEM_PART not in {f.part for f in current_files(version)}
    raw = item_of(version)
    assert PROJECTION_EXTENSION not in json.loads(raw)["stac_extensions"]
    assert b"proj:" not in raw
    assert gate_d(world, version) == []
    assert upkeep.check_catalogs(version.pk, timezone.now()).outcome == DriftOutcome.SAME


def test_d1_only_what_was_recorded_is_stated():
    known = facts()
    assert PROJECTION_EXTENSION not in json.loads(build_stac_item(known))["stac_extensions"]
    first, *others = known.artifacts
    item = json.loads(build_stac_item(replace(known, artifacts=(replace(first, crs="IAU_2015:49910"), *others))))
    assert item["assets"].pop(first.key)["proj:code"] == "IAU_2015:49910"
    assert all("proj:code" not in asset for asset in item["assets"].values())


@pytest.mark.parametrize("crs", ["4326", "EPSG:", "EPSG 4326", "EPSG:43 26"])
def test_d1_what_is_no_code_is_refused(crs):
    with pytest.raises(IncompleteFactsError, match="no CRS code"):
        replace(facts().artifacts[0], crs=crs)


def test_d1_a_system_that_is_only_like_one_with_a_code_has_none():
    """PROJ names EPSG:26914 for it, being sure to seventy per cent."""
    like = pyproj.CRS.from_user_input("+proj=utm +zone=14 +datum=NAD83")
    assert like.to_authority() == ("EPSG", "26914")
    assert Whereabouts("geometry", like, None).code == ""
