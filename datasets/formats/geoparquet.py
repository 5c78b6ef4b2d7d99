"""Writes rows as GeoParquet 1.1: WKB, zstd, the same bytes for the same rows.

Decides nothing about the data: it writes what it is given. Never writes a clock, a path or a random number. Only rows
of one batch are in memory. Keeps clause A1 (deterministic bytes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from datasets.formats.columns import ARROW_TYPES
from datasets.formats.errors import UnreadableSource
from datasets.formats.geometry import Shape

WGS84 = "EPSG:4326"


def projection(name: str) -> tuple[pyproj.CRS, pyproj.Transformer | None]:
    """A target CRS and the way to it from WGS 84 (None when it is WGS 84). Raises ``UnreadableSource``."""
    try:
        crs = pyproj.CRS.from_user_input(name)
    except pyproj.exceptions.CRSError as error:
        fix = "Write an authority code such as EPSG:4326."
        where = "spec /normalization/crs"
        raise UnreadableSource("unknown_crs", where, "The target coordinate system is not known.", fix) from error
    if name.upper() in {WGS84, "OGC:CRS84"}:
        return crs, None
    return crs, pyproj.Transformer.from_crs(WGS84, crs, always_xy=True)


class GeoParquetWriter:
    """Writes batches; a context manager. ``columns``: output name to type name of ``ARROW_TYPES``."""

    def __init__(self, target: Path, columns: Mapping[str, str], geometry: str | None, crs_name: str) -> None:
        self._crs, self._transformer = projection(crs_name)
        self._geometry = geometry
        fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in columns.items()]
        if geometry is not None:
            fields.append(pa.field(geometry, pa.binary()))
        self._schema = pa.schema(fields)
        # Without the stored Arrow schema, readers see the footer's metadata, "geo" included, as the schema's.
        self._writer = pq.ParquetWriter(target, self._schema, compression="zstd", version="2.6", store_schema=False)
        self._types: set[str] = set()
        self._bounds: list[float] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None and self._geometry is not None:
            self._writer.add_key_value_metadata({"geo": json.dumps(self._geo(), sort_keys=True, separators=(",", ":"))})
        self._writer.close()

    @property
    def bbox(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north (minimum x, y, maximum x, y) in the target CRS."""
        return (self._bounds[0], self._bounds[1], self._bounds[2], self._bounds[3]) if self._bounds else None

    @property
    def geometry_types(self) -> tuple[str, ...]:
        return tuple(sorted(self._types))

    def write(self, columns: Sequence[Sequence[Any]], shapes: Sequence[Shape | None]) -> None:
        """Write one row group. ``columns``: values by column, in the order of the schema without the geometry."""
        fields = list(self._schema)
        arrays = [pa.array(values, fields[index].type) for index, values in enumerate(columns)]
        if self._geometry is not None:
            arrays.append(pa.array(self._binary(shapes), pa.binary()))
        batch = pa.record_batch(arrays, schema=self._schema)
        self._writer.write_batch(batch, row_group_size=max(batch.num_rows, 1))

    def _binary(self, shapes: Sequence[Shape | None]) -> list[bytes | None]:
        present = [shape for shape in shapes if shape is not None]
        self._types.update(shape.type for shape in present)
        if self._transformer is None:
            for shape in present:
                self._widen(shape.bbox)
            return [shape.wkb if shape is not None else None for shape in shapes]
        projected = iter(self._project(present))
        return [next(projected) if shape is not None else None for shape in shapes]

    def _project(self, shapes: Sequence[Shape]) -> list[bytes]:
        transform = self._transformer
        assert transform is not None
        if not shapes:
            return []

        def convert(xy: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
            return np.column_stack(transform.transform(xy[:, 0], xy[:, 1]) + tuple(xy[:, 2:].T))

        geometries = shapely.from_wkb([shape.wkb for shape in shapes])
        flat = ~shapely.has_z(geometries)
        geometries[flat] = shapely.transform(geometries[flat], convert)
        geometries[~flat] = shapely.transform(geometries[~flat], convert, include_z=True)
        bounds = shapely.bounds(geometries)
        if not np.isfinite(bounds).all():
            message = "Some geometries lie outside the area where the target coordinate system is defined."
            fix = "Choose a coordinate system that covers the data."
            raise UnreadableSource("not_projectable", "spec /normalization/crs", message, fix)
        self._widen((*bounds[:, :2].min(axis=0).tolist(), *bounds[:, 2:].max(axis=0).tolist()))
        return list(shapely.to_wkb(geometries, byte_order=1, flavor="iso"))

    def _widen(self, bbox: Sequence[float]) -> None:
        west, south, east, north = bbox
        known = self._bounds or [west, south, east, north]
        self._bounds = [min(known[0], west), min(known[1], south), max(known[2], east), max(known[3], north)]

    def _geo(self) -> dict[str, Any]:
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": list(self.geometry_types),
            "crs": self._crs.to_json_dict(),
        }
        if self._bounds:
            column["bbox"] = self._bounds
        return {"version": "1.1.0", "primary_column": self._geometry, "columns": {self._geometry: column}}
