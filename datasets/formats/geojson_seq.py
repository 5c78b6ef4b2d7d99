"""Reads GeoJSON text sequences (RFC 8142, set off by record separators) and newline-delimited GeoJSON.

Decides record by record: a text that is not a strict JSON Feature is a ``Reject``, and the next one is read, as RFC
7464 section 2.3 allows. Never holds more than one text. Helps clause E2.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.geojson_source import record_of
from datasets.formats.json_stream import JsonStream
from datasets.formats.records import Record, Reject
from datasets.formats.sniff import RECORD_SEPARATOR

_CHUNK_BYTES = 1024 * 1024
_BLANK = b" \t\r\n"


def read_geojson_seq(source: Path, limits: Limits, progress: Callable[[int], None]) -> Iterator[Record | Reject]:
    """Records of a sequence. Raises ``UnreadableSource`` for an endless text or one that is not UTF-8."""
    row = 0
    with source.open("rb") as stream:
        separator = RECORD_SEPARATOR if stream.read(64).lstrip(_BLANK)[:1] == RECORD_SEPARATOR else b"\n"
        stream.seek(0)
        for text in _texts(stream, separator, limits, progress):
            if text.strip(_BLANK):
                row += 1
                yield _read(text, row, limits)
    if not row:
        raise UnreadableSource("no_records", "byte 0", "The sequence is empty.", "Fetch it again from the upstream.")


def _texts(stream: BinaryIO, separator: bytes, limits: Limits, progress: Callable[[int], None]) -> Iterator[bytes]:
    pending: list[bytes] = []
    size = read = 0
    while chunk := stream.read(_CHUNK_BYTES):
        read += len(chunk)
        progress(read)
        *whole, rest = chunk.split(separator)
        for text in whole:
            yield b"".join([*pending, text])
            pending, size = [], 0
        pending.append(rest)
        size += len(rest)
        if size > limits.value_characters:
            message = f"One record is longer than {limits.value_characters} bytes."
            raise UnreadableSource("value_too_large", f"byte {read}", message, "Split it.")
    yield b"".join(pending)


def _read(text: bytes, row: int, limits: Limits) -> Record | Reject:
    try:
        stream = JsonStream(io.BytesIO(text), limits)
        value = stream.value()
        stream.end()
    except UnreadableSource as error:
        if error.code == "not_utf8":
            where = f"record {row}"
            raise UnreadableSource(error.code, where, error.message, error.fix) from error
        return Reject(row, error.code, error.message)
    return record_of(value, row, limits)
