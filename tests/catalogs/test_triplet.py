"""Clauses D1, D2 and D3: one good triplet holds; each single fault is found. KFM's six mistakes come first, by name."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.evidence_index import build_index, check_evidence, resolve_exact
from datasets.catalogs.prov import build_prov
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from datasets.catalogs.triplet import TripletDocuments
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from tests.catalogs.facts_world import (
    CATALOG,
    DATA,
    INGEST,
    PROCESS,
    QA,
    RECEIPTS,
    VERSION,
    catalog_receipt,
    digest,
    facts,
    receipt,
)

FACTS = facts()
GOOD = TripletDocuments(build_dcat(FACTS), build_stac_collection(FACTS), (build_stac_item(FACTS),), build_prov(FACTS))
STORED = {item.digest: StoredArtifact(item.size_bytes, item.role) for item in FACTS.artifacts}
OTHER = digest(b"other")
#: The documents by the path each is filed under, and the receipts with that of the run that made them.
FILED = {
    "dcat.jsonld": GOOD.dcat,
    "stac/collection.json": GOOD.stac_collection,
    "stac/items/1.json": GOOD.stac_items[0],
    "prov/bundle.jsonld": GOOD.prov,
}
ALL_RECEIPTS = RECEIPTS | {CATALOG: catalog_receipt(FILED)}


def edited(raw: bytes, edit: Callable[[dict], None]) -> bytes:
    document = json.loads(raw)
    edit(document)
    return json.dumps(document).encode()


def node(document: dict, suffix: str) -> dict:
    return next(entry for entry in document["@graph"] if entry["@id"].endswith(suffix))


def codes(findings) -> set[str]:
    return {finding.code for finding in findings}


def d2(documents=GOOD, receipts=RECEIPTS, stored=STORED) -> set[str]:
    return codes(check_crosslinks(documents, receipts, stored, cataloged=CATALOG in receipts))


def with_dcat(edit) -> TripletDocuments:
    return dataclasses.replace(GOOD, dcat=edited(GOOD.dcat, edit))


def with_prov(edit) -> TripletDocuments:
    return dataclasses.replace(GOOD, prov=edited(GOOD.prov, edit))


def with_item(edit) -> TripletDocuments:
    return dataclasses.replace(GOOD, stac_items=(edited(GOOD.stac_items[0], edit),))


def with_collection(edit) -> TripletDocuments:
    return dataclasses.replace(GOOD, stac_collection=edited(GOOD.stac_collection, edit))


def test_d1_d2_d3_good_triplet_holds():
    assert validate_dcat(GOOD.dcat, profile="kfm") == []
    assert validate_stac(GOOD.stac_collection, profile="kfm") == []
    assert validate_stac(GOOD.stac_items[0], profile="kfm") == []
    assert validate_prov(GOOD.prov, profile="kfm") == []
    assert check_crosslinks(GOOD, ALL_RECEIPTS, STORED) == []
    assert check_evidence(GOOD) == []


# --- the six mistakes of KFM's guide ---


def test_d1_dcat_without_kfm_dataset_id_fails():
    spoiled = with_dcat(lambda d: node(d, VERSION).pop("kfm:dataset_id"))
    assert any("kfm:dataset_id" in f.message for f in validate_dcat(spoiled.dcat, profile="kfm"))
    assert "fact_not_single" in d2(spoiled)


def test_d1_prefix_that_context_does_not_declare_fails():
    for raw, validate in ((GOOD.dcat, validate_dcat), (GOOD.prov, validate_prov)):
        spoiled = edited(raw, lambda d: d["@context"].pop("kfm"))
        assert "undeclared_prefix" in codes(validate(spoiled, profile="kfm"))


def test_d1_asset_without_checksum_fails():
    spoiled = with_item(lambda d: d["assets"]["airports"].pop("file:checksum"))
    assert codes(validate_stac(spoiled.stac_items[0], profile="kfm")) == {"asset_checksum_missing"}
    assert "asset_dangling" in d2(spoiled)


def test_d1_item_linked_to_neither_prov_nor_dcat_fails():
    def unlink(document):
        document["links"] = [link for link in document["links"] if "kfm:document" not in link]

    spoiled = with_item(unlink)
    assert codes(validate_stac(spoiled.stac_items[0], profile="kfm")) == {"dcat_link_missing", "prov_link_missing"}
    assert {"dcat_link_missing", "prov_link_missing"} <= d2(spoiled)


def test_d1_prov_without_an_agent_fails():
    def disown(document):
        document["@graph"] = [n for n in document["@graph"] if "prov:Agent" not in n["@type"]]
        for entry in document["@graph"]:
            entry.pop("prov:wasAssociatedWith", None)

    assert "prov_agent_missing" in codes(validate_prov(with_prov(disown).prov, profile="kfm"))


def test_d2_run_id_that_differs_between_dcat_and_receipt_fails():
    other = PROCESS.replace("09:00:00", "09:00:01")
    spoiled = dataclasses.replace(GOOD, dcat=GOOD.dcat.replace(PROCESS.encode(), other.encode()))
    assert "dcat_activity_dangling" in d2(spoiled)


# --- single faults, clause D2 ---


def _set(suffix, key, value):
    return lambda document: node(document, suffix).__setitem__(key, value)


FAULTS = {
    "dcat checksum": (with_dcat(_set(".checksum", "spdx:checksumValue", OTHER[7:])), "distribution_dangling"),
    "dcat size": (with_dcat(_set("#dist=airports", "dcat:byteSize", 1)), "size_differs"),
    "dcat artifact": (
        with_dcat(_set("#dist=airports", "kfm:artifact", {"@id": f"kfm://artifact/{OTHER}"})),
        "distribution_digest_differs",
    ),
    "dcat label": (with_dcat(_set(VERSION, "kfm:policy_label", "internal")), "fact_differs"),
    "dcat licence": (with_dcat(_set(VERSION, "kfm:license", "CC-BY-4.0")), "fact_differs"),
    "dcat without distribution": (
        with_dcat(lambda d: node(d, VERSION).pop("dcat:distribution")),
        "artifact_undistributed",
    ),
    "dcat without run": (with_dcat(lambda d: node(d, VERSION).pop("prov:wasGeneratedBy")), "dcat_activity_missing"),
    "prov version": (with_prov(_set(VERSION, "kfm:dataset_version_id", "2024.ffffffff")), "fact_differs"),
    "prov receipt digest": (with_prov(_set(".process", "kfm:receipt_digest", OTHER)), "receipt_digest_differs"),
    "prov commit": (with_prov(_set(".process#environment", "kfm:git_commit", "b" * 40)), "environment_differs"),
    "prov decision": (
        with_prov(_set(".process", "kfm:policy_decision", {"@id": "kfm://policy_decision/x"})),
        "policy_decision_differs",
    ),
    "prov operation": (with_prov(_set(".process", "kfm:operation", "ingest")), "operation_differs"),
    "prov used": (with_prov(lambda d: node(d, ".process").pop("prov:used")), "inputs_differ"),
    "prov producer": (with_prov(_set(DATA, "prov:wasGeneratedBy", {"@id": INGEST})), "outputs_differ"),
    "prov no producer": (with_prov(lambda d: node(d, DATA).pop("prov:wasGeneratedBy")), "artifact_producer_count"),
    "prov dangling agent": (
        with_prov(_set(".process", "prov:wasAssociatedWith", {"@id": "https://nobody.example/"})),
        "prov_dangling",
    ),
    "prov without entity": (
        with_prov(lambda d: d["@graph"].remove(node(d, QA))),
        "artifact_not_in_prov",
    ),
    "collection id": (with_collection(lambda d: d.__setitem__("id", "other")), "dangling_collection"),
    "collection dcat link": (
        with_collection(lambda d: d.__setitem__("links", [x for x in d["links"] if "kfm:document" not in x])),
        "dcat_link_missing",
    ),
    "item licence": (with_item(lambda d: d["properties"].__setitem__("kfm:license", "MIT")), "fact_differs"),
    "item asset gone": (with_item(lambda d: d["assets"].pop("qa_report")), "artifact_without_asset"),
    "item asset size": (with_item(lambda d: d["assets"]["airports"].__setitem__("file:size", 1)), "size_differs"),
    "item asset digest": (
        with_item(lambda d: d["assets"]["airports"].__setitem__("file:checksum", "1220" + OTHER[7:])),
        "distribution_asset_differs",
    ),
    "item receipt checksum": (
        with_item(lambda d: [x.__setitem__("file:checksum", "00") for x in d["links"] if "file:checksum" in x]),
        "receipt_digest_differs",
    ),
    "dcat unread": (dataclasses.replace(GOOD, dcat=b"@@@"), "document_unread"),
    "item unread": (dataclasses.replace(GOOD, stac_items=(b"[",)), "document_unread"),
    "no item": (dataclasses.replace(GOOD, stac_items=()), "item_missing"),
}


@pytest.mark.parametrize(("documents", "code"), FAULTS.values(), ids=FAULTS)
def test_d2_single_fault_in_a_document_is_found(documents, code):
    assert code in d2(documents)


def test_d2_orphan_receipt_fails():
    extra = PROCESS.replace("process", "extra")
    assert "orphan_receipt" in d2(receipts=RECEIPTS | {extra: receipt(extra, "validate", {}, {})})


def test_d2_missing_receipt_fails():
    assert {"receipt_missing", "artifact_receipt_count"} <= d2(receipts={INGEST: RECEIPTS[INGEST]})


def test_d2_the_catalog_runs_own_receipt_is_owed_once_the_run_is_over():
    over, running = (check_crosslinks(GOOD, RECEIPTS, STORED, cataloged=over) for over in (True, False))
    assert [(finding.code, finding.where) for finding in over] == [("receipt_missing", CATALOG)]
    assert running == []


def test_d2_a_receipt_whose_report_is_not_among_what_its_run_left_fails():
    elsewhere = json.loads(ALL_RECEIPTS[CATALOG])
    elsewhere["validation"]["report_digest"] = QA
    assert d2(receipts=ALL_RECEIPTS | {CATALOG: json.dumps(elsewhere).encode()}) == {"report_dangling"}


def test_d2_unread_receipt_is_cannot_check():
    findings = check_crosslinks(GOOD, RECEIPTS | {PROCESS: b"{"}, STORED)
    assert any(f.code == "receipt_unread" and f.kind == "error" for f in findings)


def test_d2_receipt_that_was_altered_fails():
    assert "receipt_digest_differs" in d2(receipts=RECEIPTS | {PROCESS: RECEIPTS[PROCESS] + b" "})


def test_d2_artifact_of_two_receipts_fails():
    twice = receipt(INGEST, "ingest", {}, {"a": DATA})
    assert "artifact_receipt_count" in d2(receipts=RECEIPTS | {INGEST: twice})


def test_d2_stored_artifact_that_no_document_mentions_fails():
    assert {"artifact_without_asset", "artifact_not_in_prov", "artifact_undistributed"} <= d2(
        stored=STORED | {OTHER: StoredArtifact(1, "data")}
    )


def test_d2_catalog_receipt_must_digest_these_very_documents():
    assert d2(receipts=ALL_RECEIPTS) == set()
    stale = catalog_receipt(FILED | {"dcat.jsonld": b"other"})
    assert "catalog_digest_differs" in d2(receipts=RECEIPTS | {CATALOG: stale})


# --- clause D3 ---


def test_d3_unresolved_evidence_ref_fails():
    spoiled = with_item(lambda d: d["properties"]["kfm:evidence"].append(f"dcat://faa_airports_ks@{VERSION}#dist=nope"))
    assert codes(check_evidence(spoiled)) == {"evidence_unresolved"}


def test_d3_catalogs_without_any_evidence_ref_fail():
    bare = [re.sub(rb'"kfm:evidence"', b'"kfm:other"', raw) for raw in (GOOD.dcat, GOOD.stac_collection, GOOD.prov)]
    item = with_item(lambda d: d["properties"].__setitem__("kfm:evidence", [])).stac_items
    bare[1] = edited(bare[1], lambda d: d.__setitem__("kfm:evidence", []))
    assert codes(check_evidence(TripletDocuments(bare[0], bare[1], item, bare[2]))) == {"evidence_missing"}


@pytest.mark.parametrize(
    "near",
    [
        f"dcat://FAA_airports_ks@{VERSION}",
        f"dcat://faa_airports_ks@{VERSION} ",
        f"dcat://faa_airports_ks@{VERSION}#dist=Airports",
        f"stac://faa_airports_ks/items/{VERSION}/",
        "prov://kfm://run/2026-02-01T09:00:00Z.proces",
        "dcat://faa_airports_ks@2024",
        f"doc://{DATA}",
        "graph://airport",
    ],
)
def test_d3_nearest_match_is_no_match(near):
    assert resolve_exact(near, build_index(GOOD)) is None


def test_d3_exact_refs_resolve_with_digests():
    index = build_index(GOOD, frozenset({DATA}))
    assert resolve_exact(f"dcat://faa_airports_ks@{VERSION}#dist=airports", index).digest == DATA
    assert resolve_exact(f"stac://faa_airports_ks/items/{VERSION}#asset=qa_report", index).digest == QA
    assert resolve_exact(f"prov://{PROCESS}", index).kind == "run"
    assert resolve_exact(f"doc://{DATA}#page=1&span=0:5", index).kind == "document"
    unsaid = build_index(with_item(lambda d: d["assets"]["qa_report"].pop("file:checksum")))
    assert resolve_exact(f"stac://faa_airports_ks/items/{VERSION}#asset=qa_report", unsaid).digest == ""


# --- never a traceback ---

_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.just([]),
    st.just({}),
    st.just([[]]),
    st.just([{}]),
    st.text(max_size=5),
)


def _places(value, path=()):
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _places(part, (*path, key))


def _replaced(raw: bytes, path, value) -> bytes:
    document = json.loads(raw)
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return json.dumps(document).encode()


_DOCUMENTS = ("dcat", "stac_collection", "stac_items", "prov")
_PATHS = {
    name: [
        path
        for path in _places(json.loads(getattr(GOOD, name)[0] if name == "stac_items" else getattr(GOOD, name)))
        if path
    ]
    for name in _DOCUMENTS
}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_d1_d2_d3_any_single_value_replaced_gives_findings_and_no_traceback(data):
    name = data.draw(st.sampled_from(_DOCUMENTS))
    path, value = data.draw(st.sampled_from(_PATHS[name])), data.draw(_VALUES)
    raw = getattr(GOOD, name)
    spoiled = _replaced(raw[0] if name == "stac_items" else raw, path, value)
    documents = dataclasses.replace(GOOD, **{name: (spoiled,) if name == "stac_items" else spoiled})
    validate = {"dcat": validate_dcat, "prov": validate_prov}.get(name, validate_stac)
    for findings in (
        validate(spoiled, profile="kfm"),
        validate(spoiled, profile="core"),
        check_crosslinks(documents, RECEIPTS, STORED),
        check_evidence(documents),
    ):
        assert all(finding.message and finding.code for finding in findings)


def test_d1_cut_bytes_are_never_valid():
    for raw, validate in (
        (GOOD.dcat, validate_dcat),
        (GOOD.prov, validate_prov),
        (GOOD.stac_collection, validate_stac),
        (GOOD.stac_items[0], validate_stac),
    ):
        for cut in range(0, len(raw) - 2, 401):
            assert validate(raw[:cut], profile="core")
