"""Whether a Parquet file carries anything beside its rows: C2, on the file's own structures.

A dictionary, a minimum or a maximum may hold a value of a row that was left out; an index, a filter or a gap between
columns may hold anything. So every dictionary entry and every statistic must be a value of the released rows, no byte
may belong to nothing, and the file's metadata may say only what GeoParquet and the generalization need.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit.findings import Finding
from datasets.obligations.parquet_bytes import Chunk, Footer, pages, read_footer
from datasets.obligations.verify.columns import leaf
from datasets.obligations.verify.words import found

KNOWN_METADATA = frozenset({b"geo", b"kfm:generalization", b"ARROW:schema"})
#: Fields of Parquet's structures that this reader knows to hold no value, by structure.
_FOOTER_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7})
_GROUP_FIELDS = frozenset({1, 2, 3, 5, 6, 7})
_CHUNK_FIELDS = frozenset({2, 3})
_COLUMN_FIELDS = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 16})
_INT32, _INT64, _FLOAT, _DOUBLE, _BYTES = 1, 2, 4, 5, 6
_NUMBERS = {_INT32: "<i4", _INT64: "<i8", _FLOAT: "<f4", _DOUBLE: "<f8"}


def beside_the_rows(path: Path) -> list[Finding]:
    """Everything that *path* carries and that isn't of its rows. Raises ``ValueError`` where it can't be followed."""
    footer = read_footer(path)
    findings = [*_structures(footer), *_metadata(footer)]
    with path.open("rb") as file, pq.ParquetFile(path) as parquet:
        for chunk in footer.chunks():
            findings += _chunk(file, parquet, chunk)
    return list({(one.code, one.where): one for one in findings}.values())


def _structures(footer: Footer) -> Iterator[Finding]:
    gaps = sum(end - start for start, end in footer.gaps())
    if gaps:
        yield found("bytes_unaccounted", f"{gaps} bytes of the file belong to no column: an index, or hidden.", "file")
    unknown = set(footer.fields) - _FOOTER_FIELDS
    for group in footer.fields.get(4, ()):
        unknown |= set(group) - _GROUP_FIELDS
    if unknown:
        yield found("footer_not_known", "The footer holds fields that this check does not know.", "footer")
    for chunk in footer.chunks():
        if set(chunk.fields) - _COLUMN_FIELDS or set(chunk.outer) - _CHUNK_FIELDS:
            message = f"Column {chunk.name} has an index, a filter or notes of its own, which may tell hidden values."
            yield found("index_present", message, chunk.name)


def _metadata(footer: Footer) -> Iterator[Finding]:
    metadata = footer.metadata()
    for key in sorted(metadata.keys() - KNOWN_METADATA):
        name = key.decode("utf-8", "replace")[:60]
        yield found("metadata_unexpected", f"The file's metadata hold {name!r}, which may tell anything.", "metadata")
    stored = metadata.get(b"ARROW:schema")
    if stored is not None:
        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored)))
        if any(field.metadata for field in schema) or set(schema.metadata or {}) - KNOWN_METADATA:
            yield found("metadata_unexpected", "The stored Arrow schema carries notes.", "ARROW:schema")
    if b"geo" in metadata:
        yield from _geo(json.loads(metadata[b"geo"]))


def _geo(geo: Mapping[str, Any]) -> Iterator[Finding]:
    surplus = {*geo} - {"version", "primary_column", "columns"}
    if surplus or {*geo["columns"]} != {geo["primary_column"]}:
        yield found("metadata_unexpected", "The GeoParquet metadata say more than which column the place is.", "geo")
    for column in geo["columns"].values():
        if {*column} - {"encoding", "geometry_types", "crs", "bbox", "edges", "orientation"}:
            yield found("metadata_unexpected", "The GeoParquet metadata name a covering, or something unknown.", "geo")


def _chunk(file: Any, parquet: pq.ParquetFile, chunk: Chunk) -> Iterator[Finding]:
    """Holds the chunk's dictionary and statistics against the values of its rows."""
    values: _Values | None = None
    claims = [chunk.fields.get(12, {})]
    for page in pages(file, chunk):
        claims.append(page.statistics)
        if page.kind == "dictionary" and page.count:
            values = values or _Values(parquet, chunk)
            foreign = values.foreign_entries(page.body, page.count)
            if foreign:
                message = f"The dictionary of {chunk.name} holds {foreign} values that no released row has."
                yield found("dictionary_foreign", message, chunk.name)
    bounds = {raw for claim in claims for field in (1, 2, 5, 6) if (raw := claim.get(field)) is not None}
    if bounds:
        values = values or _Values(parquet, chunk)
        if values.foreign(sorted(bounds)):
            message = f"The statistics of {chunk.name} give a value that no released row has."
            yield found("statistics_foreign", message, chunk.name)


class _Values:
    """The released values of one column chunk, as Parquet stores them."""

    def __init__(self, parquet: pq.ParquetFile, chunk: Chunk) -> None:
        table = parquet.read_row_group(chunk.group, columns=[chunk.name], use_threads=False)
        array = leaf(table.column(0).combine_chunks(), chunk.path[1:]).drop_null()
        self._physical, self._distinct = chunk.physical, None
        if chunk.physical == _BYTES:
            self._distinct = pc.unique(array.cast(pa.large_binary()))
        elif chunk.physical in _NUMBERS:
            self._numbers = np.unique(_stored(array))
        else:
            self._texts = {_raw_of(value) for value in pc.unique(array).to_pylist()}

    def foreign_entries(self, body: bytes, count: int) -> int:
        """How many of the *count* entries of a dictionary page are no released value."""
        if self._physical == _BYTES:
            return self._absent(_byte_arrays(body, count))
        if self._physical in _NUMBERS:
            return self._strange(body)
        return max(0, count - len(self._texts))

    def foreign(self, bounds: list[bytes]) -> int:
        """How many of these minima and maxima are no released value."""
        if self._physical == _BYTES:
            return self._absent(bounds)
        if self._physical in _NUMBERS:
            return self._strange(b"".join(bounds))
        return sum(raw not in self._texts for raw in bounds)

    def _absent(self, raw: list[bytes]) -> int:
        there = pc.is_in(pa.array(raw, pa.large_binary()), value_set=self._distinct)
        return len(raw) - (pc.sum(there).as_py() or 0)

    def _strange(self, body: bytes) -> int:
        given = np.frombuffer(body, dtype=_NUMBERS[self._physical])
        given = given[~np.isnan(given)] if given.dtype.kind == "f" else given
        return int((~np.isin(given, self._numbers)).sum())


def _stored(array: pa.Array) -> Any:
    """The values as the numbers that Parquet stores. Raises ``ValueError`` for a type with no such number."""
    kind = array.type
    if pa.types.is_temporal(kind):
        array = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())  # noqa: PLR2004 - bits
    elif pa.types.is_uint64(kind):
        array = array.view(pa.int64())
    elif pa.types.is_uint32(kind):
        array = array.view(pa.int32())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise ValueError("a column is stored in a way that this check does not know")
    return array.to_numpy(zero_copy_only=False)


def _raw_of(value: Any) -> bytes:
    """A boolean or a fixed-length binary as a statistic writes it."""
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, bytes):
        return value
    raise ValueError("a column is stored in a way that this check does not know")


def _byte_arrays(body: bytes, count: int) -> list[bytes]:
    """The entries of a PLAIN page of byte arrays, which must fill it."""
    entries, at = [], 0
    for _ in range(count):
        length = int.from_bytes(body[at : at + 4], "little")
        entries.append(body[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(body):
        raise ValueError("a dictionary page does not end where its entries do")
    return entries
