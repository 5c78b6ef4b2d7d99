"""Prints time and peak memory of normalizing a million synthetic points in each format, as the worker does it.

Run: ``python -m tests.benchmarks.bench_formats [ROWS]``. Asserts nothing. Each run is a process of its own, within the
limits of ``datasets.formats.isolated``; the figures hold for that process.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import shapely

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.gdal import DRIVERS, vector_gdal
from datasets.formats.isolated import Usage, normalize_isolated

CRS = "EPSG:4326"


def points(rows: int) -> pa.Table:
    """Columns of text, numbers and a date, and positions near Kansas."""
    source = np.random.default_rng(7)
    x, y = source.uniform(-102, -95, rows).round(5), source.uniform(37, 40, rows).round(5)
    return pa.table(
        {
            "EVENT_ID": np.arange(rows),
            "FIPS": [f"020{i % 999:03d}" for i in range(rows)],
            "LAT": y,
            "LON": x,
            "BEGIN": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(rows)],
            "MAG": source.uniform(0, 9, rows).round(2),
            "NOTE": [f"hail, event {i}" for i in range(rows)],
        }
    )


def write_all(folder: Path, table: pa.Table) -> list[Path]:
    """The same points as CSV, plain Parquet, GeoPackage, FlatGeobuf and zipped shapefile."""
    gdal = vector_gdal()
    pacsv.write_csv(table, folder / "points.csv")
    pq.write_table(table, folder / "points.parquet")
    paths = [folder / "points.csv", folder / "points.parquet"]
    shapes = shapely.points(table["LON"].to_numpy(), table["LAT"].to_numpy())
    spatial = table.append_column("geometry", pa.array(shapely.to_wkb(shapes), pa.binary()))
    (folder / "shp").mkdir()
    for kind, name in (("gpkg", "points.gpkg"), ("flatgeobuf", "points.fgb"), ("shapefile", "shp/points.shp")):
        path = folder / name
        gdal.write_arrow(
            spatial, str(path), driver=DRIVERS[kind], geometry_name="geometry", geometry_type="Point", crs=CRS
        )
        paths.append(path)
    shutil.make_archive(str(folder / "points.shp"), "zip", folder / "shp")
    return [*paths[:-1], folder / "points.shp.zip"]


def measure(path: Path, spec: dict[str, object], note: str = "") -> None:
    usages: list[Usage] = []
    began = time.perf_counter()
    try:
        result = normalize_isolated(
            path,
            spec=spec,
            target=path.with_suffix(".out"),
            rejects=path.with_suffix(".rejects"),
            progress=lambda _done, _total: None,
            limits=Limits(batch_bytes=8 * 1024 * 1024),
            observe=usages.append,
        )
        came_to = f"{result.rows_written} rows"
    except UnreadableSource as error:
        came_to = f"refused as {error.code}"
    seconds = time.perf_counter() - began
    peak = usages[0].peak_bytes if usages else None
    shown = "unknown" if peak is None else f"{peak / 2**20:.0f} MiB"
    size = path.stat().st_size / 1e6
    print(f"{path.name}{note}: {size:.0f} MB, {came_to}: {seconds:.1f} s, peak {shown}")


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in write_all(folder, points(rows)):
            measure(path, {})
        measure(folder / "points.csv", {"normalization": {"crs": "EPSG:26914"}}, " to EPSG:26914")
        measure(folder / "points.gpkg", {"normalization": {"crs": "EPSG:26914"}}, " to EPSG:26914")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
