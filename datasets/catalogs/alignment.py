"""DCAT, STAC and PROV side by side: one row a fact, and whether they say the same.

Decides only agreement: equal, different, missing where it is owed, or not comparable because a document can't be read.
Never decides a clause (gate D does, by crosslinks) and never guesses which document is right: it says which one stands
alone. Pure; helps people to read clause D2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from datasets.catalogs.facts_said import FACTS
from datasets.catalogs.files_said import artifacts, runs
from datasets.catalogs.sayings import COLUMNS, Column, Fact, Read, Said, stac_documents

Verdict = Literal["agree", "alone", "missing", "differ", "unread"]
CellState = Literal["says", "odd", "missing", "silent", "unread"]
_VERDICTS: Final[tuple[tuple[CellState, Verdict], ...]] = (
    ("odd", "differ"),
    ("missing", "missing"),
    ("unread", "unread"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """What one document says of a fact. ``odd``: it says otherwise; ``missing``: it owes it; ``silent``: it need not
    say it; ``unread``: it can't be read. ``absent``: which STAC documents owe it and don't say it.
    """

    column: Column
    state: CellState
    said: tuple[Said, ...]
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. ``alone``: one document says it, and no other has to."""

    group: str
    name: str
    verdict: Verdict
    cells: tuple[Cell, ...]


def align(read: Read) -> list[Row]:
    """Every fact that at least one document says or owes, in a fixed order: facts, runs, then artifacts by key."""
    rows = [_row(fact, read) for fact in (*FACTS, *runs(read.triplet), *artifacts(read.triplet))]
    return [row for row in rows if any(cell.said or cell.state in ("missing", "unread") for cell in row.cells)]


def _row(fact: Fact, read: Read) -> Row:
    said = list(fact.said(read.triplet))
    by_column = {column: tuple(one for one in said if one.column == column) for column in COLUMNS}
    odd = _odd(by_column)
    cells = tuple(_cell(column, by_column[column], odd, fact, read) for column in COLUMNS)
    return Row(fact.group, fact.name, _verdict(cells), cells)


def _cell(column: Column, said: tuple[Said, ...], odd: frozenset[Column], fact: Fact, read: Read) -> Cell:
    absent = _absent(said, read) if said and fact.each and column == "stac" else ()
    if column in odd:
        return Cell(column, "odd", said, absent)
    if said:
        return Cell(column, "missing" if absent else "unread" if _partly(column, fact, read) else "says", said, absent)
    if column not in fact.owed:
        return Cell(column, "silent", ())
    return Cell(column, "unread" if read.unread(column) else "missing", ())


def _absent(said: Sequence[Said], read: Read) -> tuple[str, ...]:
    told = {one.source for one in said}
    return tuple(name for name, _ in stac_documents(read.triplet) if name not in told)


def _partly(column: Column, fact: Fact, read: Read) -> bool:
    """Whether only some of the STAC documents that owe the fact could be read."""
    return column == "stac" and fact.each and read.unread(column)


def _odd(by_column: Mapping[Column, Sequence[Said]]) -> frozenset[Column]:
    """The documents that say otherwise than most; all that speak, when there is no most."""
    keys = {column: frozenset(one.key for one in said) for column, said in by_column.items() if said}
    if len({key for found in keys.values() for key in found}) <= 1:
        return frozenset()
    ranked = Counter(found for found in keys.values() if len(found) == 1).most_common()
    if not ranked or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return frozenset(keys)
    return frozenset(column for column, found in keys.items() if found != ranked[0][0])


def _verdict(cells: Sequence[Cell]) -> Verdict:
    states = {cell.state for cell in cells}
    for state, verdict in _VERDICTS:
        if state in states:
            return verdict
    return "agree" if sum(bool(cell.said) for cell in cells) > 1 else "alone"
