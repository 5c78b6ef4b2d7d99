"""Reads JSON strictly and piece by piece from a stream of bytes (RFC 8259, I-JSON RFC 7493).

Decides whether bytes are strict JSON: UTF-8, no duplicate names, no NaN or Infinity, bounded depth and size, nothing
after the end. Never holds more than one member or one array item. Says the byte and line of every refusal. A streaming
event parser would neither see duplicate names nor know the byte of an error, hence this reader over ``json``'s scanner.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NoReturn

from datasets.formats.errors import Limits, UnreadableSource

CHUNK_BYTES = 1024 * 1024
_SPACE = re.compile(r"[ \t\n\r]*")
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')
_NAME_START = '"'
# A token cut by the end of the buffer lies this close to it; an error further away is the file's own.
_TOKEN_TAIL = 32


class _NotStrictError(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrictError("duplicate_member", "An object names one of its members twice.")
    return members


def _no_constant(_literal: str) -> NoReturn:
    raise _NotStrictError("not_finite", "NaN and Infinity are not JSON.")


class JsonStream:
    """A cursor over JSON text. Raises ``UnreadableSource`` for everything that is not strict JSON."""

    def __init__(self, stream: BinaryIO, limits: Limits, progress: Callable[[int], None] | None = None) -> None:
        self._stream = stream
        self._limits = limits
        self._progress = progress
        self._decode = codecs.getincrementaldecoder("utf-8")("strict").decode
        self._scan = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant).raw_decode
        self._text = ""
        self._at = 0
        self._ended = False
        self._base_byte = 0
        self._base_line = 1
        self._read_bytes = 0

    def where(self, position: int | None = None) -> str:
        """``byte B, line L`` of a position in the buffer, the cursor by default."""
        before = self._text[: self._at if position is None else position]
        return f"byte {self._base_byte + len(before.encode())}, line {self._base_line + before.count(chr(10))}"

    def refuse(self, code: str, message: str, fix: str = "Ask the upstream for a well-formed file.") -> NoReturn:
        raise UnreadableSource(code, self.where(), message, fix)

    def _fill(self) -> None:
        used = self._text[: self._at]
        self._base_byte += len(used.encode())
        self._base_line += used.count("\n")
        self._text = self._text[self._at :]
        self._at = 0
        chunk = self._stream.read(max(CHUNK_BYTES, len(self._text)))
        try:
            more = self._decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            where = f"byte {self._read_bytes + max(error.start, 0)}"
            raise UnreadableSource("not_utf8", where, "The text is not valid UTF-8.", "Convert it to UTF-8.") from error
        self._read_bytes += len(chunk)
        self._text += more
        self._ended = not chunk
        if self._progress is not None:
            self._progress(self._read_bytes)

    def peek(self) -> str:
        """The next character that is not white space, without taking it; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            if match is not None:
                self._at = match.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill()

    def take(self, expected: str) -> None:
        """Step over one structural character."""
        found = self.peek()
        if not found:
            self.refuse("truncated_json", f"The file ends where {expected!r} should follow.", "Fetch the whole file.")
        if found != expected:
            self.refuse("invalid_json", f"{expected!r} should stand here.")
        self._at += 1

    def value(self) -> Any:
        """Read one whole value."""
        self.peek()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                self._need_more(error)
                continue
            except _NotStrictError as error:
                raise self._not_strict(error) from error
            except RecursionError as error:
                message, fix = "Values are nested too deeply.", "GeoJSON needs fewer than ten levels."
                raise UnreadableSource("too_deep", self.where(), message, fix) from error
            except ValueError as error:
                message = "A number has thousands of digits."
                raise UnreadableSource("number_too_long", self.where(), message, "Give it as a string.") from error
            if end == len(self._text) and not self._ended:
                self._fill()
                continue
            self._at = end
            return value

    def _need_more(self, error: json.JSONDecodeError) -> None:
        cut = error.pos >= len(self._text) - _TOKEN_TAIL or error.msg.startswith("Unterminated string")
        if cut and not self._ended:
            if len(self._text) - self._at > self._limits.value_characters:
                limit = self._limits.value_characters
                self.refuse("value_too_large", f"One value is longer than {limit} characters.", "Split it.")
            self._fill()
            return
        if self._ended and cut and error.pos >= len(self._text.rstrip()):
            where, message = self.where(error.pos), "The file ends in the middle of a value."
            raise UnreadableSource("truncated_json", where, message, "Fetch the whole file.") from error
        if self._ended and error.msg.startswith("Unterminated string"):
            where, message = self.where(error.pos), "The file ends inside the string that begins here."
            raise UnreadableSource("truncated_json", where, message, "Fetch the whole file.") from error
        message = f"This is not JSON: {error.msg[0].lower()}{error.msg[1:]}."
        fix = "Ask the upstream for a well-formed file."
        raise UnreadableSource("invalid_json", self.where(error.pos), message, fix) from error

    def _not_strict(self, error: _NotStrictError) -> UnreadableSource:
        position = self._at
        if error.code == "not_finite":
            literals = (match for match in _CONSTANT.finditer(self._text, self._at) if match.group(1))
            position = next((match.start() for match in literals), self._at)
        fix = "Ask the upstream for strict JSON (RFC 8259)."
        return UnreadableSource(error.code, self.where(position), str(error), fix)

    def members(self) -> Iterator[str]:
        """The names of an object's members; the caller must read each value before asking for the next name."""
        self.take("{")
        seen: set[str] = set()
        while self.peek() != "}" or seen:
            if self.peek() != _NAME_START:
                self.take(_NAME_START)
            name = self.value()
            if name in seen:
                self.refuse("duplicate_member", "An object names one of its members twice.")
            seen.add(name)
            self.take(":")
            yield name
            if self.peek() != ",":
                break
            self.take(",")
        self.take("}")

    def items(self) -> Iterator[Any]:
        """The items of an array, one at a time."""
        self.take("[")
        first = True
        while self.peek() != "]" or not first:
            first = False
            yield self.value()
            if self.peek() != ",":
                break
            self.take(",")
        self.take("]")

    def end(self) -> None:
        """Refuse anything but white space after the value."""
        if self.peek():
            fix = "Remove what follows; one file holds one GeoJSON object."
            self.refuse("trailing_data", "Something follows the end of the JSON value.", fix)
