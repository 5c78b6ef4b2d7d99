"""Runs the checks that a dataset spec declares, and only those.

Decides a verdict for each: ``pass`` or ``fail`` by its threshold, ``warn`` where the spec says that failing only warns,
``error`` for a check that is unknown, misdeclared or can't be measured. An error is never a pass, whatever its
severity. Decides too which rows a blocking check refuses. Keeps clauses E1 (declared checks, these bytes) and E2
(thresholds; failing records go to quarantine).

Rows that a blocking row check refuses are set apart; one whose threshold nothing can miss (``>= 0``) only measures, and
refuses no row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.quality.distributions import describe
from datasets.quality.kinds import GEOMETRY_CHECKS, KNOWN, OPERATORS, Kind, Subject
from datasets.quality.measures import SAMPLE_ROWS, Measure, NotMeasurable, Probe, Table
from datasets.quality.one_pass import measure_all
from datasets.quality.report import BLOCKING_SEVERITIES, WARNING_SEVERITIES, CheckResult, QualityReport, Verdict
from datasets.quality.rowset import Failing, RowSet

__all__ = ["KNOWN", "OPERATORS", "Measured", "measure_checks", "report_on", "run_checks"]

# Beyond this a double no longer holds every whole number (RFC 8785 section 3.2.2.3).
_LARGEST = 2**53
MAP_ROWS = 500


@dataclass(frozen=True, slots=True)
class _Declared:
    """One declaration as read: what it says, and what it contributes to the pass."""

    name: str
    operator: str
    threshold: float | None
    severity: str
    judges: str
    probe: Probe | NotMeasurable


@dataclass(frozen=True, slots=True)
class Measured:
    """The verdicts on one file, the rows that blocking checks refuse, and those whose geometry fails a check."""

    rows: int
    results: tuple[CheckResult, ...]
    failing: Failing
    geometry_rows: tuple[int, ...] = ()


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) else default


def _read(check: Any, subject: Subject) -> _Declared:
    if not isinstance(check, Mapping):
        reason = NotMeasurable("the declaration of this check is not an object.")
        return _Declared("(unnamed)", ">=", None, "fail", "table", reason)
    name, severity = _text(check.get("name"), "(unnamed)"), _text(check.get("severity"), "fail")
    kind = KNOWN.get(name)
    operator = _text(check.get("operator"), kind.operator if kind else ">=")
    threshold: Any = check.get("threshold")
    usable = type(threshold) in {int, float} and -_LARGEST <= threshold <= _LARGEST
    probe: Probe | NotMeasurable
    try:
        _check_declaration(check, operator, severity, usable=usable)
        probe = _probe(kind, check, subject)
    except NotMeasurable as reason:
        probe = reason
    judges = "rows" if kind and kind.judges == "rows" and getattr(probe, "returns", "rows") == "rows" else "table"
    return _Declared(name, operator, threshold if usable else None, severity, judges, probe)


def _probe(kind: Kind | None, check: Mapping[str, Any], subject: Subject) -> Probe:
    if kind is None:
        raise NotMeasurable("No check of this name is known.")
    nested = check.get("parameters", {})
    if not isinstance(nested, Mapping):
        raise NotMeasurable("The check's parameters are not an object.")
    return kind.probe(subject, {**nested, **{k: v for k, v in check.items() if k != "parameters"}})


def _check_declaration(check: Mapping[str, Any], operator: str, severity: str, *, usable: bool) -> None:
    if not usable:
        raise NotMeasurable("The check has no number as its threshold.")
    if operator not in OPERATORS or not isinstance(check.get("operator", ""), str):
        raise NotMeasurable("The check's operator is none of >=, <=, ==, >, <.")
    if severity not in BLOCKING_SEVERITIES | WARNING_SEVERITIES or not isinstance(check.get("severity", ""), str):
        raise NotMeasurable("The check's severity is neither fail nor warn.")


def _judge(declared: _Declared, outcome: Measure | NotMeasurable) -> CheckResult:
    name, operator, severity, threshold = declared.name, declared.operator, declared.severity, declared.threshold
    if isinstance(outcome, NotMeasurable) or threshold is None:
        message = f"Not measured: {outcome}"
        return CheckResult(name, operator, threshold, severity, None, "error", message, judges=declared.judges)
    holds = OPERATORS[operator](outcome.value, threshold)
    verdict: Verdict = "pass" if holds else "warn" if severity in WARNING_SEVERITIES else "fail"
    message = f"{name} is {outcome.value:.6g}; the spec asks for {operator} {threshold:.6g}."
    if outcome.counts.get("failed"):
        message += f" {outcome.counts['failed']} of {outcome.counts['checked']} do not hold."
    counts = dict(outcome.counts)
    rows = outcome.failing.first(SAMPLE_ROWS) if outcome.failing is not None else ()
    return CheckResult(
        name, operator, threshold, severity, outcome.value, verdict, message, counts, rows, declared.judges
    )


def _refuses_rows(declared: _Declared) -> bool:
    """Whether failing rows are set apart: a blocking row check that could be missed at all."""
    if declared.judges != "rows" or declared.severity not in BLOCKING_SEVERITIES or declared.threshold is None:
        return False
    return not OPERATORS[declared.operator](0.0, declared.threshold)


def measure_checks(  # noqa: PLR0913 - each is a separate fact about the bytes
    parquet: Path,
    *,
    spec: Mapping[str, Any],
    rows_rejected: int,
    previous_rows: int | None,
    as_of: dt.date | None = None,
    references: Mapping[str, Path] | None = None,
) -> Measured:
    """Measure every check in ``spec["validation"]["checks"]`` on one GeoParquet (or Parquet) file, together.

    ``previous_rows``: rows of the version before, 0 when there is none, None when not known (``row_growth`` then gives
    ``error``). ``as_of``: the day for ``no_future_dates``. ``references``: dataset slug to the Parquet file of its
    published version. Raises ``OSError`` or ``pyarrow.ArrowInvalid`` for a file that is not there or is not Parquet.
    """
    validation = spec.get("validation", {})
    declared = validation.get("checks", []) if isinstance(validation, Mapping) else []
    table = Table(parquet, references)
    try:
        subject = Subject(table, spec, rows_rejected, previous_rows, as_of)
        read = [_read(check, subject) for check in (declared if isinstance(declared, list) else [declared])]
        outcomes = measure_all(table, [one.probe for one in read])
    finally:
        table.close()
    results = tuple(_judge(one, outcome) for one, outcome in zip(read, outcomes, strict=True))
    refused: dict[str, RowSet] = {}
    misplaced = RowSet(table.rows)
    for one, outcome in zip(read, outcomes, strict=True):
        if not isinstance(outcome, Measure) or outcome.failing is None:
            continue
        if one.name in GEOMETRY_CHECKS:
            misplaced = misplaced | outcome.failing
        if _refuses_rows(one):
            refused[one.name] = refused[one.name] | outcome.failing if one.name in refused else outcome.failing
    return Measured(table.rows, results, Failing(table.rows, refused), misplaced.first(MAP_ROWS))


def report_on(  # noqa: PLR0913 - each is a separate fact about the bytes
    measured: Measured,
    passing: Path,
    *,
    rows_rejected: int,
    artifact_digest: str,
    measured_digest: str,
    previous_report: Mapping[str, Any] | None = None,
) -> QualityReport:
    """The report: ``measured``'s verdicts, and a description of the rows that go on, which ``passing`` holds.

    ``artifact_digest`` (``sha256:<hex>``) is of ``passing``, ``measured_digest`` of the file that was measured.
    ``previous_report``: of the published version, to say what drifted.
    """
    described = describe(passing)
    report = QualityReport(
        artifact_digest=artifact_digest,
        measured_digest=measured_digest,
        rows=described.rows,
        rows_quarantined=measured.rows - described.rows,
        rows_rejected=rows_rejected,
        checks=measured.results,
        columns=described.columns,
        distributions=described.distributions,
        extent=described.extent,
        failing_geometry_rows=measured.geometry_rows,
    )
    return report if previous_report is None else report.against(previous_report)


def run_checks(  # noqa: PLR0913 - each is a separate fact about the bytes
    parquet: Path,
    *,
    spec: Mapping[str, Any],
    rows_rejected: int,
    previous_rows: int | None,
    artifact_digest: str,
    as_of: dt.date | None = None,
    references: Mapping[str, Path] | None = None,
) -> QualityReport:
    """``measure_checks`` and ``report_on`` in one, on a file of which no row is set apart."""
    measured = measure_checks(
        parquet,
        spec=spec,
        rows_rejected=rows_rejected,
        previous_rows=previous_rows,
        as_of=as_of,
        references=references,
    )
    return report_on(
        measured,
        parquet,
        rows_rejected=rows_rejected,
        artifact_digest=artifact_digest,
        measured_digest=artifact_digest,
    )
