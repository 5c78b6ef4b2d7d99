"""Reads CSV in one pass over its text and one over the rows kept, because a column's type shows only at its end.

Never holds the file in memory: rows wait on disk, in the job's own scratch directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from datasets.formats.csv_source import Dialect, Rows, read_csv, read_header
from datasets.formats.errors import UnreadableSource
from datasets.formats.geoparquet import GeoParquetWriter
from datasets.formats.instructions import WGS84
from datasets.formats.job import Job, Outcome, Part
from datasets.formats.places import Placer
from datasets.formats.result import judge
from datasets.formats.selection import Derivation, derivation_from_columns, output_columns
from datasets.formats.tables import Spool, keep_rows, place_rows
from datasets.formats.text_columns import TextTypes, convert_cells


def normalize_csv(parts: Sequence[Part], job: Job) -> Outcome:
    """Write the rows of *parts*, one after the other. Raises ``UnreadableSource``."""
    job.no_layers("CSV")
    dialects = [Dialect(job.told.encoding or "utf-8", job.told.delimiter or part.delimiter) for part in parts]
    header = read_header(parts[0].path, dialects[0], job.limits)
    for part, dialect in zip(parts[1:], dialects[1:], strict=True):
        if read_header(part.path, dialect, job.limits) != header:
            message = "The archive's members do not all have the same columns."
            raise UnreadableSource("columns_differ", "archive", message, "Ingest them as datasets of their own.")
    derivation = derivation_from_columns(job.wanted, header)
    selected, geometry = output_columns(job.wanted, header)
    placer = None if derivation.kind == "none" else job.placer(job.declared_crs(WGS84))
    table = _Table(header, [column for _name, column in selected], derivation, placer)
    spool = Spool(job.scratch / "rows.arrow", table.sources)
    try:
        rows_read = _survey(_blocks(parts, dialects, len(header), job), table, spool, job)
    finally:
        spool.close()
    judge(job.rejects.by_code, rows_read)
    kinds = table.types.types()
    columns = {name: kinds[column] for name, column in selected}
    geometry = geometry if placer is not None else None
    crs = (placer or job.placer(job.declared_crs(WGS84))).target
    with GeoParquetWriter(job.target, columns, geometry, crs, job.limits) as writer:
        writer.tally = placer.tally if placer is not None else None
        for cells, wkb in spool.batches():
            arrays = [convert_cells(c, kind) for c, kind in zip(cells, columns.values(), strict=True)]
            writer.write(arrays, wkb if placer is not None else None)
    return Outcome(rows_read, writer.written, columns, geometry, placer)


class _Table:
    """The columns of a CSV that are used, and how."""

    def __init__(
        self, header: Sequence[str], sources: Sequence[str], derivation: Derivation, placer: Placer | None
    ) -> None:
        self.positions = {name: position for position, name in enumerate(header)}
        self.sources, self.derivation, self.placer = list(sources), derivation, placer
        self.types = TextTypes(header)


def _blocks(parts: Sequence[Part], dialects: Sequence[Dialect], width: int, job: Job) -> Iterator[Rows]:
    """The rows of all parts, numbered through."""
    sizes = [part.path.stat().st_size for part in parts]
    total = 2 * sum(sizes)
    before = row = 0
    for part, dialect, size in zip(parts, dialects, sizes, strict=True):
        last = row
        for rows in read_csv(part.path, dialect, width, job.limits, _shifted(job, before, total)):
            last = row + rows.read
            rejects = [replace(reject, row=row + reject.row) for reject in rows.rejects]
            yield Rows(rows.numbers + row, rows.columns, rejects, last)
        row, before = last, before + size


def _shifted(job: Job, before: int, total: int) -> Callable[[int], None]:
    return lambda done: job.progress(before + done, total)


def _survey(blocks: Iterator[Rows], table: _Table, spool: Spool, job: Job) -> int:
    """Spool the rows that can be kept, learn their columns' types, and count the rows read."""
    read = 0
    for rows in blocks:
        read = rows.read

        def column_of(name: str, columns: Sequence[Any] = rows.columns) -> Any:
            return columns[table.positions[name]]

        placed = place_rows(column_of, None, table.derivation, table.placer)
        cells = [column_of(name) for name in table.sources]
        _numbers, cells, wkb, rejects = keep_rows(rows.numbers, cells, placed, {})
        job.rejects.add_all([*rows.rejects, *rejects])
        for name, column in zip(table.sources, cells, strict=True):
            table.types.observe(name, column)
        spool.write(cells, wkb)
    return read
