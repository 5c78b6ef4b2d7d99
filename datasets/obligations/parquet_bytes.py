"""Reads a Parquet file's own structures: footer, pages, dictionaries, statistics, and which bytes belong to none.

For those who look for what a file carries beside its rows (clause C2). Decides nothing; anything that it can't follow
to the last byte is a ``ValueError``. Knows Thrift's compact protocol and Parquet's page layout (format 2.x), never more
than one page in memory, and shares nothing with what writes Parquet here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

MAGIC = b"PAR1"
CODECS = {0: None, 1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
MOST_FOOTER_BYTES = 64 * 1024 * 1024
MOST_PAGE_BYTES = 256 * 1024 * 1024
_MOST_HEADER_BYTES = 16 * 1024 * 1024
_DEEPEST = 16
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
_VARINT_BITS = 70
#: Fields of a column chunk that say that it lies in another file, or is encrypted.
_ELSEWHERE = frozenset({1, 8, 9})
# Thrift's compact types
_TRUE, _FALSE, _I8, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12


@dataclass(frozen=True, slots=True)
class Page:
    """``kind``: ``data`` or ``dictionary``; ``count``: of values; ``statistics``: raw; ``body``: decompressed."""

    kind: str
    count: int
    statistics: dict[int, Any]
    body: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """One column of one row group. ``fields``: its ``ColumnMetaData``; ``outer``: its ``ColumnChunk``."""

    group: int
    path: tuple[str, ...]
    physical: int
    start: int
    length: int
    fields: dict[int, Any]
    outer: dict[int, Any]

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class Footer:
    """``fields``: the whole ``FileMetaData``; ``start``: where it begins; ``size``: the file's, in bytes."""

    fields: dict[int, Any]
    start: int
    size: int

    def chunks(self) -> Iterator[Chunk]:
        """Every column chunk, in the order of the footer."""
        for number, group in enumerate(self.fields.get(4, ())):
            for outer in group[1]:
                fields = outer.get(3)
                if fields is None or _ELSEWHERE & outer.keys():
                    raise ValueError("a column lies outside of the file, or is encrypted")
                start = min(fields[9], fields.get(11) or fields[9])
                path = tuple(part.decode() for part in fields[3])
                yield Chunk(number, path, fields[1], start, fields[7], fields, outer)

    def gaps(self) -> list[tuple[int, int]]:
        """The ranges of bytes that belong to no column, nor to the footer: indexes, filters, or something hidden."""
        taken = sorted([(0, 4), (self.start, self.size), *((c.start, c.start + c.length) for c in self.chunks())])
        found, at = [], 0
        for start, end in taken:
            if start > at:
                found.append((at, start))
            elif start < at:
                raise ValueError("two parts of the file overlap")
            at = end
        return found

    def metadata(self) -> dict[bytes, bytes]:
        """The file's key-value metadata. Raises ``ValueError`` when a key stands there twice."""
        pairs = [(pair[1], pair.get(2, b"")) for pair in self.fields.get(5, ())]
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a metadata key stands there twice")
        return dict(pairs)


def read_footer(path: Path) -> Footer:
    """The file's footer. Raises ``ValueError`` or ``OSError``."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < len(MAGIC) * 2 + 4 or file.read(4) != MAGIC:
            raise ValueError("no Parquet file")
        file.seek(size - 8)
        length, magic = struct.unpack("<I4s", file.read(8))
        if magic != MAGIC or length > min(MOST_FOOTER_BYTES, size - 12):
            raise ValueError("no readable Parquet footer")
        start = size - 8 - length
        file.seek(start)
        raw = file.read(length)
    fields, end = read_struct(raw, 0)
    if end != length:
        raise ValueError("something follows the footer's fields")
    return Footer(fields, start, size)


def pages(file: BinaryIO, chunk: Chunk) -> Iterator[Page]:
    """The pages of *chunk*, decompressed; they must fill it to the last byte. Raises ``ValueError``."""
    at, end = chunk.start, chunk.start + chunk.length
    while at < end:
        file.seek(at)
        window = file.read(min(64 * 1024, end - at))
        header, length = _header(file, at, end, window)
        stored = header[3]
        if not 0 <= header[2] <= MOST_PAGE_BYTES or not 0 <= stored <= end - at - length:
            raise ValueError("a page is larger than its column")
        file.seek(at + length)
        yield _page(header, file.read(stored), chunk.fields[4])
        at += length + stored


def _header(file: BinaryIO, at: int, end: int, window: bytes) -> tuple[dict[int, Any], int]:
    """A page's header, read again with a larger window where statistics make it long."""
    while True:
        try:
            return read_struct(window, 0)
        except ValueError:
            if len(window) >= min(end - at, _MOST_HEADER_BYTES):
                raise
            file.seek(at)
            window = file.read(min(len(window) * 8, end - at))


def _page(header: dict[int, Any], stored: bytes, codec: int) -> Page:
    if codec not in CODECS:
        raise ValueError("a column is compressed in a way that can't be read")
    if header[1] == _DICTIONARY:
        return Page("dictionary", header[7][1], {}, _plain(stored, header[2], codec))
    if header[1] == _DATA:
        return Page("data", header[5][1], header[5].get(5, {}), _plain(stored, header[2], codec))
    if header[1] == _DATA_V2:
        said = header[8]
        levels = said[5] + said[6]
        compressed = said.get(7, True)
        body = _plain(stored[levels:], header[2] - levels, codec) if compressed else stored[levels:]
        return Page("data", said[1], said.get(8, {}), stored[:levels] + body)
    raise ValueError("a page of an unknown kind")


def _plain(stored: bytes, size: int, codec: int) -> bytes:
    name = CODECS[codec]
    if name is None or not size:
        return stored
    return pa.Codec(name).decompress(stored, decompressed_size=size, asbytes=True)  # type: ignore[no-any-return]


def read_struct(raw: bytes, at: int, depth: int = 0) -> tuple[dict[int, Any], int]:
    """A Thrift struct as values by field id, and where it ends. Raises ``ValueError`` for what is no such thing."""
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    found: dict[int, Any] = {}
    field = 0
    while True:
        head, at = _byte(raw, at)
        if head == 0:
            return found, at
        delta, kind = head >> 4, head & 15
        if delta:
            field += delta
        else:
            number, at = _varint(raw, at)
            field = _zigzag(number)
        if field in found:
            raise ValueError("a field stands there twice")
        found[field], at = (kind == _TRUE, at) if kind in (_TRUE, _FALSE) else _value(raw, at, kind, depth)


def _value(raw: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE, _I8):  # inside a list a boolean is a byte
        return _byte(raw, at)
    if kind < _DOUBLE:
        number, at = _varint(raw, at)
        return _zigzag(number), at
    if kind == _DOUBLE:
        return struct.unpack("<d", _taken(raw, at, 8))[0], at + 8
    if kind == _BINARY:
        length, at = _varint(raw, at)
        return _taken(raw, at, length), at + length
    if kind in (_LIST, _SET):
        return _list(raw, at, depth)
    if kind == _STRUCT:
        return read_struct(raw, at, depth + 1)
    raise ValueError("a value of an unknown type")


def _list(raw: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    head, at = _byte(raw, at)
    count, kind = head >> 4, head & 15
    if count == 15:  # noqa: PLR2004 - the protocol's mark for a longer list
        count, at = _varint(raw, at)
    if count > len(raw) - at + 1:
        raise ValueError("a list is longer than the bytes")
    items = []
    for _ in range(count):
        item, at = _value(raw, at, kind, depth)
        items.append(item)
    return items, at


def _byte(raw: bytes, at: int) -> tuple[int, int]:
    if at >= len(raw):
        raise ValueError("cut short")
    return raw[at], at + 1


def _taken(raw: bytes, at: int, length: int) -> bytes:
    if length < 0 or at + length > len(raw):
        raise ValueError("cut short")
    return raw[at : at + length]


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while shift < _VARINT_BITS:
        byte, at = _byte(raw, at)
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
            return number, at
        shift += 7
    raise ValueError("a number is too long")


def _zigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)
