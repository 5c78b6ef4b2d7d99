"""The link-integrity report: every link in both directions, and never better than what gate D says."""

from __future__ import annotations

import json

import pytest

from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.link_report import build_link_report
from datasets.catalogs.triplet import TripletDocuments
from promotions.evidence import collect
from promotions.shelf import Shelf
from tests.promotions import part

KINDS = {
    "activity_to_receipt",
    "artifact_to_activity",
    "artifact_to_asset",
    "artifact_to_distribution",
    "artifact_to_receipt",
    "asset_to_activity",
    "asset_to_artifact",
    "dcat_to_activity",
    "dcat_to_distribution",
    "distribution_to_artifact",
    "item_to_collection",
    "prov_used",
    "prov_wasGeneratedBy",
    "receipt_to_activity",
    "receipt_to_input",
    "receipt_to_output",
    "collection_to_dcat",
    "collection_to_prov",
    "item_to_dcat",
    "item_to_prov",
    "item_to_receipt",
}


@pytest.fixture
def evidence(version):
    return collect(Shelf.open(version, fresh=True), "D")["D"]


@pytest.fixture
def good(evidence):
    documents = TripletDocuments(evidence.dcat, evidence.stac_collection, evidence.stac_items, evidence.prov)
    return documents, dict(evidence.receipts), dict(evidence.artifacts)


def report(documents, receipts, artifacts):
    return build_link_report(documents, receipts, artifacts, dataset_version_id="2026.00000000")


def test_a_good_version_has_every_kind_of_link_and_all_hold(good):
    made = report(*good)
    assert made["status"] == "pass"
    assert {link["kind"] for link in made["links"]} >= KINDS
    assert {link["verdict"] for link in made["links"]} == {"holds"}
    assert (made["counts"]["broken"], made["orphans"], made["dangling"], made["findings"]) == (0, [], [], [])
    assert report(*good) == made


def test_the_catalog_run_keeps_the_report_as_a_document_of_its_own(version):
    shelf = Shelf.open(version, fresh=True)
    made = shelf.json(part(version, "link_report"))
    assert made["status"] == "pass"
    assert made["documents"]["dcat"] == part(version, "dcat")


def spoil(raw: bytes, old: str, new: str) -> bytes:
    assert old.encode() in raw
    return raw.replace(old.encode(), new.encode())


@pytest.mark.parametrize("kind", ["dcat", "stac_collection", "stac_item", "prov"])
def test_a_document_of_another_version_is_never_a_pass(good, kind):
    documents, receipts, artifacts = good
    version_id = json.loads(documents.stac_items[0])["id"]
    raws = {
        "dcat": documents.dcat,
        "stac_collection": documents.stac_collection,
        "stac_item": documents.stac_items[0],
        "prov": documents.prov,
    }
    raws[kind] = spoil(raws[kind], version_id, "2026.00000000")
    made = report(
        TripletDocuments(raws["dcat"], raws["stac_collection"], (raws["stac_item"],), raws["prov"]), receipts, artifacts
    )
    assert made["status"] == "fail"
    assert made["findings"]


def test_a_lost_file_a_foreign_file_and_a_lost_receipt_are_broken_links(good):
    documents, receipts, artifacts = good
    digest = next(d for d, a in artifacts.items() if a.role == "data")
    without = {d: a for d, a in artifacts.items() if d != digest}
    made = report(documents, receipts, without)
    assert made["status"] == "fail"
    assert f"kfm://artifact/{digest}" in made["dangling"]
    foreign = "sha256:" + "ab" * 32
    made = report(documents, receipts, artifacts | {foreign: StoredArtifact(3, "data")})
    assert foreign in made["orphans"]
    run = next(iter(receipts))
    made = report(documents, {r: raw for r, raw in receipts.items() if r != run}, artifacts)
    assert any(link["from"] == run and link["verdict"] == "broken" for link in made["links"])


def test_an_orphan_receipt_is_named(good):
    documents, receipts, artifacts = good
    body = json.loads(next(iter(receipts.values())))
    run = "kfm://run/2026-01-01T00:00:00Z.deadbeef"
    made = report(documents, receipts | {run: json.dumps(body | {"run_id": run}).encode()}, artifacts)
    assert run in made["orphans"]
    assert made["status"] == "fail"


def test_what_cannot_be_read_is_an_error_and_no_pass(good):
    documents = good[0]
    made = report(TripletDocuments(b"{", documents.stac_collection, documents.stac_items, documents.prov), {}, {})
    assert made["status"] == "error"
    assert made["links"] == []


def test_the_status_is_gate_ds_own(good):
    documents, receipts, artifacts = good
    flipped = spoil(documents.prov, "validate", "validated")
    worse = TripletDocuments(documents.dcat, documents.stac_collection, documents.stac_items, flipped)
    for triplet in (documents, worse):
        findings = check_crosslinks(triplet, receipts, artifacts)
        assert (report(triplet, receipts, artifacts)["status"] == "pass") is (findings == [])
