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
    """``declared``: the spec's checks; ``report``: the parsed QA report, whole; digests as measured in the store now.

    ``released_…``: of the copy of the report that goes out, which may tell less. ``checked_digest``: of the rows that
    go on, before obligations; ``source_digest``: of the normalized bytes the thresholds were measured on;
    ``quarantine_…``: of the rows set apart.
    """

    declared: Sequence[Mapping[str, Any]]
    report: Mapping[str, Any] | None
    report_recorded_digest: str | None
    report_measured_digest: str | None
    released_recorded_digest: str | None
    released_measured_digest: str | None
    checked_digest: str | None
    source_digest: str | None
    rows_rejected: int | None
    rejects_measured_digest: str | None
    quarantine_recorded_digest: str | None
    quarantine_measured_digest: str | None


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
    for place, recorded, found in (
        ("qa", evidence.report_recorded_digest, evidence.report_measured_digest),
        ("qa/released", evidence.released_recorded_digest, evidence.released_measured_digest),
    ):
        if found is None or found != recorded:
            message = "The QA report in the store is not the one that was recorded."
            findings.append(_finding("E1", "report_changed", place, message, "Run the checks again."))
    for name, said, found in (
        ("artifact_digest", evidence.report.get("artifact_digest"), evidence.checked_digest),
        ("measured_digest", _measured_digest(evidence.report), evidence.source_digest),
    ):
        if found is None or said != found:
            message = f"The report is on {said}, not on {found}."
            findings.append(_finding("E1", "report_on_other_bytes", f"qa#/{name}", message, "Run the checks again."))
    return findings


def _measured_digest(report: Mapping[str, Any]) -> Any:
    """What the thresholds were measured on; a v1 report knew no quarantined rows, so it says it once."""
    known = report.get("artifact_digest") if report.get("kfm_qa_report_version") == "v1" else None
    return report.get("measured_digest", known)


def _rows_quarantined(report: Mapping[str, Any]) -> Any:
    return report.get("rows_quarantined", 0 if report.get("kfm_qa_report_version") == "v1" else None)


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
    return [*findings, *_rejects(evidence), *_quarantined(evidence, evidence.report)]


def _rejects(evidence: Evidence) -> list[ClauseFinding]:
    """Records that could not be read lie in the store, each with its reason."""
    if evidence.rows_rejected is None:
        message = "The report does not say how many records were rejected."
        return [
            _finding("E2", "rejects_unknown", "qa#/rows_rejected", message, "Run the checks again.", "missing"),
        ]
    if evidence.rows_rejected and evidence.rejects_measured_digest is None:
        message = f"{evidence.rows_rejected} records were rejected, but their quarantine file is not in the store."
        return [_finding("E2", "rejects_lost", "quarantine", message, "Run the checks again.", "missing")]
    return []


def _quarantined(evidence: Evidence, report: Mapping[str, Any]) -> list[ClauseFinding]:
    """Rows that a blocking check refuses lie in the store, and not all of the version's rows are among them."""
    where, count = "qa#/rows_quarantined", _rows_quarantined(report)
    again = "Run the checks again."
    if type(count) is not int or count < 0:
        message = "The report does not say how many records were set apart."
        return [_finding("E2", "quarantined_unknown", where, message, again, "missing")]
    if count == 0:
        return []
    findings = []
    recorded, found = evidence.quarantine_recorded_digest, evidence.quarantine_measured_digest
    if recorded is None or found is None:
        message = f"{count} failing records were set apart, but their quarantine file is not in the store."
        findings.append(_finding("E2", "quarantined_lost", "quarantine", message, again, "missing"))
    elif found != recorded:
        message = "The quarantine file in the store is not the one that was recorded."
        findings.append(_finding("E2", "quarantined_changed", "quarantine", message, again))
    if not report.get("rows"):
        message = f"All {count} records fail some check, so no record goes on."
        fix = "Mend the source and ingest it again; another threshold needs a new spec."
        findings.append(_finding("E2", "nothing_goes_on", where, message, fix))
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
