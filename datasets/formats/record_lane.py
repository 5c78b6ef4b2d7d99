"""Reads sources that come record by record (GeoJSON, GeoJSON sequences, KML) in two passes over the stream.

The first pass checks every record, writes the rejects and learns the columns' types; the second writes the rows. Never
holds the file in memory, never repairs a record unless the spec says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from datasets.formats.columns import ARROW_TYPES, ColumnTypes, convert_json
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.geojson_seq import read_geojson_seq
from datasets.formats.geojson_source import read_geojson
from datasets.formats.geoparquet import GeoParquetWriter
from datasets.formats.job import Job, Outcome, Part
from datasets.formats.kml_source import read_kml
from datasets.formats.places import Placed, Placer
from datasets.formats.records import Record, Reject
from datasets.formats.result import judge
from datasets.formats.selection import derivation_of_own, output_columns
from datasets.formats.tables import keep_rows

_READERS = {"geojson": read_geojson, "geojsonseq": read_geojson_seq, "kml": read_kml}
_TITLES = {"geojson": "GeoJSON", "geojsonseq": "GeoJSON", "kml": "KML"}
RECORD_FORMATS = frozenset(_READERS)


def normalize_records(parts: Sequence[Part], job: Job) -> Outcome:
    """Write the records of *parts*, one after the other. Raises ``UnreadableSource``."""
    title = _TITLES[parts[0].format]
    job.no_layers(title)
    crs = job.wgs84_only(title)
    derivation = derivation_of_own(job.wanted)
    types, rows_read = _survey(parts, job)
    judge(job.rejects.by_code, rows_read)
    selected, geometry = output_columns(job.wanted, tuple(types))
    if derivation.kind == "none":
        geometry = None
    columns = {name: types[column] for name, column in selected}
    placer = job.placer(crs)
    with GeoParquetWriter(job.target, columns, geometry, placer.target, job.limits) as writer:
        writer.tally = placer.tally
        sources = [column for _name, column in selected]
        for batch in _batches(_records(parts, job, second=True), job.limits):
            _write(batch, sources, list(columns.values()), placer if geometry is not None else None, writer, job)
    return Outcome(rows_read, writer.written, columns, geometry, placer if geometry is not None else None)


def _records(parts: Sequence[Part], job: Job, *, second: bool) -> Iterator[Record | Reject]:
    """The records of all parts, numbered through."""
    sizes = [part.path.stat().st_size for part in parts]
    total = 2 * sum(sizes)
    before = total // 2 if second else 0
    row = 0
    for part, size in zip(parts, sizes, strict=True):
        last = row
        for record in _READERS[part.format](part.path, job.limits, _shifted(job, before, total)):
            last = row + record.row
            yield record if not row else replace(record, row=last)
        row, before = last, before + size


def _shifted(job: Job, before: int, total: int) -> Callable[[int], None]:
    return lambda done: job.progress(before + done, total)


def _survey(parts: Sequence[Part], job: Job) -> tuple[dict[str, str], int]:
    """The columns' types, and the number of records; the refused ones go to the rejects."""
    types = ColumnTypes(job.limits, is_text=False)
    rows = 0
    seen: set[str] = set()
    named: list[set[str]] = []
    for record in _records(parts, job, second=False):
        rows += 1
        if isinstance(record, Reject):
            job.rejects.add(record)
            continue
        types.observe(record.values)
        seen.update(record.values)
    if len(parts) > 1:
        named = [_names(part, job) for part in parts]
        if any(names != seen for names in named):
            message = "The archive's members do not all have the same columns."
            raise UnreadableSource("columns_differ", "archive", message, "Ingest them as datasets of their own.")
    return types.types(), rows


def _names(part: Part, job: Job) -> set[str]:
    found: set[str] = set()
    for record in _READERS[part.format](part.path, job.limits, lambda _done: None):
        if isinstance(record, Record):
            found.update(record.values)
    return found


def _batches(records: Iterator[Record | Reject], limits: Limits) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        if isinstance(record, Reject):
            continue
        batch.append(record)
        size += len(record.shape.wkb) if record.shape is not None else 0
        size += sum(len(value) for value in record.values.values() if isinstance(value, str))
        if len(batch) >= limits.batch_rows or size >= limits.batch_bytes:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _write(  # noqa: PLR0913 - one batch, and what it takes to write it
    batch: list[Record],
    sources: Sequence[str],
    kinds: Sequence[str],
    placer: Placer | None,
    writer: GeoParquetWriter,
    job: Job,
) -> None:
    arrays = [
        pa.array([convert_json(record.values.get(column), kind) for record in batch], ARROW_TYPES[kind])
        for column, kind in zip(sources, kinds, strict=True)
    ]
    numbers = np.array([record.row for record in batch], dtype=np.int64)
    placed = None if placer is None else _place(batch, placer)
    _numbers, arrays, wkb, rejects = keep_rows(numbers, arrays, placed, {})
    job.rejects.add_all(rejects)
    writer.write(arrays, wkb)


def _place(batch: list[Record], placer: Placer) -> Placed:
    wkb = pa.array([record.shape.wkb if record.shape is not None else None for record in batch], pa.binary())
    if not placer.keeps_bytes:
        return placer.shapes(wkb)
    for record in batch:
        if record.shape is not None:
            placer.count_as_given(record.shape.type, record.shape.vertices, record.shape.bbox)
    return Placed(wkb, {})
