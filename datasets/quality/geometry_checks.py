"""Tests of geometries: validity, type and extent; all of a spec's tests look at one reading of the file.

Decides extent by bounding boxes. Null geometries are not counted here; ``required_fields_present`` and ``null_rate``
count them. Keeps clause E2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datasets.quality.measures import NotMeasurable, ShapeTest, Table

if TYPE_CHECKING:
    from datasets.quality.shapes import Shapes

KANSAS = (-102.05, 36.99, -94.60, 40.00)
_WGS84 = {("EPSG", "4326"), ("OGC", "CRS84")}


def geometry_valid(table: Table, _parameters: Mapping[str, Any]) -> ShapeTest:
    """Share of the geometries that are valid."""
    table.geometry_column  # noqa: B018 - raises for a file without geometry
    return ShapeTest(lambda shapes: shapes.valid, "true")


def geometry_type(table: Table, parameters: Mapping[str, Any]) -> ShapeTest:
    """Share of the geometries whose type is one of ``types``."""
    import numpy as np
    import shapely

    types = parameters.get("types")
    if not isinstance(types, list) or not types:
        raise NotMeasurable("The check names no types.")
    codes = {kind.name.lower(): kind.value for kind in shapely.GeometryType}
    unknown = [kind for kind in types if not isinstance(kind, str) or kind.lower() not in codes]
    if unknown:
        raise NotMeasurable(f"{str(unknown[0])[:80]!r} is not a type of geometry.")
    wanted = [codes[kind.lower()] for kind in types]
    table.geometry_column  # noqa: B018 - raises for a file without geometry
    of_point = "true" if shapely.GeometryType.POINT.value in wanted else "false"
    return ShapeTest(lambda shapes: np.isin(shapes.types, wanted), of_point)


def _numbers(bbox: Any) -> tuple[float, float, float, float]:
    are_numbers = isinstance(bbox, list | tuple) and all(type(number) in {int, float} for number in bbox)
    if not are_numbers or len(bbox) != 4:  # noqa: PLR2004 - west, south, east, north
        raise NotMeasurable("The extent is not four numbers: west, south, east, north.")
    west, south, east, north = (float(number) for number in bbox)
    if west > east or south > north:
        raise NotMeasurable("The extent's west exceeds its east, or its south its north.")
    return west, south, east, north


def extent_of(parameters: Mapping[str, Any], spec: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """The check's ``bbox``, else the spec's ``extent`` (numbers, ``bbox`` or ``spatial.bbox``), else Kansas."""
    extent: Any = parameters.get("bbox", spec.get("extent", KANSAS))
    for name in ("spatial", "bbox"):
        if isinstance(extent, Mapping) and name in extent:
            extent = extent[name]
    if isinstance(extent, list) and len(extent) == 1:
        extent = extent[0]
    return _numbers(extent)


def _check_crs(table: Table) -> None:
    column = table.geo["columns"][table.geometry_column] if isinstance(table.geo.get("columns"), dict) else {}
    if "crs" not in column:
        return
    import pyproj

    try:
        authority = pyproj.CRS.from_user_input(column["crs"]).to_authority()
    except pyproj.exceptions.CRSError as error:
        raise NotMeasurable("The file's coordinate reference system is not known.") from error
    if authority not in _WGS84:
        raise NotMeasurable("The extent is in degrees, and the file's coordinates are not.")


def within_extent(table: Table, parameters: Mapping[str, Any], spec: Mapping[str, Any]) -> ShapeTest:
    """Share of the geometries whose bounding box lies within the extent, borders included."""
    west, south, east, north = extent_of(parameters, spec)
    table.geometry_column  # noqa: B018 - raises for a file without geometry, before its CRS is asked for
    _check_crs(table)

    def inside(shapes: Shapes) -> Any:
        bounds = shapes.bounds
        lower = (bounds[:, 0] >= west) & (bounds[:, 1] >= south)
        return lower & (bounds[:, 2] <= east) & (bounds[:, 3] <= north)

    of_point = "x >= ? AND y >= ? AND x <= ? AND y <= ?"
    return ShapeTest(inside, of_point, (west, south, east, north))
