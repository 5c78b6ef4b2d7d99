"""Small GeoParquet files for tests of quality checks, written without the readers of formats."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely


def write_geoparquet(path: Path, columns: dict, shapes: list | None = None, *, crs: str = "EPSG:4326") -> Path:
    """Columns by name (lists or arrays) and well-known texts (or None) as a column ``geometry``; no shapes: a table."""
    table = pa.table(columns)
    metadata = {}
    if shapes is not None:
        geometries = [None if text is None else shapely.from_wkt(text) for text in shapes]
        wkb = [None if one is None else shapely.to_wkb(one, byte_order=1) for one in geometries]
        table = table.append_column("geometry", pa.array(wkb, pa.binary()))
        column = {"encoding": "WKB", "geometry_types": [], "crs": pyproj.CRS.from_user_input(crs).to_json_dict()}
        present = [one for one in geometries if one is not None]
        if present:
            column["bbox"] = [float(n) for n in shapely.total_bounds(present)]
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        metadata = {b"geo": json.dumps(geo, sort_keys=True).encode()}
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)
    return path
