"""Sets failing records apart: the passing rows go on, the others go to quarantine with the reasons of each (E2).

Decides nothing: the checks said which rows fail. Streams, and writes the same bytes for the same rows. Each file's
GeoParquet metadata is of its own rows, so the passing file's extent says nothing of a row that was set apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from datasets.quality.rowset import Failing

BATCH_ROWS = 16_384
ROW, REASONS = "kfm_row", "kfm_reasons"


@dataclass(frozen=True, slots=True)
class Split:
    """How many rows went where. ``row_column``, ``reasons_column``: their names in the quarantine file."""

    rows_passing: int
    rows_quarantined: int
    row_column: str
    reasons_column: str


def split_rows(parquet: Path, failing: Failing, *, passing: Path, quarantined: Path) -> Split:
    """Writes the rows of ``parquet`` that no check refuses to ``passing``, the others to ``quarantined``.

    The quarantine file adds ``kfm_row`` (the row's number in ``parquet``, from 1) and ``kfm_reasons`` (the names of the
    checks that refuse it). Raises ``OSError``, ``pyarrow.ArrowInvalid``, or ``ValueError`` for another file's rows.
    """
    refused = failing.union()
    with pq.ParquetFile(parquet) as source:
        if source.metadata.num_rows != failing.rows:
            raise ValueError("The failing rows are of another file.")
        schema = source.schema_arrow.remove_metadata()
        row, reasons = (_free(name, schema) for name in (ROW, REASONS))
        apart = schema.append(pa.field(row, pa.int64())).append(pa.field(reasons, pa.list_(pa.string())))
        geo = json.loads((source.metadata.metadata or {}).get(b"geo", b"{}"))
        with _Writer(passing, schema, geo) as goes_on, _Writer(quarantined, apart, geo) as set_apart:
            start = 0
            for batch in source.iter_batches(BATCH_ROWS):
                stop = start + batch.num_rows
                flags = refused.between(start, stop)
                goes_on.write(batch.filter(pa.array(~flags)))
                set_apart.write(_with_reasons(batch, failing, flags, start, apart))
                start = stop
    return Split(goes_on.rows, set_apart.rows, row, reasons)


def _free(name: str, schema: pa.Schema) -> str:
    while name in schema.names:
        name = f"{name}_"
    return name


def _with_reasons(batch: pa.RecordBatch, failing: Failing, flags: Any, start: int, schema: pa.Schema) -> pa.RecordBatch:
    """The refused rows of a batch, with their numbers and reasons."""
    places = np.flatnonzero(flags)
    stop = start + batch.num_rows
    by_check = {name: rows.between(start, stop)[places] for name, rows in failing.by_check.items()}
    reasons = [[name for name, refused in by_check.items() if refused[index]] for index in range(len(places))]
    kept = batch.filter(pa.array(flags))
    arrays = [*kept.columns, pa.array(places + start + 1, pa.int64()), pa.array(reasons, pa.list_(pa.string()))]
    return pa.record_batch(arrays, schema=schema)


class _Writer:
    """Writes batches as row groups, and at the end the GeoParquet metadata of what was written."""

    def __init__(self, target: Path, schema: pa.Schema, geo: Mapping[str, Any]) -> None:
        self.rows = 0
        self._geo = geo
        self._writer = pq.ParquetWriter(target, schema, compression="zstd", version="2.6", store_schema=False)
        self._types: set[str] = set()
        self._bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None and self._geo:
            metadata = json.dumps(self._metadata(), sort_keys=True, separators=(",", ":"))
            self._writer.add_key_value_metadata({"geo": metadata})
        self._writer.close()

    def write(self, batch: pa.RecordBatch) -> None:
        if batch.num_rows == 0:
            return
        self._writer.write_batch(batch, row_group_size=batch.num_rows)
        self.rows += batch.num_rows
        if self._geo:
            self._look_at(batch.column(batch.schema.names.index(self._geo["primary_column"])))

    def _look_at(self, column: pa.Array) -> None:
        shapes = shapely.from_wkb(column.to_numpy(zero_copy_only=False), on_invalid="ignore")
        shapes = shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
        if not len(shapes):
            return
        bounds = shapely.bounds(shapes)
        self._bounds[:2] = np.minimum(self._bounds[:2], bounds[:, :2].min(axis=0))
        self._bounds[2:] = np.maximum(self._bounds[2:], bounds[:, 2:].max(axis=0))
        ids, tall = shapely.get_type_id(shapes), shapely.has_z(shapes)
        names = {kind.value: _NAMES[kind.name] for kind in shapely.GeometryType if kind.name in _NAMES}
        for code, z in {(int(code), bool(z)) for code, z in zip(ids, tall, strict=True)}:
            self._types.add(names[code] + (" Z" if z else ""))

    def _metadata(self) -> dict[str, Any]:
        primary = self._geo["primary_column"]
        column = {key: value for key, value in self._geo["columns"][primary].items() if key not in {"bbox", "covering"}}
        column["geometry_types"] = sorted(self._types)
        if np.isfinite(self._bounds).all():
            column["bbox"] = [float(number) for number in self._bounds]
        return {**self._geo, "columns": {**self._geo["columns"], primary: column}}


#: What GeoParquet calls the types (its specification, 1.1, "geometry_types").
_NAMES = {
    "POINT": "Point",
    "LINESTRING": "LineString",
    "LINEARRING": "LineString",
    "POLYGON": "Polygon",
    "MULTIPOINT": "MultiPoint",
    "MULTILINESTRING": "MultiLineString",
    "MULTIPOLYGON": "MultiPolygon",
    "GEOMETRYCOLLECTION": "GeometryCollection",
}
