"""Gate E, quality: clauses E1 (declared checks, and a report on exactly these bytes) and E2 (every threshold met).

The gate judges each value against its threshold anew and never trusts the report's own verdict. Quarantines.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasets.quality.report import WARNING_SEVERITIES
from promotions.gates import ClauseFinding

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """``declared``: the spec's checks; ``report``: the parsed QA report; digests as measured in the store now."""

    declared: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any] | None
    report_recorded_digest: str | None
    report_measured_digest: str | None
    checked_digest: str | None
    rows_rejected: int | None
    rejects_measured_digest: str | None


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    return [*_e1(evidence), *_e2(evidence)]


def _e1(evidence: Evidence) -> list[ClauseFinding]:
    findings = []
    if not evidence.declared:
        findings.append(
            _finding(
                "E1",
                "no_checks_declared",
                "spec#/validation/checks",
                "The spec declares no checks.",
                "Record a spec that says what must hold, and ingest under it.",
                "missing",
            )
        )
    if evidence.report is None:
        return [
            *findings,
            _finding("E1", "report_missing", "qa", "There is no QA report.", "Run the checks again.", "missing"),
        ]
    if evidence.report_measured_digest is None or evidence.report_measured_digest != evidence.report_recorded_digest:
        findings.append(
            _finding(
                "E1",
                "report_changed",
                "qa",
                "The QA report in the store is not the one that was recorded.",
                "Run the checks again.",
            )
        )
    if evidence.checked_digest is None or evidence.report.get("artifact_digest") != evidence.checked_digest:
        findings.append(
            _finding(
                "E1",
                "report_on_other_bytes",
                "qa#/artifact_digest",
                f"The report is on {evidence.report.get('artifact_digest')}, not on {evidence.checked_digest}.",
                "Run the checks again.",
            )
        )
    return findings


def _e2(evidence: Evidence) -> list[ClauseFinding]:
    if evidence.report is None:
        return [
            _finding(
                "E2",
                "thresholds_unknown",
                "qa",
                "Without a QA report no threshold can be judged.",
                "Run the checks again.",
                "missing",
            )
        ]
    rows = evidence.report.get("checks") or []
    findings = []
    for place, declared in enumerate(evidence.declared):
        findings += _check(declared, rows[place] if place < len(rows) else None)
    if evidence.rows_rejected is None:
        findings.append(
            _finding(
                "E2",
                "rejects_unknown",
                "qa#/rows_rejected",
                "The report does not say how many records were rejected.",
                "Run the checks again.",
                "missing",
            )
        )
    elif evidence.rows_rejected and evidence.rejects_measured_digest is None:
        findings.append(
            _finding(
                "E2",
                "rejects_lost",
                "quarantine",
                f"{evidence.rows_rejected} records were rejected, but their quarantine file is not in the store.",
                "Run the checks again.",
                "missing",
            )
        )
    return findings


def _check(declared: Mapping[str, Any], row: Mapping[str, Any] | None) -> list[ClauseFinding]:
    name = str(declared.get("name"))
    where = f"qa#/checks/{name}"
    if row is None or row.get("name") != name:
        return [
            _finding(
                "E2",
                "check_not_reported",
                where,
                f"The report has no answer for the declared check {name}.",
                "Run the checks again.",
                "missing",
            )
        ]
    if row.get("threshold") != declared.get("threshold"):
        return [
            _finding(
                "E2",
                "threshold_differs",
                where,
                f"The report used threshold {row.get('threshold')}; the spec says {declared.get('threshold')}.",
                "Run the checks again.",
            )
        ]
    if row.get("verdict") == "error" or row.get("value") is None:
        return [
            _finding(
                "E2",
                "check_not_made",
                where,
                f"The check {name} could not be made: {row.get('message') or 'no reason given'}",
                "Mend the spec's check, or the column it needs.",
                "error",
            )
        ]
    symbol = declared.get("operator") or row.get("operator")
    if symbol not in COMPARE:
        return [
            _finding(
                "E2",
                "operator_unknown",
                where,
                f"The check {name} uses the operator {symbol!r}, which is not known.",
                "Use one of >=, <=, ==, >, <.",
                "error",
            )
        ]
    if COMPARE[symbol](row["value"], row["threshold"]) or declared.get("severity") in WARNING_SEVERITIES:
        return []
    return [
        _finding(
            "E2",
            "threshold_missed",
            where,
            f"{name} is {row['value']}; it must be {symbol} {row['threshold']}.",
            f"{_where_to_look(row)}Mend the source and ingest it again; another threshold needs a new spec.",
        )
    ]


def _where_to_look(row: Mapping[str, Any]) -> str:
    failed, rows = (row.get("counts") or {}).get("failed"), row.get("sample_rows") or []
    return f"{failed} fail, for example row {', '.join(str(r) for r in rows[:5])}. " if failed and rows else ""


def _finding(clause: str, code: str, where: str, message: str, fix: str, kind: Any = "violated") -> ClauseFinding:  # noqa: PLR0913 - a finding's own fields
    return ClauseFinding(clause, code, where, message, fix, kind)
