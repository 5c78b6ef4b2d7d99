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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from datasets.quality.distributions import describe
from datasets.quality.kinds import GEOMETRY_CHECKS, KNOWN, OPERATORS, Subject
from datasets.quality.measures import SAMPLE_ROWS, Measure, NotMeasurable, Probe, Table
from datasets.quality.one_pass import Outcome, measure_all
from datasets.quality.raster_checks import RASTER, Raster, RasterKind
from datasets.quality.report import BLOCKING_SEVERITIES, WARNING_SEVERITIES, CheckResult, QualityReport, Verdict
from datasets.quality.rowset import Failing, RowSet

__all__ = ["KNOWN", "OPERATORS", "Measured", "check_raster", "judge_by", "measure_checks", "report_on", "run_checks"]

# Beyond this a double no longer holds every whole number (RFC 8785 section 3.2.2.3).
_LARGEST = 2**53
MAP_ROWS = 500
_NOT_ONE_NUMBER = NotMeasurable("The check gave no number.")


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


@dataclass(frozen=True, slots=True)
class _Bound:
    """A check that is asked of one file: its default operator, what it judges, and what it measures there."""

    operator: str
    judges: str
    probe: Callable[[Mapping[str, Any]], Probe]


def _refusing(reason: str) -> Callable[[Mapping[str, Any]], Probe]:
    def refuse(_parameters: Mapping[str, Any]) -> Probe:
        raise NotMeasurable(reason)

    return refuse


def _of_rows(subject: Subject) -> dict[str, _Bound]:
    """The checks as asked of a file with rows."""
    other = {
        name: _Bound(kind.operator, "table", _refusing("This check is for rasters, and this file has rows."))
        for name, kind in RASTER.items()
    }
    return other | {name: _Bound(k.operator, k.judges, partial(k.probe, subject)) for name, k in KNOWN.items()}


def _of_raster(raster: Raster, spec: Mapping[str, Any]) -> dict[str, _Bound]:
    """The checks as asked of a raster."""

    def measured(kind: RasterKind, parameters: Mapping[str, Any]) -> Probe:
        return kind.measure(raster, parameters, spec)

    refusal = _refusing("This check looks at rows or columns, and a raster has neither.")
    other = {name: _Bound(kind.operator, "table", refusal) for name, kind in KNOWN.items()}
    return other | {name: _Bound(k.operator, "table", partial(measured, k)) for name, k in RASTER.items()}


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) else default


def _read(check: Any, known: Mapping[str, _Bound]) -> _Declared:
    if not isinstance(check, Mapping):
        reason = NotMeasurable("the declaration of this check is not an object.")
        return _Declared("(unnamed)", ">=", None, "fail", "table", reason)
    name, severity = _text(check.get("name"), "(unnamed)"), _text(check.get("severity"), "fail")
    kind = known.get(name)
    operator = _text(check.get("operator"), kind.operator if kind else ">=")
    threshold: Any = check.get("threshold")
    usable = type(threshold) in {int, float} and -_LARGEST <= threshold <= _LARGEST
    probe: Probe | NotMeasurable
    try:
        _check_declaration(check, operator, severity, usable=usable)
        probe = _probe(kind, check)
    except NotMeasurable as reason:
        probe = reason
    judges = "rows" if kind and kind.judges == "rows" and getattr(probe, "returns", "rows") == "rows" else "table"
    return _Declared(name, operator, threshold if usable else None, severity, judges, probe)


def _probe(kind: _Bound | None, check: Mapping[str, Any]) -> Probe:
    if kind is None:
        raise NotMeasurable("No check of this name is known.")
    nested = check.get("parameters", {})
    if not isinstance(nested, Mapping):
        raise NotMeasurable("The check's parameters are not an object.")
    return kind.probe({**nested, **{k: v for k, v in check.items() if k != "parameters"}})


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


def _declarations(spec: Mapping[str, Any]) -> list[Any]:
    validation = spec.get("validation", {})
    declared = validation.get("checks", []) if isinstance(validation, Mapping) else []
    return declared if isinstance(declared, list) else [declared]


def judge_by(
    measure: Callable[[Table, Sequence[Probe | NotMeasurable]], Sequence[Outcome]],
    table: Table,
    *,
    spec: Mapping[str, Any],
    as_of: dt.date | None,
) -> tuple[CheckResult, ...]:
    """The verdicts on a table that ``measure`` reads its own way, of which no record was rejected."""
    known = _of_rows(Subject(table, spec, 0, None, as_of))
    read = [_read(check, known) for check in _declarations(spec)]
    outcomes = measure(table, [one.probe for one in read])
    return tuple(_judge(one, outcome) for one, outcome in zip(read, outcomes, strict=True))


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
    table = Table(parquet, references)
    try:
        subject = Subject(table, spec, rows_rejected, previous_rows, as_of)
        known = _of_rows(subject)
        read = [_read(check, known) for check in _declarations(spec)]
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


def check_raster(raster: Raster, *, spec: Mapping[str, Any], artifact_digest: str) -> QualityReport:
    """The report on a raster that goes on as it is: every declared check, and its bands in the columns' place.

    ``raster``: as ``NormalizeResult.raster`` has it. No pixel is read, so nothing is said of how many hold no data.
    """
    known = _of_raster(raster, spec)
    read = [_read(check, known) for check in _declarations(spec)]
    outcomes = [one.probe if isinstance(one.probe, Measure | NotMeasurable) else _NOT_ONE_NUMBER for one in read]
    return QualityReport(
        artifact_digest=artifact_digest,
        measured_digest=artifact_digest,
        rows=0,
        rows_quarantined=0,
        rows_rejected=0,
        checks=tuple(_judge(one, outcome) for one, outcome in zip(read, outcomes, strict=True)),
        columns=tuple(
            {"name": band["name"], "type": band["type"], "nulls": None, "distinct_approximate": None}
            for band in raster["bands"]
        ),
    )


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
