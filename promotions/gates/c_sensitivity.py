"""Gate C, sensitivity: clauses C1 (a label, and a decision that allows) and C2 (obligations verified). Quarantines.

The decision was recorded by the run; ``replayed`` is the engine's answer now, on the same request, so that a policy
that has become stricter since is noticed. Verification was made on the output bytes named by ``verified_digest``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.findings import Finding
from datasets.policy.obligations import TRANSFORMING
from promotions.gates import ClauseFinding, under

ANSWER = ("decision", "obligations")
MEND_LABEL = (
    "Run the checks again under the present label. Past WORK, ask a reviewer to quarantine the version "
    "(REDACTION_REQUIRED) first, and to release it once the checks have been run."
)
#: Obligations that change bytes: where one is owed, what goes out must have been looked through for leaks.
TRANSFORMS = frozenset(kind.value for kind in TRANSFORMING)


@dataclass(frozen=True, slots=True)
class LeakReport:
    """``data_digest``: of the data it was made on; ``scanned``: digests by path; ``findings``: tell no value."""

    data_digest: str
    scanned: Mapping[str, str]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """``decision``: the recorded document; ``replayed``: now; ``verification``: what checking the bytes found.

    ``output_digest``: of the data that go out, or under ``metadata_only`` of the checked bytes that are held back;
    ``data_outgoing``: paths of the files that go out and hold something of the data; ``going_out``: digests by path of
    all that goes out, once the catalogs are built (``None``: not yet); ``leaks``: the leak check of these.
    """

    version_id: str
    dataset_slug: str
    label: str | None
    known_labels: tuple[str, ...]
    decision: Mapping[str, Any] | None
    replayed: Mapping[str, Any] | None
    output_digest: str | None
    verified_digest: str | None
    verification: tuple[Finding, ...] | None
    data_outgoing: tuple[str, ...] = ()
    leaks: LeakReport | None = None
    going_out: Mapping[str, str] | None = None


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    return [*_c1(evidence), *_c2(evidence)]


def _c1(evidence: Evidence) -> list[ClauseFinding]:
    if evidence.label is None:
        return [
            _c1_finding(
                "label_missing",
                "policy_label",
                "No policy label is assigned.",
                "Name one in the spec, or ask a steward to assign one.",
                "missing",
            )
        ]
    if evidence.label not in evidence.known_labels:
        return [
            _c1_finding(
                "label_unknown",
                "policy_label",
                f"There is no policy label {evidence.label!r}.",
                "Use one of the labels that admins manage.",
            )
        ]
    if evidence.decision is None:
        return [
            _c1_finding(
                "decision_missing",
                "policy_decision",
                "No policy decision was recorded for this version.",
                "Run the checks again.",
                "missing",
            )
        ]
    return [*_recorded(evidence), *_replay(evidence)]


def _recorded(evidence: Evidence) -> list[ClauseFinding]:
    decision = evidence.decision or {}
    findings = []
    if decision.get("decision") != "allow":
        codes = ", ".join(decision.get("reason_codes", [])) or "no reason code"
        findings.append(
            _c1_finding(
                "policy_denies",
                "policy_decision#/decision",
                f"The policy says {decision.get('decision', 'nothing')} ({codes}).",
                "Change what the reason names; a denial can't be overridden.",
            )
        )
    if decision.get("policy_label") != evidence.label:
        findings.append(
            _c1_finding(
                "decision_for_other_label",
                "policy_decision#/policy_label",
                f"The decision is for the label {decision.get('policy_label')!r}; the version's is {evidence.label!r}.",
                MEND_LABEL,
            )
        )
    resource = (decision.get("request") or {}).get("resource") or {}
    if (resource.get("dataset_slug"), resource.get("dataset_version_id")) != (
        evidence.dataset_slug,
        evidence.version_id,
    ):
        findings.append(
            _c1_finding(
                "decision_for_other_version",
                "policy_decision#/request/resource",
                "The decision is about another version.",
                "Run the checks again.",
            )
        )
    return findings


def _replay(evidence: Evidence) -> list[ClauseFinding]:
    if evidence.replayed is None:
        return [
            _c1_finding(
                "replay_impossible",
                "policy_decision",
                "The policy engine gave no answer when asked again.",
                "Tell an operator; without an answer the version can't go on.",
                "error",
            )
        ]
    was, now = ({k: (d or {}).get(k) for k in ANSWER} for d in (evidence.decision, evidence.replayed))
    if json.dumps(was, sort_keys=True) != json.dumps(now, sort_keys=True):
        return [
            _c1_finding(
                "policy_changed",
                "policy_decision",
                f"Asked again, the policy answers {_words(now)}; recorded was {_words(was)}.",
                "Run the checks again under the present policy.",
            )
        ]
    return []


def _words(answer: Mapping[str, Any]) -> str:
    return f"{answer['decision']} with {len(answer['obligations'] or [])} obligation(s)"


def _c2(evidence: Evidence) -> list[ClauseFinding]:
    if evidence.decision is None:
        return [
            ClauseFinding(
                "C2",
                "obligations_unknown",
                "policy_decision",
                "Without a decision no one knows which obligations apply.",
                "Run the checks again.",
                "missing",
            )
        ]
    if evidence.verification is None or evidence.verified_digest is None:
        return [
            ClauseFinding(
                "C2",
                "not_verified",
                "artifacts",
                "The obligations were not verified on the output bytes.",
                "Run the checks again.",
                "missing",
            )
        ]
    findings = under("C2", list(evidence.verification))
    if evidence.verified_digest != evidence.output_digest:
        findings.append(
            ClauseFinding(
                "C2",
                "verified_other_bytes",
                "artifacts",
                "The obligations were verified on other bytes than the ones to be released.",
                "Run the checks again.",
            )
        )
    return [*findings, *_held_back(evidence, evidence.decision), *_leaks(evidence, evidence.decision)]


def _leaks(evidence: Evidence, decision: Mapping[str, Any]) -> list[ClauseFinding]:
    """The leak check: owed once the catalogs are built where bytes were changed; judged wherever it was made."""
    if evidence.going_out is None or not evidence.data_outgoing:
        return []
    report = evidence.leaks
    changed = any(owed.get("type") in TRANSFORMS for owed in decision.get("obligations") or ())
    fix = "Build the catalogs again."
    if report is None:
        message = "Nobody looked for exact places and hidden values in what goes out."
        return [ClauseFinding("C2", "leak_check_missing", "artifacts", message, fix, "missing")] if changed else []
    findings = under("C2", list(report.findings))
    unseen = [path for path, digest in sorted(evidence.going_out.items()) if report.scanned.get(path) != digest]
    if changed:
        findings += [
            ClauseFinding("C2", "leak_check_of_other_bytes", path, f"The leak check did not look through {path}.", fix)
            for path in unseen
        ]
    if report.data_digest != evidence.output_digest:
        message = "The leak check was made on other data than the ones to be released."
        findings.append(ClauseFinding("C2", "leak_check_of_other_bytes", "artifacts", message, fix))
    return findings


def _held_back(evidence: Evidence, decision: Mapping[str, Any]) -> list[ClauseFinding]:
    """Under ``metadata_only`` no file that goes out holds anything of the data."""
    if not any(owed.get("type") == "metadata_only" for owed in decision.get("obligations") or ()):
        return []
    return [
        ClauseFinding(
            "C2",
            "bytes_published",
            path,
            f"The obligation metadata_only lets nothing of the data out, and {path} would go out.",
            "Run the checks again.",
        )
        for path in evidence.data_outgoing
    ]


def _c1_finding(code: str, where: str, message: str, fix: str, kind: Any = "violated") -> ClauseFinding:
    return ClauseFinding("C1", code, where, message, fix, kind)
