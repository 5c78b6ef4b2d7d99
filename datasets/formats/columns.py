"""Decides the type of each column from all its values, and converts values to it.

The rule is the same on every run and for every order of rows. JSON values: all booleans, ``bool``; all integers within
64 bits, ``int64``; integers and other numbers, ``double``; anything else, or a mixture, ``string`` (nested values as
compact JSON). CSV cells: an empty cell is null; ``true``/``false``, ``bool``; integers without leading zero or sign
plus, ``int64``; decimals of at most 15 digits, ``double``; everything else ``string``. So codes such as ``020`` and
dates stay the text that the upstream wrote; no digit is ever lost. Helps clause A1 (same bytes, same result).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from datasets.formats.errors import Limits, UnreadableSource

_INTEGER = re.compile(r"-?[1-9][0-9]{0,18}|0")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+(?:[eE][-+]?[0-9]{1,2})?|-?(?:0|[1-9][0-9]*)")
_EXACT_DIGITS = 15
_EXACT_INTEGER = 2**53
_INT64 = 2**63
_BOOLEANS = {"true": True, "false": False}

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_utc": pa.timestamp("us", tz="UTC"),
}


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
    return "bool" if cell.lower() in _BOOLEANS else "string"


def type_of(kinds: Iterable[str]) -> str:
    """The column type that holds all kinds seen; ``string`` for a column of nulls only."""
    seen = set(kinds)
    if seen and seen <= {"exact", "int64"}:
        return "int64"
    if seen and seen <= {"exact", "double"}:
        return "double"
    return "bool" if seen == {"bool"} else "string"


class ColumnTypes:
    """Collects the kinds of values of each column, in the order in which columns first appear."""

    def __init__(self, limits: Limits, *, is_text: bool, names: Iterable[str] = ()) -> None:
        self._limits = limits
        self._kind = kind_of_text if is_text else kind_of_json
        self._is_text = is_text
        self._kinds: dict[str, set[str]] = {name: set() for name in names}

    def observe(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            kinds = self._kinds.get(name)
            if kinds is None:
                kinds = self._add(name)
            if value is None or "string" in kinds or (self._is_text and value == ""):
                continue
            kinds.add(self._kind(value))

    def _add(self, name: str) -> set[str]:
        if len(self._kinds) >= self._limits.columns:
            message = f"There are more than {self._limits.columns} columns."
            raise UnreadableSource("too_many_columns", "", message, "Split the source or drop columns upstream.")
        return self._kinds.setdefault(name, set())

    def types(self) -> dict[str, str]:
        return {name: type_of(kinds) for name, kinds in self._kinds.items()}


def convert_json(value: Any, column_type: str) -> Any:
    """A JSON value as its column's type; numbers and nested values in a string column become JSON text."""
    if value is None:
        return None
    if column_type == "string" and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return float(value) if column_type == "double" else value


def convert_text(cell: str, column_type: str) -> Any:
    """A CSV cell as its column's type; an empty cell is null."""
    if cell == "":
        return None
    if column_type == "int64":
        return int(cell)
    if column_type == "double":
        return float(cell)
    return _BOOLEANS[cell.lower()] if column_type == "bool" else cell
