"""Says in degrees of WGS 84 where a GeoParquet file lies, whatever system its coordinates are in.

Decides by the system that the file's own metadata states. Never guesses one: coordinates of which no one says where on
Earth they are, or that have no longitude and latitude, are refused. What is published (maps, catalogs, pages) is in
degrees (RFC 7946 §4, STAC, DCAT), so clause D1's documents and clause C1's pictures come through here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
import pyproj

from datasets.formats.errors import UnreadableSource
from datasets.formats.instructions import WGS84
from datasets.formats.reference_systems import crs_of, missing_crs
from datasets.formats.result import Bbox

#: Points added to each edge of a box before it is brought into degrees: a straight edge is a curve there.
EDGE_POINTS = 21
#: The refusal of coordinates that have no longitude and latitude.
NO_DEGREES = (
    "not_projectable",
    "geometry",
    "The data lie outside the area where their coordinate system has longitudes and latitudes.",
    "Ask the upstream for the right system, or set normalization.crs to EPSG:4326 in the spec.",
)
_UNSAID = "OGC:CRS84"  # GeoParquet 1.1: what an absent crs means
_CERTAIN = 100  # of PROJ's per cent; by default it names a system that is like this one to 70


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """``column``: the primary geometry's; ``crs``: of its coordinates; ``bounds``: as stated, in that system."""

    column: str
    crs: pyproj.CRS
    bounds: Bbox | None

    @property
    def code(self) -> str:
        """``EPSG:26914`` where the system has a code, else empty; one that is only much like it has none."""
        return ":".join(self.crs.to_authority(min_confidence=_CERTAIN) or ())

    @property
    def bbox(self) -> Bbox | None:
        """West, south, east, north in degrees. Raises ``UnreadableSource`` (``not_projectable``)."""
        return None if self.bounds is None else bounds_in_degrees(self.bounds, self.crs)


def whereabouts(file: pq.ParquetFile) -> Whereabouts | None:
    """Of an open GeoParquet file; None for a plain table. Raises ``UnreadableSource`` for an unknown system."""
    geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    column = geo.get("primary_column")
    if column is None:
        return None
    said = geo["columns"][column]
    name = said.get("crs", _UNSAID)
    if name is None:
        raise missing_crs()
    edges = said.get("bbox")
    half = len(edges) // 2 if edges else 0
    bounds = (edges[0], edges[1], edges[half], edges[half + 1]) if edges else None
    return Whereabouts(column, crs_of(name, "geometry"), bounds)


def way_to_degrees(crs: pyproj.CRS) -> pyproj.Transformer | None:
    """What brings x, y of *crs* to longitude, latitude; None where they are that already, in whatever axis order."""
    wgs84 = crs_of(WGS84, "")
    # GeoParquet's x comes first whatever the system's own axis order is
    return (
        None if crs.equals(wgs84, ignore_axis_order=True) else pyproj.Transformer.from_crs(crs, wgs84, always_xy=True)
    )


def bounds_in_degrees(bounds: Bbox, crs: pyproj.CRS) -> Bbox:
    """The box in degrees that holds *bounds* of *crs*; the whole way round where it crosses the 180th meridian.

    Raises ``UnreadableSource`` (``not_projectable``) where the system has no longitude and latitude for them.
    """
    way = way_to_degrees(crs)
    if way is None:
        return bounds
    try:
        west, south, east, north = map(float, way.transform_bounds(*bounds, densify_pts=EDGE_POINTS))
    except pyproj.exceptions.ProjError:
        west = south = east = north = np.nan
    if not np.isfinite([west, south, east, north]).all():
        raise UnreadableSource(*NO_DEGREES)
    if west > east:
        west, east = -180.0, 180.0
    return west, south, east, north
