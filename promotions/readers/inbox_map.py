"""The map of failing rows and geometries, so drawn that faults are seen. Pure: takes GeoJSON, returns GeoJSON.

A drawing library drops a ring that encloses no area, and a bow-tie's two halves cancel each other out: just the
polygons that failed would not be seen. So polygons are drawn as outlines, and each geometry has a point to find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def outlined(features: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A FeatureCollection with the outline of each polygon, the other geometries as they are, and a point each."""
    drawn: list[dict[str, Any]] = []
    for feature in features:
        for part in _simple(feature["geometry"]):
            places = positions(part)
            if not places:
                continue
            drawn.append({"type": "Feature", "geometry": _outline(part), "properties": feature["properties"]})
            if "Point" not in part["type"]:
                point = {"type": "Point", "coordinates": list(places[0])}
                drawn.append({"type": "Feature", "geometry": point, "properties": feature["properties"]})
    return {"type": "FeatureCollection", "features": drawn}


def with_rows(failing: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The failing geometries, and the places of the sample rows that failed for another reason, once each."""
    known = {feature["properties"]["row"] for feature in failing["features"]}
    others = (row for row in rows if row["geometry"] and row["row"] not in known)
    added = [{"type": "Feature", "geometry": row["geometry"], "properties": {"row": row["row"]}} for row in others]
    return {"type": "FeatureCollection", "features": [*failing["features"], *added]}


def positions(geometry: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Every position of a GeoJSON geometry in its order, the first two numbers of each."""
    if "geometries" in geometry:
        return [place for part in geometry["geometries"] for place in positions(part)]
    return _places(geometry["coordinates"])


def extent(features: Sequence[Mapping[str, Any]]) -> tuple[float, float, float, float] | None:
    """West, south, east, north of all *features*; ``None`` when they have no position."""
    places = [place for feature in features for place in positions(feature["geometry"])]
    if not places:
        return None
    across, up = [x for x, _ in places], [y for _, y in places]
    return min(across), min(up), max(across), max(up)


def _places(coordinates: Sequence[Any]) -> list[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], int | float):
        return [(float(coordinates[0]), float(coordinates[1]))]
    return [place for part in coordinates for place in _places(part)]


def _simple(geometry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "geometries" in geometry:
        return [simple for part in geometry["geometries"] for simple in _simple(part)]
    return [geometry]


def _outline(geometry: Mapping[str, Any]) -> Mapping[str, Any]:
    if geometry["type"] == "Polygon":
        return {"type": "MultiLineString", "coordinates": geometry["coordinates"]}
    if geometry["type"] == "MultiPolygon":
        rings = [ring for polygon in geometry["coordinates"] for ring in polygon]
        return {"type": "MultiLineString", "coordinates": rings}
    return geometry
