"""The Promotion Contract: seven gates, fourteen clauses, and how one gate's answer is read.

A gate is one module with a frozen ``Evidence`` and one pure ``evaluate(evidence) -> list[ClauseFinding]`` that returns
every finding. Gates look nothing up and do not know each other; ``promotions/dossier.py`` gathers what they need.
What was not gathered, or could not be judged, is a finding here: silence never passes. (Design §3.)
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Literal

from audit.findings import Finding, Kind

LETTERS = "ABCDEFG"

MODULES = {
    "A": "a_identity",
    "B": "b_rights",
    "C": "c_sensitivity",
    "D": "d_catalogs",
    "E": "e_quality",
    "F": "f_receipt",
    "G": "g_manifest",
}
NAMES = {
    "A": "Identity",
    "B": "Rights",
    "C": "Sensitivity",
    "D": "Catalogs",
    "E": "Quality",
    "F": "Receipts",
    "G": "Manifest",
}
#: What a failure does: B, C and E send the version to quarantine, the others block until mended.
OUTCOMES: dict[str, Literal["block", "quarantine"]] = {
    letter: "quarantine" if letter in "BCE" else "block" for letter in LETTERS
}

CLAUSES: dict[str, str] = {
    "A1": "Dataset and version ids are present, well formed and deterministic; an id is never reused for other bytes.",
    "A2": "The spec hash recomputed from the stored spec equals the recorded one, and ids agree in every document.",
    "B1": "An explicit licence, rights holder and attribution are given, and agree everywhere.",
    "B2": "The upstream terms were captured at ingest, and the snapshot's digest still matches.",
    "C1": "One valid policy label is assigned, with a policy decision that says allow.",
    "C2": "Every obligation the decision requires was applied, and verified on the output bytes.",
    "D1": "DCAT, STAC and PROV each validate under KFM's profile.",
    "D2": "Every cross-link between the three, the receipts and the artifacts resolves, and digests agree.",
    "D3": "Every evidence reference resolves exactly.",
    "E1": "The spec declares its checks, and a QA report exists for exactly these bytes.",
    "E2": "Every threshold is met, and failing records went to quarantine.",
    "F1": "Each producing run left a complete run receipt, with digests.",
    "F2": "Each receipt is in the ledger, with an inclusion proof under a signed checkpoint.",
    "G1": "The release manifest lists every artifact and catalog, and their digests equal the stored bytes.",
}


#: What mends a clause where the validator's finding says nothing closer.
MENDS: dict[str, str] = {
    "A1": "Ingest again; ids are derived from slice, spec and source, never typed.",
    "A2": "Record the spec again and ingest under it.",
    "B1": "Find out the upstream's licence, and ingest again with it.",
    "B2": "Ingest again with the upstream's terms.",
    "C1": "Run the checks again under the present label and policy.",
    "C2": "Run the checks again; the obligations are applied and verified anew.",
    "D1": "Run the catalog step again.",
    "D2": "Run the catalog step again.",
    "D3": "Run the catalog step again.",
    "E1": "Run the checks again.",
    "E2": "Mend the source and ingest it again.",
    "F1": "Run the step again that left this receipt.",
    "F2": "Have an auditor verify the ledger.",
    "G1": "Run the catalog step again; the manifest is built from what it files.",
}


class ClauseState(StrEnum):
    """How a clause or a gate stands. ``error`` (could not check) is never shown as violated, nor as fine."""

    PASS = "pass"  # noqa: S105 - a state
    BLOCK = "block"
    QUARANTINE = "quarantine"
    ERROR = "error"
    NOT_RUN = "not_run"
    WAIVED = "waived"


WORDS = {
    ClauseState.PASS: "pass",
    ClauseState.BLOCK: "failed (blocks)",
    ClauseState.QUARANTINE: "failed (quarantine)",
    ClauseState.ERROR: "could not check",
    ClauseState.NOT_RUN: "not run",
    ClauseState.WAIVED: "waived",
}


@dataclass(frozen=True, slots=True)
class ClauseFinding:
    """One finding under one clause; ``kind``: violated, missing or error (see ``audit.findings``)."""

    clause: str
    code: str
    where: str
    message: str
    fix: str
    kind: Kind = "violated"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GateResult:
    """What one gate found. No findings means every one of its clauses held."""

    gate: str
    findings: tuple[ClauseFinding, ...]

    @property
    def passed(self) -> bool:
        return not self.findings

    def clause_state(self, code: str) -> ClauseState:
        found = [f for f in self.findings if f.clause == code]
        if not found:
            return ClauseState.PASS
        if all(f.kind == "error" for f in found):
            return ClauseState.ERROR
        return ClauseState(OUTCOMES[self.gate])

    @property
    def state(self) -> ClauseState:
        states = {self.clause_state(code) for code in clauses_of(self.gate)}
        if states == {ClauseState.PASS}:
            return ClauseState.PASS
        failed = ClauseState(OUTCOMES[self.gate])
        return failed if failed in states else ClauseState.ERROR

    def as_json(self) -> dict[str, Any]:
        return {"gate": self.gate, "findings": [f.as_json() for f in self.findings]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GateResult:
        return cls(value["gate"], tuple(ClauseFinding(**f) for f in value["findings"]))


def clauses_of(letter: str) -> tuple[str, ...]:
    return tuple(code for code in CLAUSES if code[0] == letter)


def under(clause: str, findings: list[Finding]) -> list[ClauseFinding]:
    """Files a validator's findings under *clause*; one that names no fix gets the clause's own."""
    return [ClauseFinding(clause, f.code, f.where, f.message, f.fix or MENDS[clause], f.kind) for f in findings]


def evaluate(letter: str, evidence: object | None) -> GateResult:
    """Gate *letter*'s answer on *evidence*. Absent evidence, or a crash in the check, is a failure that says so."""
    if evidence is None:
        return GateResult(letter, tuple(_not_gathered(code) for code in clauses_of(letter)))
    module = importlib.import_module(f"promotions.gates.{MODULES[letter]}")
    try:
        findings = tuple(module.evaluate(evidence))
    except Exception as crash:  # noqa: BLE001 - a crashed check is a failed clause, said aloud; never a pass, never a 500
        return GateResult(letter, tuple(_crashed(code, crash) for code in clauses_of(letter)))
    return GateResult(letter, findings)


def evaluate_all(evidence: Mapping[str, object], letters: str = LETTERS) -> dict[str, GateResult]:
    """All results of *letters*; a letter without evidence fails."""
    return {letter: evaluate(letter, evidence.get(letter)) for letter in letters}


def _not_gathered(code: str) -> ClauseFinding:
    return ClauseFinding(
        code,
        "not_evaluated",
        "dossier",
        "The evidence for this clause was not gathered.",
        "Run the steps before this one again.",
        "missing",
    )


def _crashed(code: str, crash: Exception) -> ClauseFinding:
    return ClauseFinding(
        code,
        "check_crashed",
        "gate",
        f"The check itself failed ({type(crash).__name__}); nothing can be said about this clause.",
        "Tell an operator; the check must run to its end before the version can go on.",
        "error",
    )
