"""Describes the rows that go on, column by column: nulls, distinct values, histograms, commonest texts, extent.

Decides nothing. The same bytes give the same description: quantiles are exact, of every k-th row in a table of more
than a million. It holds values, so where it may go is the report's business (``QualityReport.beside``). Keeps E1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.quality import column_types as types
from datasets.quality.measures import Table
from datasets.quality.numbers import canonical_number

BINS = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_DISTINCT, SHOWN_VALUES, LONGEST_VALUE = 50, 10, 100
_EXACT_ROWS = 1_000_000
# HyperLogLog is off by a few per cent; the exact count is taken of what may be within the limit.
_MAYBE_FEW = 2 * MOST_DISTINCT


@dataclass(frozen=True, slots=True)
class Description:
    """``columns``: name, type, nulls, distinct; ``distributions``: one for each column that has one."""

    rows: int
    columns: tuple[dict[str, Any], ...]
    distributions: tuple[dict[str, Any], ...]
    extent: tuple[float, ...] | None


def describe(parquet: Path) -> Description:
    """Describes one Parquet file. Raises ``OSError`` or ``pyarrow.ArrowInvalid``."""
    table = Table(parquet)
    try:
        columns = _profile(table)
        distributions = [*_ranges(table), *_commonest(table, columns)]
        order = {name: place for place, name in enumerate(table.schema.names)}
        distributions.sort(key=lambda one: order[one["name"]])
        return Description(table.rows, columns, tuple(distributions), _extent(table))
    finally:
        table.close()


def _profile(table: Table) -> tuple[dict[str, Any], ...]:
    """Per column: name, type, nulls and the approximate number of distinct values (None for geometries)."""
    geometry = table.geo.get("primary_column")
    expressions = []
    for index, name in enumerate(table.schema.names):
        expressions.append(f"count(*) - count(c{index})")
        expressions.append("NULL" if name == geometry else f"approx_count_distinct(c{index})")
    found = table.one(f"SELECT {', '.join(expressions)} FROM t") if expressions else ()  # noqa: S608 - c0, c1
    return tuple(
        {
            "name": name,
            "type": "geometry" if name == geometry else str(table.schema.field(index).type),
            "nulls": int(found[2 * index]),
            "distinct_approximate": found[2 * index + 1],
        }
        for index, name in enumerate(table.schema.names)
    )


def _ranges(table: Table) -> list[dict[str, Any]]:
    """Numbers and dates: least, greatest, quantiles, and a histogram of equal bins between least and greatest."""
    measured = [(index, *_as_number(index, kind)) for index, kind in enumerate(table.schema.types) if _is_range(kind)]
    if not measured:
        return []
    step = -(-table.rows // _EXACT_ROWS) or 1
    wanted = ", ".join(map(str, QUANTILES))
    expressions = [
        f"count({x}), min({x}), max({x}), quantile_disc({x}, [{wanted}]) FILTER (WHERE n % {step} = 0)"
        for _index, _kind, x in measured
    ]
    found = table.one(f"SELECT {', '.join(expressions)} FROM t")  # noqa: S608 - c0, c1
    ranges = []
    for place, (index, kind, x) in enumerate(measured):
        count, least, most, quantiles = found[4 * place : 4 * place + 4]
        if count:
            ranges.append((index, kind, x, int(count), float(least), float(most), quantiles or []))
    counts = _histograms(table, [(x, least, most) for _i, _k, x, _c, least, most, _q in ranges])
    return [
        {
            "name": table.schema.names[index],
            "kind": kind,
            "count": count,
            "min": canonical_number(least),
            "max": canonical_number(most),
            "quantiles": [[q, canonical_number(v)] for q, v in zip(QUANTILES, quantiles, strict=False)],
            "bins": bins,
        }
        for (index, kind, _x, count, least, most, quantiles), bins in zip(ranges, counts, strict=True)
    ]


def _is_range(kind: Any) -> bool:
    return any(test(kind) for test in (types.is_integer, types.is_floating, types.is_date))


def _as_number(index: int, kind: Any) -> tuple[str, str]:
    """What a column holds, and SQL for it as a finite double; dates as seconds since 1970."""
    if types.is_date(kind):
        return "date", f"epoch(CAST(c{index} AS TIMESTAMP))"
    double = f"CAST(c{index} AS DOUBLE)"
    return "number", double if types.is_integer(kind) else f"CASE WHEN isfinite({double}) THEN {double} END"


def _histograms(table: Table, ranges: Sequence[tuple[str, float, float]]) -> list[list[int]]:
    """For each (SQL, least, greatest) the counts of its bins; all counted in one look."""
    if not ranges:
        return []
    asked: list[str] = []
    bound: list[float] = []
    for x, least, most in ranges:
        # Halves, because the difference of two doubles may be no finite double.
        place = f"CAST(least({BINS - 1}, floor((({x}) / 2 - ?) / ?)) AS TINYINT)"
        asked.append(f"histogram({place}) FILTER (WHERE ({x}) IS NOT NULL)")
        bound += [least / 2, (most / 2 - least / 2) / BINS or 1.0]
    found = table.one(f"SELECT {', '.join(asked)} FROM t", bound)  # noqa: S608 - c0, c1
    return [_counts(bins) for bins in found]


def _counts(bins: dict[int, int]) -> list[int]:
    counts = [0] * BINS
    for place, count in bins.items():
        counts[max(0, int(place))] += int(count)
    return counts


def _commonest(table: Table, columns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Texts and booleans: the commonest values, where there are few different ones; else only how many there are."""
    found = []
    for index, column in enumerate(columns):
        kind = table.schema.types[index]
        if not (types.is_string(kind) or types.is_boolean(kind)) or column["type"] == "geometry":
            continue
        one = {"name": column["name"], "kind": "text", "count": table.rows - column["nulls"], "values": None}
        if column["distinct_approximate"] <= _MAYBE_FEW:
            one["values"] = _values(table, index)
        found.append(one)
    return found


def _values(table: Table, index: int) -> list[list[Any]] | None:
    sql = (
        f"SELECT CAST(c{index} AS VARCHAR) AS v, count(*) AS k FROM t WHERE c{index} IS NOT NULL "  # noqa: S608 - c0
        f"GROUP BY 1 ORDER BY k DESC, v LIMIT {MOST_DISTINCT + 1}"
    )
    rows = [(str(row["v"]), int(row["k"])) for batch in table.batches(sql) for row in batch.to_pylist()]
    if len(rows) > MOST_DISTINCT or any(len(value) > LONGEST_VALUE for value, _count in rows):
        return None
    return [[value, count] for value, count in rows[:SHOWN_VALUES]]


def _extent(table: Table) -> tuple[float, ...] | None:
    columns = table.geo.get("columns")
    column = columns.get(table.geo.get("primary_column"), {}) if isinstance(columns, dict) else {}
    bbox = column.get("bbox")
    return tuple(canonical_number(number) or 0 for number in bbox) if bbox else None
