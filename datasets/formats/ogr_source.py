"""Opens GeoPackages, shapefiles and FlatGeobuf files through GDAL, one layer of one file, as Arrow batches.

Decides which layer is read: the spec's, or the only one. Never follows a reference: the file stands alone under a fixed
name, only three drivers are loaded (``gdal``), and views and virtual tables of a GeoPackage are refused before GDAL
sees it.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyproj

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.gdal import vector_gdal
from datasets.formats.job import Job, Part
from datasets.formats.reference_systems import crs_of
from datasets.formats.typed_source import Reading, TypedSource

_NAMES = {"gpkg": "data.gpkg", "flatgeobuf": "data.fgb"}
_TITLES = {"gpkg": "GeoPackage", "flatgeobuf": "FlatGeobuf file", "shapefile": "shapefile"}
_AGAIN = "Fetch it again from the upstream."
_SHOWN_LAYERS = 20


@contextmanager
def _reads(title: str) -> Iterator[None]:
    """GDAL's errors name paths and values; ours says only what is wrong."""
    import pyogrio.errors

    try:
        yield
    except MemoryError:
        raise
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError) as error:
        raise _damaged(title, error) from error
    except (pa.ArrowException, OSError, RuntimeError, ValueError) as error:
        raise _damaged(title, error) from error


def _damaged(title: str, error: Exception) -> UnreadableSource:
    message = f"The {title} can't be read ({type(error).__name__}): it is cut off or damaged."
    return UnreadableSource("damaged_container", "file", message, _AGAIN)


def open_container(part: Part, job: Job) -> TypedSource:
    """Raises ``UnreadableSource`` for a damaged file, and for several layers of which the spec names none."""
    title = _TITLES[part.format]
    path = _alone(part, job.scratch)
    gdal = vector_gdal(job.limits.batch_bytes)
    if part.format == "gpkg":
        _refuse_virtual_tables(path)
    with _reads(title):
        layers = [(str(name), kind is not None) for name, kind in gdal.list_layers(path).tolist()]
    name = _choose(layers, job, title)
    options: dict[str, Any] = {"encoding": job.told.encoding} if job.told.encoding is not None else {}
    with _reads(title):
        info = gdal.read_info(path, layer=name, **options)
    names = [str(field) for field in info["fields"].tolist()]
    identifier = str(info.get("fid_column") or "")
    asks_for_identifier = bool(identifier) and identifier not in names and _asks_for(job, identifier)
    rows = int(info["features"])
    layer = _Layer(path, name, part.format, options, identifier if asks_for_identifier else None, rows, job.limits)
    has_geometry = info["geometry_type"] is not None
    crs = _crs(info.get("crs")) if has_geometry else None
    shown = (*names, identifier) if asks_for_identifier else tuple(names)
    return TypedSource(shown, has_geometry, crs, rows if rows >= 0 else None, layer.reading, name)


@dataclass(frozen=True, slots=True)
class _Layer:
    """One layer, ready to be read. ``identifier``: GDAL's own row identifier, when it is asked for as a column."""

    path: Path
    name: str
    format: str
    options: Mapping[str, Any]
    identifier: str | None
    rows: int
    limits: Limits

    @contextmanager
    def reading(self, columns: Sequence[str], own: bool) -> Iterator[Reading]:  # noqa: FBT001 - the protocol's
        title = _TITLES[self.format]
        opened = vector_gdal(self.limits.batch_bytes).open_arrow(
            self.path,
            layer=self.name,
            columns=[name for name in columns if name != self.identifier],
            read_geometry=own,
            return_fids=self.identifier is not None or not columns,
            batch_size=self.limits.batch_rows,
            use_pyarrow=True,
            # Arrow's instants have one time zone a column, FlatGeobuf's have one each: as text they keep it.
            datetime_as_string=self.format == "flatgeobuf",
            **self.options,
        )
        # GDAL ends a FlatGeobuf file that is cut off without a word; the other two may count rows that were deleted.
        expected = self.rows if self.format == "flatgeobuf" else 0
        with _reads(title):
            meta, reader = opened.__enter__()
        try:
            types = {name: reader.schema.field(_in_arrow(name, reader.schema, meta)).type for name in columns}
            yield Reading(types, _batches(reader, columns, meta, title, own=own, expected=expected))
        finally:
            opened.__exit__(None, None, None)


def _alone(part: Part, scratch: Path) -> Path:
    """The file under a fixed name in a directory of its own; a shapefile's parts were already put there."""
    if part.format == "shapefile":
        return part.path
    path = scratch / _NAMES[part.format]
    try:
        os.link(part.path, path)
    except OSError:
        shutil.copyfile(part.path, path)
    return path


def _refuse_virtual_tables(path: Path) -> None:
    """Refuse what makes reading a table run something else: views as layers, virtual tables, generated columns."""
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    contents = "SELECT count(*) FROM gpkg_contents c JOIN sqlite_master m ON lower(m.name) = lower(c.table_name)"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            one = connection.execute(f"{contents} WHERE m.type = 'view'").fetchone()
            rows = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL")
            statements = [" ".join(str(row[0]).lower().split()) for row in rows]
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise _damaged("GeoPackage", error) from error
    virtual = [sql for sql in statements if sql.startswith("create virtual table") and " using rtree" not in sql]
    if one[0] or virtual or any("generated always" in sql for sql in statements):
        message = "The GeoPackage has a layer that is a view, a virtual table, or a generated column."
        fix = "Ask for the layer as a plain table: what runs on reading is not read."
        raise UnreadableSource("active_container", "file", message, fix)


def _choose(layers: Sequence[tuple[str, bool]], job: Job, title: str) -> str:
    names = [name for name, _is_spatial in layers]
    spatial = [name for name, is_spatial in layers if is_spatial]
    shown = ", ".join(repr(name[:80]) for name in names[:_SHOWN_LAYERS]) + (", …" if len(names) > _SHOWN_LAYERS else "")
    if job.told.layer is not None:
        if job.told.layer in names:
            return job.told.layer
        message = f"The {title} has no layer {job.told.layer[:80]!r}; it has {shown or 'none'}."
        raise UnreadableSource("layer_missing", "layers", message, "Correct normalization.layer in the spec.")
    # A table without geometries beside the only layer with them (styles, say) leaves no doubt when geometry is wanted.
    candidates = spatial if spatial and job.wanted.geometry is not None else names
    if not candidates and title != _TITLES["gpkg"]:
        raise UnreadableSource("damaged_container", "file", f"The {title} can't be read: it has no layer.", _AGAIN)
    if not candidates:
        raise UnreadableSource("no_records", "layers", f"The {title} has no layers.", _AGAIN)
    if len(candidates) > 1:
        message = f"The {title} has {len(names)} layers: {shown}."
        raise UnreadableSource("several_layers", "layers", message, "Name one in the spec (normalization.layer).")
    return candidates[0]


def _asks_for(job: Job, column: str) -> bool:
    return column in {origin for _name, origin in job.wanted.fields or ()}


def _crs(text: str | None) -> pyproj.CRS | None:
    return crs_of(text, "file") if text else None


def _in_arrow(name: str, schema: pa.Schema, meta: Mapping[str, Any]) -> str:
    """The column's name in the stream, where the identifier's may be a stand-in."""
    if name in schema.names:
        return name
    return str(meta.get("fid_column") or "OGC_FID")


def _check_buffers(batch: pa.RecordBatch) -> None:
    """Offsets beyond a buffer would crash whoever follows them. Raises ``pyarrow.ArrowInvalid``."""
    for array in batch.columns:
        storage = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
        is_text = pa.types.is_string(storage.type)
        (storage.view(pa.binary()) if is_text else storage).validate(full=True)


def _batches(  # noqa: PLR0913 - one stream, and what is known of it
    reader: pa.RecordBatchReader,
    columns: Sequence[str],
    meta: Mapping[str, Any],
    title: str,
    *,
    own: bool,
    expected: int,
) -> Iterator[tuple[Mapping[str, pa.Array], pa.Array | None]]:
    geometry = (meta.get("geometry_name") or "wkb_geometry") if own else None
    read = 0
    while True:
        with _reads(title):
            batch = next(reader, None)
            if batch is not None:
                _check_buffers(batch)
        if batch is None:
            break
        read += batch.num_rows
        found = {name: batch.column(_in_arrow(name, batch.schema, meta)) for name in columns}
        wkb = batch.column(str(geometry)) if geometry is not None else None
        if wkb is not None and isinstance(wkb.type, pa.BaseExtensionType):
            wkb = wkb.storage
        yield found, None if wkb is None else wkb.cast(pa.binary())
    if expected > 0 and read != expected:
        message = f"The {title} says it has {expected} features; {read} could be read: it is cut off or damaged."
        raise UnreadableSource("damaged_container", "file", message, _AGAIN)
