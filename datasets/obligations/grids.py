"""The two grids that places are generalized to: squares in EPSG:5070, and H3 cells (C2, ADR 0027).

Decides which cell a place falls in, where the cell's centre and outline are, and how far from that centre the place
may be. Never random, never the clock; refuses places where the square grid does not keep its size. Every number that
is published is rounded to :data:`DECIMALS`, so that machines agree. The uncertainty is an upper bound on the WGS 84
ellipsoid for any place of any cell of the grid: it says nothing of the places themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import repeat
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyproj
import shapely
from h3.api import basic_int as h3

from datasets.policy.obligations import Obligation

Cells = npt.NDArray[np.int64]
Degrees = npt.NDArray[np.float64]

GRID_CRS = "EPSG:5070"
#: EPSG:5070's own geographic base. WGS 84 is taken as NAD 83 with a null shift (EPSG:1188), so there is one grid.
_GRID_BASE = "EPSG:4269"
#: No cell: the row has no place.
NOWHERE = np.iinfo(np.int64).min
#: Decimals of a published degree: 1.1 cm, ten thousand times coarser than what PROJ's and H3's versions differ by.
DECIMALS = 7
_ROUNDING_M = 0.02
#: Where the square grid is used, by the centre of the cell: the contiguous United States with a margin.
AREA_WEST, AREA_SOUTH, AREA_EAST, AREA_NORTH = -130.0, 22.0, -62.0, 52.0
#: Albers' scale along a parallel is smallest here; along a meridian it is the inverse (equal area), so largest.
_SCALE_TURNS_AT = 37.9
_METRES_A_DEGREE = 110_000.0  # of latitude, from below

#: H3's published constants: distance of neighbouring centres on the face's plane at resolution 0, in sphere radii; the
#: sphere's radius; and how far from its face's centre a place can be, in degrees.
_H3_SPACING, _H3_RADIUS_M, _H3_FARTHEST = 0.381966011250105, 6_371_007.180918475, 37.37736814064969
#: WGS 84's radii of curvature beside that sphere: smallest along the meridian at the equator, largest at the poles.
_ELLIPSOID_LEAST, _ELLIPSOID_MOST = 6_335_439.3 / _H3_RADIUS_M, 6_399_593.7 / _H3_RADIUS_M
_H3_FINEST = 15
_HALF_TURN = 180.0


class ObligationNotApplicable(Exception):  # noqa: N818 - the sentence is the point
    """The file can't carry the obligation as asked; nothing was written. The message says why."""


class Grid(Protocol):
    """One grid. ``uncertainty_m``: metres from a cell's published centre, beyond which no place of the cell lies."""

    @property
    def uncertainty_m(self) -> int: ...

    def as_json(self) -> dict[str, Any]:
        """What the output's metadata say of the grid, without shape and uncertainty."""

    def cells(self, lon: Degrees, lat: Degrees) -> Cells:
        """The cell of each place, as one number. Raises :class:`ObligationNotApplicable`."""

    def centres(self, cells: Cells) -> Degrees:
        """Longitude and latitude (n, 2) of the cells' centres, rounded."""

    def outlines(self, cells: Cells) -> npt.NDArray[np.object_]:
        """The cells' outlines as polygons in longitude and latitude, counter-clockwise, rounded."""


def grid_for(obligation: Obligation) -> Grid:
    """The grid that a ``generalize_geometry`` asks for."""
    size = float(str(obligation.value))
    return HexagonGrid(size) if obligation.option("grid") == "h3" else SquareGrid(size)


@lru_cache(maxsize=2)
def _transformer(inverse: bool) -> pyproj.Transformer:  # noqa: FBT001 - the direction is the whole argument
    ends = (GRID_CRS, _GRID_BASE) if inverse else (_GRID_BASE, GRID_CRS)
    return pyproj.Transformer.from_crs(*ends, always_xy=True)


def _rounded(lon: Any, lat: Any) -> Degrees:
    """Pairs (…, 2), rounded, without a negative nought."""
    pairs: Degrees = np.round(np.stack([np.asarray(lon), np.asarray(lat)], axis=-1), DECIMALS) + 0.0
    return pairs


def _check_degrees(lon: Degrees, lat: Degrees) -> None:
    if not ((np.abs(lon) <= _HALF_TURN) & (np.abs(lat) <= _HALF_TURN / 2)).all():
        raise ObligationNotApplicable("A geometry lies at no longitude and latitude that there is. Remove it.")


@dataclass(frozen=True, slots=True)
class SquareGrid:
    """Cells ``[i*s, (i+1)*s)`` in metres of EPSG:5070, so all of the same area. ``size``: their side."""

    size: float

    def as_json(self) -> dict[str, Any]:
        return {"crs": GRID_CRS, "cell_size_m": _plain(self.size), "grid": "square"}

    @property
    def uncertainty_m(self) -> int:
        """Half a diagonal times the most that a metre of the grid is on the ground, where the grid is used."""
        beyond = self.size / _METRES_A_DEGREE  # more than half a diagonal, stretched
        stretch = _stretch(AREA_SOUTH - beyond, AREA_NORTH + beyond)
        return math.ceil(self.size * math.sqrt(0.5) * stretch + _ROUNDING_M)

    def cells(self, lon: Degrees, lat: Degrees) -> Cells:
        _check_degrees(lon, lat)
        x, y = _transformer(inverse=False).transform(lon, lat)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise ObligationNotApplicable("A geometry lies where the square grid is not defined. Ask for the grid h3.")
        columns, rows = (np.floor(np.asarray(along) / self.size).astype(np.int64) for along in (x, y))
        found: Cells = (columns << 32) | (rows & 0xFFFFFFFF)
        self._check_area(np.unique(found))
        return found

    def _check_area(self, cells: Cells) -> None:
        lon, lat = self.centres(cells).T
        inside = (lon >= AREA_WEST) & (lon <= AREA_EAST) & (lat >= AREA_SOUTH) & (lat <= AREA_NORTH)
        if not inside.all():
            raise ObligationNotApplicable(
                "A geometry lies outside the contiguous United States, where the square grid does not keep its size. "
                "Ask for the grid h3, or remove it."
            )

    def centres(self, cells: Cells) -> Degrees:
        return self._degrees(cells, 0.5, 0.5)

    def outlines(self, cells: Cells) -> npt.NDArray[np.object_]:
        corners = [self._degrees(cells, *corner) for corner in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
        return np.asarray(shapely.polygons(np.stack(corners, axis=1)), dtype=object).reshape(len(cells))

    def _degrees(self, cells: Cells, across: float, up: float) -> Degrees:
        columns, rows = cells >> 32, (cells & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
        return _rounded(*_transformer(inverse=True).transform((columns + across) * self.size, (rows + up) * self.size))


def _stretch(south: float, north: float) -> float:
    """The most metres on the ground that a metre of EPSG:5070 is, between two latitudes, in any direction."""
    factors = pyproj.Proj(GRID_CRS).get_factors([-96.0] * 3, [south, _SCALE_TURNS_AT, north])
    along = np.asarray([factors.meridional_scale, factors.parallel_scale])
    return float((1 / along).max())


@dataclass(frozen=True, slots=True)
class HexagonGrid:
    """The finest H3 resolution whose every cell is at least ``size`` metres wide, pentagons and all."""

    size: float
    resolution: int = field(init=False)

    def __post_init__(self) -> None:
        wide = [r for r in range(_H3_FINEST + 1) if narrowest_m(r) >= self.size]
        if not wide:
            raise ObligationNotApplicable(f"H3 has no cells of {self.size:g} m. Ask for the square grid.")
        object.__setattr__(self, "resolution", wide[-1])

    def as_json(self) -> dict[str, Any]:
        return {"grid": "h3", "resolution": self.resolution, "cell_size_m": _plain(self.size)}

    @property
    def uncertainty_m(self) -> int:
        """The corner's distance at a face's centre, where cells are largest, on the ellipsoid where it is largest."""
        return math.ceil(_spacing_m(self.resolution) / math.sqrt(3) * _ELLIPSOID_MOST + _ROUNDING_M)

    def cells(self, lon: Degrees, lat: Degrees) -> Cells:
        _check_degrees(lon, lat)
        found = map(h3.latlng_to_cell, lat.tolist(), lon.tolist(), repeat(self.resolution))
        return np.fromiter(found, np.int64, len(lon))

    def centres(self, cells: Cells) -> Degrees:
        pairs = np.array([h3.cell_to_latlng(cell) for cell in cells.tolist()], dtype=np.float64).reshape(-1, 2)
        return _rounded(pairs[:, 1], pairs[:, 0])

    def outlines(self, cells: Cells) -> npt.NDArray[np.object_]:
        return np.array([_ring(h3.cell_to_boundary(cell)) for cell in cells.tolist()], dtype=object)


def _ring(boundary: tuple[tuple[float, float], ...]) -> shapely.Polygon:
    lat, lon = np.array(boundary).T
    if np.ptp(lon) > _HALF_TURN:
        raise ObligationNotApplicable("A cell's outline crosses the antimeridian or holds a pole: ask for its centre.")
    return shapely.Polygon(_rounded(lon, lat))


def _spacing_m(resolution: int) -> float:
    """Metres between neighbouring centres on the face's plane; a cell there is as wide."""
    return _H3_SPACING * _H3_RADIUS_M / math.sqrt(7) ** resolution


def narrowest_m(resolution: int) -> float:
    """No cell of the resolution is narrower, in metres on the ellipsoid.

    A straight line on the face's plane is a great circle, and a metre of it is at least cos²(distance from the centre).
    """
    return _spacing_m(resolution) * math.cos(math.radians(_H3_FARTHEST)) ** 2 * _ELLIPSOID_LEAST


def _plain(size: float) -> float | int:
    return int(size) if size.is_integer() else size
