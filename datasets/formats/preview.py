"""Keeps a small picture of a dataset for the page's map: a simplified GeoJSON FeatureCollection.

Decides which rows are shown: every n-th, so that the same rows are shown on every run. Never holds more than a bounded
number of geometries, and never a property but the row number. It is a picture of the file it is drawn from:
whoever shows it must ask the policy decision point first (clause C1).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyproj
import shapely

from datasets.formats.degrees import NO_DEGREES, way_to_degrees, whereabouts
from datasets.formats.errors import UnreadableSource
from datasets.formats.geometry import Shape

MAX_BYTES = 300_000
_MAX_FEATURES = 2_000
_MAX_VERTICES = 200_000
_DECIMALS = 4
_KEEP_WHOLE = 64
_BATCH_ROWS = 2_000


class Preview:
    """Collects at most ``_MAX_FEATURES`` of the ``rows`` geometries that will be offered."""

    def __init__(self, rows: int, bbox: tuple[float, float, float, float] | None) -> None:
        self.step = max(1, -(-rows // _MAX_FEATURES))
        west, south, east, north = bbox or (0.0, 0.0, 0.0, 0.0)
        self._tolerance = max(east - west, north - south) / 2_000
        self._kept: list[tuple[int, Any]] = []
        self._vertices = 0

    def offer(self, index: int, row: int, shape: Shape | None) -> None:
        """``index``: position among written rows, from 0; ``row``: the record's number in the source, from 1."""
        if shape is None or index % self.step or self._vertices > _MAX_VERTICES:
            return
        geometry = shapely.from_wkb(shape.wkb)
        if shape.vertices > _KEEP_WHOLE:
            geometry = shapely.simplify(geometry, self._tolerance, preserve_topology=False)
        geometry = shapely.force_2d(geometry)
        if geometry.is_empty:
            geometry = shapely.points(shape.bbox[0], shape.bbox[1])
        self._vertices += int(shapely.get_num_coordinates(geometry))
        self._kept.append((row, geometry))

    def as_bytes(self) -> bytes:
        """The FeatureCollection, thinned and simplified until it is at most ``MAX_BYTES`` long."""
        kept, tolerance = self._kept, self._tolerance
        text = self._dump(kept)
        while len(text) > MAX_BYTES and kept:
            tolerance = max(tolerance * 2, 10.0**-_DECIMALS)
            thinned = [(row, shapely.simplify(shape, tolerance, preserve_topology=False)) for row, shape in kept]
            kept = [(row, shape) for row, shape in thinned if not shape.is_empty]
            if len(self._dump(kept)) > len(text) * 0.8:
                kept = kept[::2] if len(kept) > 1 else []
            text = self._dump(kept)
        return text

    @staticmethod
    def _dump(kept: list[tuple[int, Any]]) -> bytes:
        features = []
        for row, geometry in kept:
            rounded = shapely.transform(geometry, lambda xy: np.round(xy, _DECIMALS) + 0.0)
            shown = json.loads(shapely.to_geojson(rounded))
            features.append({"type": "Feature", "properties": {"row": row}, "geometry": shown})
        collection = {"type": "FeatureCollection", "features": features}
        return json.dumps(collection, separators=(",", ":"), sort_keys=True).encode()


def draw(parquet: Path) -> bytes:
    """The picture of a GeoParquet file, in degrees of WGS 84 (RFC 7946 §4); empty where there is no geometry.

    Raises ``UnreadableSource`` where the file's coordinates have no degrees, or no one says what they are.
    """
    with pq.ParquetFile(parquet) as file:
        where = whereabouts(file)
        if where is None:
            return Preview(0, None).as_bytes()
        way = way_to_degrees(where.crs)
        picture = Preview(file.metadata.num_rows, where.bbox)
        row = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[where.column]):
            for wkb in batch.column(0):
                row += 1
                if wkb.is_valid and (row - 1) % picture.step == 0:
                    picture.offer(row - 1, row, _shape_of(wkb.as_py(), way))
    return picture.as_bytes()


def _shape_of(wkb: bytes, way: pyproj.Transformer | None) -> Shape:
    geometry = shapely.force_2d(shapely.from_wkb(wkb))
    if way is not None:
        geometry = shapely.transform(geometry, lambda xy: np.column_stack(way.transform(xy[:, 0], xy[:, 1])))
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        raise UnreadableSource(*NO_DEGREES)
    west, south, east, north = geometry.bounds
    vertices = int(shapely.get_num_coordinates(geometry))
    return Shape(shapely.to_wkb(geometry), (west, south, east, north), geometry.geom_type, vertices)
