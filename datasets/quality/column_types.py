"""What a column holds, told from the name of its Arrow type, so that asking it does not load Arrow.

Words only: decides nothing. A name is what ``str(pyarrow.DataType)`` gives.
"""

from __future__ import annotations

from typing import Any

_INTEGERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_FLOATS = frozenset({"halffloat", "float", "double"})
_TEMPORAL = ("date", "time", "duration", "month_day_nano_interval")  # "time" begins time32 and timestamp


def is_integer(kind: Any) -> bool:
    return str(kind) in _INTEGERS


def is_floating(kind: Any) -> bool:
    return str(kind) in _FLOATS


def is_decimal(kind: Any) -> bool:
    return str(kind).startswith("decimal")


def is_boolean(kind: Any) -> bool:
    return str(kind) == "bool"


def is_string(kind: Any) -> bool:
    """UTF-8 with offsets of 32 bits, as normalized files have it."""
    return str(kind) == "string"


def is_text(kind: Any) -> bool:
    return str(kind) in {"string", "large_string"}


def is_date(kind: Any) -> bool:
    """A day, or an instant."""
    return str(kind).startswith(("date", "timestamp"))


def is_temporal(kind: Any) -> bool:
    return str(kind).startswith(_TEMPORAL)
