"""Gate F, receipts: F1 (each producing run left a whole receipt) and F2 (each is in the ledger, provably). Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit import merkle, notes
from datasets import receipts
from promotions.gates import ClauseFinding, under

VOLATILE = {"volatile": True}


@dataclass(frozen=True, slots=True)
class Proof:
    """An inclusion proof under one signed checkpoint. Its size grows with the ledger, so no digest rests on it."""

    index: int
    leaf_hash: bytes
    hashes: tuple[bytes, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """One recorded receipt. ``produced``: digests of the files recorded as this run's."""

    run_id: str
    operation: str
    document: Mapping[str, Any] | None
    recorded_digest: str
    measured_digest: str | None
    produced: tuple[str, ...]
    ledger_index: int
    ledger_receipt_digest: str | None
    proof: Proof | None = field(metadata=VOLATILE)


@dataclass(frozen=True, slots=True)
class Evidence:
    """``required``: operations that must each have a receipt; ``verifier_key``: the ledger's public key line."""

    version_id: str
    required: tuple[str, ...]
    receipts: tuple[Receipt, ...]
    verifier_key: str


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    findings = []
    present = {receipt.operation for receipt in evidence.receipts}
    for operation in evidence.required:
        if operation not in present:
            findings.append(
                _finding(
                    "F1",
                    "receipt_missing",
                    operation,
                    f"The {operation} run left no receipt.",
                    "Run that step again.",
                    "missing",
                )
            )
            findings.append(
                _finding(
                    "F2",
                    "receipt_missing",
                    operation,
                    f"There is no {operation} receipt to look for in the ledger.",
                    "Run that step again.",
                    "missing",
                )
            )
    for receipt in evidence.receipts:
        findings += _f1(evidence, receipt)
        findings += _f2(evidence, receipt)
    return findings


def _f1(evidence: Evidence, receipt: Receipt) -> list[ClauseFinding]:
    if receipt.document is None or receipt.measured_digest is None:
        return [
            _finding(
                "F1",
                "receipt_unreadable",
                receipt.run_id,
                "The receipt is not in the store, or can't be read.",
                "Restore it from a backup, or run the step again.",
                "missing",
            )
        ]
    findings = under("F1", receipts.check_receipt(receipt.document))
    if receipt.measured_digest != receipt.recorded_digest:
        findings.append(
            _finding(
                "F1",
                "receipt_changed",
                receipt.run_id,
                "The stored receipt is not the one that was recorded.",
                "Restore it from a backup, or run the step again.",
            )
        )
    for name, expected in (
        ("run_id", receipt.run_id),
        ("operation", receipt.operation),
        ("dataset_version_id", evidence.version_id),
    ):
        if receipt.document.get(name) != expected:
            findings.append(
                _finding(
                    "F1",
                    f"{name}_differs",
                    f"{receipt.run_id}#/{name}",
                    f"The receipt says {name} {receipt.document.get(name)!r}; it must be {expected!r}.",
                    "Run the step again.",
                )
            )
    # What a run hands on as it took it in is listed among its inputs.
    listed = {file.get("digest") for side in ("inputs", "outputs") for file in receipt.document.get(side) or []}
    findings += [
        _finding(
            "F1",
            "output_not_in_receipt",
            f"{receipt.run_id}#/outputs",
            f"The run produced {digest}, which its receipt does not list.",
            "Run the step again.",
        )
        for digest in receipt.produced
        if digest not in listed
    ]
    return findings


def _f2(evidence: Evidence, receipt: Receipt) -> list[ClauseFinding]:
    if receipt.ledger_receipt_digest != receipt.recorded_digest:
        return [
            _finding(
                "F2",
                "ledger_says_other",
                receipt.run_id,
                f"Ledger entry {receipt.ledger_index} does not record this receipt's digest.",
                "Have an auditor verify the ledger.",
            )
        ]
    if receipt.proof is None:
        return [
            _finding(
                "F2",
                "no_checkpoint_yet",
                receipt.run_id,
                f"No signed checkpoint covers ledger entry {receipt.ledger_index} yet.",
                "Wait for the next checkpoint (one a minute), then look again.",
                "missing",
            )
        ]
    try:
        checkpoint = notes.open_checkpoint(receipt.proof.note, notes.VerifierKey.parse(evidence.verifier_key))
    except notes.InvalidNote as refusal:
        return [
            _finding(
                "F2",
                "checkpoint_not_signed",
                receipt.run_id,
                f"The checkpoint can't be relied on: {refusal}",
                "Have an auditor verify the ledger.",
            )
        ]
    proof = receipt.proof
    if proof.index != receipt.ledger_index or not merkle.verify_inclusion(
        proof.leaf_hash, proof.index, checkpoint.size, proof.hashes, checkpoint.root
    ):
        return [
            _finding(
                "F2",
                "not_included",
                receipt.run_id,
                f"Ledger entry {receipt.ledger_index} is not under the signed checkpoint of size {checkpoint.size}.",
                "Have an auditor verify the ledger.",
            )
        ]
    return []


def _finding(clause: str, code: str, where: str, message: str, fix: str, kind: Any = "violated") -> ClauseFinding:  # noqa: PLR0913 - a finding's own fields
    return ClauseFinding(clause, code, where, message, fix, kind)
