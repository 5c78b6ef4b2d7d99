"""Generalized GeoParquet files as they should be, made without the code under test, for one thing to be spoiled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h3
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

_BACK = pyproj.Transformer.from_crs("EPSG:5070", "EPSG:4269", always_xy=True)
_THERE = pyproj.Transformer.from_crs("EPSG:4269", "EPSG:5070", always_xy=True)
GLOBE = pyproj.Geod(ellps="WGS84")


def cells_of(places: list[tuple[float, float]], size: float) -> np.ndarray:
    """The square cell of each (longitude, latitude)."""
    x, y = _THERE.transform(*np.array(places, dtype=float).T)
    return np.floor(np.stack([x, y], axis=1) / size)


def centres(cells: np.ndarray, size: float) -> list[Any]:
    return [shapely.Point(*_BACK.transform(*(cell + 0.5) * size)) for cell in cells]


def squares(cells: np.ndarray, size: float) -> list[Any]:
    corners = [(0, 0), (1, 0), (1, 1), (0, 1)]
    return [shapely.Polygon([_BACK.transform(*(cell + corner) * size) for corner in corners]) for cell in cells]


def h3_of(places: list[tuple[float, float]], resolution: int) -> list[str]:
    return [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in places]


def h3_centres(cells: list[str]) -> list[Any]:
    return [shapely.Point(*h3.cell_to_latlng(cell)[::-1]) for cell in cells]


def h3_shapes(cells: list[str]) -> list[Any]:
    return [shapely.Polygon([point[::-1] for point in h3.cell_to_boundary(cell)]) for cell in cells]


def released(
    path: Path,
    shapes: list[Any],
    *,
    columns: dict[str, Any] | None = None,
    grid: dict[str, Any] | None = None,
    size: float = 1000,
    uncertainty: float = 800.0,
    geo: dict[str, Any] | None = None,
    metadata: dict[str, str] | None = None,
    **write: Any,
) -> Path:
    """A file as ``apply`` should leave it: *shapes* on a square grid of *size* metres unless *grid* says otherwise."""
    said = {"crs": "EPSG:5070", "cell_size_m": size, "grid": "square", "shape": "centroid"}
    said = {**said, "uncertainty_m": uncertainty} if grid is None else grid
    rows = {
        "geometry": pa.array([None if one is None else shapely.to_wkb(one) for one in shapes], pa.binary()),
        "coordinate_uncertainty_m": pa.array([float(uncertainty)] * len(shapes)),
        **(columns or {}),
    }
    bounds = [float(n) for n in shapely.total_bounds([one for one in shapes if one is not None])]
    column = {"encoding": "WKB", "geometry_types": [], **({"bbox": bounds} if shapes else {})}
    document = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}, **(geo or {})}
    notes = {"geo": json.dumps(document), "kfm:generalization": json.dumps(said), **(metadata or {})}
    table = pa.table({name: value for name, value in rows.items() if value is not None})
    return keep(table, path, notes, **write)


def keep(table: pa.Table, path: Path, notes: dict[Any, Any], **write: Any) -> Path:
    """Writes *table* with *notes* as the file's metadata and without the Arrow schema."""
    with pq.ParquetWriter(path, table.schema, store_schema=False, **{"compression": "zstd", **write}) as writer:
        for start in range(0, max(1, table.num_rows), 65_536):
            writer.write_table(table.slice(start, 65_536))
        writer.add_key_value_metadata(notes)
    return path
