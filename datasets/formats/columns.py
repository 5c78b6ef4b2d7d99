"""Decides the type of each column from all its values, and converts values to it.

The rule is the same on every run and for every order of rows. JSON values: all booleans, ``bool``; all integers within
64 bits, ``int64``; integers and other numbers, ``double``; anything else, or a mixture, ``string`` (nested values as
compact JSON). CSV cells: an empty cell is null; ``true``/``false``, ``bool``; integers without leading zero or sign
plus, ``int64``; decimals of at most 15 digits, ``double``; everything else ``string``. So codes such as ``020`` and
dates stay the text that the upstream wrote; no digit is ever lost. Helps clause A1 (same bytes, same result).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.value_kinds import kind_of_json, kind_of_text, type_of

__all__ = ["ARROW_TYPES", "ColumnTypes", "convert_json", "kind_of_json", "kind_of_text", "type_of"]

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamp_utc": pa.timestamp("us", tz="UTC"),
}


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
