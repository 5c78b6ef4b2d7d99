"""Decides the types of CSV columns, a block of cells at a time, by the rules of ``columns``.

The plain cells are judged by Arrow; whatever is not plain goes through ``kind_of_text`` one by one, so that both ways
always agree. Helps clause A1 (same bytes, same result).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.columns import ARROW_TYPES, kind_of_text, type_of

# Fifteen digits: an integer that a double holds too, and a decimal that keeps all its digits.
_PLAIN_INTEGER = r"^(?:0|-?[1-9][0-9]{0,14})$"
_PLAIN_DECIMAL = r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$"
_PLAIN_LENGTH = 16


class TextTypes:
    """Collects the kinds of the cells of each column."""

    def __init__(self, names: Sequence[str]) -> None:
        self._kinds: dict[str, set[str]] = {name: set() for name in names}

    def observe(self, name: str, cells: pa.Array) -> None:
        """``cells``: strings; an empty one is null."""
        kinds = self._kinds[name]
        if "string" in kinds or not len(cells):
            return
        # The first cells of a column of text end the question without looking at the rest.
        for part in (cells[:64], cells[64:]):
            kinds |= _kinds(part, kinds)
            if "string" in kinds:
                return

    def types(self) -> dict[str, str]:
        return {name: type_of(kinds) for name, kinds in self._kinds.items()}


def _kinds(cells: pa.Array, known: set[str]) -> set[str]:
    found: set[str] = set()
    rest = cells.filter(pc.not_equal(cells, ""))
    integers = pc.match_substring_regex(rest, _PLAIN_INTEGER)
    if pc.any(integers).as_py():
        found.add("exact")
        rest = rest.filter(pc.invert(integers))
    if not len(rest):
        return found
    decimals = pc.and_(
        pc.match_substring_regex(rest, _PLAIN_DECIMAL), pc.less_equal(pc.binary_length(rest), _PLAIN_LENGTH)
    )
    if pc.any(decimals).as_py():
        found.add("double")
        rest = rest.filter(pc.invert(decimals))
    for cell in rest:
        found.add(kind_of_text(cell.as_py()))
        if "string" in found or type_of(found | known) == "string":
            found.add("string")
            break
    return found


def convert_cells(cells: pa.Array, column_type: str) -> pa.Array:
    """Cells as their column's type; an empty cell is null."""
    empty = pc.equal(cells, "")
    filled = pc.if_else(empty, pa.scalar(None, pa.string()), cells)
    if column_type == "bool":
        return pc.equal(pc.utf8_lower(filled), "true")
    return filled if column_type == "string" else pc.cast(filled, ARROW_TYPES[column_type])
