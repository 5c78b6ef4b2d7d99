"""Draws the small map of a GeoParquet file that goes out, from the very bytes that go out.

Never reads the source: a preview of generalized data is generalized. At most 300 KB, no properties but the row number.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely

from datasets.formats.geometry import Shape
from datasets.formats.preview import Preview, draw


def write_preview(parquet: Path, target: Path) -> None:
    """Writes a simplified GeoJSON FeatureCollection of *parquet* to *target*; empty where there is no geometry.

    In degrees of WGS 84, whatever system the file is in. Raises ``UnreadableSource`` where it has none.
    """
    target.write_bytes(draw(parquet))


def write_footprint(raster: Mapping[str, Any], target: Path) -> None:
    """Writes a raster's footprint to *target*, as the one feature; *raster* as ``NormalizeResult.raster`` has it."""
    west, south, east, north = raster["bbox"]
    preview = Preview(1, (west, south, east, north))
    preview.offer(0, 1, _shape(shapely.to_wkb(shapely.geometry.shape(raster["footprint"]))))
    target.write_bytes(preview.as_bytes())


def _shape(wkb: bytes) -> Shape:
    geometry = shapely.from_wkb(wkb)
    return Shape(wkb, tuple(geometry.bounds), geometry.geom_type, int(shapely.get_num_coordinates(geometry)))
