"""Opens Parquet files: GeoParquet 1.x with well-known binary, and plain tables.

Decides from the ``geo`` metadata which column is the geometry and what coordinate system it is in; what the metadata
gets wrong ends the file. Never reads a whole row group at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.job import Job, Part
from datasets.formats.reference_systems import crs_of
from datasets.formats.typed_source import Reading, TypedSource

_FIX = "Ask the upstream for a well-formed file."
_CRS84 = "OGC:CRS84"
_BUFFER_BYTES = 1024 * 1024


def _bad_geo(message: str, fix: str = _FIX) -> UnreadableSource:
    return UnreadableSource("invalid_geoparquet", "geo metadata", message, fix)


@contextmanager
def _reads() -> Iterator[None]:
    """Arrow's errors name values and offsets; ours says only what is wrong."""
    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        message = f"The Parquet file can't be read ({type(error).__name__}): it is cut off or damaged."
        raise UnreadableSource("invalid_parquet", "file", message, "Fetch it again from the upstream.") from error


def open_parquet(part: Part, job: Job) -> TypedSource:
    """Raises ``UnreadableSource`` for what is not Parquet, is too large, or contradicts its own metadata."""
    job.no_layers("Parquet")
    with _reads(), pq.ParquetFile(part.path) as file:
        schema, metadata = file.schema_arrow, file.metadata
        rows, groups = metadata.num_rows, metadata.num_row_groups
        bulk = sum(metadata.row_group(i).total_byte_size for i in range(groups))
    if rows > job.limits.rows:
        message = f"The file claims {rows} rows; the limit is {job.limits.rows}."
        raise UnreadableSource("too_many_rows", "file", message, "Split it.")
    if len(schema) > job.limits.columns:
        message = f"There are {len(schema)} columns; the limit is {job.limits.columns}."
        raise UnreadableSource("too_many_columns", "file", message, "Drop columns upstream, or split the source.")
    geometry, crs, covering = _geometry(schema)
    names = tuple(name for name in schema.names if name != geometry and name not in covering)
    size = _batch_rows(rows, bulk, job.limits)

    @contextmanager
    def reading(columns: Sequence[str], own: bool) -> Iterator[Reading]:  # noqa: FBT001 - the protocol's
        with _reads():
            file = pq.ParquetFile(part.path, buffer_size=_BUFFER_BYTES, pre_buffer=False)
        with file:
            types = {name: schema.field(name).type for name in columns}
            yield Reading(types, _batches(file, columns, geometry if own else None, size))

    return TypedSource(names, geometry is not None, crs, rows, reading)


def _batch_rows(rows: int, bulk: int, limits: Limits) -> int:
    each = max(bulk // max(rows, 1), 1)
    return max(1, min(limits.batch_rows, limits.batch_bytes // each))


def _batches(
    file: pq.ParquetFile, columns: Sequence[str], geometry: str | None, size: int
) -> Iterator[tuple[Mapping[str, pa.Array], pa.Array | None]]:
    wanted = [*columns, *([geometry] if geometry is not None else [])]
    batches = file.iter_batches(size, columns=wanted, use_threads=False)
    while True:
        with _reads():
            batch = next(batches, None)
            if batch is None:
                return
            found = {name: batch.column(batch.schema.get_field_index(name)) for name in wanted}
        own = found.pop(geometry) if geometry is not None else None
        if own is not None:
            own = own.storage if isinstance(own.type, pa.BaseExtensionType) else own
            own = own.cast(pa.binary())
        yield found, own


def _geometry(schema: pa.Schema) -> tuple[str | None, pyproj.CRS | None, frozenset[str]]:
    """The geometry column, its system (None: not said), and the columns that only repeat its bounds."""
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        return None, None, frozenset()
    try:
        geo = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _bad_geo("The geo metadata is not JSON.") from error
    name = geo.get("primary_column") if isinstance(geo, dict) else None
    columns = geo.get("columns") if isinstance(geo, dict) else None
    column = columns.get(name) if isinstance(columns, dict) and isinstance(name, str) else None
    if not isinstance(column, dict) or name not in schema.names:
        raise _bad_geo("The geo metadata does not describe the primary geometry column.")
    _check_column(column, schema.field(name).type)
    if "crs" not in column:
        return name, crs_of(_CRS84, "geo metadata"), _covering(column)
    crs = column["crs"]
    if crs is not None and not isinstance(crs, dict):
        raise _bad_geo("The coordinate system is not PROJJSON.")
    return name, None if crs is None else crs_of(crs, "geo metadata"), _covering(column)


def _check_column(column: Mapping[str, Any], kind: pa.DataType) -> None:
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    is_binary = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
    if column.get("encoding") != "WKB" or not is_binary:
        fix = "Write it with the encoding WKB, which every reader of GeoParquet knows."
        raise _bad_geo("The geometry is not encoded as well-known binary.", fix)
    if column.get("edges", "planar") != "planar":
        raise _bad_geo("The edges are spherical; every measure here is planar.", "Give a file with planar edges.")


def _covering(column: Mapping[str, Any]) -> frozenset[str]:
    covering = column.get("covering")
    box = covering.get("bbox") if isinstance(covering, dict) else None
    paths = box.values() if isinstance(box, dict) else ()
    return frozenset(path[0] for path in paths if isinstance(path, list) and path and isinstance(path[0], str))
