"""Measures values and counts of rows by SQL over the file.

Decides nothing about thresholds: each function returns a ``Measure`` or raises ``NotMeasurable``. Never shows a value,
only counts and row numbers. A value that should be a date or number and isn't one fails; it isn't skipped. Clause E2.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from datasets.quality.measures import SAMPLE_ROWS, Measure, NotMeasurable, Table, share

_DATE_FORMATS = (
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y%m%d",
)


def _names(parameters: Mapping[str, Any], default: Sequence[str]) -> list[str]:
    names = parameters.get("fields", parameters.get("field", list(default)))
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not names:
        raise NotMeasurable("The check names no fields, and the spec has no canonical fields.")
    return list(names)


def required_fields_present(table: Table, parameters: Mapping[str, Any], spec: Mapping[str, Any]) -> Measure:
    """Share of the rows in which none of ``fields`` (default: all canonical fields) is null or blank text."""
    canonical = spec.get("normalization", {}).get("canonical_fields", {})
    bad = []
    for name in _names(parameters, list(canonical)):
        column = table.column(name)
        is_text = pa.types.is_string(table.type_of(name))
        bad.append(f"({column} IS NULL OR trim({column}) = '')" if is_text else f"{column} IS NULL")
    return table.failing("true", " OR ".join(bad), (), "rows")


def _duplicates(table: Table, names: Sequence[str]) -> tuple[int, tuple[int, ...]]:
    columns = ", ".join(table.column(name) for name in names)
    ranked = f"SELECT n, row_number() OVER (PARTITION BY {columns} ORDER BY n) AS k FROM t"  # noqa: S608 - c0, c1
    (count,) = table.one(f"SELECT count(*) FROM ({ranked}) WHERE k > 1")  # noqa: S608
    least = f"SELECT n + 1 AS r FROM ({ranked}) WHERE k > 1 ORDER BY n LIMIT {SAMPLE_ROWS}"  # noqa: S608
    (rows,) = table.one(f"SELECT list(r ORDER BY r) FROM ({least})")  # noqa: S608
    return int(count), tuple(int(row) for row in rows or ())


def unique(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the rows that are the first with their values of ``fields``; nulls equal each other."""
    count, rows = _duplicates(table, _names(parameters, ()))
    return Measure(share(table.rows - count, table.rows, "rows"), {"checked": table.rows, "failed": count}, rows)


def duplicate_rate(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the rows that repeat an earlier row in ``fields`` (default: all columns)."""
    count, rows = _duplicates(table, _names(parameters, table.schema.names))
    return Measure(share(count, table.rows, "rows"), {"checked": table.rows, "failed": count}, rows)


def null_rate(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the rows in which ``field`` is null."""
    column = table.column(parameters.get("field"))
    (nulls,) = table.one(f"SELECT count(*) - count({column}) FROM t")  # noqa: S608 - c0, c1
    rows = table.sample(f"{column} IS NULL") if nulls else ()
    return Measure(share(nulls, table.rows, "rows"), {"checked": table.rows, "failed": int(nulls)}, rows)


def value_range(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the values of the numeric ``field`` from ``min`` to ``max`` (either may be absent)."""
    column = table.column(parameters.get("field"))
    kind = table.type_of(parameters["field"])
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise NotMeasurable(f"The field {parameters['field'][:80]!r} is not numeric but {kind}.")
    limits = [(parameters[name], sign) for name, sign in (("min", "<"), ("max", ">")) if name in parameters]
    if not limits or any(type(limit) not in {int, float} for limit, _sign in limits):
        raise NotMeasurable("The check needs a number as min, max or both.")
    bad = " OR ".join(f"{column} {sign} {_literal(limit)}" for limit, sign in limits)
    return table.failing(f"{column} IS NOT NULL", bad, (), "values")


def _literal(number: float) -> str:
    """A number as an SQL literal; its type was checked, so it can't be anything else."""
    return repr(float(number)) if isinstance(number, float) else repr(int(number))


def allowed_values(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the values of ``field`` that are among ``values``."""
    column = table.column(parameters.get("field"))
    values = parameters.get("values")
    if not isinstance(values, list) or not values:
        raise NotMeasurable("The check names no values.")
    try:
        typed = pa.array(values, table.type_of(parameters["field"])).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise NotMeasurable(f"The values are not of the field's type, {table.type_of(parameters['field'])}.") from error
    index = table.schema.names.index(parameters["field"])
    kept = f"SELECT count(*) FILTER (WHERE c{index} IS NOT NULL) FROM t"  # noqa: S608 - c0, c1
    (checked,) = table.one(kept)
    condition = f"{column} IS NOT NULL AND NOT list_contains(?, {column})"
    (failed,) = table.one(f"SELECT count(*) FROM t WHERE {condition}", [typed])  # noqa: S608
    rows = table.sample(condition, [typed]) if failed else ()
    return Measure(share(checked - failed, checked, "values"), {"checked": checked, "failed": failed}, rows)


def _timestamp(table: Table, name: Any) -> str:
    column = table.column(name)
    kind = table.type_of(name)
    if pa.types.is_temporal(kind):
        return f"CAST({column} AS TIMESTAMP)"
    text = f"CAST({column} AS VARCHAR)"
    formats = ", ".join(f"'{pattern}'" for pattern in _DATE_FORMATS)
    return f"coalesce(TRY_CAST({text} AS TIMESTAMP), try_strptime({text}, [{formats}]))"


def date_order(table: Table, parameters: Mapping[str, Any]) -> Measure:
    """Share of the rows having ``start`` and ``end`` in which start is not after end; what is no date fails."""
    names = (parameters.get("start"), parameters.get("end"))
    of = " AND ".join(f"{table.column(name)} IS NOT NULL" for name in names)
    start, end = (_timestamp(table, name) for name in names)
    return table.failing(of, f"{start} > {end}", (), "rows with both dates")


def no_future_dates(table: Table, parameters: Mapping[str, Any], as_of: dt.date | None) -> Measure:
    """Share of the dates of ``field`` that are not after the day ``as_of``; what is no date fails."""
    if as_of is None:
        raise NotMeasurable("No day was given to compare with.")
    column = table.column(parameters.get("field"))
    bad = f"CAST({_timestamp(table, parameters['field'])} AS DATE) > DATE '{as_of.isoformat()}'"
    return table.failing(f"{column} IS NOT NULL", bad, (), "dates")
