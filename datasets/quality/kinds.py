"""The checks there are: by name, the operator each is compared by, what it judges, and what it measures.

Decides nothing of a verdict. A check judges single rows (it gives the share of those that hold) or the table (counts,
rates and numbers: a rate says what share is tolerated, not that a row is bad). Keeps clause E2.
"""

from __future__ import annotations

import datetime as dt
import operator as compare
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.quality import geometry_checks as shapes
from datasets.quality import value_checks as values
from datasets.quality.custom_sql import custom_sql
from datasets.quality.measures import Measure, NotMeasurable, Probe, Table, share
from datasets.quality.reference_checks import references

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": compare.ge,
    "<=": compare.le,
    "==": compare.eq,
    ">": compare.gt,
    "<": compare.lt,
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked. ``previous_rows``: of the version before; 0: there is none; None: not known."""

    table: Table
    spec: Mapping[str, Any]
    rows_rejected: int
    previous_rows: int | None
    as_of: dt.date | None


Parameters = Mapping[str, Any]
Contribution = Callable[[Subject, Parameters], Probe]


@dataclass(frozen=True, slots=True)
class Kind:
    """A check by name: its default operator, what it judges (``rows`` or ``table``), and what it measures."""

    operator: str
    judges: str
    probe: Contribution


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


# Shares of good rows should be high, rates of bad ones low; row_growth is the relative change of the number of rows in
# either direction. ``domain`` is another name of ``allowed_values``.
KNOWN: dict[str, Kind] = {
    "geometry_valid": Kind(">=", "rows", lambda s, p: shapes.geometry_valid(s.table, p)),
    "geometry_type": Kind(">=", "rows", lambda s, p: shapes.geometry_type(s.table, p)),
    "within_extent": Kind(">=", "rows", lambda s, p: shapes.within_extent(s.table, p, s.spec)),
    "required_fields_present": Kind(">=", "rows", lambda s, p: values.required_fields_present(s.table, p, s.spec)),
    "field_type": Kind(">=", "rows", lambda s, p: values.field_type(s.table, p)),
    "unique": Kind(">=", "rows", lambda s, p: values.unique(s.table, p)),
    "duplicate_rate": Kind("<=", "table", lambda s, p: values.duplicate_rate(s.table, p)),
    "null_rate": Kind("<=", "table", lambda s, p: values.null_rate(s.table, p)),
    "value_range": Kind(">=", "rows", lambda s, p: values.value_range(s.table, p)),
    "allowed_values": Kind(">=", "rows", lambda s, p: values.allowed_values(s.table, p)),
    "domain": Kind(">=", "rows", lambda s, p: values.allowed_values(s.table, p)),
    "pattern": Kind(">=", "rows", lambda s, p: values.pattern(s.table, p)),
    "date_order": Kind(">=", "rows", lambda s, p: values.date_order(s.table, p)),
    "no_future_dates": Kind(">=", "rows", lambda s, p: values.no_future_dates(s.table, p, s.as_of)),
    "references": Kind(">=", "rows", lambda s, p: references(s.table, p)),
    "custom_sql": Kind(">=", "rows", lambda s, p: custom_sql(s.table, p)),
    "row_count": Kind(">=", "table", _row_count),
    "row_growth": Kind("<=", "table", _row_growth),
    "rejected_rate": Kind("<=", "table", _rejected_rate),
}
GEOMETRY_CHECKS = frozenset({"geometry_valid", "geometry_type", "within_extent"})
