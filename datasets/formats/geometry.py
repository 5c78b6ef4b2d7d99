"""Turns one GeoJSON geometry into ISO well-known binary, or says why it can't be kept.

Decides whether a geometry's structure obeys RFC 7946 section 3.1 and its coordinates are longitudes and latitudes.
Never repairs anything: an open ring stays an error. Whether a well-formed geometry is also *valid* (no
self-intersection) is a quality check of clause E2, not a question of reading. Winding order is not a reason to reject
(RFC 7946 section 3.1.6: parsers should not reject it).
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from datasets.formats.errors import Limits, RecordProblem

_CODES = {
    "Point": 1,
    "LineString": 2,
    "Polygon": 3,
    "MultiPoint": 4,
    "MultiLineString": 5,
    "MultiPolygon": 6,
    "GeometryCollection": 7,
}
_Z = 1000
_MAX_COLLECTION_DEPTH = 8
_PLANE, _SPACE = 2, 3
_RING_POSITIONS, _LINE_POSITIONS = 4, 2
LONGITUDE, LATITUDE = 180.0, 90.0


@dataclass(frozen=True, slots=True)
class Shape:
    """``wkb``: ISO, little endian, x y [z]; ``bbox``: west, south, east, north in degrees; ``type``: GeoParquet's."""

    wkb: bytes
    bbox: tuple[float, float, float, float]
    type: str
    vertices: int


class _Positions:
    """Collects what all parts of one geometry must agree on: dimension, bounds and number of vertices."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.dimension = 0
        self.vertices = 0
        self.west = self.south = float("inf")
        self.east = self.north = float("-inf")

    def pack(self, positions: Any, least: int) -> bytes:
        """The coordinates of a list of positions as little-endian doubles."""
        if type(positions) is not list:
            raise RecordProblem("invalid_structure", "Coordinates are not nested as the geometry's type requires.")
        if len(positions) < least:
            raise RecordProblem(
                "too_few_positions", f"A part has {len(positions)} positions; it needs {least} or more."
            )
        if len(positions) == 0:
            return b""
        if set(map(type, positions)) != {list}:
            raise RecordProblem("invalid_structure", "A position is not an array of numbers.")
        lengths = set(map(len, positions))
        self._agree(lengths)
        numbers = list(chain.from_iterable(positions))
        if not set(map(type, numbers)) <= {int, float}:
            raise RecordProblem("not_a_number", "A coordinate is not a number.")
        self._bound(numbers)
        self.vertices += len(positions)
        if self.vertices > self._limits.vertices:
            raise RecordProblem("too_many_vertices", f"A geometry has more than {self._limits.vertices} vertices.")
        return array("d", numbers).tobytes()

    def _agree(self, lengths: set[int]) -> None:
        if min(lengths) < _PLANE:
            raise RecordProblem("too_few_coordinates", "A position has fewer than two coordinates.")
        if max(lengths) > _SPACE:
            raise RecordProblem("too_many_coordinates", "A position has more than three coordinates.")
        lengths.add(self.dimension or min(lengths))
        if len(lengths) > 1:
            raise RecordProblem("mixed_dimensions", "Some positions have an altitude and others have none.")
        self.dimension = lengths.pop()

    def _bound(self, numbers: list[float]) -> None:
        xs, ys = numbers[0 :: self.dimension], numbers[1 :: self.dimension]
        west, east, south, north = min(xs), max(xs), min(ys), max(ys)
        extremes = (west, east, south, north, *(numbers[2::3] if self.dimension == _SPACE else ()))
        if any(not -1e300 < number < 1e300 for number in extremes):  # noqa: PLR2004 - doubles end at 1.8e308
            raise RecordProblem("not_finite", "A coordinate is too large to be a finite number.")
        self.west, self.east = min(self.west, float(west)), max(self.east, float(east))
        self.south, self.north = min(self.south, float(south)), max(self.north, float(north))
        if west < -LONGITUDE or east > LONGITUDE or south < -LATITUDE or north > LATITUDE:
            raise RecordProblem("outside_lon_lat", "A coordinate is outside the range of longitude and latitude.")


def _header(code: int, positions: _Positions) -> bytes:
    return struct.pack("<BI", 1, code + (_Z if positions.dimension == _SPACE else 0))


def _point(coordinates: Any, positions: _Positions) -> bytes:
    body = positions.pack([coordinates], 1)
    return _header(1, positions) + body


def _line(coordinates: Any, positions: _Positions) -> bytes:
    body = positions.pack(coordinates, _LINE_POSITIONS)
    return _header(2, positions) + struct.pack("<I", len(coordinates)) + body


def _polygon(coordinates: Any, positions: _Positions) -> bytes:
    if type(coordinates) is not list or not coordinates:
        raise RecordProblem("invalid_structure", "A polygon's coordinates are not a list of one or more rings.")
    rings = []
    for ring in coordinates:
        body = positions.pack(ring, _RING_POSITIONS)
        if ring[0] != ring[-1]:
            raise RecordProblem("unclosed_ring", "A ring's first and last positions differ.")
        rings.append(struct.pack("<I", len(ring)) + body)
    return _header(3, positions) + struct.pack("<I", len(rings)) + b"".join(rings)


def _many(code: int, part: Callable[[Any, _Positions], bytes]) -> Callable[[Any, _Positions], bytes]:
    def pack(coordinates: Any, positions: _Positions) -> bytes:
        if type(coordinates) is not list or not coordinates:
            raise RecordProblem("invalid_structure", "A multi-part geometry's coordinates are not a list of parts.")
        parts = [part(item, positions) for item in coordinates]
        return _header(code, positions) + struct.pack("<I", len(parts)) + b"".join(parts)

    return pack


_PACKERS: dict[str, Callable[[Any, _Positions], bytes]] = {
    "Point": _point,
    "LineString": _line,
    "Polygon": _polygon,
    "MultiPoint": _many(4, _point),
    "MultiLineString": _many(5, _line),
    "MultiPolygon": _many(6, _polygon),
}


def _pack(geometry: Any, positions: _Positions, depth: int) -> bytes:
    if type(geometry) is not dict:
        raise RecordProblem("invalid_structure", "A geometry is not an object.")
    name = geometry.get("type")
    if type(name) is not str or name not in _CODES:
        raise RecordProblem("unknown_geometry_type", "A geometry's type is not one of RFC 7946's seven.")
    if name == "GeometryCollection":
        parts = geometry.get("geometries")
        if type(parts) is not list or depth >= _MAX_COLLECTION_DEPTH:
            raise RecordProblem("invalid_structure", "A collection has no list of geometries, or is nested too deeply.")
        if not parts:
            raise RecordProblem("too_few_positions", "A collection is empty.")
        bodies = [_pack(part, positions, depth + 1) for part in parts]
        return _header(7, positions) + struct.pack("<I", len(bodies)) + b"".join(bodies)
    if "coordinates" not in geometry:
        raise RecordProblem("invalid_structure", "A geometry has no coordinates.")
    return _PACKERS[name](geometry["coordinates"], positions)


def shape_of(geometry: Any, limits: Limits) -> Shape | None:
    """The shape of a GeoJSON geometry (degrees, WGS 84); None for null. Raises ``RecordProblem``."""
    if geometry is None:
        return None
    positions = _Positions(limits)
    wkb = _pack(geometry, positions, 0)
    bbox = (positions.west, positions.south, positions.east, positions.north)
    suffix = " Z" if positions.dimension == _SPACE else ""
    return Shape(wkb, bbox, geometry["type"] + suffix, positions.vertices)
