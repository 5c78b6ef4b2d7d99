"""Cuts CSV text into blocks that end where a row ends, and says which of them are plainly well formed.

A block is *regular* when every quote in it opens a cell, closes one or is doubled inside one (RFC 4180), and no bare
carriage return stands outside quotes. Regular blocks can be read by any CSV reader with one and the same result. From
the first irregular byte on, the rest of the file is one remainder for the strict reader. Decides nothing else. Memory
doesn't grow with the file.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from datasets.formats.errors import Limits, UnreadableSource

CHUNK_BYTES = 1 * 1024 * 1024
_QUOTE, _FEED, _RETURN = b'"'[0], b"\n"[0], b"\r"[0]


@dataclass(frozen=True, slots=True)
class Block:
    """Whole rows as UTF-8. ``has_quotes``: whether any; ``first_line``: its first line's number, from 1."""

    text: bytes
    has_quotes: bool
    first_line: int


@dataclass(frozen=True, slots=True)
class Remainder:
    """Lines to the end of the file, which only a strict reader can judge."""

    lines: Iterator[str]
    first_line: int


def decoded(
    stream: BinaryIO, encoding: str, progress: Callable[[int], None], *, chunk_bytes: int = CHUNK_BYTES
) -> Iterator[str]:
    """The text in pieces. Raises ``UnreadableSource`` (``not_utf8``) with the byte where it is not ``encoding``."""
    name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
    decoder = codecs.getincrementaldecoder(name)("strict")
    read, ended = 0, False
    while not ended:
        chunk = stream.read(chunk_bytes)
        ended = not chunk
        try:
            piece = decoder.decode(chunk, final=ended)
        except UnicodeDecodeError as error:
            waiting = len(error.object) - len(chunk)
            where = f"byte {read - waiting + error.start}"
            fix = "Convert it to UTF-8, or declare its encoding in the spec (normalization.encoding)."
            raise UnreadableSource("not_utf8", where, f"The text is not valid {encoding}.", fix) from error
        read += len(chunk)
        progress(read)
        if piece:
            yield piece


def lines_of(pieces: Iterator[str], limits: Limits) -> Iterator[str]:
    """Lines, each with its line feed. Raises ``UnreadableSource`` (``value_too_large``) for one that never ends."""
    begun: list[str] = []
    length = 0
    for piece in pieces:
        first, *rest = piece.split("\n")
        begun.append(first)
        length += len(first)
        if rest:
            yield "".join(begun) + "\n"
            *whole, last = rest
            yield from (line + "\n" for line in whole)
            begun, length = [last], len(last)
        if length > limits.value_characters:
            message = f"One line is longer than {limits.value_characters} characters."
            raise UnreadableSource("value_too_large", "rows", message, "Split it.")
    if length:
        yield "".join(begun)


def blocks_of(pieces: Iterator[str], delimiter: str, limits: Limits) -> Iterator[Block | Remainder]:
    """Blocks, then perhaps one remainder."""
    pending, line = b"", 1
    for piece in chain(pieces, [None]):
        pending += (piece or "").encode()
        cut = len(pending) if piece is None else _last_row_end(pending)
        text = pending[:cut]
        if not _is_regular(text, delimiter) or len(pending) - cut > limits.value_characters:
            yield Remainder(lines_of(_joined(pending, pieces), limits), line)
            return
        pending, first_line = pending[cut:], line
        line += text.count(b"\n")
        if text:
            yield Block(text, _QUOTE in text, first_line)


def _joined(pending: bytes, pieces: Iterator[str]) -> Iterator[str]:
    yield pending.decode()
    yield from pieces


def _positions(text: bytes, byte: int) -> np.ndarray[Any, Any]:
    return np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == byte)


def _last_row_end(text: bytes) -> int:
    """Where the last whole row ends: behind a line feed with an even number of quotes before it."""
    end = text.rfind(b"\n")
    if b'"' not in text:
        return end + 1
    quotes = _positions(text, _QUOTE)
    while end >= 0:
        before = int(np.searchsorted(quotes, end))
        if before % 2 == 0:
            break
        end = text.rfind(b"\n", 0, int(quotes[before - 1]))
    return end + 1


def _is_regular(text: bytes, delimiter: str) -> bool:
    quotes = _positions(text, _QUOTE) if b'"' in text else np.empty(0, dtype=np.int64)
    if b"\r" in text:
        returns = _positions(text, _RETURN)
        outside = returns[np.searchsorted(quotes, returns) % 2 == 0]
        padded = text + b"\n"
        if (np.frombuffer(padded, dtype=np.uint8)[outside + 1] != _FEED).any():
            return False
    return _quotes_are_regular(text, quotes, ord(delimiter))


def _quotes_are_regular(text: bytes, quotes: np.ndarray[Any, Any], delimiter: int) -> bool:
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    around = np.frombuffer(b"\n" + text + b"\n", dtype=np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    before, after = around[opening], around[closing + 2]
    doubled = np.zeros(len(opening), dtype=bool)
    doubled[1:] = opening[1:] == closing[:-1] + 1
    opens = (before == delimiter) | (before == _FEED) | doubled
    shut = np.zeros(len(closing), dtype=bool)
    shut[:-1] = doubled[1:]
    closes = (after == delimiter) | (after == _FEED) | (after == _RETURN) | shut
    return bool(opens.all() and closes.all())
