"""Where the nodes and edges of a layered graph are drawn: left to right, the same each time, legible when large.

Decides geometry only; knows nothing of provenance. Nodes stand in columns, each right of all that leads to it; a cycle
is broken at the node that comes first. Those in the lane stand in a row of their own below. Pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

WIDTH, HEIGHT = 160, 46
COLUMN_GAP, ROW_GAP, MARGIN = 44, 18, 14
_SWEEPS: Final = 4
_STEP: Final = WIDTH + COLUMN_GAP // 2


@dataclass(frozen=True, slots=True)
class Place:
    """A node's upper left corner."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Layout:
    places: Mapping[str, Place]
    lane: Collection[str]
    width: int
    height: int

    def curve(self, start: str, end: str) -> str:
        """An SVG path from one node to another: from right to left side, or from the lane up."""
        a, b = self.places[start], self.places[end]
        if a.x + WIDTH <= b.x and not {start, end} & set(self.lane):
            x1, y1, x2, y2 = a.x + WIDTH, a.y + HEIGHT // 2, b.x, b.y + HEIGHT // 2
            middle = max((x2 - x1) // 2, COLUMN_GAP // 2)
            return f"M{x1} {y1}C{x1 + middle} {y1} {x2 - middle} {y2} {x2} {y2}"
        up = a.y > b.y
        x1, y1 = a.x + WIDTH // 2, a.y if up else a.y + HEIGHT
        x2, y2 = b.x + WIDTH // 2, b.y + HEIGHT if up else b.y
        bend = (y2 - y1) // 2
        return f"M{x1} {y1}C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"


def lay_out(keys: Sequence[str], edges: Sequence[tuple[str, str]], lane: Collection[str] = ()) -> Layout:
    """``keys``: every node, in an order that settles ties; ``edges``: (from, to); ``lane``: nodes of the row below."""
    upper = [key for key in keys if key not in lane]
    drawn = [(a, b) for a, b in edges if a not in lane and b not in lane]
    columns = _ordered(_columns(upper, drawn), drawn)
    tallest = max((len(column) for column in columns), default=0)
    places: dict[str, Place] = {}
    for number, column in enumerate(columns):
        free = (tallest - len(column)) * (HEIGHT + ROW_GAP) // 2
        for row, key in enumerate(column):
            places[key] = Place(_x(number), MARGIN + free + row * (HEIGHT + ROW_GAP))
    below = MARGIN + tallest * (HEIGHT + ROW_GAP) + ROW_GAP
    places |= _lane([key for key in keys if key in lane], edges, places, below)
    right = max((place.x for place in places.values()), default=0) + WIDTH + MARGIN
    bottom = max((place.y for place in places.values()), default=0) + HEIGHT + MARGIN
    return Layout(places, frozenset(lane), right, bottom)


def _x(column: int) -> int:
    return MARGIN + column * (WIDTH + COLUMN_GAP)


def _columns(keys: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Each node one column right of the last that leads to it; one that nothing leads to, beside what it leads to."""
    before: dict[str, set[str]] = {key: set() for key in keys}
    after: dict[str, set[str]] = {key: set() for key in keys}
    for start, end in edges:
        if start != end:
            before[end].add(start)
            after[start].add(end)
    level: dict[str, int] = {}
    left = list(keys)
    while left:
        ready = [key for key in left if before[key] <= level.keys()] or left[:1]  # a cycle: broken at the first
        for key in ready:
            level[key] = max((level[other] + 1 for other in before[key] if other in level), default=0)
        left = [key for key in left if key not in level]
    for key in keys:
        if not before[key] and after[key]:
            level[key] = max(0, min(level[other] for other in after[key]) - 1)
    columns: list[list[str]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for key in keys:
        columns[level[key]].append(key)
    return [column for column in columns if column]


def _ordered(columns: list[list[str]], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Within the columns, nodes near what they are joined to: fewer crossings."""
    near: dict[str, list[str]] = {}
    for start, end in edges:
        near.setdefault(end, []).append(start)
        near.setdefault(start, []).append(end)
    for sweep in range(_SWEEPS):
        rows = {key: row - len(column) / 2 for column in columns for row, key in enumerate(column)}
        for number in range(len(columns)) if sweep % 2 == 0 else range(len(columns) - 1, -1, -1):
            column = columns[number]
            columns[number] = sorted(column, key=lambda key: _middle(key, near, rows))  # stable: ties stay
            rows |= {key: row - len(column) / 2 for row, key in enumerate(columns[number])}
    return columns


def _middle(key: str, near: Mapping[str, Sequence[str]], rows: Mapping[str, float]) -> float:
    found = [rows[other] for other in near.get(key, ()) if other in rows]
    return sum(found) / len(found) if found else rows[key]


def _lane(
    keys: Sequence[str], edges: Sequence[tuple[str, str]], places: Mapping[str, Place], y: int
) -> dict[str, Place]:
    """Each below what it is joined to, none upon another."""
    wanted: dict[str, int] = {}
    for key in keys:
        touched = [places[end].x for start, end in edges if start == key and end in places]
        touched += [places[start].x for start, end in edges if end == key and start in places]
        wanted[key] = sum(touched) // len(touched) if touched else MARGIN
    found: dict[str, Place] = {}
    free = MARGIN
    ordered = sorted(keys, key=lambda key: wanted[key])
    for key in ordered:
        x = max(free, wanted[key])
        found[key] = Place(x, y)
        free = x + _STEP
    last = max((place.x for place in places.values()), default=0)
    for key in reversed(ordered):  # back under the columns, as far as there is room
        found[key] = Place(max(min(found[key].x, last), MARGIN + _STEP * ordered.index(key)), y)
        last = found[key].x - _STEP
    return found
