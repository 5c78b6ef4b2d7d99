"""Valid evidence for each gate, made of plain values: a gate test spoils one thing of it."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import merkle, notes
from audit.digests import digest_bytes, digest_json
from datasets import identity
from datasets.catalogs.crosslinks import StoredArtifact
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from promotions import gates
from promotions.gates import a_identity, b_rights, c_sensitivity, d_catalogs, e_quality, f_receipt, g_manifest
from tests.catalogs.facts_world import CATALOG, RECEIPTS, catalog_receipt, facts


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


SLUG = "ks_wells"
SPEC = {"dataset_slug": SLUG, "title": "Wells"}
SPEC_HASH = str(digest_json(SPEC))
SOURCE = digest("source")
INPUTS = str(identity.inputs_digest([SOURCE]))
VERSION = identity.version_id("2026", SPEC_HASH, INPUTS, {})


def said(name: str, **more: Any) -> a_identity.DocumentIds:
    return a_identity.DocumentIds(**{"name": name, "dataset_id": SLUG, "dataset_version_id": VERSION, **more})


A = a_identity.Evidence(
    dataset_slug=SLUG,
    version_id=VERSION,
    slice="2026",
    spec=SPEC,
    recorded_spec_hash=SPEC_HASH,
    source_digests=(SOURCE,),
    recorded_inputs_digest=INPUTS,
    documents=(said("receipt/ingest"), said("dcat", spec_hash=SPEC_HASH, says_spec_hash=True)),
)

B = b_rights.Evidence(
    captured=b_rights.Terms("terms", "CC-BY-4.0", "Survey", "Wells by the Survey"),
    documents=(
        b_rights.Terms("spec", "CC-BY-4.0", "Survey", "Wells by the Survey"),
        b_rights.Terms("dcat", "CC-BY-4.0"),
    ),
    carries_bytes=True,
    terms_recorded_digest=digest("terms"),
    terms_measured_digest=digest("terms"),
    terms_size_bytes=5,
)

DECISION = {
    "decision": "allow",
    "policy_label": "public",
    "reason_codes": [],
    "obligations": [],
    "request": {"resource": {"dataset_slug": SLUG, "dataset_version_id": VERSION}},
}
C = c_sensitivity.Evidence(
    version_id=VERSION,
    dataset_slug=SLUG,
    label="public",
    known_labels=("public", "internal"),
    decision=DECISION,
    replayed={"decision": "allow", "obligations": []},
    output_digest=digest("data"),
    verified_digest=digest("data"),
    verification=(),
)

_FACTS = facts()
_DOCUMENTS = {
    "dcat.jsonld": build_dcat(_FACTS),
    "dcat.ttl": build_dcat_turtle(_FACTS),
    "stac/collection.json": build_stac_collection(_FACTS),
    "stac/items/1.json": build_stac_item(_FACTS),
    "prov/bundle.jsonld": build_prov(_FACTS),
    "prov/bundle.ttl": build_prov_turtle(_FACTS),
}
_FILED = {path: str(digest_bytes(raw)) for path, raw in _DOCUMENTS.items()}
D = d_catalogs.Evidence(
    dcat=_DOCUMENTS["dcat.jsonld"],
    stac_collection=_DOCUMENTS["stac/collection.json"],
    stac_items=(_DOCUMENTS["stac/items/1.json"],),
    prov=_DOCUMENTS["prov/bundle.jsonld"],
    receipts={**RECEIPTS, CATALOG: catalog_receipt(_DOCUMENTS)},
    artifacts={a.digest: StoredArtifact(a.size_bytes, a.role) for a in _FACTS.artifacts},
    recorded=_FILED,
    measured=_FILED,
    dcat_turtle=_DOCUMENTS["dcat.ttl"],
    prov_turtle=_DOCUMENTS["prov/bundle.ttl"],
)

CHECK = {"name": "geometry_valid", "operator": ">=", "threshold": 0.9}
ROW = {**CHECK, "value": 1.0, "verdict": "pass"}
E = e_quality.Evidence(
    declared=(CHECK,),
    report={
        "kfm_qa_report_version": "v2",
        "artifact_digest": digest("data"),
        "measured_digest": digest("measured"),
        "checks": [ROW],
        "rows": 7,
        "rows_quarantined": 2,
        "rows_rejected": 0,
        "status": "pass",
    },
    report_recorded_digest=digest("report"),
    report_measured_digest=digest("report"),
    released_recorded_digest=digest("released"),
    released_measured_digest=digest("released"),
    checked_digest=digest("data"),
    source_digest=digest("measured"),
    rows_rejected=0,
    rejects_measured_digest=digest("rejects"),
    quarantine_recorded_digest=digest("apart"),
    quarantine_measured_digest=digest("apart"),
)

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
ORIGIN = "example.invalid/ledger"
VERIFIER = str(notes.VerifierKey(ORIGIN, KEY.public_key().public_bytes_raw()))
LEAVES = [merkle.leaf_hash(f"entry {n}".encode()) for n in range(5)]
NOTE = notes.sign_checkpoint(origin=ORIGIN, size=5, root=merkle.root(LEAVES), private_key=KEY)
RUN = "kfm://run/2026-02-01T08:00:00Z.abc"
RECEIPT = {
    "run_id": RUN,
    "operation": "ingest",
    "dataset_version_id": VERSION,
    "inputs": [{"uri": "raw/wells", "digest": SOURCE}],
    "outputs": [{"uri": "raw/wells", "digest": SOURCE}],
    "environment": {"container_digest": digest("container"), "git_commit": "a" * 40},
    "validation": {"status": "pass", "report_digest": digest("report")},
    "policy": {"decision_id": "kfm://policy_decision/0001"},
    "created_at": "2026-02-01T08:00:00Z",
}
PROOF = f_receipt.Proof(2, LEAVES[2], tuple(merkle.inclusion_proof(LEAVES, 2)), NOTE)
FILED = f_receipt.Receipt(
    run_id=RUN,
    operation="ingest",
    document=RECEIPT,
    recorded_digest=digest("receipt"),
    measured_digest=digest("receipt"),
    produced=(SOURCE,),
    ledger_index=2,
    ledger_receipt_digest=digest("receipt"),
    proof=PROOF,
)
F = f_receipt.Evidence(version_id=VERSION, required=("ingest",), receipts=(FILED,), verifier_key=VERIFIER)

DRAFT = {
    "kfm_promotion_manifest_version": "v1",
    "dataset_slug": SLUG,
    "dataset_version_id": VERSION,
    "spec_hash": SPEC_HASH,
    "artifacts": [
        {"path": "processed/data.parquet", "digest": digest("data"), "media_type": "application/vnd.apache.parquet"}
    ],
    "catalogs": [{"path": "catalog/dcat.jsonld", "digest": digest("dcat")}],
    "qa": {"status": "pass", "report_digest": digest("report")},
    "policy": {"policy_label": "public", "decision_id": "kfm://policy_decision/0001"},
}
FILES = (
    g_manifest.StoredFile("artifacts", "processed/data.parquet", digest("data"), digest("data")),
    g_manifest.StoredFile("catalogs", "catalog/dcat.jsonld", digest("dcat"), digest("dcat")),
)
G = g_manifest.Evidence(draft=DRAFT, files=FILES)

VALID = {"A": A, "B": B, "C": C, "D": D, "E": E, "F": F, "G": G}


def found(letter: str, evidence: object) -> set[tuple[str, str, str]]:
    """What gate *letter* says of *evidence*: (clause, code, kind)."""
    result = gates.evaluate(letter, evidence)
    assert all(f.message and f.fix and f.where for f in result.findings), result.findings
    return {(f.clause, f.code, f.kind) for f in result.findings}
