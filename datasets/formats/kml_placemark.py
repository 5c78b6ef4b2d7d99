"""Turns one KML Placemark into a record: its texts and ExtendedData as values, its geometry as WGS 84.

Decides by OGC 12-007r2 what the geometry is; a track, a model, or two geometries outside a MultiGeometry, is a
``RecordProblem``. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets.formats.columns import kind_of_text
from datasets.formats.errors import Limits, RecordProblem
from datasets.formats.geometry import shape_of
from datasets.formats.records import Record, check_text

_TEXTS = {"name": "name", "description": "description", "address": "address", "phoneNumber": "phone_number"}
_TIMES = {"when": "when", "begin": "begin", "end": "end"}
_GEOMETRIES = {"Point", "LineString", "LinearRing", "Polygon", "MultiGeometry"}
_UNREAD_GEOMETRIES = {"Model", "Track", "MultiTrack"}
_MULTIPART = {"Point": "MultiPoint", "LineString": "MultiLineString", "Polygon": "MultiPolygon"}
_INTEGERS, _REALS = {"int", "uint", "short", "ushort"}, {"float", "double"}
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_POSITION = re.compile(r"\S+")
_MAX_DEPTH = 8


@dataclass(slots=True)
class Element:
    """An XML element by its local name."""

    name: str
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    children: list[Element] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def each(self, *names: str) -> Iterator[Element]:
        return (child for child in self.children if child.name in names)


def placemark_record(placemark: Element, row: int, schemas: Mapping[str, Mapping[str, str]], limits: Limits) -> Record:
    """The record of a Placemark. Raises ``RecordProblem``."""
    values: dict[str, Any] = {}
    for child in placemark.children:
        if child.name in _TEXTS:
            values[_TEXTS[child.name]] = child.text or None
        elif child.name in {"TimeStamp", "TimeSpan"}:
            values.update({_TIMES[part.name]: part.text or None for part in child.each(*_TIMES)})
    for name, value in _extended(placemark, schemas):
        values[f"data_{name}" if name in values and values[name] != value else name] = value
    if placemark.attributes.get("id") and "id" not in values:
        values["id"] = placemark.attributes["id"]
    if len(values) > limits.columns:
        raise RecordProblem("too_many_columns", f"The Placemark has more than {limits.columns} values.")
    for position, (name, value) in enumerate(values.items(), start=1):
        check_text(name, f"The name of value {position}")
        if isinstance(value, str):
            check_text(value, f"Value {position}")
    return Record(row, values, shape_of(_geometry_of(placemark, limits), limits))


def _extended(placemark: Element, schemas: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, Any]]:
    for extended in placemark.each("ExtendedData"):
        for data in extended.each("Data"):
            value = next(data.each("value"), None)
            yield _named(data), (value.text or None) if value is not None else None
        for data in extended.each("SchemaData"):
            types = schemas.get(data.attributes.get("schemaUrl", "").rpartition("#")[2], {})
            for simple in data.each("SimpleData"):
                name = _named(simple)
                yield name, _typed(simple.text, types.get(name, "string"))


def _named(data: Element) -> str:
    name = data.attributes.get("name", "")
    if not name.strip():
        raise RecordProblem("unnamed_column", "A value of ExtendedData has no name.")
    return name


def _typed(text: str, kind: str) -> Any:
    """A text by its Schema's type; one that does not fit its type stays text, and so does its column."""
    if not text:
        return None
    if kind in _INTEGERS and kind_of_text(text) in {"exact", "int64"}:
        return int(text)
    if kind in _REALS:
        number = _number(text)
        return number if number is not None else text
    return _BOOLEANS.get(text.lower(), text) if kind == "bool" else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _geometry_of(placemark: Element, limits: Limits) -> dict[str, Any] | None:
    if next(placemark.each(*_UNREAD_GEOMETRIES), None) is not None:
        raise RecordProblem("unknown_geometry_type", "The geometry is a track or a model, which are not read.")
    found = list(placemark.each(*_GEOMETRIES))
    if len(found) > 1:
        raise RecordProblem("invalid_structure", "The Placemark has several geometries outside a MultiGeometry.")
    return _geojson(found[0], limits, 0) if found else None


def _geojson(element: Element, limits: Limits, depth: int) -> dict[str, Any]:
    if element.name == "MultiGeometry":
        return _multiple(element, limits, depth)
    if element.name == "Polygon":
        rings = [*_rings(element, "outerBoundaryIs", limits), *_rings(element, "innerBoundaryIs", limits)]
        return {"type": "Polygon", "coordinates": rings}
    positions = _positions(element, limits)
    if element.name == "Point":
        if len(positions) != 1:
            raise RecordProblem("invalid_structure", "A point does not have exactly one position.")
        return {"type": "Point", "coordinates": positions[0]}
    return {"type": "LineString", "coordinates": positions}


def _multiple(element: Element, limits: Limits, depth: int) -> dict[str, Any]:
    if depth >= _MAX_DEPTH:
        raise RecordProblem("too_deep", "MultiGeometries are nested too deeply.")
    if next(element.each(*_UNREAD_GEOMETRIES), None) is not None:
        raise RecordProblem("unknown_geometry_type", "The geometry is a track or a model, which are not read.")
    parts = [_geojson(part, limits, depth + 1) for part in element.each(*_GEOMETRIES)]
    kinds = {part["type"] for part in parts}
    if len(kinds) == 1 and kinds <= set(_MULTIPART):
        return {"type": _MULTIPART[kinds.pop()], "coordinates": [part["coordinates"] for part in parts]}
    return {"type": "GeometryCollection", "geometries": parts}


def _rings(polygon: Element, name: str, limits: Limits) -> list[list[list[float]]]:
    boundaries = list(polygon.each(name))
    if name == "outerBoundaryIs" and len(boundaries) != 1:
        raise RecordProblem("invalid_structure", "A polygon does not have exactly one outer boundary.")
    return [_positions(ring, limits) for boundary in boundaries for ring in boundary.each("LinearRing")]


def _positions(element: Element, limits: Limits) -> list[list[float]]:
    text = next((child.text for child in element.each("coordinates")), "")
    if text.count(",") > limits.vertices and sum(1 for _ in _POSITION.finditer(text)) > limits.vertices:
        raise RecordProblem("too_many_vertices", f"A geometry has more than {limits.vertices} vertices.")
    if ", " in text:
        text = re.sub(r",\s+", ",", text)
    try:
        return [[float(number) for number in position.split(",") if number] for position in text.split()]
    except ValueError as error:
        raise RecordProblem("not_a_number", "A coordinate is not a number.") from error
