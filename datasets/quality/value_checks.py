"""Tests of values by SQL over the file: presence, uniqueness, types, domains, ranges, patterns, dates, references.

Decides nothing about thresholds: each function returns a probe or raises ``NotMeasurable``. Never shows a value, only
counts and row numbers. A value that should be a date or number and isn't one fails; it isn't skipped. Clause E2.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from datasets.quality import column_types as types
from datasets.quality.measures import NotMeasurable, Repeats, RowTest, Table

MOST_PATTERN_CHARACTERS = 500
_DATE_FORMATS = (
    "%d-%b-%y %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y",
    "%Y%m%d",
)
# What a text must be to be of a type; a column that has the type already needs no look.
_READ_AS = {
    "integer": "TRY_CAST(trim({0}) AS BIGINT) IS NOT NULL AND regexp_full_match(trim({0}), '[-+]?[0-9]+')",
    "number": "isfinite(TRY_CAST(trim({0}) AS DOUBLE))",
    "boolean": "lower(trim({0})) IN ('true', 'false')",
}
# What a value of a spec must be to be compared with a column of a type; JSON has no dates.
_FITS: dict[str, Callable[[Any], bool]] = {
    "integer": lambda value: (
        (type(value) is int or (type(value) is float and value.is_integer())) and abs(value) < 2**63
    ),
    "number": lambda value: type(value) in {int, float},
    "boolean": lambda value: type(value) is bool,
    "text": lambda value: type(value) is str,
}
FIELD_TYPES = ("integer", "number", "boolean", "date", "text")

Parameters = Mapping[str, Any]


def names_of(parameters: Parameters, default: Sequence[str], one: str = "field", many: str = "fields") -> list[str]:
    """The fields that a check names. Raises ``NotMeasurable`` for none."""
    names = parameters.get(many, parameters.get(one, list(default)))
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list | tuple) or not names:
        raise NotMeasurable("The check names no fields, and the spec has no canonical fields.")
    return list(names)


def required_fields_present(table: Table, parameters: Parameters, spec: Mapping[str, Any]) -> RowTest:
    """Share of the rows in which none of ``fields`` (default: all canonical fields) is null or blank text."""
    canonical = spec.get("normalization", {}).get("canonical_fields", {})
    bad = []
    for name in names_of(parameters, list(canonical)):
        column = table.column(name)
        is_text = types.is_string(table.type_of(name))
        # What begins with a visible ASCII character is not blank; the rest is trimmed of spaces of every script.
        blank = f"CASE WHEN {column} BETWEEN '!' AND '~' THEN false ELSE trim({column}) = '' END"
        bad.append(f"({column} IS NULL OR {blank})" if is_text else f"{column} IS NULL")
    return RowTest("true", " OR ".join(bad), "rows")


def unique(table: Table, parameters: Parameters) -> Repeats:
    """Share of the rows that are the first with their values of ``fields``; nulls equal each other."""
    return Repeats(tuple(table.column(name) for name in names_of(parameters, ())))


def duplicate_rate(table: Table, parameters: Parameters) -> Repeats:
    """Share of the rows that repeat an earlier row in ``fields`` (default: all columns)."""
    return Repeats(tuple(table.column(name) for name in names_of(parameters, table.schema.names)), rate=True)


def null_rate(table: Table, parameters: Parameters) -> RowTest:
    """Share of the rows in which ``field`` is null."""
    return RowTest("true", f"{table.column(parameters.get('field'))} IS NULL", "rows", rate=True)


def field_type(table: Table, parameters: Parameters) -> RowTest:
    """Share of the values of ``field`` that are of ``type``: integer, number, boolean, date or text."""
    column, wanted = table.column(parameters.get("field")), parameters.get("type")
    if wanted not in FIELD_TYPES:
        raise NotMeasurable(f"The type is none of {', '.join(FIELD_TYPES)}.")
    kind = _kind(table.type_of(parameters["field"]))
    bad = "true"
    if wanted == kind or (wanted, kind) == ("number", "integer"):
        bad = "false" if kind != "number" else f"NOT isfinite({column})"
    elif (wanted, kind) == ("integer", "number"):
        bad = f"{column} <> trunc({column}) OR NOT isfinite({column})"
    elif kind == "text":
        bad = f"{_timestamp(table, parameters['field'])} IS NULL" if wanted == "date" else ""
        bad = bad or f"NOT coalesce({_READ_AS[wanted].format(column)}, false)"
    return RowTest(f"{column} IS NOT NULL", bad, "values")


def _kind(kind: Any) -> str:
    """What a column holds, in the words of ``FIELD_TYPES``; ``other`` for what none of them says."""
    if types.is_integer(kind):
        return "integer"
    if types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_date(kind):
        return "date"
    return "text" if types.is_text(kind) else "other"


def value_range(table: Table, parameters: Parameters) -> RowTest:
    """Share of the values of the numeric ``field`` from ``min`` to ``max`` (either may be absent)."""
    column = table.column(parameters.get("field"))
    kind = table.type_of(parameters["field"])
    if not (types.is_integer(kind) or types.is_floating(kind)):
        raise NotMeasurable(f"The field {parameters['field'][:80]!r} is not numeric but {kind}.")
    limits = [(parameters[name], sign) for name, sign in (("min", "<"), ("max", ">")) if name in parameters]
    if not limits or any(type(limit) not in {int, float} for limit, _sign in limits):
        raise NotMeasurable("The check needs a number as min, max or both.")
    bad = [f"{column} {sign} {_literal(limit)}" for limit, sign in limits]
    if types.is_floating(kind):  # NaN is in no range
        bad.append(f"isnan({column})")
    return RowTest(f"{column} IS NOT NULL", " OR ".join(bad), "values")


def _literal(number: float) -> str:
    """A number as an SQL literal; its type was checked, so it can't be anything else."""
    return repr(float(number)) if isinstance(number, float) else repr(int(number))


def allowed_values(table: Table, parameters: Parameters) -> RowTest:
    """Share of the values of ``field`` that are among ``values``."""
    column = table.column(parameters.get("field"))
    values = parameters.get("values")
    if not isinstance(values, list) or not values:
        raise NotMeasurable("The check names no values.")
    kind = table.type_of(parameters["field"])
    fits = _FITS.get(_kind(kind))
    if fits is None or not all(value is None or fits(value) for value in values):
        raise NotMeasurable(f"The values are not of the field's type, {kind}.")
    whole = _kind(kind) == "integer"
    typed = [int(value) if whole else value for value in values if value is not None]
    if not typed:
        raise NotMeasurable("The check names no values.")
    return RowTest(f"{column} IS NOT NULL", f"NOT list_contains(?, {column})", "values", (typed,))


def pattern(table: Table, parameters: Parameters) -> RowTest:
    """Share of the texts of ``field`` that match ``pattern`` as a whole (RE2, so linear in the text's length).

    Whole numbers are matched as they are written: codes without a leading zero are numbers in the normalized file.
    """
    column, expression = table.column(parameters.get("field")), parameters.get("pattern")
    kind = _kind(table.type_of(parameters["field"]))
    if kind not in {"text", "integer"}:
        raise NotMeasurable(f"The field {parameters['field'][:80]!r} is neither text nor whole numbers.")
    if not isinstance(expression, str) or not 0 < len(expression) <= MOST_PATTERN_CHARACTERS:
        raise NotMeasurable(f"The pattern is not a text of 1 to {MOST_PATTERN_CHARACTERS} characters.")
    try:
        table.one("SELECT regexp_full_match('', ?)", [expression])
    except NotMeasurable as error:
        raise NotMeasurable("The pattern is not a regular expression that RE2 can read.") from error
    text = column if kind == "text" else f"CAST({column} AS VARCHAR)"
    return RowTest(f"{column} IS NOT NULL", f"NOT regexp_full_match({text}, ?)", "values", (expression,))


def _timestamp(table: Table, name: Any) -> str:
    column = table.column(name)
    kind = table.type_of(name)
    if types.is_temporal(kind):
        return f"CAST({column} AS TIMESTAMP)"
    text = f"CAST({column} AS VARCHAR)"
    formats = ", ".join(f"'{pattern}'" for pattern in _DATE_FORMATS)
    return f"coalesce(TRY_CAST({text} AS TIMESTAMP), try_strptime({text}, [{formats}]))"


def date_order(table: Table, parameters: Parameters) -> RowTest:
    """Share of the rows having ``start`` and ``end`` in which start is not after end; what is no date fails."""
    names = (parameters.get("start"), parameters.get("end"))
    of = " AND ".join(f"{table.column(name)} IS NOT NULL" for name in names)
    start, end = (_timestamp(table, name) for name in names)
    return RowTest(of, f"{start} > {end}", "rows with both dates")


def no_future_dates(table: Table, parameters: Parameters, as_of: dt.date | None) -> RowTest:
    """Share of the dates of ``field`` that are not after the day ``as_of``; what is no date fails."""
    if as_of is None:
        raise NotMeasurable("No day was given to compare with.")
    column = table.column(parameters.get("field"))
    bad = f"CAST({_timestamp(table, parameters['field'])} AS DATE) > DATE '{as_of.isoformat()}'"
    return RowTest(f"{column} IS NOT NULL", bad, "dates")
