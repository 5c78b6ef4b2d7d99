"""What a quality run says: one result per declared check, and a profile of the columns.

Decides the report's status: it passes only when at least one check was declared and every one was measured and met (or
only warns). "Could not be measured" is ``error``, never ``pass``. Holds no clock and no cell's value, so the same bytes
and spec give the same report. Keeps clauses E1 and E2.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Verdict = Literal["pass", "fail", "error", "warn"]
_DIGITS = 12
VERSION = "v1"


def canonical_number(value: float | None) -> float | int | None:
    """A number that RFC 8785 writes one way: whole numbers as integers, others to 12 decimals, no minus zero."""
    if value is None:
        return None
    rounded = round(float(value), _DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded


#: A check of the first kind stops a version when it is missed; one of the second is reported and stops nothing.
BLOCKING_SEVERITIES = frozenset({"fail", "error", "block", "blocker", "critical", "high"})
WARNING_SEVERITIES = frozenset({"warn", "warning", "info", "low"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``value``: what was measured (None: not measured); ``sample_rows``: rows of the file, from 1."""

    name: str
    operator: str
    threshold: float | None
    severity: str
    value: float | None
    verdict: Verdict
    message: str
    counts: dict[str, int] = field(default_factory=dict)
    sample_rows: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "operator": self.operator,
            "threshold": canonical_number(self.threshold),
            "severity": self.severity,
            "value": canonical_number(self.value),
            "verdict": self.verdict,
            "message": self.message,
            "counts": dict(self.counts),
            "sample_rows": list(self.sample_rows),
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """``artifact_digest``: of the very bytes that were checked; ``columns``: name, type, nulls, distinct."""

    artifact_digest: str
    rows: int
    rows_rejected: int
    checks: tuple[CheckResult, ...]
    columns: tuple[dict[str, Any], ...]

    @property
    def status(self) -> Literal["pass", "fail"]:
        met = all(check.verdict in {"pass", "warn"} for check in self.checks)
        return "pass" if self.checks and met else "fail"

    @property
    def message(self) -> str:
        if not self.checks:
            return "The spec declares no checks, so nothing can be said of the quality of these bytes."
        unmet = sum(check.verdict in {"fail", "error"} for check in self.checks)
        return f"{len(self.checks) - unmet} of {len(self.checks)} declared checks are met."

    def beside(self, columns: AbstractSet[str]) -> QualityReport:
        """The report as it may go out beside transformed data that have only *columns*.

        The checks were made on the exact bytes. Which rows failed would say something of single records that an
        obligation hides, and so would the profile of a column that was removed; verdicts and totals stay (clause C2).
        """
        return replace(
            self,
            checks=tuple(replace(check, sample_rows=()) for check in self.checks),
            columns=tuple(column for column in self.columns if column["name"] in columns),
        )

    def as_json(self) -> dict[str, Any]:
        """The report as ``qa_report.schema.json`` has it."""
        return {
            "kfm_qa_report_version": VERSION,
            "artifact_digest": self.artifact_digest,
            "rows": self.rows,
            "rows_rejected": self.rows_rejected,
            "status": self.status,
            "message": self.message,
            "checks": [check.as_json() for check in self.checks],
            "columns": [dict(column) for column in self.columns],
        }
