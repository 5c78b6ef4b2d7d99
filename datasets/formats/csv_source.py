"""Reads CSV (RFC 4180) strictly, as a stream of records.

Decides whether the text is a table: one header of unique, named columns, rows of the same width, quotes that close,
one declared encoding. Never pads or cuts a row: a ragged one is a ``Reject``. Memory doesn't grow with the file. Helps
clause E2: what can't be read is counted and named by row.
"""

from __future__ import annotations

import codecs
import csv
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import shapely

from datasets.formats.errors import Limits, RecordProblem, UnreadableSource
from datasets.formats.geometry import LATITUDE, LONGITUDE, Shape, shape_of
from datasets.formats.records import Record, Reject, check_text
from datasets.formats.selection import Derivation

_CHUNK_BYTES = 1024 * 1024
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Dialect:
    """``encoding``: declared or UTF-8; ``delimiter``: one character."""

    encoding: str
    delimiter: str


def _lines(stream: BinaryIO, encoding: str, limits: Limits, progress: Callable[[int], None]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding)(
        "strict"
    )
    pending, read, ended = "", 0, False
    while not ended:
        chunk = stream.read(_CHUNK_BYTES)
        ended = not chunk
        try:
            pending += decoder.decode(chunk, final=ended)
        except UnicodeDecodeError as error:
            waiting = len(error.object) - len(chunk)
            where = f"byte {read - waiting + error.start}"
            fix = "Convert it to UTF-8, or declare its encoding in the spec (normalization.encoding)."
            raise UnreadableSource("not_utf8", where, f"The text is not valid {encoding}.", fix) from error
        read += len(chunk)
        progress(read)
        *whole, pending = pending.split("\n")
        yield from (line + "\n" for line in whole)
        if len(pending) > limits.value_characters:
            message = f"One line is longer than {limits.value_characters} characters."
            raise UnreadableSource("value_too_large", f"byte {read}", message, "Split it.")
    if pending:
        yield pending


def _rows(source: Path, dialect: Dialect, limits: Limits, progress: Callable[[int], None]) -> Iterator[list[str]]:
    csv.field_size_limit(limits.value_characters)
    with source.open("rb") as stream:
        lines = _lines(stream, dialect.encoding, limits, progress)
        reader = csv.reader(lines, delimiter=dialect.delimiter, strict=True)
        try:
            yield from reader
        except csv.Error as error:
            message = f"This is not CSV: {error}."
            fix = "Quote cells that hold separators or line ends, and close every quote (RFC 4180)."
            raise UnreadableSource("invalid_csv", f"line {reader.line_num}", message, fix) from error


def read_header(source: Path, dialect: Dialect, limits: Limits) -> list[str]:
    """The column names. Raises ``UnreadableSource`` for none, too many, blank, duplicate or unstorable ones."""
    header = next(_rows(source, dialect, limits, lambda _read: None), [])
    if len(header) > limits.columns:
        message = f"The header names {len(header)} columns; the limit is {limits.columns}."
        raise UnreadableSource("too_many_columns", "line 1", message, "Drop columns upstream, or split the source.")
    seen: dict[str, int] = {}
    for position, name in enumerate(header, start=1):
        where = f"line 1, column {position}"
        if not name.strip():
            raise UnreadableSource("unnamed_column", where, "A column has no name.", "Name every column.")
        if name in seen:
            message = f"Columns {seen[name]} and {position} have the same name, {name[:80]!r}."
            raise UnreadableSource("duplicate_column", where, message, "Rename one of them.")
        seen[name] = position
        try:
            check_text(name, "A column name")
        except RecordProblem as problem:
            raise UnreadableSource(problem.code, where, problem.message, "Rename the column.") from problem
    return header


def read_csv(
    source: Path, dialect: Dialect, derivation: Derivation, limits: Limits, progress: Callable[[int], None]
) -> Iterator[Record | Reject]:
    """Records of a CSV file; blank lines hold none. Raises ``UnreadableSource`` wherever the file breaks."""
    header = read_header(source, dialect, limits)
    rows = _rows(source, dialect, limits, progress)
    next(rows)
    row = 0
    for cells in rows:
        if not cells:
            continue
        row += 1
        try:
            yield _record(header, cells, row, derivation, limits)
        except RecordProblem as problem:
            yield Reject(row, problem.code, problem.message)
    if not row:
        message = "The table has a header and no rows."
        raise UnreadableSource("no_records", "line 2", message, "Fetch it again from the upstream.")


def _record(header: Sequence[str], cells: list[str], row: int, derivation: Derivation, limits: Limits) -> Record:
    if len(cells) != len(header):
        raise RecordProblem("ragged_row", f"The row has {len(cells)} cells; the header has {len(header)}.")
    for position, cell in enumerate(cells, start=1):
        if cell and ("\x00" in cell or not cell.isascii()):
            check_text(cell, f"Cell {position}")
    values = dict(zip(header, cells, strict=True))
    if derivation.kind == "latlon":
        latitude, longitude = derivation.columns
        return Record(row, values, _point(values[latitude].strip(), values[longitude].strip(), limits))
    shape = _from_wkt(values[derivation.columns[0]].strip(), limits) if derivation.kind == "wkt" else None
    return Record(row, values, shape)


def _point(latitude: str, longitude: str, limits: Limits) -> Shape | None:
    if not latitude and not longitude:
        return None
    if not latitude or not longitude:
        raise RecordProblem("half_a_position", "The row has only one of latitude and longitude.")
    if not _NUMBER.fullmatch(latitude) or not _NUMBER.fullmatch(longitude):
        raise RecordProblem("not_a_number", "Latitude or longitude is not a decimal number.")
    return shape_of({"type": "Point", "coordinates": [float(longitude), float(latitude)]}, limits)


def _from_wkt(text: str, limits: Limits) -> Shape | None:
    if not text:
        return None
    try:
        geometry = shapely.from_wkt(text)
    except (shapely.errors.GEOSException, ValueError) as error:
        raise RecordProblem("invalid_wkt", "The well-known text can't be read, or a ring is not closed.") from error
    if geometry is None or geometry.is_empty:
        raise RecordProblem("too_few_positions", "The geometry is empty.")
    vertices = int(shapely.get_num_coordinates(geometry))
    if vertices > limits.vertices:
        raise RecordProblem("too_many_vertices", f"A geometry has more than {limits.vertices} vertices.")
    coordinates = shapely.get_coordinates(geometry, include_z=bool(geometry.has_z))
    if not all(map(math.isfinite, coordinates.ravel().tolist())):
        raise RecordProblem("not_finite", "A coordinate is not a finite number.")
    west, south, east, north = (float(bound) for bound in geometry.bounds)
    if west < -LONGITUDE or east > LONGITUDE or south < -LATITUDE or north > LATITUDE:
        raise RecordProblem("outside_lon_lat", "A coordinate is outside the range of longitude and latitude.")
    kind = geometry.geom_type + (" Z" if geometry.has_z else "")
    wkb = bytes(shapely.to_wkb(geometry, byte_order=1, flavor="iso"))
    return Shape(wkb, (west, south, east, north), kind, vertices)
