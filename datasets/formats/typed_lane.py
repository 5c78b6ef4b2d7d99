"""Reads sources whose columns have types of their own (GeoPackage, Shapefile, FlatGeobuf, Parquet) in one pass.

Never holds more than a few batches in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from datasets.formats.csv_source import check_names
from datasets.formats.geoparquet import GeoParquetWriter
from datasets.formats.instructions import WGS84, bad_instruction
from datasets.formats.job import Job, Outcome, Part
from datasets.formats.ogr_source import open_container
from datasets.formats.parquet_source import open_parquet
from datasets.formats.places import Placer, Problem
from datasets.formats.result import judge
from datasets.formats.selection import Derivation, derivation_from_columns, derivation_of_own, output_columns
from datasets.formats.tables import keep_rows, place_rows
from datasets.formats.typed_columns import convert, output_type
from datasets.formats.typed_source import Reading, TypedSource

_OPENERS: Mapping[str, Callable[[Part, Job], TypedSource]] = {
    "parquet": open_parquet,
    "gpkg": open_container,
    "flatgeobuf": open_container,
    "shapefile": open_container,
}


def normalize_typed(part: Part, job: Job) -> Outcome:
    """Write the rows of *part*. Raises ``UnreadableSource``."""
    if job.told.encoding is not None and part.format != "shapefile":
        message = "The spec declares an encoding; of these formats only a shapefile's text needs one."
        raise bad_instruction("encoding", message, "Leave it out.")
    source = _OPENERS[part.format](part, job)
    check_names(source.names, "")
    if source.has_geometry:
        derivation = derivation_of_own(job.wanted)
    else:
        derivation = derivation_from_columns(job.wanted, source.names)
    selected, geometry = output_columns(job.wanted, source.names)
    placer = _placer(source, derivation, job)
    needed = list(dict.fromkeys([*(column for _name, column in selected), *derivation.columns]))
    with source.reading(needed, derivation.kind == "own") as reading:
        columns = {name: output_type(column, reading.types[column]) for name, column in selected}
        geometry = geometry if placer is not None else None
        crs = (placer or job.placer(job.declared_crs(WGS84))).target
        with GeoParquetWriter(job.target, columns, geometry, crs, job.limits) as writer:
            writer.tally = placer.tally if placer is not None else None
            table = _Table([column for _name, column in selected], list(columns.values()), derivation, placer)
            read = _write(reading, table, writer, source, job)
    judge(job.rejects.by_code, read)
    return Outcome(read, writer.written, columns, geometry, placer, source.layer)


def _placer(source: TypedSource, derivation: Derivation, job: Job) -> Placer | None:
    if derivation.kind == "none":
        return None
    if derivation.kind == "own":
        return job.placer(job.crs_of_file(source.crs))
    return job.placer(job.declared_crs(WGS84))


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns that are kept, in order, with their output types, and where the geometry comes from."""

    sources: list[str]
    kinds: list[str]
    derivation: Derivation
    placer: Placer | None


def _write(reading: Reading, table: _Table, writer: GeoParquetWriter, source: TypedSource, job: Job) -> int:
    read = 0
    for columns, own in reading.batches:
        rows = len(own) if own is not None else len(next(iter(columns.values())))
        numbers = np.arange(read + 1, read + rows + 1)
        placed = place_rows(columns.__getitem__, own, table.derivation, table.placer)
        arrays: list[pa.Array] = []
        problems: dict[int, Problem] = {}
        for position, (name, kind) in enumerate(zip(table.sources, table.kinds, strict=True), start=1):
            array, bad = convert(columns[name], kind, job.limits, position)
            arrays.append(array)
            problems.update(bad)
        _numbers, arrays, wkb, rejects = keep_rows(numbers, arrays, placed, problems)
        job.rejects.add_all(rejects)
        writer.write(arrays, wkb)
        read += rows
        job.progress(read, max(source.rows or 0, read))
    return read
