"""Gate D, catalogs: clauses D1, D2 and D3. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from promotions import gates
from tests.catalogs.facts_world import RECEIPTS
from tests.promotions.gate_world import D, found


def _moved(path: str) -> dict[str, str]:
    """The files with one of them under another path than its receipt says."""
    return {f"{name}x" if name == path else name: digest for name, digest in D.recorded.items()}


CASES = [
    (replace(D, dcat=None), "D1", "document_missing", "missing"),
    (replace(D, dcat=None), "D2", "document_missing", "missing"),
    (replace(D, dcat=None), "D3", "document_missing", "missing"),
    (replace(D, stac_collection=None), "D1", "document_missing", "missing"),
    (replace(D, stac_collection=None), "D2", "document_missing", "missing"),
    (replace(D, stac_collection=None), "D3", "document_missing", "missing"),
    (replace(D, prov=None), "D1", "document_missing", "missing"),
    (replace(D, prov=None), "D2", "document_missing", "missing"),
    (replace(D, prov=None), "D3", "document_missing", "missing"),
    (replace(D, stac_items=()), "D1", "document_missing", "missing"),
    (replace(D, dcat_turtle=None), "D2", "document_missing", "missing"),
    (replace(D, prov_turtle=None), "D2", "document_missing", "missing"),
    (replace(D, dcat_turtle=D.prov_turtle), "D2", "twin_differs", "violated"),
    (replace(D, dcat_turtle=D.dcat_turtle.replace(b"Airports", b"Airport")), "D2", "twin_differs", "violated"),
    (replace(D, prov_turtle=D.prov_turtle.replace(b'"validate"', b'"ingest"')), "D2", "twin_differs", "violated"),
    (replace(D, prov_turtle=b""), "D2", "twin_differs", "violated"),
    (replace(D, prov_turtle=b"<"), "D2", "document_unread", "error"),
    (replace(D, measured={}), "D2", "document_changed", "violated"),
    (replace(D, measured={**D.measured, "dcat.jsonld": None}), "D2", "document_changed", "violated"),
    (replace(D, receipts=RECEIPTS), "D2", "receipt_missing", "missing"),
    (replace(D, recorded=_moved("dcat.jsonld")), "D2", "catalog_path_differs", "violated"),
    (replace(D, recorded=_moved("prov/bundle.ttl")), "D2", "catalog_path_differs", "violated"),
]


def test_d_valid_evidence_passes():
    assert found("D", D) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_d_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("D", evidence)


@pytest.mark.parametrize("field", ["dcat", "stac_collection", "prov"])
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b"\xff\xfe"])
def test_d1_a_document_that_is_not_one_fails(field, raw):
    assert "D1" in {clause for clause, *_ in found("D", replace(D, **{field: raw}))}


def test_d1_a_stac_item_that_is_not_one_fails():
    assert "D1" in {clause for clause, *_ in found("D", replace(D, stac_items=(b"{}",)))}


def test_d2_an_artifact_that_is_not_in_the_store_fails():
    assert "D2" in {clause for clause, *_ in found("D", replace(D, artifacts={}))}


def test_d2_a_receipt_that_is_not_there_fails():
    assert "D2" in {clause for clause, *_ in found("D", replace(D, receipts={}))}


@pytest.mark.parametrize(
    "reference", ["dcat://faa_airports_ks@2024.0a1b2c3d#dist=nope", "not a reference", "prov://kfm://run/none"]
)
def test_d3_an_evidence_reference_that_resolves_to_nothing_fails(reference):
    item = json.loads(D.stac_items[0])
    item["properties"]["kfm:evidence"].append(reference)
    assert "D3" in {clause for clause, *_ in found("D", replace(D, stac_items=(json.dumps(item).encode(),)))}


def test_d1_findings_say_in_which_document():
    result = gates.evaluate("D", replace(D, prov=b"{"))
    assert {f.where.partition("#")[0] for f in result.findings if f.clause == "D1"} == {"prov"}


def test_what_was_built_once_is_recovered_and_what_never_was_is_built():
    lost = gates.evaluate("D", replace(D, dcat=None, measured={**D.measured, "dcat.jsonld": None}))
    assert {"RB-DATA-050" in f.fix for f in lost.findings} == {True}
    never = gates.evaluate("D", replace(D, dcat=None, dcat_turtle=None, recorded={}, measured={}))
    assert {f.fix for f in never.findings} == {"Run the catalog step again."}
