"""Turns one upstream file into one GeoParquet file, in two passes over the stream.

The first pass checks every record, writes the rejects and learns the columns' types; the second writes the rows. Never
holds the file in memory, never repairs a record, never keeps part of a broken file: on ``UnreadableSource`` there is no
target. The same bytes and spec give the same bytes (clause A1); failing records are counted and set apart (clause E2).
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets.formats.columns import ColumnTypes, convert_json, convert_text
from datasets.formats.csv_source import Dialect, read_csv, read_header
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.geojson_source import read_geojson
from datasets.formats.geoparquet import WGS84, GeoParquetWriter, projection
from datasets.formats.preview import Preview
from datasets.formats.records import Record, Reject
from datasets.formats.selection import (
    Declared,
    Derivation,
    declared,
    derivation_for_csv,
    derivation_for_geojson,
    output_columns,
)
from datasets.formats.sniff import DELIMITERS, HEAD_BYTES, sniff

Progress = Callable[[int, int | None], None]
_PASSES = 2


@dataclass(frozen=True, slots=True)
class NormalizeResult:
    """What was read and written. ``bbox``: west, south, east, north in degrees of the source; types as in GeoParquet.

    ``columns``: ``{"name", "type"}`` of each output column, the geometry's type being ``geometry``.
    """

    source_format: str
    rows_read: int
    rows_written: int
    rows_rejected: int
    columns: tuple[dict[str, str], ...]
    geometry_column: str | None
    geometry_types: tuple[str, ...]
    bbox: tuple[float, float, float, float] | None
    vertices: int
    rejected_by_code: dict[str, int]
    preview_bytes: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class _Source:
    """A sniffed file, readable as records as often as needed."""

    def __init__(self, source: Path, spec: Mapping[str, Any], wanted: Declared, limits: Limits) -> None:
        normalization = spec.get("normalization", {})
        encoding = _encoding(normalization.get("encoding", "utf-8"))
        with source.open("rb") as stream:
            sniffed = sniff(stream.read(HEAD_BYTES), encoding=encoding)
        self.format = sniffed.format
        self.header: list[str] = []
        self._path, self._limits = source, limits
        self.derivation: Derivation
        if sniffed.format == "geojson":
            self.derivation = derivation_for_geojson(wanted)
            return
        delimiter = normalization.get("delimiter", sniffed.delimiter)
        if delimiter not in DELIMITERS:
            message = "The declared CSV delimiter is not a comma, tab, semicolon or bar."
            raise UnreadableSource("bad_normalization", "spec /normalization/delimiter", message, "Use one of them.")
        self._dialect = Dialect(encoding, delimiter)
        self.header = read_header(source, self._dialect, limits)
        self.derivation = derivation_for_csv(wanted, self.header)

    def records(self, progress: Callable[[int], None]) -> Iterator[Record | Reject]:
        if self.format == "geojson":
            return read_geojson(self._path, self._limits, progress)
        return read_csv(self._path, self._dialect, self.derivation, self._limits, progress)


def _encoding(name: Any) -> str:
    try:
        return codecs.lookup(name).name
    except (LookupError, TypeError, ValueError) as error:
        where = "spec /normalization/encoding"
        message = "The declared encoding is not known."
        raise UnreadableSource("bad_normalization", where, message, "Use utf-8 or, say, cp1252.") from error


@dataclass(slots=True)
class _Survey:
    """What the first pass learned."""

    types: dict[str, str]
    rows_read: int
    rejected: Counter[str]
    vertices: int
    bbox: tuple[float, float, float, float] | None


def _survey(source: _Source, rejects: Path, limits: Limits, progress: Callable[[int], None]) -> _Survey:
    types = ColumnTypes(limits, is_text=source.format == "csv", names=source.header)
    survey = _Survey({}, 0, Counter(), 0, None)
    with rejects.open("wb") as stream:
        for record in source.records(progress):
            survey.rows_read += 1
            if isinstance(record, Reject):
                survey.rejected[record.code] += 1
                stream.write(record.as_line())
                continue
            types.observe(record.values)
            if record.shape is not None:
                survey.vertices += record.shape.vertices
                survey.bbox = _union(survey.bbox, record.shape.bbox)
    survey.types = types.types()
    return survey


def _union(
    one: tuple[float, float, float, float] | None, other: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    if one is None:
        return other
    return (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))


def _judge(survey: _Survey) -> None:
    """Refuse a file of which nothing, or not what it claims to be, could be read."""
    if survey.rejected["outside_lon_lat"] * 2 > survey.rows_read:
        message = "Most coordinates are outside longitude -180 to 180 and latitude -90 to 90: probably projected."
        raise UnreadableSource("probably_projected", "coordinates", message, "Reproject it to EPSG:4326 before ingest.")
    if survey.rejected["ragged_row"] * 2 > survey.rows_read:
        message = "Most rows have another number of cells than the header: this is not a table."
        raise UnreadableSource("not_a_table", "rows", message, "Give a CSV whose rows all have the header's columns.")
    if survey.rejected.total() == survey.rows_read:
        code, count = min(survey.rejected.items(), key=lambda item: (-item[1], item[0]))
        message = f"None of the {survey.rows_read} records can be kept; {count} were refused as {code}."
        raise UnreadableSource("no_valid_records", "records", message, "Read the rejects file, then mend the source.")


def normalize(  # noqa: PLR0913 - each path is the caller's to choose
    source: Path,
    *,
    spec: Mapping[str, Any],
    target: Path,
    rejects: Path,
    progress: Progress,
    preview: Path | None = None,
    limits: Limits | None = None,
) -> NormalizeResult:
    """Write ``source`` (GeoJSON or CSV) as GeoParquet 1.1 to ``target``, refused records to ``rejects`` (JSON lines).

    ``progress`` is called with bytes done and bytes in all (both passes). ``preview``: where a simplified GeoJSON of at
    most 300 KB goes. Raises ``UnreadableSource`` for a file that can't be trusted as a whole; then there is no target.
    """
    bounds = limits or Limits()
    wanted = declared(spec)
    crs_name = str(spec.get("normalization", {}).get("crs", WGS84))
    projection(crs_name)
    total = source.stat().st_size * _PASSES
    opened = _Source(source, spec, wanted, bounds)
    survey = _survey(opened, rejects, bounds, lambda done: progress(done, total))
    _judge(survey)
    selected, geometry = output_columns(wanted, tuple(survey.types))
    if opened.derivation.kind == "none":
        geometry = None
    columns = {name: survey.types[column] for name, column in selected}
    picture = Preview(survey.rows_read - survey.rejected.total(), survey.bbox)
    try:
        with GeoParquetWriter(target, columns, geometry, crs_name) as writer:
            kept = (r for r in opened.records(lambda done: progress(total // 2 + done, total)) if isinstance(r, Record))
            written = _write(writer, kept, selected, _converters(opened.format, columns), picture, bounds)
    except UnreadableSource:
        target.unlink(missing_ok=True)
        raise
    text = picture.as_bytes() if preview is not None else b""
    if preview is not None:
        preview.write_bytes(text)
    progress(total, total)
    described = [{"name": name, "type": kind} for name, kind in columns.items()]
    if geometry is not None:
        described.append({"name": geometry, "type": "geometry"})
    return NormalizeResult(
        source_format=opened.format,
        rows_read=survey.rows_read,
        rows_written=written,
        rows_rejected=survey.rejected.total(),
        columns=tuple(described),
        geometry_column=geometry,
        geometry_types=writer.geometry_types,
        bbox=survey.bbox,
        vertices=survey.vertices,
        rejected_by_code=dict(sorted(survey.rejected.items())),
        preview_bytes=len(text),
    )


def _converters(source_format: str, columns: Mapping[str, str]) -> list[Callable[[Any], Any]]:
    convert = convert_text if source_format == "csv" else convert_json
    return [lambda value, kind=kind: convert(value, kind) for kind in columns.values()]  # type: ignore[misc]


def _write(  # noqa: PLR0913 - one loop, and these are its parts
    writer: GeoParquetWriter,
    records: Iterator[Record],
    selected: tuple[tuple[str, str], ...],
    converters: list[Callable[[Any], Any]],
    picture: Preview,
    limits: Limits,
) -> int:
    batch: list[Record] = []
    size = written = 0

    def flush() -> None:
        columns = [
            [convert(record.values.get(column)) for record in batch]
            for (_name, column), convert in zip(selected, converters, strict=True)
        ]
        writer.write(columns, [record.shape for record in batch])
        batch.clear()

    for record in records:
        picture.offer(written, record.row, record.shape)
        batch.append(record)
        written += 1
        size += len(record.shape.wkb) if record.shape is not None else 0
        size += sum(len(value) for value in record.values.values() if isinstance(value, str))
        if len(batch) >= limits.batch_rows or size >= limits.batch_bytes:
            flush()
            size = 0
    if batch:
        flush()
    return written
