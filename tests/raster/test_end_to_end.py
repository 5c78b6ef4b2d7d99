"""A Cloud-Optimized GeoTIFF goes from upload to release without a byte changed; other TIFFs are refused in words."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from datasets.runs import current_files, current_receipts
from datasets.stores import console_store
from promotions import dossier, gates, jobs, pipeline
from promotions.models import QuarantineCase, Release
from promotions.states import State
from tests.formats.making import zip_bytes
from tests.raster.conftest import CHECKS, HEIGHT, WIDTH, a_spec
from tests.world import SPEC, World

pytestmark = pytest.mark.django_db
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
MOST = 50_000_000


def parts(version: Any) -> dict[str, Any]:
    return {f.part: f for f in current_files(version)}


def document(version: Any, part: str) -> Any:
    return json.loads(console_store().read(parts(version)[part].artifact_id, MOST))


def ingest(content: bytes, spec: dict[str, Any]) -> tuple[World, Any]:
    world = World.build(spec=spec)
    return world, world.run(world.acquire(content, name="height.tif"))


@pytest.mark.slow
def test_a_cog_is_published_byte_by_byte(tiffs):
    world, job = ingest(tiffs["cog"], a_spec())
    version = job.version
    assert version is not None, job.failure
    assert world.standing(version).state == State.CATALOG, job.failure
    world.sign_all(version)
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert {letter: result.findings for letter, result in results.items() if not result.passed} == {}
    world.publish(version)
    manifest = json.loads(Release.objects.get(version=version).manifest)
    listed = {row["path"].rsplit("/", 1)[-1]: row for row in manifest["artifacts"]}
    assert listed["test_ks_wells.tif"]["digest"] == version.acquisition.source_id
    assert listed["test_ks_wells.tif"]["media_type"] == COG
    base = f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}"
    answer = Client().get(f"{base}/artifacts/data")
    assert (answer.status_code, answer["Content-Type"]) == (200, COG)
    assert b"".join(answer.streaming_content) == tiffs["cog"]
    for address in (base, f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"):
        assert Client().get(address).status_code == 200, address
    _says_what_it_is(version)
    _names_the_run_that_brought_it(version)
    job = jobs.request_rebuild(version=version, by=world.person("operator"), at=timezone.now())
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    pipeline.run(claimed)
    claimed.refresh_from_db()
    assert (claimed.state, claimed.failure) == ("done", "")


def _says_what_it_is(version: Any) -> None:
    item = document(version, "stac_item")
    assert item["assets"]["data"]["type"] == COG
    assert item["bbox"] == pytest.approx([-99, 38.66, -98.69, 38.85], abs=0.02)
    if any("projection" in uri for uri in item["stac_extensions"]):
        assert item["assets"]["data"]["proj:code"] == "EPSG:26914"
        assert item["assets"]["data"]["proj:shape"] == [HEIGHT, WIDTH]
        assert item["assets"]["data"]["proj:transform"] == [30, 0, 500_000, 0, -30, 4_300_000]
    graph = document(version, "dcat")["@graph"]
    kinds = {str(node["dcat:mediaType"]) for node in graph if node["@type"] == "dcat:Distribution"}
    assert len(kinds) == 1
    assert "image/tiff" in kinds.pop()
    outline = document(version, "preview")["features"]
    assert [feature["geometry"]["type"] for feature in outline] == ["Polygon"]
    report = document(version, "qa_report")
    assert [(check["name"], check["value"], check["verdict"]) for check in report["checks"]] == [
        ("raster_structure", 1, "pass"),
        ("band_count", 2, "pass"),
        ("within_extent", 1, "pass"),
        ("nodata_declared", 1, "pass"),
    ]
    assert [(band["name"], band["type"], band["nulls"]) for band in report["columns"]] == [
        ("height", "uint8", None),
        ("band_2", "uint8", None),
    ]


def _names_the_run_that_brought_it(version: Any) -> None:
    """The bytes are the ingest run's; the validate run took them in and handed them on."""
    ingest_run = current_receipts(version)["ingest"]
    digest = version.acquisition.source_id
    assert document(version, "stac_item")["assets"]["data"]["kfm:run_id"] == ingest_run.run_id
    receipt = json.loads(console_store().read(current_receipts(version)["validate"].document_id, MOST))
    assert digest in {file["digest"] for file in receipt["inputs"]}
    assert digest not in {file["digest"] for file in receipt["outputs"]}


@pytest.mark.slow
def test_c2_an_obligation_that_would_change_a_raster_quarantines_with_a_sentence(tiffs):
    world, job = ingest(tiffs["cog"], a_spec({"type": "generalize_geometry", "min_cell_size_m": 5000}))
    assert world.standing(job.version).state == State.QUARANTINE
    case = QuarantineCase.objects.get(version=job.version)
    assert case.gate == "C"
    said = [finding["message"] for finding in case.findings if finding["clause"] == "C2"]
    assert "A raster goes out as it came, so generalize_geometry can't be applied to it." in said
    assert not {"data", "preview"} & parts(job.version).keys()
    client = Client()
    client.force_login(world.users["reviewer"], backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"/quarantine/{case.pk}/").status_code == 200


@pytest.mark.slow
def test_e2_a_check_on_rows_is_an_error_on_a_raster_and_quarantines(tiffs):
    checks = [*CHECKS, {"name": "geometry_valid", "operator": ">=", "threshold": 1.0}]
    world, job = ingest(tiffs["cog"], a_spec(checks=checks))
    assert world.standing(job.version).state == State.QUARANTINE
    row = document(job.version, "qa_report")["checks"][-1]
    assert (row["verdict"], row["value"]) == ("error", None)
    assert row["message"] == "Not measured: This check looks at rows or columns, and a raster has neither."


@pytest.mark.slow
def test_c2_a_metadata_only_raster_keeps_bytes_and_outline_to_itself(tiffs):
    world, job = ingest(tiffs["cog"], a_spec({"type": "metadata_only"}))
    version = job.version
    assert world.standing(version).state == State.CATALOG, job.failure
    world.sign_all(version)
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert {letter: result.findings for letter, result in results.items() if not result.passed} == {}
    assert not {"data", "preview"} & parts(version).keys()
    assert parts(version)["normalized"].artifact_id == version.acquisition.source_id
    told = document(version, "qa_report")
    assert (told["columns"], told["extent"]) == ([], None)
    item = document(version, "stac_item")
    assert item["geometry"] is None
    assert not any(key.startswith("proj:") for asset in item["assets"].values() for key in asset)


@pytest.mark.slow
def test_a_tiff_that_is_no_sound_cog_is_refused_naming_what_is_missing(tiffs):
    world = World.build(spec=a_spec())
    plain = world.run(world.acquire(tiffs["plain"]))
    assert (plain.state, plain.failure_code) == ("failed", "not_cloud_optimized")
    assert "not tiled" in plain.failure
    raw = tiffs["cog"]
    for share in (0.3, 0.9, 0.999):
        cut = world.run(world.acquire(raw[: int(len(raw) * share)]))
        assert cut.state == "failed"
        assert cut.failure_code in {"damaged_raster", "not_cloud_optimized"}
        assert cut.failure
    assert not QuarantineCase.objects.exists()


@pytest.mark.slow
def test_a_cog_in_an_archive_goes_on_as_the_validate_runs_own(tiffs):
    world, job = ingest(zip_bytes({"height.tif": tiffs["cog"]}), a_spec())
    version = job.version
    assert world.standing(version).state == State.CATALOG, job.failure
    data = parts(version)["data"]
    assert console_store().read(data.artifact_id, MOST) == tiffs["cog"]
    run = document(version, "stac_item")["assets"]["data"]["kfm:run_id"]
    assert run == current_receipts(version)["validate"].run_id


@pytest.mark.slow
def test_rows_that_come_out_as_they_came_in_are_handed_on_too():
    """KFM's own GeoParquet, ingested again, is normalized to the very same bytes."""
    spec = deepcopy(SPEC)
    world = World.build(spec=spec)
    first = world.run(world.acquire())
    raw = console_store().read(parts(first.version)["data"].artifact_id, MOST)
    again = world.run(world.acquire(raw, slice_="2025"))
    assert again.version is not None, again.failure
    assert parts(again.version)["data"].artifact_id == again.version.acquisition.source_id
    assert world.standing(again.version).state == State.CATALOG, again.failure
    world.sign_all(again.version)
    results = gates.evaluate_all(dossier.gather(world.standing(again.version)).evidence)
    assert {letter: result.findings for letter, result in results.items() if not result.passed} == {}


@pytest.mark.slow
@pytest.mark.parametrize("obligations", [[], [{"type": "metadata_only"}]], ids=["raster", "held back"])
def test_every_page_of_such_a_version_opens(tiffs, obligations):
    world, job = ingest(tiffs["cog"], a_spec(*obligations))
    version = job.version
    assert world.standing(version).state == State.CATALOG, job.failure
    base = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"
    for name in ("steward", "reviewer", "auditor"):
        client = Client()
        client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
        pages = [base, f"{base}quality/", f"/datasets/{version.dataset.slug}/"]
        pages += [f"{base}{tab}/" for tab in ("qa", "files", "catalogs", "policy", "history", "gates", "provenance")]
        pages += [f"{base}?tab={tab}" for tab in ("qa", "files", "catalogs", "policy", "history")]
        for page in pages:
            assert client.get(page).status_code in {200, 404}, (name, page)
        assert client.get(base).status_code == 200
        assert client.get(f"{base}quality/").status_code == 200
