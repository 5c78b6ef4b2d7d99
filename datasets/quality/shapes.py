"""The geometries of one batch: read once, and asked for validity, type and bounds by as many checks as there are.

Decides validity by OGC Simple Features (as GEOS has it). Plain points, the commonest column of all, are read as numbers
and never become objects; what they are asked has the same answer either way. Never repairs a geometry.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import shapely

_POINT_BYTES = 21  # byte order, type, x, y (OGC 06-103r4, 8.2)
_POINT_HEADER = bytes([1, 1, 0, 0, 0])


class Shapes(Protocol):
    """One flag, code or box for each row of a batch. Where ``present`` is false, the others say nothing."""

    @property
    def present(self) -> Any: ...
    @property
    def valid(self) -> Any: ...
    @property
    def types(self) -> Any: ...
    @property
    def bounds(self) -> Any: ...


class _Points:
    """Two-dimensional points with finite coordinates, none of them null."""

    def __init__(self, coordinates: Any) -> None:
        self._xy = coordinates

    @cached_property
    def present(self) -> Any:
        return np.ones(len(self._xy), dtype=bool)

    @property
    def valid(self) -> Any:
        return self.present

    @cached_property
    def types(self) -> Any:
        return np.full(len(self._xy), shapely.GeometryType.POINT.value)

    @cached_property
    def bounds(self) -> Any:
        return np.hstack([self._xy, self._xy])


class _Geometries:
    """Anything else; a WKB that can't be read is present, and neither valid nor of any type."""

    def __init__(self, column: pa.Array) -> None:
        values = column.to_numpy(zero_copy_only=False)
        self.present = np.asarray(column.is_valid())
        self._geometries = shapely.from_wkb(values, on_invalid="ignore")

    @cached_property
    def valid(self) -> Any:
        return shapely.is_valid(self._geometries)

    @cached_property
    def types(self) -> Any:
        return shapely.get_type_id(self._geometries)

    @cached_property
    def bounds(self) -> Any:
        return shapely.bounds(self._geometries)


def shapes_of(column: pa.Array) -> Shapes:
    """The shapes of one Arrow array of WKB."""
    points = _points(column)
    return _Geometries(column) if points is None else _Points(points)


def _points(column: pa.Array) -> Any:
    """The coordinates (n, 2) when every value is a plain point, else ``None``."""
    if len(column) == 0 or column.null_count or not pa.types.is_binary(column.type):
        return None
    _validity, offsets_buffer, data = column.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int32)[column.offset : column.offset + len(column) + 1]
    if (np.diff(offsets) != _POINT_BYTES).any():
        return None
    raw = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _POINT_BYTES)
    if (raw[:, :5] != np.frombuffer(_POINT_HEADER, dtype=np.uint8)).any():
        return None
    coordinates = np.ascontiguousarray(raw[:, 5:]).view("<f8")
    return coordinates if np.isfinite(coordinates).all() else None
