"""C2, metadata_only: from quarantine to a release that holds nothing of the data, in no file and no answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from datasets.models import RunReceipt
from datasets.runs import current_files
from datasets.stores import console_store
from promotions import dossier, gates, jobs
from promotions.models import QuarantineCase, Release
from promotions.states import State
from tests.metadata_only.conftest import HINT, TRACES, Built, run

pytestmark = pytest.mark.django_db
MOST = 10_000_000


def parts(version: Any) -> dict[str, Any]:
    return {f.part: f for f in current_files(version)}


def document(version: Any, part: str) -> Any:
    return json.loads(console_store().read(parts(version)[part].artifact_id, MOST))


def failed(built: Built, version: Any) -> dict[str, list[str]]:
    results = gates.evaluate_all(dossier.gather(built.world.standing(version)).evidence)
    return {letter: [f.code for f in result.findings] for letter, result in results.items() if not result.passed}


def published(here: Built) -> Any:
    here.world.sign_all(here.record)
    here.world.publish(here.record)
    here.record.refresh_from_db()
    return here.record


def test_b1_the_bytes_are_quarantined_for_their_licence_and_the_record_is_not(here):
    assert here.world.standing(here.quarantined).state == State.QUARANTINE
    case = QuarantineCase.objects.get(version=here.quarantined)
    assert (case.gate, [f["code"] for f in case.findings]) == ("B", ["redistribution_forbidden"])
    assert here.world.standing(here.record).state == State.CATALOG
    assert here.record.acquisition.source_id == here.quarantined.acquisition.source_id


def test_the_record_passes_all_seven_gates(here):
    here.world.sign_all(here.record)
    assert failed(here, here.record) == {}


def test_checks_were_made_on_the_bytes_and_the_bytes_stay_in_the_work_zone(here):
    files = parts(here.record)
    assert "data" not in files
    assert "preview" not in files
    assert files["normalized"].zone == "work"
    whole = document(here.record, "qa_report_whole")
    assert whole["artifact_digest"] == files["normalized"].artifact_id
    assert (whole["rows"], whole["status"]) == (5, "pass")
    assert {column["name"] for column in whole["columns"]} == {"well_id", "depth_m", "holder", "geometry"}


def test_c2_the_released_report_tells_verdicts_and_totals_alone(here):
    told = document(here.record, "qa_report")
    assert (told["rows"], told["status"]) == (5, "pass")
    assert [check["verdict"] for check in told["checks"]] == ["pass"] * 3
    assert [check["sample_rows"] for check in told["checks"]] == [[]] * 3
    assert (told["columns"], told["distributions"], told["extent"]) == ([], [], None)


@pytest.mark.parametrize("part", ["verification", "catalog_verification"])
def test_c2_what_was_verified_is_that_the_checked_bytes_are_held_back(here, part):
    found = document(here.record, part)
    assert found["verified_digest"] == parts(here.record)["normalized"].artifact_id
    assert found["findings"] == []
    assert {"type": "metadata_only"} in found["obligations"]


def test_the_catalogs_name_the_specs_own_extent_and_the_records_that_go_out(here):
    item = document(here.record, "stac_item")
    assert item["bbox"] == HINT
    assert set(item["assets"]) == {"qa-report", "terms"}
    graph = document(here.record, "dcat")["@graph"]
    listed = [node for node in graph if node["@type"] == "dcat:Distribution"]
    assert {node["dct:identifier"]["@value"] for node in listed} == {"qa-report", "terms"}
    assert all("dcat:downloadURL" not in node for node in listed)


def readable(client: Client, version: Any) -> Iterator[tuple[str, bytes]]:
    """(address, bytes) of everything that this reader can get of *version*, following what the answers list."""
    slug, base = version.dataset.slug, f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}"
    fixed = ["datasets/", f"datasets/{slug}/", f"datasets/{slug}/versions/", "stac/", "stac/collections", "stac/search"]
    fixed += [f"stac/collections/{slug}", f"stac/collections/{slug}/items", "dcat/catalog.jsonld", "dcat/catalog.ttl"]
    fixed += [f"stac/collections/{slug}/items/{version.version_id}"]
    addresses = [base, f"{base}/manifest", *(f"/api/v1/{path}" for path in fixed)]
    addresses += [f"/datasets/{slug}/", f"/datasets/{slug}/versions/{version.version_id}/"]
    answer = client.get(base).json()
    listed = [*answer["artifacts"], *answer["catalogs"]]
    addresses += ["/api/v1/" + entry["href"].split("/api/v1/")[1] for entry in listed]
    for address in addresses:
        response = client.get(address)
        if response.status_code == 200:
            raw = b"".join(response.streaming_content) if response.streaming else response.content
            yield address, raw


@pytest.mark.slow
def test_c2_nothing_that_the_public_can_read_holds_anything_of_the_data(here):
    version = published(here)
    seen = dict(readable(Client(), version))
    manifest = json.loads(Release.objects.get(version=version).manifest)
    assert {row["path"].rsplit("/", 1)[-1].split(".")[0] for row in manifest["artifacts"]} == {"report", "terms"}
    assert len(seen) > 15
    assert any("qa-report" in address for address in seen)
    for address, raw in seen.items():
        assert [trace for trace in TRACES if trace in raw] == [], address
    for row in [*manifest["artifacts"], *manifest["catalogs"]]:
        raw = console_store().read(row["digest"], MOST)
        assert [trace for trace in TRACES if trace in raw] == [], row["path"]


@pytest.mark.parametrize("name", [None, "steward", "operator"])
def test_c2_no_one_gets_the_bytes_of_a_published_record(here, name):
    version = published(here)
    client, base = Client(), f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}"
    if name:
        client.force_login(here.world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    listed = {entry["key"] for entry in client.get(base).json()["artifacts"]}
    assert listed == {"qa-report", "terms"}
    for key in ("data", "preview", parts(version)["normalized"].path):
        assert client.get(f"{base}/artifacts/{key}").status_code == 404, key
    page = f"/datasets/{version.dataset.slug}/versions/{version.version_id}"
    assert client.get(f"{page}/preview.geojson").status_code == 404


def test_the_pages_links_open_the_records_and_no_bytes(here):
    version = published(here)
    page, files = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/files", parts(version)
    for name, status in {"terms": 200, "dcat": 200, "stac_item": 200, "normalized": 404, "source": 404}.items():
        assert Client().get(f"{page}/{files[name].path}").status_code == status, name
    staff = Client()
    staff.force_login(here.world.users["steward"], backend="django.contrib.auth.backends.ModelBackend")
    for name, status in {"qa_report": 200, "normalized": 404, "qa_report_whole": 404, "source": 404}.items():
        assert staff.get(f"{page}/{files[name].path}").status_code == status, name


def test_d3_evidence_refs_to_the_data_resolve_to_nothing(here):
    version = published(here)
    own = f"{version.dataset.slug}@{version.version_id}"
    item = f"stac://{version.dataset.slug}/items/{version.version_id}"
    refs = [f"dcat://{own}#dist=data", f"{item}#asset=data", f"{item}#asset=preview", f"dcat://{own}", item]
    refs.append(f"doc://{parts(version)['normalized'].artifact_id}#page=1&span=0:1")
    answer = Client().post("/api/v1/evidence/resolve", {"refs": refs}, content_type="application/json").json()
    assert [found["status"] for found in answer["results"]] == [*["unresolved"] * 3, *["resolved"] * 2, "unresolved"]


@pytest.mark.parametrize("part", ["data", "preview"])
def test_c2_a_data_file_that_slips_in_fails_gates_b_and_c(here, part):
    """One thing spoiled: the held-back file is filed among the outgoing ones."""
    file = parts(here.record)["normalized"]
    type(file).objects.create(
        version=here.record,
        artifact=file.artifact,
        receipt=RunReceipt.objects.get(pk=file.receipt_id),
        zone="processed",
        part=part,
        path="processed/slipped.parquet",
    )
    found = failed(here, here.record)
    assert "bytes_published" in found["C"]
    assert "redistribution_forbidden" in found["B"]


def test_a_rebuild_of_the_record_gives_the_same_bytes(here):
    job = run(jobs.request_rebuild(version=here.record, by=here.world.person("operator"), at=timezone.now()))
    assert (job.state, job.failure) == ("done", "")
