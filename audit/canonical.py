"""One value has one byte string, and one byte string has one value.

Decides which JSON text is taken in (strictly: :func:`parse_strict`) and which bytes stand for a value when it is
hashed or signed (RFC 8785, :func:`canonical_bytes`). Never repairs, guesses or normalises what it reads.
Keeps design §4 ("JSON intake is strict"), and with it clauses A1 and A2: a hash that anyone can recompute.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import rfc8785

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 100
MAX_NUMBER_DIGITS = 4_300  # CPython refuses to convert longer ones in quadratic time; so do we, by name

_STRING_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{\]}]', re.DOTALL)


class CanonicalError(ValueError):
    """A value has no RFC 8785 form: NaN, an infinity, a lone surrogate, an integer beyond 2^53 - 1, no JSON type."""


class StrictJsonError(ValueError):
    """A text is not strict JSON. ``code``: lower_snake, stable; ``where``: JSON pointer or ``line L column C``."""

    def __init__(self, code: str, where: str, message: str) -> None:
        super().__init__(f"{message} ({where})" if where else message)
        self.code = code
        self.where = where
        self.message = message

    @property
    def unread(self) -> bool:
        """Whether the text was refused for its size, and not for what it says: it is neither valid nor invalid."""
        return self.code == "too_large"


def canonical_bytes(value: Any) -> bytes:
    """The RFC 8785 bytes of *value* (``1.0`` becomes ``1``; keys in UTF-16 order); :class:`CanonicalError` if none."""
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise CanonicalError("The value is nested too deeply, or contains itself; it has no canonical form.") from None
    except UnicodeEncodeError as error:
        raise CanonicalError("A key holds a lone surrogate; it has no canonical form.") from error
    except rfc8785.CanonicalizationError as error:
        raise CanonicalError(f"The value has no RFC 8785 form: {error}.") from error


class _Repeated(dict[str, Any]):
    """An object in which a key came twice; ``key`` is the first such key."""

    key: str = ""


class _BadNumber(float):
    """A number that is refused; ``code`` and ``message`` say why."""

    code: str = ""
    message: str = ""


def _bad_number(code: str, message: str) -> _BadNumber:
    number = _BadNumber("nan")
    number.code, number.message = code, message
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeated = _Repeated(found)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            repeated.key = key
            break
        seen.add(key)
    return repeated


def _integer(digits: str) -> int | _BadNumber:
    if len(digits) > MAX_NUMBER_DIGITS:
        return _bad_number("number_too_long", f"An integer has more than {MAX_NUMBER_DIGITS} digits.")
    return int(digits)


def _real(text: str) -> float | _BadNumber:
    number = float(text)
    if math.isinf(number):
        return _bad_number("number_overflow", "A number is too large for an IEEE 754 double.")
    return number


def _constant(name: str) -> _BadNumber:
    return _bad_number("not_a_number", f"{name} is not JSON.")


def _decode(raw: bytes | str, max_bytes: int) -> str:
    """*raw* as text: UTF-8 without a byte order mark, at most *max_bytes* bytes."""
    if isinstance(raw, str):
        if len(raw) > max_bytes:
            raise StrictJsonError("too_large", "", f"The text is longer than {max_bytes} bytes.")
        try:
            raw = raw.encode("utf-8")
        except UnicodeEncodeError as error:
            message = "The text holds a lone surrogate."
            raise StrictJsonError("lone_surrogate", f"character {error.start}", message) from error
    if len(raw) > max_bytes:
        raise StrictJsonError("too_large", "", f"The text is {len(raw)} bytes; at most {max_bytes} are read.")
    if raw.startswith((b"\xef\xbb\xbf", b"\xfe\xff", b"\xff\xfe")):
        raise StrictJsonError("byte_order_mark", "byte 0", "The text starts with a byte order mark; save it without.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StrictJsonError("invalid_utf8", f"byte {error.start}", "The text is not valid UTF-8.") from error


def _refuse_depth(text: str, max_depth: int) -> None:
    """Counts brackets outside strings before anything recursive runs."""
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        found = match.group()
        if found in "[{":
            depth += 1
            if depth > max_depth:
                where = f"character {match.start()}"
                raise StrictJsonError("too_deep", where, f"The text is nested more than {max_depth} levels deep.")
        elif found in "]}":
            depth -= 1


def _pointer(path: tuple[str | int, ...]) -> str:
    """The RFC 6901 pointer of *path*."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return "".join(f"/{step}" for step in steps).encode("utf-8", "backslashreplace").decode()


def _refuse_string(text: str, path: tuple[str | int, ...]) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise StrictJsonError("lone_surrogate", _pointer(path), "A string holds a lone surrogate.") from None


def _refuse_values(value: Any, path: tuple[str | int, ...], *, duplicates: bool) -> None:
    """Raises for the first bad number or lone surrogate at or below *path*, or repeated key unless *duplicates*.

    The depth is bounded already.
    """
    match value:
        case _BadNumber():
            raise StrictJsonError(value.code, _pointer(path), value.message)
        case str():
            _refuse_string(value, path)
        case _Repeated() if not duplicates:
            raise StrictJsonError("duplicate_key", _pointer((*path, value.key)), "An object names a key twice.")
        case dict():
            for key, item in value.items():
                _refuse_string(key, (*path, key))
                _refuse_values(item, (*path, key), duplicates=duplicates)
        case list():
            for position, item in enumerate(value):
                _refuse_values(item, (*path, position), duplicates=duplicates)


def parse_strict(
    raw: bytes | str,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    allow_duplicate_keys: bool = False,
) -> Any:
    """The JSON value (RFC 8259) that *raw* spells; integers stay ``int``, the rest ``float``.

    Refuses with :class:`StrictJsonError`: text that is not JSON, not UTF-8, or starts with a byte order mark;
    duplicate keys; NaN and infinities, also by overflow; lone surrogates; more than *max_bytes* bytes, *max_depth*
    levels or 4,300 digits in one integer. *allow_duplicate_keys* is for judging whether a text is JSON at all
    (RFC 8259 §4 discourages repeated names and forbids none); the last one wins, so never take data in with it.
    """
    text = _decode(raw, max_bytes)
    _refuse_depth(text, max_depth)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_real, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        raise StrictJsonError("not_json", where, f"The text is not JSON: {error.msg}.") from error
    _refuse_values(value, (), duplicates=allow_duplicate_keys)
    return value


def parse_object(raw: bytes | None) -> dict[str, Any] | None:
    """The strict JSON object in *raw*; ``None`` for whatever else it is, where no one asks why."""
    try:
        value = None if raw is None else parse_strict(raw)
    except StrictJsonError:
        return None
    return value if isinstance(value, dict) else None
