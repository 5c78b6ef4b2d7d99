"""What a reader hands to the normalizer: one record, kept or refused.

Decides nothing by itself. ``row`` counts records from 1 in the order of the source, so that a steward finds the record
that the rejects file names. Keeps clause E2's count of failing records honest: every record is one or the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.formats.errors import Limits, RecordProblem
from datasets.formats.geometry import Shape


@dataclass(frozen=True, slots=True)
class Record:
    """A kept record: ``values`` by column name, ``shape`` or None when it has no geometry."""

    row: int
    values: Mapping[str, Any]
    shape: Shape | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused record. ``message`` masks every value."""

    row: int
    code: str
    message: str

    def as_line(self) -> bytes:
        """One JSON line."""
        members = {"row": self.row, "code": self.code, "message": self.message}
        return json.dumps(members, sort_keys=True).encode() + b"\n"


def check_text(text: str, what: str) -> None:
    """Refuse what UTF-8 stores can't hold: NUL (U+0000) and lone surrogates. Raises ``RecordProblem``."""
    if "\x00" in text:
        raise RecordProblem("nul_character", f"{what} holds the character NUL (U+0000).")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise RecordProblem("lone_surrogate", f"{what} holds half of a surrogate pair.") from error


def check_nested(value: Any, limits: Limits, what: str) -> None:
    """Check texts, numbers and depth of a nested JSON value without recursion. Raises ``RecordProblem``."""
    level = [value]
    for _depth in range(limits.property_depth):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                for name in item:
                    check_text(name, what)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            else:
                check_scalar(item, what)
        if not below:
            return
        level = below
    raise RecordProblem("too_deep", f"{what} is nested deeper than {limits.property_depth} levels.")


def check_scalar(value: Any, what: str) -> None:
    """Check one JSON scalar. Raises ``RecordProblem``."""
    if isinstance(value, str):
        check_text(value, what)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise RecordProblem("not_finite", f"{what} is too large to be a finite number.")
