"""Prints time and peak memory of normalizing synthetic files; asserts nothing.

Run: ``python -m tests.benchmarks.bench_normalize [MEGABYTES]``. Its data is synthetic.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from datasets.formats.normalize import normalize


def write_geojson(path: Path, size: int, *, vertices: int, seed: int = 7) -> None:
    """One line of about ``size`` bytes: polygons of ``vertices`` corners near Kansas."""
    source = random.Random(seed)
    with path.open("w", encoding="utf-8") as stream:
        stream.write('{"type":"FeatureCollection","features":[')
        row = 0
        while stream.tell() < size:
            x, y = source.uniform(-102, -95), source.uniform(37, 39)
            ring = [[x + 0.01 * i + source.random() / 99, y + 0.3 * (i % 2)] for i in range(vertices)]
            feature = {
                "type": "Feature",
                "properties": {"code": f"{row:05d}", "name": f"field {row}", "area": source.random()},
                "geometry": {"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
            }
            stream.write(("," if row else "") + json.dumps(feature))
            row += 1
        stream.write("]}")


def write_csv(path: Path, size: int, *, seed: int = 7) -> None:
    """About ``size`` bytes of points."""
    source = random.Random(seed)
    with path.open("w", encoding="utf-8") as stream:
        stream.write("EVENT_ID,FIPS,LAT,LON,NOTE\n")
        row = 0
        while stream.tell() < size:
            x, y = source.uniform(-102, -95), source.uniform(37, 40)
            stream.write(f'{row},020{row % 999:03d},{y:.5f},{x:.5f},"hail, event {row}"\n')
            row += 1


def measure(path: Path) -> None:
    """Print seconds and peak memory of one run in this process."""
    began = time.perf_counter()
    result = normalize(
        path,
        spec={},
        target=path.with_suffix(".parquet"),
        rejects=path.with_suffix(".rejects"),
        progress=lambda _done, _total: None,
        preview=path.with_suffix(".preview"),
    )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = path.stat().st_size / 1e6
    figures = f"{size:.0f} MB, {result.rows_written} rows, {result.vertices} vertices"
    print(f"{path.name}: {figures}: {seconds:.1f} s, peak {peak:.0f} MiB")


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("small_polygons.geojson", "large_polygons.geojson", "points.csv")]
        write_geojson(paths[0], megabytes * 10**6, vertices=8)
        write_geojson(paths[1], megabytes * 10**6, vertices=5_000)
        write_csv(paths[2], megabytes * 10**6)
        for path in paths:
            child = multiprocessing.get_context("spawn").Process(target=measure, args=(path,))
            child.start()
            child.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
