"""Gate F, receipts: clauses F1 and F2. Valid evidence passes; each single fault is found by its code and kind."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import merkle, notes
from promotions.gates.f_receipt import Evidence
from tests.promotions.gate_world import FILED, LEAVES, NOTE, PROOF, RECEIPT, F, digest, found

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)
FORGED = notes.sign_checkpoint(origin="example.invalid/ledger", size=5, root=merkle.root(LEAVES), private_key=STRANGER)


def filed(**changes) -> Evidence:
    """The evidence with its one receipt spoiled."""
    return replace(F, receipts=(replace(FILED, **changes),))


CASES = [
    (replace(F, required=("ingest", "validate")), "F1", "receipt_missing", "missing"),
    (replace(F, required=("ingest", "validate")), "F2", "receipt_missing", "missing"),
    (filed(document=None), "F1", "receipt_unreadable", "missing"),
    (filed(measured_digest=None), "F1", "receipt_unreadable", "missing"),
    (filed(measured_digest=digest("x")), "F1", "receipt_changed", "violated"),
    (filed(document={**RECEIPT, "run_id": "kfm://run/2026-02-01T08:00:00Z.other"}), "F1", "run_id_differs", "violated"),
    (filed(document={**RECEIPT, "operation": "catalog"}), "F1", "operation_differs", "violated"),
    (
        filed(document={**RECEIPT, "dataset_version_id": "2026.00000000"}),
        "F1",
        "dataset_version_id_differs",
        "violated",
    ),
    (filed(produced=(digest("x"),)), "F1", "output_not_in_receipt", "violated"),
    (filed(document={**RECEIPT, "outputs": 7}), "F1", "check_crashed", "error"),
    (filed(ledger_receipt_digest=None), "F2", "ledger_says_other", "violated"),
    (filed(ledger_receipt_digest=digest("x")), "F2", "ledger_says_other", "violated"),
    (filed(proof=None), "F2", "no_checkpoint_yet", "missing"),
    (filed(proof=replace(PROOF, note="no note")), "F2", "checkpoint_not_signed", "violated"),
    (filed(proof=replace(PROOF, note=NOTE.replace("5", "6", 1))), "F2", "checkpoint_not_signed", "violated"),
    (filed(proof=replace(PROOF, note=FORGED)), "F2", "checkpoint_not_signed", "violated"),
    (filed(proof=replace(PROOF, leaf_hash=LEAVES[1])), "F2", "not_included", "violated"),
    (filed(proof=replace(PROOF, index=1)), "F2", "not_included", "violated"),
    (filed(proof=replace(PROOF, hashes=PROOF.hashes[:-1])), "F2", "not_included", "violated"),
    (filed(proof=replace(PROOF, hashes=())), "F2", "not_included", "violated"),
]


def test_f_valid_evidence_passes():
    assert found("F", F) == set()


@pytest.mark.parametrize(
    ("evidence", "clause", "code", "kind"), CASES, ids=[f"{c[1]}-{c[2]}-{n}" for n, c in enumerate(CASES)]
)
def test_f_one_fault_is_found(evidence, clause, code, kind):
    assert (clause, code, kind) in found("F", evidence)


@pytest.mark.parametrize("field", ["inputs", "outputs", "environment", "validation", "policy", "created_at"])
def test_f1_a_receipt_without_one_of_its_fields_fails(field):
    less = {k: v for k, v in RECEIPT.items() if k != field}
    assert "F1" in {clause for clause, *_ in found("F", filed(document=less))}


def test_f2_the_proof_is_volatile_so_the_dossiers_digest_outlives_the_ledgers_growth():
    from promotions.dossier import facts_of

    assert facts_of(F) == facts_of(filed(proof=None))
