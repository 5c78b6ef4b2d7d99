"""Measures all probes of a spec together: one aggregate query, one query for failing rows, one reading of geometries.

Decides no verdict. When one probe breaks the common query, each is asked alone, so that it breaks only itself. What
can't be measured comes back as the reason, in the probe's place. Keeps clause E2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from datasets.quality import custom_sql
from datasets.quality.measures import (
    CustomSql,
    Measure,
    NotMeasurable,
    Probe,
    Repeats,
    RowTest,
    ShapeTest,
    Table,
    share,
)
from datasets.quality.rowset import RowSet

Outcome = Measure | NotMeasurable
_Sql = RowTest | Repeats
#: Each may take ``custom_sql.SECONDS``, and a worker waits for all of them.
MOST_CUSTOM_SQL = 10
_TOO_MANY = NotMeasurable(f"A spec has at most {MOST_CUSTOM_SQL} checks with its own SQL.")


def measure_all(table: Table, probes: Sequence[Probe | NotMeasurable]) -> list[Outcome]:
    """One outcome for each probe, in order; a ``NotMeasurable`` given is handed back."""
    outcomes: dict[int, Outcome] = {}
    by_sql: dict[int, _Sql] = {}
    by_shape: dict[int, ShapeTest] = {}
    own = 0
    for place, probe in enumerate(probes):
        if isinstance(probe, RowTest | Repeats):
            by_sql[place] = probe
        elif isinstance(probe, ShapeTest):
            by_shape[place] = probe
        elif isinstance(probe, CustomSql):
            own += 1
            outcomes[place] = _asked(table, probe) if own <= MOST_CUSTOM_SQL else _TOO_MANY
        else:
            outcomes[place] = probe
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as beside:  # both engines let go of Python's lock, so they run side by side
        shapes = beside.submit(_by_shape, table, by_shape)
        outcomes |= _by_sql(table, by_sql)
        outcomes |= shapes.result()
    return [outcomes[place] for place in range(len(probes))]


def _asked(table: Table, probe: CustomSql) -> Outcome:
    try:
        return custom_sql.ask(table, probe)
    except NotMeasurable as reason:
        return reason


def _by_sql(table: Table, probes: Mapping[int, _Sql]) -> dict[int, Outcome]:
    if not probes:
        return {}
    try:
        counts = count_failing(table, probes)
        failing = _failing(table, {place: probes[place] for place, (_of, failed) in counts.items() if failed})
    except NotMeasurable as reason:
        if len(probes) == 1:
            return dict.fromkeys(probes, reason)
        alone = [_by_sql(table, {place: probe}) for place, probe in probes.items()]
        return {place: outcome for one in alone for place, outcome in one.items()}
    return {place: outcome_of(probes[place], *counts[place], failing.get(place)) for place in probes}


def outcome_of(probe: _Sql, checked: int, failed: int, rows: RowSet | None) -> Outcome:
    """What a probe's two counts come to; ``rows``: those that fail, where they are known."""
    what = probe.what if isinstance(probe, RowTest) else "rows"
    try:
        value = share(failed if probe.rate else checked - failed, checked, what)
    except NotMeasurable as reason:
        return reason
    return Measure(value, {"checked": checked, "failed": failed}, rows)


def count_failing(table: Table, probes: Mapping[int, _Sql]) -> dict[int, tuple[int, int]]:
    """How many rows each probe looks at, and how many of them fail: all probes in one SELECT.

    Rows that don't repeat in some columns don't repeat in those and more, so the widest ``Repeats`` wait for the others
    and are counted only where these found something.
    """
    wide = {place for place, probe in probes.items() if _has_part(probe, probes.values())}
    counts = _count(table, {place: probe for place, probe in probes.items() if place not in wide})
    single = [
        set(probe.columns)
        for place, probe in probes.items()
        if isinstance(probe, Repeats) and place in counts and not counts[place][1]
    ]
    left = {}
    for place in wide:
        probe = probes[place]
        if isinstance(probe, Repeats) and any(part <= set(probe.columns) for part in single):
            counts[place] = (table.rows, 0)
        else:
            left[place] = probe
    return {**counts, **_count(table, left)} if left else counts


def _has_part(probe: _Sql, others: Iterable[_Sql]) -> bool:
    """Whether another probe looks for repeats in a part of this one's columns."""
    return isinstance(probe, Repeats) and any(
        isinstance(other, Repeats) and set(other.columns) < set(probe.columns) for other in others
    )


def _count(table: Table, probes: Mapping[int, _Sql]) -> dict[int, tuple[int, int]]:
    inner: list[str] = []
    outer: list[str] = []
    bound: list[Any] = []
    for place, probe in probes.items():
        if isinstance(probe, RowTest):
            inner += [f"({probe.of}) AS o{place}", f"{_failed(probe)} AS b{place}"]
            bound += probe.parameters
            outer += ["count(*)" if probe.of == "true" else _how_many(f"o{place}"), _how_many(f"b{place}")]
        else:
            keys, distinct = _distinct(table, probe, place)
            inner += keys
            outer += ["count(*)", f"count(*) - {distinct}"]
    doubts = table.doubts(" ".join(inner))
    inner += [f"({doubt}) AS d{place}" for place, doubt in enumerate(doubts)]
    outer += [_how_many(f"d{place}") for place in range(len(doubts))]
    selected = ", ".join(["count(*)", *outer])
    rows, *found = table.one(f"SELECT {selected} FROM (SELECT {', '.join(inner)} FROM t)", bound)  # noqa: S608 - c0
    table.prove(rows, found[len(found) - len(doubts) :])
    counts = {}
    for index, (place, probe) in enumerate(probes.items()):
        checked, failed = int(found[2 * index]), int(found[2 * index + 1])
        if isinstance(probe, Repeats) and failed:
            (failed,) = table.one(f"SELECT count(*) FROM ({_repeating(probe)})")  # noqa: S608 - c0
        counts[place] = (checked, int(failed))
    return counts


def _how_many(flag: str) -> str:
    """SQL for the rows in which a flag is set: half the cost of ``count(*) FILTER``."""
    return f"coalesce(count_if({flag}), 0)"


def _distinct(table: Table, probe: Repeats, place: int) -> tuple[list[str], str]:
    """SQL for the keys of ``probe``, and for how many different ones there are (nulls are one); never too many.

    Equal rows have equal hashes, so distinct hashes prove that nothing repeats; else rows are compared. Whole numbers
    near each other are marked in a string of bits instead, which is exact and a fifth of the work.
    """
    span = table.span(probe.columns[0]) if len(probe.columns) == 1 else None
    if span is None:
        return [f"{_hash(probe.columns)} AS h{place}"], f"count(DISTINCT h{place})"
    key, (least, most) = probe.columns[0], span
    near = f"{key} BETWEEN {least} AND {most}"
    keys = [f"CASE WHEN {near} THEN {key} END AS h{place}", f"CASE WHEN NOT {near} THEN {key} END AS far{place}"]
    marked = f"coalesce(bit_count(bitstring_agg(h{place}, {least}, {most})), 0)"
    others = f"count(DISTINCT far{place}) FILTER (WHERE far{place} IS NOT NULL)"
    nulls = f"least(count(*) - count(h{place}) - count(far{place}), 1)"
    return keys, f"({marked} + {others} + {nulls})"


def _failed(test: RowTest) -> str:
    return f"(({test.of}) AND coalesce({test.bad}, true))"


def _hash(columns: Sequence[str]) -> str:
    return f"hash({', '.join(columns)})"


def _repeating(probe: Repeats) -> str:
    """SQL for the rows (from 0) that repeat an earlier one: exact, and only rows of equal hash are sorted."""
    columns = ", ".join(probe.columns)
    key = _hash(probe.columns)
    twice = f"SELECT {key} FROM t GROUP BY 1 HAVING count(*) > 1"  # noqa: S608 - c0
    ranked = (
        f"SELECT n, row_number() OVER (PARTITION BY {columns} ORDER BY n) AS k "  # noqa: S608 - c0
        f"FROM t WHERE {key} IN ({twice})"
    )
    return f"SELECT n FROM ({ranked}) WHERE k > 1"  # noqa: S608 - c0


def _failing(table: Table, probes: Mapping[int, _Sql]) -> dict[int, RowSet]:
    """The failing rows of each probe that has some: one query for all tests of single rows."""
    found = {place: RowSet(table.rows) for place in probes}
    tests = {place: probe for place, probe in probes.items() if isinstance(probe, RowTest)}
    for place, probe in probes.items():
        if isinstance(probe, Repeats):
            for batch in table.batches(_repeating(probe)):
                found[place].add(batch.column(0))
    if not tests:
        return found
    flags = ", ".join(f"{_failed(test)} AS b{place}" for place, test in tests.items())
    any_of = " OR ".join(f"b{place}" for place in tests)
    bound: list[Any] = [value for test in tests.values() for value in test.parameters]
    names = ", ".join(f"b{place}" for place in tests)
    sql = f"SELECT n, {names} FROM (SELECT n, {flags} FROM t) WHERE {any_of}"  # noqa: S608 - c0
    for batch in table.batches(sql, bound):
        rows = batch.column(0).to_numpy(zero_copy_only=False)
        for index, place in enumerate(tests, start=1):
            found[place].add(rows[batch.column(index).to_numpy(zero_copy_only=False).astype(bool)])
    return found


def _by_shape(table: Table, probes: Mapping[int, ShapeTest]) -> dict[int, Outcome]:
    if not probes:
        return {}
    import numpy as np

    checked = first = 0
    failing = {place: RowSet(table.rows) for place in probes}
    for shapes in table.shapes():
        present = shapes.present
        checked += int(present.sum())
        for place, probe in probes.items():
            bad = present & ~np.asarray(probe.holds(shapes), dtype=bool)
            failing[place].add(np.flatnonzero(bad) + first)
        first += len(present)
    return {place: _shape_outcome(checked, failing[place]) for place in probes}


def _shape_outcome(checked: int, failing: RowSet) -> Outcome:
    failed = len(failing)
    try:
        value = share(checked - failed, checked, "geometries")
    except NotMeasurable as reason:
        return reason
    return Measure(value, {"checked": checked, "failed": failed}, failing if failed else None)
