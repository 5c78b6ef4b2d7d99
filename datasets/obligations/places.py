"""Places of one batch: read out of WKB, brought to a cell, drawn as its centre or its outline (C2, ADR 0027).

Decides where a geometry is taken to be: at its centroid, and how far its own farthest vertex reaches from there. Knows
no file and no obligation's size; every function takes and gives Arrow or NumPy values and is deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from datasets.obligations.grids import NOWHERE, Cells, Grid, ObligationNotApplicable

#: The largest radius of curvature of WGS 84: an angle times this is never less than the way on the ellipsoid.
_LARGEST_RADIUS_M = 6_399_593.7
_POINT_BYTES = 21
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
_LITTLE_ENDIAN, _KIND_POINT = 1, 1


@dataclass(frozen=True, slots=True)
class Places:
    """``present``: which rows have a place; ``lon``, ``lat`` (degrees) and ``reach_m`` of those rows alone.

    ``reach_m``: metres from the centroid to the geometry's farthest vertex, from above; ``None`` where all are points.
    """

    present: npt.NDArray[np.bool_]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    reach_m: npt.NDArray[np.float64] | None


def read_places(column: pa.Array) -> Places:
    """The places of a WKB column; a null or empty geometry is nowhere."""
    present = np.asarray(column.is_valid())
    values = column.drop_null().cast(pa.binary())
    found = _points(values)
    if found is None:
        return _shapes(values, present)
    lon, lat = found
    there = ~(np.isnan(lon) & np.isnan(lat))  # how WKB spells an empty point
    present[present] = there
    return Places(present, lon[there], lat[there], None)


def _points(values: pa.BinaryArray) -> tuple[Any, Any] | None:
    """The coordinates, when every value is a point in two dimensions as we write them; else ``None``."""
    count, start = len(values), values.offset
    if not count:
        return np.empty(0), np.empty(0)
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int32)[start : start + count + 1]
    if (np.diff(offsets) != _POINT_BYTES).any():
        return None
    raw = np.frombuffer(values.buffers()[2], dtype=_POINT, count=count, offset=int(offsets[0]))
    if (raw["order"] != _LITTLE_ENDIAN).any() or (raw["kind"] != _KIND_POINT).any():
        return None
    return raw["lon"].astype(np.float64), raw["lat"].astype(np.float64)


def _shapes(values: pa.BinaryArray, present: npt.NDArray[np.bool_]) -> Places:
    geometries = shapely.from_wkb(np.array(values.to_pylist(), dtype=object))
    there = ~shapely.is_empty(geometries)
    geometries = geometries[there]
    centres = shapely.centroid(geometries)
    lon, lat = shapely.get_x(centres), shapely.get_y(centres)
    if (shapely.get_dimensions(geometries) == 0).all() and (shapely.get_num_geometries(geometries) == 1).all():
        reach = None
    else:
        reach = _reach(geometries, lon, lat)
    present[present] = there
    return Places(present, lon, lat, reach)


def _reach(geometries: Any, lon: Any, lat: Any) -> npt.NDArray[np.float64]:
    vertices, row = shapely.get_coordinates(geometries, return_index=True)
    x, y, x0, y0 = (np.radians(values) for values in (vertices[:, 0], vertices[:, 1], lon[row], lat[row]))
    haversine = np.sin((y - y0) / 2) ** 2 + np.cos(y) * np.cos(y0) * np.sin((x - x0) / 2) ** 2
    reach = np.zeros(len(geometries))
    np.maximum.at(reach, row, 2 * np.arcsin(np.sqrt(np.clip(haversine, 0, 1))) * _LARGEST_RADIUS_M)
    return reach


def cells_of(places: Places, grid: Grid) -> Cells:
    """The cell of every row; :data:`~datasets.obligations.grids.NOWHERE` for a row without a place."""
    found: Cells = np.full(len(places.present), NOWHERE, dtype=np.int64)
    found[places.present] = grid.cells(places.lon, places.lat)
    return found


def draw(cells: Cells, grid: Grid, shape: str) -> pa.Array:
    """WKB of the cells' centres, or of their outlines (``shape`` is ``cell``); null for no place."""
    known = cells != NOWHERE
    unique, inverse = np.unique(cells[known], return_inverse=True)
    if not len(unique):
        return pa.nulls(len(cells), pa.binary())
    drawn = grid.outlines(unique) if shape == "cell" else shapely.points(grid.centres(unique))
    taken = np.zeros(len(cells), dtype=np.int64)
    taken[known] = inverse
    return pa.array(shapely.to_wkb(drawn), pa.binary()).take(pa.array(taken, mask=~known))


def unmoved(drawn: pa.Array, column: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows say already what is drawn, byte for byte: nothing is taken from them."""
    same = pc.equal(drawn, column.cast(pa.binary())).fill_null(False)
    return np.asarray(same)


def bounds_of(cells: Cells, grid: Grid, shape: str) -> tuple[float, float, float, float] | None:
    """West, south, east, north of what is drawn for *cells*; ``None`` when none has a place."""
    unique = np.unique(cells[cells != NOWHERE])
    if not len(unique):
        return None
    if shape == "cell":
        west, south, east, north = shapely.total_bounds(grid.outlines(unique))
    else:
        centres = grid.centres(unique)
        (west, south), (east, north) = centres.min(axis=0), centres.max(axis=0)
    return float(west), float(south), float(east), float(north)


def generalized(wkb: bytes, grid: Grid) -> tuple[float, float] | None:
    """Longitude and latitude of the centre of one geometry's cell; ``None`` when it has no place on the grid."""
    try:
        cells = cells_of(read_places(pa.array([wkb], pa.binary())), grid)
    except ObligationNotApplicable:
        return None
    if cells[0] == NOWHERE:
        return None
    lon, lat = grid.centres(cells)[0]
    return float(lon), float(lat)
