"""Judges whether bytes are GeoJSON as RFC 7946 has it, and lists everything that is wrong.

Decides structure only (sections 3 to 7): types, members, positions, rings and their winding, bounding boxes. Strict:
what the RFC says should not be done is a finding too. Never judges whether coordinates are plausible, never raises for
bad input, never follows a reference. Serves ``validate geojson``; clause E1's reader is ``normalize``, which asks none
of this: what is merely untidy (winding, precision) fails this check and is no reason to turn an upstream's data away.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from audit.findings import Finding
from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.geojson_precision import DECIMALS, noise_in
from datasets.formats.geojson_source import WGS84_NAMES
from datasets.formats.json_stream import JsonStream
from datasets.formats.sniff import GEOJSON_TYPES

MAX_FINDINGS = 200
MAX_BYTES = 512 * 1024 * 1024
_GEOMETRIES = GEOJSON_TYPES - {"Feature", "FeatureCollection"}
# Depth of nesting of positions below "coordinates": a Point's coordinates are one position.
_LEVELS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_DEFINING = {
    "FeatureCollection": ("coordinates", "geometries", "geometry", "properties"),
    "Feature": ("coordinates", "geometries", "features"),
}
_GEOMETRY_FORBIDS = ("geometry", "properties", "features")
_MAX_DEPTH = 32
_RING_POSITIONS = 4

Findings = Iterator[Finding]


def _finding(code: str, where: str, message: str, section: str, fix: str = "") -> Finding:
    return Finding(code, where or "/", f"{message} (RFC 7946 section {section})", fix)


def check_geojson(raw: bytes | Path) -> list[Finding]:
    """Findings on one GeoJSON text, at most ``MAX_FINDINGS`` and one that says so; empty when it is valid.

    ``where`` is a JSON pointer, or byte and line when the text is not strict JSON. A file that can't be opened, or is
    too large to be judged whole, is a finding of kind ``error``.
    """
    try:
        if isinstance(raw, Path):
            if raw.stat().st_size > MAX_BYTES:
                message = f"The file is larger than {MAX_BYTES} bytes and was not checked."
                return [Finding("file_too_large", str(raw), message, "Split it, or ingest it.", kind="error")]
            raw = raw.read_bytes()
    except OSError as error:
        return [Finding("unreadable_file", str(raw), f"The file can't be read: {error.strerror}.", "", kind="error")]
    try:
        value = _parse(raw)
    except UnreadableSource as error:
        return [Finding(error.code, error.where, error.message, error.fix)]
    findings: list[Finding] = []
    for finding in _root(value):
        if len(findings) == MAX_FINDINGS:
            message = f"There are more than {MAX_FINDINGS} findings; the rest is not listed."
            findings.append(Finding("too_many_findings", "/", message, "Mend these first."))
            break
        findings.append(finding)
    return findings


def _parse(raw: bytes) -> Any:
    text = JsonStream(io.BytesIO(raw), Limits(value_characters=MAX_BYTES))
    if not text.peek():
        text.refuse("empty_file", "There is no JSON value.", "Give a GeoJSON object.")
    value = text.value()
    text.end()
    return value


def _root(value: Any) -> Findings:
    if not isinstance(value, dict):
        yield _finding("not_an_object", "", "A GeoJSON text is an object.", "2")
        return
    yield from _crs(value)
    kind = value.get("type")
    if kind == "FeatureCollection":
        yield from _collection(value)
    elif kind == "Feature":
        yield from _feature(value, "")
    else:
        yield from _geometry(value, "", 0)
    yield from _precision(value)


def _crs(value: dict[str, Any]) -> Findings:
    if "crs" not in value:
        return
    crs = value["crs"]
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    if isinstance(name, str) and name.lower() in WGS84_NAMES:
        yield _finding("crs_member", "/crs", "The crs member was removed from GeoJSON.", "4", "Remove it.")
    else:
        message = "The crs member names something other than WGS 84."
        yield _finding("wrong_crs", "/crs", message, "4", "Reproject to WGS 84 and remove the member.")


def _forbidden(value: dict[str, Any], where: str, names: tuple[str, ...]) -> Findings:
    for name in names:
        if name in value:
            message = f"An object of this type must not have a member {name!r}."
            yield _finding("changed_semantics", f"{where}/{name}", message, "7.1", "Rename the member.")


def _collection(value: dict[str, Any]) -> Findings:
    yield from _forbidden(value, "", _DEFINING["FeatureCollection"])
    yield from _bbox(value, "")
    features = value.get("features")
    if "features" not in value:
        yield _finding("features_missing", "/features", "A FeatureCollection has a member features.", "3.3")
    elif not isinstance(features, list):
        yield _finding("features_not_array", "/features", "The member features is an array.", "3.3")
    else:
        for index, feature in enumerate(features):
            where = f"/features/{index}"
            if not isinstance(feature, dict):
                yield _finding("feature_not_object", where, "A feature is an object.", "3.2")
            elif feature.get("type") != "Feature":
                yield _finding("not_a_feature", f"{where}/type", "An item of features is of type Feature.", "3.3")
            else:
                yield from _feature(feature, where)


def _feature(value: dict[str, Any], where: str) -> Findings:
    yield from _forbidden(value, where, _DEFINING["Feature"])
    yield from _bbox(value, where)
    if "id" in value and (isinstance(value["id"], bool) or not isinstance(value["id"], str | int | float)):
        yield _finding("invalid_id", f"{where}/id", "A feature's id is a string or a number.", "3.2")
    if "properties" not in value:
        yield _finding("properties_missing", f"{where}/properties", "A feature has a member properties.", "3.2")
    elif value["properties"] is not None and not isinstance(value["properties"], dict):
        yield _finding("properties_not_object", f"{where}/properties", "Properties are an object or null.", "3.2")
    if "geometry" not in value:
        yield _finding("geometry_missing", f"{where}/geometry", "A feature has a member geometry.", "3.2")
    elif value["geometry"] is not None:
        yield from _geometry(value["geometry"], f"{where}/geometry", 0)


def _geometry(value: Any, where: str, depth: int) -> Findings:
    if not isinstance(value, dict):
        yield _finding("geometry_not_object", where, "A geometry is an object.", "3.1")
        return
    kind = value.get("type")
    if "type" not in value:
        yield _finding("type_missing", f"{where}/type", "A GeoJSON object has a member type.", "3")
        return
    if not isinstance(kind, str):
        yield _finding("type_not_string", f"{where}/type", "The member type is a string.", "3")
        return
    if kind not in _GEOMETRIES:
        message = "The type is none of those that may stand here; names are case-sensitive."
        yield _finding("unknown_type", f"{where}/type", message, "1.4")
        return
    yield from _forbidden(value, where, _GEOMETRY_FORBIDS)
    yield from _bbox(value, where)
    if kind == "GeometryCollection":
        yield from _forbidden(value, where, ("coordinates",))
        yield from _geometries(value, where, depth)
        return
    yield from _forbidden(value, where, ("geometries",))
    if "coordinates" not in value:
        yield _finding("coordinates_missing", f"{where}/coordinates", "A geometry has coordinates.", "3.1")
        return
    yield from _parts(value["coordinates"], f"{where}/coordinates", kind, _LEVELS[kind])


def _geometries(value: dict[str, Any], where: str, depth: int) -> Findings:
    parts = value.get("geometries")
    pointer = f"{where}/geometries"
    if not isinstance(parts, list):
        yield _finding("geometries_not_array", pointer, "A GeometryCollection has an array geometries.", "3.1.8")
        return
    if len(parts) == 1:
        message, fix = "A collection of one geometry should not be used.", "Use the geometry itself."
        yield _finding("single_geometry", pointer, message, "3.1.8", fix)
    for index, part in enumerate(parts):
        if isinstance(part, dict) and part.get("type") == "GeometryCollection":
            message = "Collections should not be nested."
            yield _finding("nested_collection", f"{pointer}/{index}", message, "3.1.8")
            if depth >= _MAX_DEPTH:
                continue
        yield from _geometry(part, f"{pointer}/{index}", depth + 1)


def _parts(value: Any, where: str, kind: str, level: int) -> Findings:
    """``level``: how many arrays are above a position, from 3 (MultiPolygon) to 0 (a position itself)."""
    if level == 0:
        yield from _position(value, where)
        return
    if not isinstance(value, list):
        message = "An array should stand here: the coordinates need deeper nesting."
        yield _finding("not_nested", where, message, "3.1")
        return
    before = True
    for index, part in enumerate(value):
        for finding in _parts(part, f"{where}/{index}", kind, level - 1):
            before = False
            yield finding
    if level == 1 and kind in {"LineString", "MultiLineString"} and len(value) < 2:  # noqa: PLR2004 - section 3.1.4
        yield _finding("short_line", where, "A line has two or more positions.", "3.1.4")
    if level == 1 and kind in {"Polygon", "MultiPolygon"}:
        yield from _ring(value, where, positions_hold=before)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value not in (float("inf"), float("-inf"))


def _position(value: Any, where: str) -> Findings:
    if not isinstance(value, list):
        yield _finding("position_not_array", where, "A position is an array of numbers.", "3.1.1")
        return
    if len(value) < 2:  # noqa: PLR2004 - section 3.1.1
        yield _finding("short_position", where, "A position has two or more numbers.", "3.1.1")
    if len(value) > 3:  # noqa: PLR2004 - section 3.1.1
        yield _finding("long_position", where, "A position should have at most three numbers.", "3.1.1")
    for index, number in enumerate(value):
        if not _is_number(number):
            yield _finding("not_a_number", f"{where}/{index}", "A coordinate is a finite number.", "3.1.1")


def _ring(ring: list[Any], where: str, *, positions_hold: bool) -> Findings:
    if len(ring) < _RING_POSITIONS:
        yield _finding("short_ring", where, "A linear ring has four or more positions.", "3.1.6")
    if ring and ring[0] != ring[-1]:
        yield _finding("unclosed_ring", where, "A ring's first and last positions are the same.", "3.1.6")
        return
    if not positions_hold or len(ring) < _RING_POSITIONS:
        return
    area = _signed_area(ring)
    is_outer = where.rsplit("/", 1)[-1] == "0"
    if area and (area > 0) is not is_outer:
        message = "An outer ring runs counterclockwise, an inner one clockwise."
        yield _finding("winding_order", where, message, "3.1.6", "Reverse the ring.")


def _signed_area(ring: list[list[float]]) -> float:
    """Twice the planar area, from the first position for precision; positive when counterclockwise."""
    x0, y0 = ring[0][0], ring[0][1]
    pairs = pairwise(ring)
    return float(sum((a[0] - x0) * (b[1] - y0) - (b[0] - x0) * (a[1] - y0) for a, b in pairs))


def _bbox(value: dict[str, Any], where: str) -> Findings:
    if "bbox" not in value:
        return
    bbox, pointer = value["bbox"], f"{where}/bbox"
    if not isinstance(bbox, list):
        yield _finding("bbox_not_array", pointer, "A bbox is an array of numbers.", "5")
        return
    if len(bbox) not in {4, 6}:
        yield _finding("bbox_length", pointer, "A bbox has four numbers, or six with altitudes.", "5")
    for index, number in enumerate(bbox):
        if not _is_number(number):
            yield _finding("bbox_not_a_number", f"{pointer}/{index}", "A bbox holds finite numbers.", "5")


def _precision(value: dict[str, Any]) -> Findings:
    noise = noise_in(value)
    if noise is not None:
        message = f"{noise.count} coordinates have more than {DECIMALS} decimals, the further ones nothing but noise."
        yield _finding("excessive_precision", noise.first, message, "11.2", f"Round them to {DECIMALS} decimals.")
