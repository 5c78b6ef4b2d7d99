"""One million points generalized and verified: ours on squares and on H3, beside a plain geopandas-style snap.

Run: ``python -m tests.benchmarks.bench_generalize [ROWS]``. Each way is a process of its own, from the GeoParquet on
disk to the written one (or to the findings); the interpreter's start and the imports are included for all alike. Three
rounds in turn, the best of each counts. The plain way reads everything with pyarrow and shapely, snaps in EPSG:5070
with NumPy and writes: no check of other columns, no uncertainty, no streams. Synthetic data.
Prints, asserts nothing but that the verification finds nothing.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

ROUNDS = 3
SIZE = 10_000


def write_points(path: Path, rows: int) -> None:
    """Points in Kansas with a name, a number and a day."""
    source = np.random.default_rng(7)
    points = shapely.points(source.uniform(-102, -94.7, rows), source.uniform(37, 39.9, rows))
    table = pa.table(
        {
            "record": np.arange(rows),
            "depth_m": source.uniform(0, 900, rows),
            "kind": np.array(["well", "spring", "cave"])[source.integers(0, 3, rows)],
            "geometry": pa.array(shapely.to_wkb(points), pa.binary()),
        }
    )
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB"}}}
    pq.write_table(table.replace_schema_metadata({"geo": json.dumps(geo)}), path, compression="zstd")


def plain(source: Path, target: Path) -> None:
    """What one writes by hand: read all, snap, write all."""
    table = pq.read_table(source)
    points = shapely.from_wkb(table["geometry"].to_numpy())
    there = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:5070", always_xy=True)
    back = pyproj.Transformer.from_crs("EPSG:5070", "EPSG:4326", always_xy=True)
    metres = np.array(there.transform(shapely.get_x(points), shapely.get_y(points)))
    snapped = shapely.points(*back.transform(*((np.floor(metres / SIZE) + 0.5) * SIZE)))
    at = table.schema.get_field_index("geometry")
    pq.write_table(table.set_column(at, "geometry", pa.array(shapely.to_wkb(snapped), pa.binary())), target)


def ours(source: Path, target: Path, **options: str) -> None:
    from datasets.obligations.apply import apply_obligations
    from datasets.policy.obligations import parse_obligations

    wire = {"type": "generalize_geometry", "min_cell_size_m": SIZE, **options}
    apply_obligations(source, target, parse_obligations([wire]))


def verified(target: Path, **options: str) -> None:
    from datasets.obligations.verify import verify_obligations
    from datasets.policy.obligations import parse_obligations

    wire = {"type": "generalize_geometry", "min_cell_size_m": SIZE, **options}
    assert not verify_obligations(target, parse_obligations([wire]), {})


def run(way: str, source: Path, target: Path) -> None:
    """One way in this process; prints seconds of CPU and MiB at most."""
    kind, _, grid = way.partition(" ")
    if kind == "write":
        write_points(target, int(source.name))
    elif kind == "plain":
        plain(source, target)
    elif kind == "apply":
        ours(source, target, grid=grid)
    elif kind == "outlines":
        ours(source, target, grid=grid, shape="cell")
    else:
        verified(target, grid=grid)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))


def _said(way: str, source: Path, target: Path) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_generalize", way, str(source), str(target)]
    cpu, most = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return cpu, most


WAYS = ("plain", "apply square", "verify square", "apply h3", "verify h3", "outlines square", "outlines h3")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    best: dict[str, tuple[float, float, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "points.parquet"
        _said("write", Path(str(rows)), source)  # in a process of its own: children start at their parent's size
        for _ in range(ROUNDS):
            for way in WAYS:
                kind, _, grid = way.partition(" ")
                target = Path(name) / f"{'outlines' if kind == 'outlines' else 'points'}-{grid}.out"
                if kind != "verify":
                    target.unlink(missing_ok=True)
                began = time.perf_counter()
                cpu, most = _said(way, source, target)
                took = time.perf_counter() - began
                best[way] = min(best.get(way, (took, cpu, most)), (took, cpu, most))
    for way, (took, cpu, most) in best.items():
        print(f"{way:<16} {took:6.2f} s  {cpu:6.2f} s of CPU  {most:5.0f} MiB")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
