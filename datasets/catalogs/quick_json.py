"""Strict JSON read at the speed of the standard library where that is safe, else by ``audit.canonical.parse_strict``.

Decides only whether the quick way gives the same value; whatever looks unusual is read, and refused, by the strict
reader, so there is one rule and one wording (design §4). Ten thousand catalog items are judged in one CI job.
"""

from __future__ import annotations

import json
import math
import threading
from typing import Any, Final

from audit.canonical import MAX_DEPTH, parse_strict

_LIMIT: Final = 1024 * 1024
_DIGITS: Final = 300
"""No integer so short is refused for its length."""


class _UnusualError(Exception):
    """The quick way stops here."""


def parse_quickly(raw: bytes) -> Any:
    """The same value, or the same StrictJsonError, as ``parse_strict(raw)``."""
    if len(raw) > _LIMIT or (b"\\" in raw and b"\\u" in raw):  # an escape may spell a lone surrogate
        return parse_strict(raw)
    names = _READER.names
    names[0] = 0
    try:
        value = _READER.decoder.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError, _UnusualError):
        return parse_strict(raw)
    if names[0] != raw.translate(None, b" \t\r\n").count(b'":'):
        return parse_strict(raw)  # an object names something twice, or the mark stands in a string
    shallow = raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH or _depth(value) <= MAX_DEPTH
    return value if shallow else parse_strict(raw)


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


class _Reader(threading.local):
    """One thread's decoder, made once (it costs a tenth of a small document's reading), and what it counts.

    Each name in the text is followed by a quote and a colon, blanks apart, so there are as many of those as names, and
    more where a string holds them. As many names in the objects read therefore means that none was named twice; to
    look at every pair would make the reading half as slow again.
    """

    def __init__(self) -> None:
        names = self.names = [0]

        def count(found: dict[str, Any]) -> dict[str, Any]:
            names[0] += len(found)
            return found

        self.decoder = json.JSONDecoder(
            object_hook=count, parse_int=_integer, parse_float=_real, parse_constant=_constant
        )


_READER: Final = _Reader()


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
