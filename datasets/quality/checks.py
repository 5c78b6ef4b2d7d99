"""Runs the checks that a dataset spec declares, and only those.

Decides a verdict for each: ``pass`` or ``fail`` by its threshold, ``warn`` where the spec says that failing only warns,
``error`` for a check that is unknown, misdeclared or can't be measured. An error is never a pass, whatever its
severity. Keeps clauses E1 (declared checks, these bytes) and E2 (thresholds).
"""

from __future__ import annotations

import datetime as dt
import operator as compare
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.quality import geometry_checks, value_checks
from datasets.quality.measures import Measure, NotMeasurable, Table, share
from datasets.quality.report import BLOCKING_SEVERITIES, WARNING_SEVERITIES, CheckResult, QualityReport, Verdict

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": compare.ge,
    "<=": compare.le,
    "==": compare.eq,
    ">": compare.gt,
    "<": compare.lt,
}
# Beyond this a double no longer holds every whole number (RFC 8785 section 3.2.2.3).
_LARGEST = 2**53


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked. ``previous_rows``: of the version before; 0: there is none; None: not known."""

    table: Table
    spec: Mapping[str, Any]
    rows_rejected: int
    previous_rows: int | None
    as_of: dt.date | None


Parameters = Mapping[str, Any]
Measurement = Callable[[Subject, Parameters], Measure]


def _row_count(subject: Subject, _parameters: Parameters) -> Measure:
    return Measure(subject.table.rows, {"rows": subject.table.rows})


def _row_growth(subject: Subject, _parameters: Parameters) -> Measure:
    if subject.previous_rows is None:
        raise NotMeasurable("It is not known how many rows the previous version had.")
    if subject.previous_rows == 0:  # the first version: nothing grew yet
        return Measure(0.0, {"rows": subject.table.rows, "previous_rows": 0})
    value = abs(subject.table.rows - subject.previous_rows) / subject.previous_rows
    return Measure(value, {"rows": subject.table.rows, "previous_rows": subject.previous_rows})


def _rejected_rate(subject: Subject, _parameters: Parameters) -> Measure:
    total = subject.table.rows + subject.rows_rejected
    value = share(subject.rows_rejected, total, "records")
    return Measure(value, {"checked": total, "failed": subject.rows_rejected})


# Name: (default operator, what is measured). Shares of good rows should be high, rates of bad ones low; row_growth is
# the relative change of the number of rows in either direction.
KNOWN: dict[str, tuple[str, Measurement]] = {
    "geometry_valid": (">=", lambda s, p: geometry_checks.geometry_valid(s.table, p)),
    "geometry_type": (">=", lambda s, p: geometry_checks.geometry_type(s.table, p)),
    "within_extent": (">=", lambda s, p: geometry_checks.within_extent(s.table, p, s.spec)),
    "required_fields_present": (">=", lambda s, p: value_checks.required_fields_present(s.table, p, s.spec)),
    "unique": (">=", lambda s, p: value_checks.unique(s.table, p)),
    "duplicate_rate": ("<=", lambda s, p: value_checks.duplicate_rate(s.table, p)),
    "null_rate": ("<=", lambda s, p: value_checks.null_rate(s.table, p)),
    "value_range": (">=", lambda s, p: value_checks.value_range(s.table, p)),
    "allowed_values": (">=", lambda s, p: value_checks.allowed_values(s.table, p)),
    "date_order": (">=", lambda s, p: value_checks.date_order(s.table, p)),
    "no_future_dates": (">=", lambda s, p: value_checks.no_future_dates(s.table, p, s.as_of)),
    "row_count": (">=", _row_count),
    "row_growth": ("<=", _row_growth),
    "rejected_rate": ("<=", _rejected_rate),
}


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) else default


def _evaluate(check: Any, subject: Subject) -> CheckResult:
    if not isinstance(check, Mapping):
        message = "The declaration of this check is not an object."
        return CheckResult("(unnamed)", ">=", None, "fail", None, "error", message)
    name, severity = _text(check.get("name"), "(unnamed)"), _text(check.get("severity"), "fail")
    default, measurement = KNOWN.get(name, (">=", None))
    operator = _text(check.get("operator"), default)
    threshold: Any = check.get("threshold")
    usable = type(threshold) in {int, float} and -_LARGEST <= threshold <= _LARGEST
    try:
        _check_declaration(check, operator, severity, usable=usable)
        if measurement is None:
            raise NotMeasurable("No check of this name is known.")
        nested = check.get("parameters", {})
        if not isinstance(nested, Mapping):
            raise NotMeasurable("The check's parameters are not an object.")
        measure = measurement(subject, {**nested, **{k: v for k, v in check.items() if k != "parameters"}})
    except NotMeasurable as reason:
        shown = threshold if usable else None
        return CheckResult(name, operator, shown, severity, None, "error", f"Not measured: {reason}")
    return _judge((name, operator, threshold, severity), measure)


def _check_declaration(check: Mapping[str, Any], operator: str, severity: str, *, usable: bool) -> None:
    if not usable:
        raise NotMeasurable("The check has no number as its threshold.")
    if operator not in OPERATORS or not isinstance(check.get("operator", ""), str):
        raise NotMeasurable("The check's operator is none of >=, <=, ==, >, <.")
    if severity not in BLOCKING_SEVERITIES | WARNING_SEVERITIES or not isinstance(check.get("severity", ""), str):
        raise NotMeasurable("The check's severity is neither fail nor warn.")


def _judge(declared: tuple[str, str, float, str], measure: Measure) -> CheckResult:
    name, operator, threshold, severity = declared
    holds = OPERATORS[operator](measure.value, threshold)
    verdict: Verdict = "pass" if holds else "warn" if severity in WARNING_SEVERITIES else "fail"
    message = f"{name} is {measure.value:.6g}; the spec asks for {operator} {threshold:.6g}."
    if measure.counts.get("failed"):
        message += f" {measure.counts['failed']} of {measure.counts['checked']} do not hold."
    return CheckResult(*declared, measure.value, verdict, message, dict(measure.counts), measure.rows)


def run_checks(  # noqa: PLR0913 - each is a separate fact about the bytes
    parquet: Path,
    *,
    spec: Mapping[str, Any],
    rows_rejected: int,
    previous_rows: int | None,
    artifact_digest: str,
    as_of: dt.date | None = None,
) -> QualityReport:
    """Measure every check in ``spec["validation"]["checks"]`` on one GeoParquet (or Parquet) file.

    ``previous_rows``: rows of the version before, 0 when there is none, None when not known (``row_growth`` then gives
    ``error``). ``artifact_digest``: ``sha256:<hex>`` of the file. ``as_of``: the day for ``no_future_dates``. Raises
    ``OSError`` or ``pyarrow.ArrowInvalid`` for a file that is not there or is not Parquet.
    """
    validation = spec.get("validation", {})
    declared = validation.get("checks", []) if isinstance(validation, Mapping) else []
    table = Table(parquet)
    try:
        subject = Subject(table, spec, rows_rejected, previous_rows, as_of)
        checks = declared if isinstance(declared, list) else [declared]
        results = tuple(_evaluate(check, subject) for check in checks)
        return QualityReport(artifact_digest, table.rows, rows_rejected, results, table.profile())
    finally:
        table.close()
