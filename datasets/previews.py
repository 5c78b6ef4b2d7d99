"""Draws the small map of a GeoParquet file that goes out, from the very bytes that go out.

Never reads the source: a preview of generalized data is generalized. At most 300 KB, no properties but the row number.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import shapely

from datasets.formats.geometry import Shape
from datasets.formats.preview import Preview

BATCH_ROWS = 2_000


def write_preview(parquet: Path, target: Path) -> None:
    """Writes a simplified GeoJSON FeatureCollection of *parquet* to *target*; empty where there is no geometry."""
    with pq.ParquetFile(parquet) as file:
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
        column = geo.get("primary_column")
        if column is None:
            target.write_bytes(Preview(0, None).as_bytes())
            return
        bbox = geo["columns"][column].get("bbox")
        preview = Preview(file.metadata.num_rows, tuple(bbox) if bbox else None)
        row = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=[column]):
            for wkb in batch.column(0).to_pylist():
                row += 1
                preview.offer(row - 1, row, None if wkb is None else _shape(wkb))
    target.write_bytes(preview.as_bytes())


def _shape(wkb: bytes) -> Shape:
    geometry = shapely.from_wkb(wkb)
    return Shape(wkb, tuple(geometry.bounds), geometry.geom_type, int(shapely.get_num_coordinates(geometry)))
