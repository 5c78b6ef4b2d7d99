"""Brings geometries from the source's coordinate system into the spec's, and names those that can't be kept.

Decides, for whole batches at once, which geometries are readable, finite, within the limits and within the world.
Never repairs one unless told to, and counts those. M values (measures along a line) have no place in GeoParquet and are
left out, and counted. Helps clause E2 (failing records are counted and set apart).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyproj
import shapely

from datasets.formats.errors import Limits
from datasets.formats.geometry import LATITUDE, LONGITUDE
from datasets.formats.instructions import WGS84
from datasets.formats.well_known import Array, is_nested, point_wkb, read_each

Problem = tuple[str, str]

_PARTS = ("Point", "LineString", "LinearRing", "Polygon")
_NAMES = (*_PARTS, "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
_CURVES_FROM = len(_NAMES)

UNREADABLE: Problem = ("invalid_geometry", "The geometry can't be read, or a ring is not closed.")
_EMPTY: Problem = ("too_few_positions", "The geometry is empty.")
CURVED: Problem = ("unknown_geometry_type", "The geometry has curves or is of a type that GeoParquet has no name for.")
_NOT_FINITE: Problem = ("not_finite", "A coordinate is not a finite number.")
_OUTSIDE: Problem = ("outside_lon_lat", "A coordinate is outside the range of longitude and latitude.")
_TOO_DEEP: Problem = ("too_deep", "Collections of geometries are nested too deeply.")
_NOT_PROJECTABLE: Problem = (
    "not_projectable",
    "The geometry lies outside the area where the target coordinate system is defined.",
)


@dataclass(slots=True)
class Placed:
    """``wkb``: in the target's system, null where there is none or a problem; ``problems``: by position."""

    wkb: pa.Array
    problems: dict[int, Problem]


@dataclass(slots=True)
class Tally:
    """What has been placed so far; ``bounds``: west, south, east, north in the target's system, ``given``: source's."""

    types: set[str] = field(default_factory=set)
    bounds: list[float] = field(default_factory=list)
    given: list[float] = field(default_factory=list)
    vertices: int = 0
    repaired: int = 0
    measures_dropped: int = 0


def _union(known: list[float], edges: Any) -> list[float]:
    west, south, east, north = (float(edge) for edge in edges)
    if not known:
        return [west, south, east, north]
    return [min(known[0], west), min(known[1], south), max(known[2], east), max(known[3], north)]


class Placer:
    """Places batches from ``source`` into ``target``; ``tally`` counts what was placed."""

    def __init__(self, source: pyproj.CRS, target: pyproj.CRS, limits: Limits, *, repair: bool = False) -> None:
        self.source, self.target = source, target
        self.limits, self._repair = limits, repair
        same = source.equals(target, ignore_axis_order=True)
        self._transformer = None if same else pyproj.Transformer.from_crs(source, target, always_xy=True)
        self.tally = Tally()

    @property
    def keeps_bytes(self) -> bool:
        """Whether well-formed geometries in range come out exactly as they went in."""
        return self._transformer is None and not self._repair

    def bbox(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north in degrees of WGS 84; None when nothing was placed, or it can't be told."""
        if not self.tally.bounds:
            return None
        wgs84 = pyproj.CRS.from_user_input(WGS84)
        if self.source.equals(wgs84, ignore_axis_order=True):
            west, south, east, north = self.tally.given
        elif self.target.equals(wgs84, ignore_axis_order=True):
            west, south, east, north = self.tally.bounds
        else:
            way = pyproj.Transformer.from_crs(self.target, wgs84, always_xy=True)
            left, bottom, right, top = self.tally.bounds
            west, south, east, north = way.transform_bounds(left, bottom, right, top)
        bounds = (float(west), float(south), float(east), float(north))
        return bounds if np.isfinite(bounds).all() else None

    def count_as_given(self, kind: str, vertices: int, bbox: tuple[float, float, float, float]) -> None:
        """Count a geometry that was judged before and keeps its bytes."""
        self.tally.types.add(kind)
        self.tally.vertices += vertices
        self.tally.bounds = self.tally.given = _union(self.tally.bounds, bbox)

    def points(self, x: Array, y: Array, present: Array) -> Placed:
        """Place points by their two coordinates; ``present``: where there is a point."""
        problems: dict[int, Problem] = {}
        good = present & np.isfinite(x) & np.isfinite(y)
        _note(problems, np.flatnonzero(present & ~good), _NOT_FINITE)
        good = self._inside(problems, self.source, good, (x, y, x, y))
        given = x, y
        if self._transformer is not None:
            x, y = self._transformer.transform(np.where(good, x, np.nan), np.where(good, y, np.nan))
            finite = np.isfinite(x) & np.isfinite(y)
            _note(problems, np.flatnonzero(good & ~finite), _NOT_PROJECTABLE)
            good = self._inside(problems, self.target, good & finite, (x, y, x, y))
        count = int(good.sum())
        if count:
            self.tally.types.add("Point")
            self.tally.vertices += count
            self.tally.bounds = _union(self.tally.bounds, _edges(x[good], y[good]))
            self.tally.given = _union(self.tally.given, _edges(given[0][good], given[1][good]))
        return Placed(point_wkb(x, y, good), problems)

    def shapes(self, wkb: pa.Array) -> Placed:
        """Place geometries given as well-known binary (ISO or extended)."""
        given = wkb.to_numpy(zero_copy_only=False)
        problems: dict[int, Problem] = {}
        shapes = np.array([None if is_nested(raw) else raw for raw in given], dtype=object)
        _note(problems, [i for i, raw in enumerate(given) if raw is not None and shapes[i] is None], _TOO_DEEP)
        read, curved = read_each(shapely.from_wkb, shapes)
        _note(problems, curved, CURVED)
        unread = [i for i, raw in enumerate(shapes) if raw is not None and read[i] is None]
        _note(problems, unread, UNREADABLE)
        return self.geometries(read, problems)

    def geometries(self, shapes: Array, problems: dict[int, Problem]) -> Placed:
        """Place geometry objects; ``problems`` are those already known."""
        judged = shapes = self._judge(shapes, problems)
        if self._transformer is not None:
            shapes = self._project(shapes, problems)
        if self._repair:
            shapes = self._mend(shapes, problems)
        self._count(shapes, judged)
        wkb = shapely.to_wkb(shapes, byte_order=1, flavor="iso", output_dimension=3)
        return Placed(pa.array(wkb, pa.binary()), problems)

    def _judge(self, shapes: Array, problems: dict[int, Problem]) -> Array:
        kinds = shapely.get_type_id(shapes)
        shapes = _drop(shapes, kinds >= _CURVES_FROM, problems, CURVED)
        shapes = _drop(shapes, shapely.is_empty(shapes), problems, _EMPTY)
        many = ("too_many_vertices", f"A geometry has more than {self.limits.vertices} vertices.")
        shapes = _drop(shapes, shapely.get_num_coordinates(shapes) > self.limits.vertices, problems, many)
        measured = shapely.has_m(shapes)
        if measured.any():
            self.tally.measures_dropped += int(measured.sum())
            shapes = _rebuilt(shapes, measured)
        shapes = _drop(shapes, _not_finite(shapes), problems, _NOT_FINITE)
        return self._drop_outside(shapes, self.source, problems)

    def _drop_outside(self, shapes: Array, crs: pyproj.CRS, problems: dict[int, Problem]) -> Array:
        present = ~shapely.is_missing(shapes)
        bounds = shapely.bounds(shapes)
        self._inside(problems, crs, present, (bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3]))
        outside = np.array([i in problems for i in range(len(shapes))], dtype=bool)
        return _without(shapes, outside)

    @staticmethod
    def _inside(
        problems: dict[int, Problem], crs: pyproj.CRS, present: Array, edges: tuple[Array, Array, Array, Array]
    ) -> Array:
        """Where ``present`` geometries are longitudes and latitudes, if the system has them."""
        if not crs.is_geographic:
            return present
        west, south, east, north = edges
        with np.errstate(invalid="ignore"):
            inside = (west >= -LONGITUDE) & (east <= LONGITUDE) & (south >= -LATITUDE) & (north <= LATITUDE)
        _note(problems, np.flatnonzero(present & ~inside), _OUTSIDE)
        return present & inside

    def _project(self, shapes: Array, problems: dict[int, Problem]) -> Array:
        way = self._transformer
        assert way is not None

        def convert(xyz: Array) -> Array:
            return np.column_stack(way.transform(xyz[:, 0], xyz[:, 1]) + tuple(xyz[:, 2:].T))

        shapes = shapes.copy()
        high = shapely.has_z(shapes)
        shapes[~high] = shapely.transform(shapes[~high], convert)
        shapes[high] = shapely.transform(shapes[high], convert, include_z=True)
        shapes = _drop(shapes, _not_finite(shapes), problems, _NOT_PROJECTABLE)
        return self._drop_outside(shapes, self.target, problems)

    def _mend(self, shapes: Array, problems: dict[int, Problem]) -> Array:
        broken = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
        if not broken.any():
            return shapes
        shapes = shapes.copy()
        shapes[broken] = shapely.make_valid(shapes[broken])
        self.tally.repaired += int((broken & ~shapely.is_empty(shapes)).sum())
        return _drop(shapes, shapely.is_empty(shapes), problems, _EMPTY)

    def _count(self, shapes: Array, judged: Array) -> None:
        present = shapes[~shapely.is_missing(shapes)]
        if not len(present):
            return
        kinds = np.unique(shapely.get_type_id(present) * 2 + shapely.has_z(present))
        self.tally.types |= {_NAMES[kind // 2] + (" Z" if kind % 2 else "") for kind in kinds.tolist()}
        self.tally.vertices += int(shapely.get_num_coordinates(present).sum())
        self.tally.bounds = _union(self.tally.bounds, shapely.total_bounds(present))
        self.tally.given = _union(self.tally.given, shapely.total_bounds(judged[~shapely.is_missing(shapes)]))


def _edges(x: Array, y: Array) -> tuple[float, float, float, float]:
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _note(problems: dict[int, Problem], positions: Any, problem: Problem) -> None:
    for position in positions:
        problems.setdefault(int(position), problem)


def _drop(shapes: Array, bad: Array, problems: dict[int, Problem], problem: Problem) -> Array:
    if not bad.any():
        return shapes
    _note(problems, np.flatnonzero(bad), problem)
    return _without(shapes, bad)


def _without(shapes: Array, which: Array) -> Array:
    shapes = shapes.copy()
    shapes[which] = None
    return shapes


def _rebuilt(shapes: Array, which: Array) -> Array:
    """The same geometries without M values."""
    shapes = shapes.copy()
    high = shapely.has_z(shapes)
    shapes[which & ~high] = shapely.force_2d(shapes[which & ~high])
    shapes[which & high] = shapely.from_wkb(shapely.to_wkb(shapes[which & high], output_dimension=3))
    return shapes


def _not_finite(shapes: Array) -> Array:
    bad = np.zeros(len(shapes), dtype=bool)
    high = shapely.has_z(shapes)
    for which in (~high, high):
        coordinates, index = shapely.get_coordinates(shapes[which], include_z=bool(which is high), return_index=True)
        broken = ~np.isfinite(coordinates).all(axis=1)
        bad[np.flatnonzero(which)[np.unique(index[broken])]] = True
    return bad
