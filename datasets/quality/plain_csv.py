"""A CSV as the table that normalizing it would give, without writing that: DuckDB reads the text itself.

Decides only whether this is *proved*: that every line is a row, that none would be rejected, and that each column that
is asked for has the type that ``datasets.formats.columns`` gives it. What is not proved raises ``NotPlain``, and the
file must be normalized. The proof is made in the look that measures, so nothing measured without it is told. Keeps E2.
"""

from __future__ import annotations

import codecs
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.instructions import WGS84, Instructions, instructions
from datasets.formats.selection import Derivation, declared, derivation_from_columns, output_columns
from datasets.formats.sniff import HEAD_BYTES, sniff
from datasets.formats.value_kinds import kind_of_text, type_of
from datasets.quality.measures import SPAN, Table, quoted

_LOOK_BYTES = 1024 * 1024
_PLAIN_INSTRUCTIONS = (Instructions(), Instructions(source_crs=WGS84))
_PLAIN_NAME = re.compile(r"[ -~]*[!-~][ -~]*")
# Fifteen digits at most, so a double holds it; longer ones may be text (datasets.formats.columns).
_DECIMAL = r"'-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?'"
_MOST_DECIMAL = 15
_FAR = 2**62
_COLUMN = re.compile(r"\bc(\d+)\b")
_VALUES = {
    "string": "{0}",
    "int64": "TRY_CAST({0} AS BIGINT)",
    "double": "TRY_CAST({0} AS DOUBLE)",
    "bool": "lower({0}) = 'true'",
}
_DOUBTS = {
    "int64": "{0} IS NOT NULL AND coalesce(CAST(TRY_CAST({0} AS BIGINT) AS VARCHAR) <> {0}, true)",
    "double": f"{{0}} IS NOT NULL AND (strlen({{0}}) > {_MOST_DECIMAL} OR NOT regexp_full_match({{0}}, {_DECIMAL}))",
    "bool": "{0} IS NOT NULL AND lower({0}) NOT IN ('true', 'false')",
    # A column whose first cells are all empty.
    "": "{0} IS NOT NULL",
}
# Out of range or no number; and what DuckDB reads as a number but the strict reader does not has one of these signs.
_COORDINATE = "coalesce(abs({1}) > {2}, {0} IS NOT NULL)"
_ODD_SIGNS = ("_", "+")


class NotPlain(Exception):  # noqa: N818 - a fact about the file: it must be normalized to be judged
    """The message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class _Names:
    """What is asked of an Arrow schema here."""

    names: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Head:
    """``header``: the column names; ``cells``: of the first lines, by column."""

    delimiter: str
    header: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]


class PlainCsv(Table):
    """``t`` as ``Table`` has it. Raises ``NotPlain``, also while it is asked."""

    def __init__(self, source: Path, spec: Mapping[str, Any], scratch: Path) -> None:
        self.path, self.references = source, {}
        try:
            if instructions(spec) not in _PLAIN_INSTRUCTIONS:
                raise NotPlain("The spec says how the file is to be read.")
            head = _head(source)
            selected, geometry = output_columns(declared(spec), head.header)
            derivation = derivation_from_columns(declared(spec), head.header)
        except UnreadableSource as error:
            raise NotPlain(error.message) from error
        if derivation.kind == "wkt":
            raise NotPlain("The geometries are well-known text.")
        lines, self._odd = _look(source)
        self.rows = lines - 1
        places = [head.header.index(column) for _name, column in selected]
        kinds = [_type_of(head.cells[place]) for place in places]
        self._cells = [(f"f{place}", kind) for place, kind in zip(places, kinds, strict=True)]
        self._least = [
            min(int(cell) for cell in head.cells[place] if cell) if kind == "int64" else 0
            for place, kind in zip(places, kinds, strict=True)
        ]
        self._points = _points(derivation, head)
        names = [name for name, _column in selected]
        self.geo: dict[str, Any] = {}
        if self._points is not None and geometry is not None:
            names.append(geometry)
            self.geo = {"primary_column": geometry, "columns": {geometry: {}}}
        types = [kind or "string" for kind in kinds] + ["binary"] * (len(names) - len(kinds))
        self.schema = _Names(tuple(names), tuple(types))
        self._spill = tempfile.mkdtemp(prefix=".kfm-qa-", dir=scratch)
        self.connection = self._opened()
        self._show(head)

    def type_of(self, name: str) -> Any:
        return self.schema.types[self.schema.names.index(name)]

    def close(self) -> None:
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def _show(self, head: _Head) -> None:
        columns = ", ".join(f"'f{place}': 'VARCHAR'" for place in range(len(head.header)))
        read = (
            f"read_csv({quoted(self.path)}, auto_detect = false, header = true, delim = '{head.delimiter}', "
            f"quote = '', escape = '', nullstr = '', columns = {{{columns}}})"
        )
        shown = [f"{_VALUES[kind or 'string'].format(f)} AS c{i}" for i, (f, kind) in enumerate(self._cells)]
        if self._points is not None:
            y, x = (f"TRY_CAST({cell} AS DOUBLE)" for cell in self._points)
            shown += [f"{x} AS x", f"{y} AS y"]
            if self.geo:  # what tells one point's bytes from another's
                shown.append(f"{x} || ' ' || {y} AS c{len(self._cells)}")
        kept = sorted({f"f{place}" for place in range(len(head.header))})
        shown += [*kept, "row_number() OVER () - 1 AS n"]
        self.connection.execute(f"CREATE TEMP VIEW t AS SELECT {', '.join(shown)} FROM {read}")  # noqa: S608 - f0, c0

    def doubts(self, sql: str) -> Sequence[str]:
        used = {int(place) for place in _COLUMN.findall(sql)}
        found = []
        for place, (cell, kind) in enumerate(self._cells):
            if place in used and kind in _DOUBTS:
                found.append(_DOUBTS[kind].format(cell))
        if self._points is not None:
            latitude, longitude = self._points
            found.append(_COORDINATE.format(latitude, "y", 90))
            found.append(_COORDINATE.format(longitude, "x", 180))
            found += [f"contains({cell}, '{sign}')" for cell in self._points for sign in self._odd]
            found.append(f"({latitude} IS NULL) <> ({longitude} IS NULL)")
        return found

    def span(self, column: str) -> tuple[int, int] | None:
        """From the least number of the first lines: where a column of numbers begins, most of them often follow."""
        place = int(column.removeprefix("c"))
        kind = self._cells[place][1] if place < len(self._cells) else ""
        if kind != "int64":
            return None
        least = self._least[place]
        return (least, least + SPAN * self.rows) if abs(least) < _FAR else None

    def prove(self, rows: int, doubted: Sequence[int]) -> None:
        if rows != self.rows or rows == 0:
            raise NotPlain("Not every line is one row.")
        if any(doubted):
            raise NotPlain("A cell is not of the type that its column begins with, or is no plain coordinate.")

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        try:
            (row,) = self.connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise NotPlain("The rows do not all have the header's columns, or the text is damaged.") from error
        return tuple(row)


def _head(source: Path) -> _Head:
    """The header and the first lines. Raises ``NotPlain`` and ``UnreadableSource``."""
    with source.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    sniffed = sniff(head)
    if sniffed.format != "csv" or sniffed.has_bom:
        raise NotPlain("The file is not a CSV in plain UTF-8.")
    whole = head if len(head) < HEAD_BYTES else head[: head.rfind(b"\n") + 1]
    lines = whole.decode("utf-8", "replace").removesuffix("\n").split("\n")
    header = lines[0].split(sniffed.delimiter)
    rows = [line.split(sniffed.delimiter) for line in lines[1:]]
    if len(set(header)) < len(header) or not all(map(_PLAIN_NAME.fullmatch, header)) or '"' in lines[0]:
        raise NotPlain("The header is not one of plain, different names.")
    if not rows or len(header) > Limits().columns or any(len(row) != len(header) for row in rows):
        raise NotPlain("The first lines do not all have the header's columns.")
    return _Head(sniffed.delimiter, tuple(header), tuple(zip(*rows, strict=True)))


def _look(source: Path) -> tuple[int, list[str]]:
    """How many lines there are, and which odd signs occur at all.

    Raises ``NotPlain`` for a text that delimiters and line feeds alone do not cut.
    """
    lines, last, decoder = 0, b"\n", None
    odd: set[str] = set()
    with source.open("rb") as stream:
        while chunk := stream.read(_LOOK_BYTES):
            if b'"' in chunk or b"\r" in chunk or b"\x00" in chunk:
                raise NotPlain("The text has quotes, carriage returns or NUL.")
            if decoder is not None or not chunk.isascii():
                decoder = decoder or codecs.getincrementaldecoder("utf-8")("strict")
                _check_text(decoder, chunk)
            lines += chunk.count(b"\n")
            odd |= {sign for sign in _ODD_SIGNS if sign not in odd and sign.encode() in chunk}
            last = chunk[-1:]
    if decoder is not None:
        _check_text(decoder, b"", final=True)
    return lines + (last != b"\n"), sorted(odd)


def _check_text(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> None:
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        raise NotPlain("The text is not UTF-8.") from error


def _type_of(cells: Sequence[str]) -> str:
    """The type that a column begins with; empty when its first cells are. One text cell makes it text for good."""
    kinds = {kind_of_text(cell) for cell in cells if cell}
    return type_of(kinds) if kinds else ""


def _points(derivation: Derivation, head: _Head) -> tuple[str, str] | None:
    """The cells of latitude and longitude."""
    if derivation.kind != "latlon":
        return None
    latitude, longitude = (f"f{head.header.index(name)}" for name in derivation.columns)
    return latitude, longitude
