"""From an upload of N MB of GeoJSON to CATALOG: seconds a step, and the peak memory of the whole process.

Run: ``python -m tests.benchmarks.bench_pipeline [MB]`` (default 100). Makes its data (synthetic
polygons) and its console in a temporary directory; prints figures and asserts none.
"""

from __future__ import annotations

import itertools
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path


def write_geojson(path: Path, megabytes: int) -> int:
    """Synthetic small polygons in Kansas until the file has *megabytes* MB, on one line; the number of features."""
    rng = random.Random(20)
    count = 0
    with path.open("w") as stream:
        stream.write('{"type":"FeatureCollection","features":[')
        while stream.tell() < megabytes * 1_000_000:
            x, y = round(rng.uniform(-102, -94.7), 6), round(rng.uniform(37, 39.9), 6)
            ring = [[x, y], [x + 0.001, y], [x + 0.001, y + 0.001], [x, y + 0.001], [x, y]]
            text = ",".join(f"[{a:.6f},{b:.6f}]" for a, b in ring)
            stream.write(
                ("," if count else "")
                + f'{{"type":"Feature","properties":{{"parcel":"P{count:07d}","acres":{rng.randint(1, 640)}}},'
                + f'"geometry":{{"type":"Polygon","coordinates":[[{text}]]}}}}'
            )
            count += 1
        stream.write("]}")
    return count


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        os.environ["KFM_VAR_DIR"] = directory
        os.environ["DJANGO_SETTINGS_MODULE"] = "kfm_console.settings"
        import django

        django.setup()
        from django.core.management import call_command
        from django.utils import timezone

        from datasets.registry import register_dataset
        from promotions import demo

        call_command("migrate", verbosity=0)
        people = demo.accounts()
        fields = {"parcel": "upstream.parcel", "acres": "upstream.acres", "geometry": "derived.geometry"}
        checks = [
            {"name": "geometry_valid", "operator": ">=", "threshold": 1.0},
            {"name": "unique", "operator": ">=", "threshold": 1.0, "fields": ["parcel"]},
            {"name": "within_extent", "operator": ">=", "threshold": 1.0, "parameters": {"bbox": [-103, 36, -94, 41]}},
        ]
        spec = demo.spec_of(
            "synthetic_ks_parcels", "Synthetic parcels", "Synthetic data.", demo.CENSUS_TERMS, checks, fields
        )
        dataset = register_dataset(spec=spec, by=people["carla"], at=timezone.now())
        source = Path(directory) / "source.geojson"
        count = write_geojson(source, megabytes)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        job = demo.upload(
            dataset=dataset,
            file=source,
            slice_="2026",
            terms=demo.CENSUS_TERMS,
            terms_text="Synthetic.",
            by=people["carla"],
            at=timezone.now(),
        )
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        version = job.version
        print(f"{megabytes} MB GeoJSON, {count} polygons: {version.standing.state if version else job.failure}")
        print(f"upload to CATALOG {seconds:.1f} s; peak memory {peak:.0f} MiB ({before:.0f} MiB before the upload)")
        begun: dict[str, float] = {}
        for line in job.lines.all():
            begun.setdefault(line.step, line.at.timestamp())
        marks = [*begun.items(), ("end", job.finished_at.timestamp())]
        for (step, at), (_, after) in itertools.pairwise(marks):
            print(f"  {step:<10} {after - at:6.1f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
