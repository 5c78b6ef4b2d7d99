"""Strict JSON read at the speed of the standard library where that is safe, else by ``audit.canonical.parse_strict``.

Decides only whether the quick way gives the same value; whatever looks unusual is read, and refused, by the strict
reader, so there is one rule and one wording (design §4). Ten thousand catalog items are judged in one CI job.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from audit.canonical import MAX_DEPTH, parse_strict

_LIMIT: Final = 1024 * 1024
_DIGITS: Final = 300
"""No integer so short is refused for its length."""


class _UnusualError(Exception):
    """The quick way stops here."""


def parse_quickly(raw: bytes) -> Any:
    """The same value, or the same StrictJsonError, as ``parse_strict(raw)``."""
    if len(raw) > _LIMIT or b"\\u" in raw:  # an escape may spell a lone surrogate
        return parse_strict(raw)
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError, _UnusualError):
        return parse_strict(raw)
    shallow = raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH or _depth(value) <= MAX_DEPTH
    return value if shallow else parse_strict(raw)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _UnusualError
    return found


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise _UnusualError
    return int(digits)


def _real(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _UnusualError
    return number


def _constant(_name: str) -> float:
    raise _UnusualError


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
)
"""Made once: it costs a tenth of a small document's reading."""


def _depth(value: Any) -> int:
    """How many lists and objects lie within each other, level by level."""
    depth, level = 0, [value] if isinstance(value, (dict, list)) else []
    while level:
        depth += 1
        level = [
            part
            for holder in level
            for part in (holder.values() if type(holder) is dict else holder)
            if type(part) is dict or type(part) is list
        ]
    return depth
