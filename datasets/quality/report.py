"""What a quality run says: one result per declared check, a description of the rows that go on, and what drifted.

Decides the report's status: it passes only when at least one check was declared and every one was measured and met (or
only warns). "Could not be measured" is ``error``, never ``pass``. Decides what of it may go out beside transformed
data: no value of a cell, no row number. Holds no clock: the same bytes and spec give the same report. Keeps E1, E2, C2.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from datasets.quality.drift import drift_between
from datasets.quality.numbers import canonical_number

__all__ = ["BLOCKING_SEVERITIES", "WARNING_SEVERITIES", "CheckResult", "QualityReport", "Verdict", "canonical_number"]

Verdict = Literal["pass", "fail", "error", "warn"]
VERSION = "v2"

#: A check of the first kind stops a version when it is missed; one of the second is reported and stops nothing.
BLOCKING_SEVERITIES = frozenset({"fail", "error", "block", "blocker", "critical", "high"})
WARNING_SEVERITIES = frozenset({"warn", "warning", "info", "low"})


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check. ``value``: what was measured (None: not measured, or ``withheld``); ``sample_rows``: from 1.

    ``judges``: ``rows`` when it judges each row, ``table`` when it judges them together.
    """

    name: str
    operator: str
    threshold: float | None
    severity: str
    value: float | None
    verdict: Verdict
    message: str
    counts: dict[str, int] = field(default_factory=dict)
    sample_rows: tuple[int, ...] = ()
    judges: str = "table"
    withheld: bool = False

    def without_value(self) -> CheckResult:
        """A number that a spec's own SQL gave may be a cell's value; every other value is a count or a share."""
        if self.name != "custom_sql" or self.judges == "rows" or self.value is None:
            return self
        message = f"{self.name} is withheld here; the spec asks for {self.operator} {self.threshold:.6g}."
        return replace(self, value=None, message=message, withheld=True)

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "operator": self.operator,
            "threshold": canonical_number(self.threshold),
            "severity": self.severity,
            "judges": self.judges,
            "value": canonical_number(self.value),
            "withheld": self.withheld,
            "verdict": self.verdict,
            "message": self.message,
            "counts": dict(self.counts),
            "sample_rows": list(self.sample_rows),
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """``artifact_digest``: of the rows that go on; ``measured_digest``: of the very bytes that were checked.

    ``rows``: those that go on; ``rows_quarantined``: those set apart; ``rows_rejected``: records that can't be read;
    ``rows_repaired``: those whose geometry was mended, because the spec says so, before anything was measured.
    ``columns``, ``distributions`` and ``extent`` describe the rows that go on; row numbers are of the measured file.
    """

    artifact_digest: str
    measured_digest: str
    rows: int
    rows_quarantined: int
    rows_rejected: int
    checks: tuple[CheckResult, ...]
    columns: tuple[dict[str, Any], ...]
    distributions: tuple[dict[str, Any], ...] = ()
    extent: tuple[float, ...] | None = None
    failing_geometry_rows: tuple[int, ...] = ()
    drift: Mapping[str, Any] | None = None
    rows_repaired: int = 0

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

    def against(self, previous: Mapping[str, Any]) -> QualityReport:
        """The report with what drifted since *previous*, the report of the published version as stored."""
        return replace(self, drift=drift_between(previous, self.as_json()))

    def without_values(self) -> QualityReport:
        """The report for those who may read QA reports but not the data: no distribution, extent or number of SQL's."""
        drift = None if self.drift is None else {**self.drift, "extent": None}
        return replace(self.without_numbers(), distributions=(), extent=None, drift=drift)

    def without_numbers(self) -> QualityReport:
        """The report without the numbers of the spec's own SQL, which looked at all rows that were measured."""
        return replace(self, checks=tuple(check.without_value() for check in self.checks))

    def beside(self, columns: AbstractSet[str]) -> QualityReport:
        """The report as it may go out beside transformed data that have only *columns*.

        The checks were made on the exact bytes. Which rows failed would say something of single records that an
        obligation hides, and so would the profile of a column that was removed; verdicts and totals stay (clause C2).
        """
        told = self.without_values()
        return replace(
            told,
            checks=tuple(replace(check, sample_rows=()) for check in told.checks),
            columns=tuple(column for column in told.columns if column["name"] in columns),
            failing_geometry_rows=(),
            drift=None if told.drift is None else _only(told.drift, columns),
        )

    def as_json(self) -> dict[str, Any]:
        """The report as ``qa_report.schema.json`` has it."""
        return {
            "kfm_qa_report_version": VERSION,
            "artifact_digest": self.artifact_digest,
            "measured_digest": self.measured_digest,
            "rows": self.rows,
            "rows_quarantined": self.rows_quarantined,
            "rows_rejected": self.rows_rejected,
            "rows_repaired": self.rows_repaired,
            "status": self.status,
            "message": self.message,
            "checks": [check.as_json() for check in self.checks],
            "columns": [dict(column) for column in self.columns],
            "distributions": [dict(one) for one in self.distributions],
            "extent": None if self.extent is None else list(self.extent),
            "failing_geometry_rows": list(self.failing_geometry_rows),
            "drift": None if self.drift is None else dict(self.drift),
        }


def _only(drift: Mapping[str, Any], columns: AbstractSet[str]) -> dict[str, Any]:
    """The drift of these columns alone: a hidden column is not even named."""
    return {
        **drift,
        "columns_added": [name for name in drift["columns_added"] if name in columns],
        "columns_removed": [],  # what the version before had may be what is hidden now
        "type_changes": [change for change in drift["type_changes"] if change["name"] in columns],
        "columns": [column for column in drift["columns"] if column["name"] in columns],
    }
