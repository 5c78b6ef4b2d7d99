"""What single values are, and what type a column of them has; the rule is ``datasets.formats.columns``'s.

Words only, and loads no Arrow, so that a preflight can ask it in a moment. Helps clause A1 (same bytes, same result).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]{1,2})?|-?(?:0|[1-9][0-9]*)")
_EXACT_DIGITS = 15
_EXACT_INTEGER = 2**53
_INT64 = 2**63
BOOLEANS = {"true": True, "false": False}


def kind_of_json(value: Any) -> str:
    """One of bool, int64, exact (an integer that a double holds too), double, string."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        if -_EXACT_INTEGER <= value <= _EXACT_INTEGER:
            return "exact"
        return "int64" if -_INT64 <= value < _INT64 else "string"
    return "double" if isinstance(value, float) else "string"


def kind_of_text(cell: str) -> str:
    """As ``kind_of_json``, for a CSV cell that is not empty."""
    if _INTEGER.fullmatch(cell):
        return kind_of_json(int(cell))
    if _DECIMAL.fullmatch(cell):
        mantissa = re.split("[eE]", cell, maxsplit=1)[0]
        return "double" if sum(character.isdigit() for character in mantissa) <= _EXACT_DIGITS else "string"
    return "bool" if cell.lower() in BOOLEANS else "string"


def type_of(kinds: Iterable[str]) -> str:
    """The column type that holds all kinds seen; ``string`` for a column of nulls only."""
    seen = set(kinds)
    if seen and seen <= {"exact", "int64"}:
        return "int64"
    if seen and seen <= {"exact", "double"}:
        return "double"
    return "bool" if seen == {"bool"} else "string"
