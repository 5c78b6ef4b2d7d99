"""Sets of row numbers, one bit a row, so that a million failing rows weigh 125 KB. Words only: decides nothing.

NumPy is loaded when a set is made: who only counts rows does without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Flags = npt.NDArray[np.bool_]

_BITS = 8


class RowSet:
    """Some of a table's rows, by index from 0."""

    def __init__(self, rows: int) -> None:
        import numpy as np

        self._rows = rows
        self._bits = np.zeros(-(-rows // _BITS), dtype=np.uint8)

    def add(self, indices: Any) -> None:
        """Adds rows by index (an array of integers). Raises ``IndexError`` for one that the table lacks."""
        import numpy as np

        chosen = np.asarray(indices, dtype=np.int64)
        if len(chosen) == 0:
            return
        if chosen.min() < 0 or chosen.max() >= self._rows:
            raise IndexError("A row number lies outside the table.")
        np.bitwise_or.at(self._bits, chosen // _BITS, np.uint8(128) >> (chosen % _BITS).astype(np.uint8))

    def between(self, start: int, stop: int) -> Flags:
        """One flag for each row from ``start`` to before ``stop``."""
        import numpy as np

        whole = np.unpackbits(self._bits[start // _BITS : -(-stop // _BITS)])
        first = start - start // _BITS * _BITS
        return whole[first : first + stop - start].astype(bool)

    def __len__(self) -> int:
        import numpy as np

        return int(np.unpackbits(self._bits).sum()) if len(self._bits) else 0

    def first(self, count: int) -> tuple[int, ...]:
        """The first ``count`` rows, numbered from 1."""
        import numpy as np

        found: list[int] = []
        for place in np.flatnonzero(self._bits)[:count]:
            inside = np.flatnonzero(np.unpackbits(self._bits[place : place + 1]))
            found.extend(int(place) * _BITS + int(bit) + 1 for bit in inside)
        return tuple(found[:count])

    def __or__(self, other: RowSet) -> RowSet:
        union = RowSet(self._rows)
        union._bits = self._bits | other._bits
        return union


@dataclass(frozen=True, slots=True)
class Failing:
    """The rows that some blocking row check refuses: the checks' names with the rows each refuses."""

    rows: int
    by_check: Mapping[str, RowSet] = field(default_factory=dict)

    def union(self) -> RowSet:
        """Every row that any check refuses."""
        refused = RowSet(self.rows)
        for rows in self.by_check.values():
            refused = refused | rows
        return refused
