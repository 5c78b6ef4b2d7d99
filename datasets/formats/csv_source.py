"""Reads CSV (RFC 4180) strictly, as a stream of blocks of rows.

Decides whether the text is a table: one header of unique, named columns, rows of the same width, quotes that close,
one declared encoding. Never pads or cuts a row: a ragged one is a ``Reject``. Blocks that are plainly well formed are
read by Arrow, all others by Python's strict reader, to the same result. Memory doesn't grow with the file. Helps clause
E2: what can't be read is counted and named by row.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from datasets.formats.csv_blocks import Block, Remainder, blocks_of, decoded, lines_of
from datasets.formats.errors import Limits, RecordProblem, UnreadableSource
from datasets.formats.records import Reject, check_text
from datasets.formats.well_known import Array

_HEADER_BYTES = 256 * 1024
_PARSE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Dialect:
    """``encoding``: declared or UTF-8; ``delimiter``: one character."""

    encoding: str
    delimiter: str


@dataclass(slots=True)
class Rows:
    """Rows of a table: ``numbers`` (from 1) of those kept, their ``columns``, and the ``rejects`` among them.

    ``read``: the number of the last row read so far.
    """

    numbers: Array
    columns: list[pa.Array]
    rejects: list[Reject]
    read: int


def read_header(source: Path, dialect: Dialect, limits: Limits) -> list[str]:
    """The column names. Raises ``UnreadableSource`` for none, too many, blank, duplicate or unstorable ones."""
    with source.open("rb") as stream:
        pieces = decoded(stream, dialect.encoding, lambda _read: None, chunk_bytes=_HEADER_BYTES)
        header = next(_strictly(lines_of(pieces, limits), dialect, limits, 1), [])
    if not header:
        raise UnreadableSource("no_header", "line 1", "The first line is empty.", "Give a header that names columns.")
    if len(header) > limits.columns:
        message = f"The header names {len(header)} columns; the limit is {limits.columns}."
        raise UnreadableSource("too_many_columns", "line 1", message, "Drop columns upstream, or split the source.")
    check_names(header, "line 1, ")
    return header


def check_names(names: Sequence[str], where: str) -> None:
    """Refuse blank, duplicate and unstorable column names. Raises ``UnreadableSource``."""
    seen: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        place = f"{where}column {position}"
        if not name.strip():
            raise UnreadableSource("unnamed_column", place, "A column has no name.", "Name every column.")
        if name in seen:
            message = f"Columns {seen[name]} and {position} have the same name, {name[:80]!r}."
            raise UnreadableSource("duplicate_column", place, message, "Rename one of them.")
        seen[name] = position
        try:
            check_text(name, "A column name")
        except RecordProblem as problem:
            raise UnreadableSource(problem.code, place, problem.message, "Rename the column.") from problem


def _strictly(lines: Iterable[str], dialect: Dialect, limits: Limits, first_line: int) -> Iterator[list[str]]:
    csv.field_size_limit(limits.value_characters)
    reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        message = f"This is not CSV: {error}."
        fix = "Quote cells that hold separators or line ends, and close every quote (RFC 4180)."
        where = f"line {reader.line_num + first_line - 1}"
        raise UnreadableSource("invalid_csv", where, message, fix) from error


def read_csv(
    source: Path, dialect: Dialect, width: int, limits: Limits, progress: Callable[[int], None]
) -> Iterator[Rows]:
    """The rows below the header; blank lines hold none. Raises ``UnreadableSource`` wherever the file breaks."""
    read = 0
    with source.open("rb") as stream:
        blocks = blocks_of(decoded(stream, dialect.encoding, progress), dialect.delimiter, limits)
        for position, block in enumerate(blocks):
            for rows in _rows_of(block, dialect, width, limits, first_row=read + 1 if position else 0):
                read = rows.read
                yield rows
    if not read:
        message = "The table has a header and no rows."
        raise UnreadableSource("no_records", "line 2", message, "Fetch it again from the upstream.")


def _rows_of(
    block: Block | Remainder, dialect: Dialect, width: int, limits: Limits, *, first_row: int
) -> Iterator[Rows]:
    """``first_row``: the number of the block's first row; 0 for the block that begins with the header."""
    if isinstance(block, Block):
        table = _by_arrow(block, dialect, width)
        if table is not None:
            numbers = np.arange(first_row, first_row + table.num_rows)
            skip = int(first_row == 0)
            columns = [column.combine_chunks() for column in table.slice(skip).columns]
            yield Rows(numbers[skip:], columns, [], first_row + table.num_rows - 1)
            return
        lines: Iterable[str] = lines_of(iter([block.text.decode()]), limits)
    else:
        lines = block.lines
    cells = (row for row in _strictly(lines, dialect, limits, block.first_line) if row)
    if first_row == 0:
        next(cells, None)
        first_row = 1
    yield from _by_reader(cells, width, limits, first_row)


def _by_arrow(block: Block, dialect: Dialect, width: int) -> pa.Table | None:
    """The block's cells as text; None when a row has another number of them, or holds NUL."""
    if b"\x00" in block.text:
        return None
    names = [str(position) for position in range(width)]
    try:
        return pacsv.read_csv(
            pa.BufferReader(block.text),
            read_options=pacsv.ReadOptions(column_names=names, block_size=max(_PARSE_BYTES, len(block.text) + 1)),
            parse_options=pacsv.ParseOptions(
                delimiter=dialect.delimiter, newlines_in_values=block.has_quotes, ignore_empty_lines=True
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=False
            ),
        )
    except pa.ArrowInvalid:
        # Ragged, or a row longer than Arrow's block: the strict reader says which, row by row.
        return None


def _by_reader(cells: Iterator[list[str]], width: int, limits: Limits, first_row: int) -> Iterator[Rows]:
    start = first_row
    while batch := list(islice(cells, limits.batch_rows)):
        numbers, kept, rejects = [], [], []
        for number, row in enumerate(batch, start=start):
            try:
                _check(row, width)
            except RecordProblem as problem:
                rejects.append(Reject(number, problem.code, problem.message))
                continue
            numbers.append(number)
            kept.append(row)
        columns = [pa.array(column, pa.string()) for column in zip(*kept, strict=True)] if kept else []
        columns = columns or [pa.array([], pa.string())] * width
        start += len(batch)
        yield Rows(np.array(numbers, dtype=np.int64), columns, rejects, start - 1)


def _check(cells: list[str], width: int) -> None:
    if len(cells) != width:
        raise RecordProblem("ragged_row", f"The row has {len(cells)} cells; the header has {width}.")
    for position, cell in enumerate(cells, start=1):
        if cell and ("\x00" in cell or not cell.isascii()):
            check_text(cell, f"Cell {position}")
