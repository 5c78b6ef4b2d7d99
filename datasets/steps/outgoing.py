"""What of a version goes out, and where it lies: of the data that go out, or of data that are held back.

Never tells a place of data that are held back: only what the spec itself says (clause C2). Opens no raster: what its
reader found was recorded by the validate run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from datasets.catalogs.facts import Grid
from datasets.catalogs.released_parts import RELEASED
from datasets.formats.degrees import whereabouts
from datasets.formats.result import Bbox
from datasets.models import VersionArtifact
from datasets.steps.workspace import Workspace
from datasets.stores import console_store, read_document

#: What the run that made the data found of their coordinates' system: ``{"crs": code}``.
SYSTEM_PART = "reference_system"
GEOJSON_SYSTEM = "OGC:CRS84"  # RFC 7946 §4


def released(files: Mapping[str, VersionArtifact]) -> list[str]:
    """The parts among *files* that go out."""
    return [part for part in RELEASED if part in files]


def fetch_data(files: Mapping[str, VersionArtifact], work: Workspace) -> Path | None:
    """The data that go out, on disk; ``None`` where they are held back."""
    if "data" not in files:
        return None
    path = work.directory / "data"
    console_store().fetch_to(files["data"].artifact_id, path)
    return path


def raster_of(files: Mapping[str, VersionArtifact]) -> dict[str, Any] | None:
    """What the reader found of the raster that goes out; ``None`` where none does."""
    if "data" not in files or "raster" not in files:
        return None
    document: dict[str, Any] = json.loads(read_document(files["raster"].artifact_id))
    return document


def generalization_of(files: Mapping[str, VersionArtifact]) -> dict[str, Any] | None:
    """How the places of the data that go out were generalized, as the run that made these data recorded it."""
    log, data = files.get("transform_log"), files.get("data")
    if log is None or data is None or log.receipt_id != data.receipt_id:
        return None
    said: dict[str, Any] | None = json.loads(read_document(log.artifact_id)).get("generalization")
    return said


def systems_of(files: Mapping[str, VersionArtifact]) -> dict[str, str]:
    """The code of the coordinates' system of each vector file that goes out, by part.

    As the run that made these data recorded it. Versions made before it was recorded say nothing of it, for their
    catalogs must be made again as they were.
    """
    said, data = files.get(SYSTEM_PART), files.get("data")
    if said is None or data is None or said.receipt_id != data.receipt_id:
        return {}
    return {"data": json.loads(read_document(said.artifact_id))["crs"], "preview": GEOJSON_SYSTEM}


def bbox_of(files: Mapping[str, VersionArtifact], data: Path | None, spec: Mapping[str, Any]) -> Bbox | None:
    """Where the data that go out lie; of data that are held back, the extent that the spec itself names."""
    raster = raster_of(files)
    if raster is not None:
        west, south, east, north = raster["bbox"]
        return (west, south, east, north)
    return parquet_bbox(data) if data is not None else hinted_bbox(spec)


def hinted_bbox(spec: Mapping[str, Any]) -> Bbox | None:
    """The spec's ``extent.bbox`` without heights; one across the antimeridian is told as all longitudes."""
    bbox = (spec.get("extent") or {}).get("bbox")
    if not bbox:
        return None
    west, south, east, north = (float(bbox[place]) for place in (0, 1, len(bbox) // 2, len(bbox) // 2 + 1))
    return (west, south, east, north) if west <= east else (-180.0, south, 180.0, north)


def grid_of(raster: Mapping[str, Any] | None) -> Grid | None:
    """How the raster's pixels lie."""
    if raster is None:
        return None
    code = raster["crs"] if re.fullmatch(r"EPSG:\d+", raster["crs"]) else ""
    return Grid(code, (raster["height"], raster["width"]), tuple(raster["transform"]))


def parquet_bbox(path: Path) -> Bbox | None:
    """The extent of a GeoParquet file in degrees of WGS 84; ``None`` when it has no geometry, or no extent.

    Raises ``UnreadableSource`` when its coordinates have no degrees.
    """
    with pq.ParquetFile(path) as file:
        where = whereabouts(file)
    return None if where is None else where.bbox


def parquet_system(path: Path) -> str:
    """The code of the system that a GeoParquet file's coordinates are in; empty without a geometry, or a code."""
    with pq.ParquetFile(path) as file:
        where = whereabouts(file)
    return "" if where is None else where.code
