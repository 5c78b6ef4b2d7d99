"""Reads GeoJSON (RFC 7946) as a stream of records.

Decides what is a feature and what is not, file by file (``UnreadableSource``) and record by record (``Reject``). Never
holds more than one feature. Only WGS 84 longitude and latitude are read: a legacy ``crs`` member naming anything else
ends the file. Helps clause E1: what is reported about is what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from datasets.formats.errors import Limits, RecordProblem, UnreadableSource
from datasets.formats.geometry import shape_of
from datasets.formats.json_stream import JsonStream
from datasets.formats.records import Record, Reject, check_nested, check_scalar, check_text
from datasets.formats.sniff import GEOJSON_TYPES

WGS84_NAMES = frozenset(
    {
        "urn:ogc:def:crs:ogc:1.3:crs84",
        "urn:ogc:def:crs:ogc::crs84",
        "urn:ogc:def:crs:epsg::4326",
        "ogc:crs84",
        "crs84",
        "epsg:4326",
    }
)


def read_geojson(source: Path, limits: Limits, progress: Callable[[int], None]) -> Iterator[Record | Reject]:
    """Records of a FeatureCollection, Feature or geometry. Raises ``UnreadableSource`` wherever the file breaks."""
    with source.open("rb") as stream:
        text = JsonStream(stream, limits, progress)
        others: dict[str, Any] = {}
        rows = 0
        has_features = False
        for name in text.members():
            if name == "features" and text.peek() == "[":
                has_features = True
                for item in text.items():
                    rows += 1
                    yield record_of(item, rows, limits)
            else:
                others[name] = text.value()
                _check_crs(name, others[name])
        text.end()
    if has_features or others.get("type") == "FeatureCollection":
        _check_collection(others, has_features=has_features, rows=rows)
        return
    yield _single(others, limits)


def _check_crs(name: str, value: Any) -> None:
    if name != "crs" or value is None:
        return
    properties = value.get("properties") if isinstance(value, dict) else None
    named = properties.get("name") if isinstance(properties, dict) else None
    if not isinstance(named, str) or named.lower() not in WGS84_NAMES:
        shown = repr(named[:80]) if isinstance(named, str) else "something that is not a name"
        message = f"The file declares the coordinate reference system {shown}; GeoJSON is WGS 84 longitude, latitude."
        raise UnreadableSource("wrong_crs", "/crs", message, "Reproject it to EPSG:4326 before ingest.")


def _check_collection(others: dict[str, Any], *, has_features: bool, rows: int) -> None:
    if not has_features:
        fix = "Give a list of features."
        raise UnreadableSource("not_geojson", "/features", "The FeatureCollection has no list of features.", fix)
    if others.get("type") != "FeatureCollection":
        message = "The object has features, but its type is not FeatureCollection."
        raise UnreadableSource("not_geojson", "/type", message, 'Set "type" to "FeatureCollection".')
    if not rows:
        message = "The FeatureCollection is empty: it has no features."
        raise UnreadableSource("no_records", "/features", message, "Fetch it again from the upstream.")


def _single(members: dict[str, Any], limits: Limits) -> Record | Reject:
    kind = members.get("type")
    if kind == "Topology":
        raise UnreadableSource("not_geojson", "/type", "This is TopoJSON, not GeoJSON.", "Convert it to GeoJSON first.")
    if not isinstance(kind, str) or kind not in GEOJSON_TYPES:
        message = "This JSON object is not GeoJSON: its type is not one of RFC 7946's nine."
        raise UnreadableSource("not_geojson", "/type", message, "Give a FeatureCollection, Feature or geometry.")
    feature = members if kind == "Feature" else {"type": "Feature", "properties": None, "geometry": members}
    return record_of(feature, 1, limits)


def record_of(feature: Any, row: int, limits: Limits) -> Record | Reject:
    """The record of one parsed feature, ``row`` counted from 1, or why it can't be kept."""
    try:
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise RecordProblem("not_a_feature", "The item is not an object of type Feature.")
        if "geometry" not in feature:
            raise RecordProblem(
                "invalid_structure", "The feature has no geometry member; null is allowed, absence is not."
            )
        values = _properties(feature, limits)
        return Record(row, values, shape_of(feature["geometry"], limits))
    except RecordProblem as problem:
        return Reject(row, problem.code, problem.message)


def _properties(feature: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """The feature's properties, and its ``id`` under that name where no property is called so."""
    properties = feature.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        raise RecordProblem("invalid_structure", "The feature's properties are not an object.")
    if "id" in feature and "id" not in properties:
        if isinstance(feature["id"], bool) or not isinstance(feature["id"], str | int | float):
            raise RecordProblem("invalid_structure", "The feature's id is neither a string nor a number.")
        properties["id"] = feature["id"]
    if len(properties) > limits.columns:
        raise RecordProblem("too_many_columns", f"The feature has more than {limits.columns} properties.")
    for position, (name, value) in enumerate(properties.items(), start=1):
        check_text(name, f"The name of property {position}")
        if isinstance(value, dict | list):
            check_nested(value, limits, f"Property {position}")
        else:
            check_scalar(value, f"Property {position}")
    return properties
