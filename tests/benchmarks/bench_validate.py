"""Prints the time from STAC items on disk to verdicts: pystac's own validator, a bare jsonschema-rs loop, ours.

Run: ``python -m tests.benchmarks.bench_validate [FILES]``. Asserts nothing. One item in ten is spoiled, each in one of
five ways; every way says how many it refuses. All judge the STAC 1.1.0 core and the File extension, offline, by the
same schemas. pystac judges the first fiftieth only, and its time is multiplied.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pystac
import pystac.validation

from datasets.catalogs.stac import FILE_EXTENSION
from datasets.catalogs.stac_schemas import core_validator, extension_validator
from kfm_console.validation import Options
from kfm_console.validation.many import judge_all

PYSTAC_SHARE = 50
OWN = Path(__file__).resolve().parents[2] / "datasets" / "catalogs" / "schemas"


def item(number: int) -> dict[str, Any]:
    west, south = -102 + number % 60 / 10, 37 + number % 25 / 10
    east, north = west + 0.1, south + 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    asset = {
        "href": f"https://data.example.org/{number}.parquet",
        "type": "application/vnd.apache.parquet",
        "roles": ["data"],
        "file:checksum": "1220" + f"{number:064x}",
        "file:size": 1000 + number,
    }
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [FILE_EXTENSION],
        "id": f"item-{number}",
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [west, south, east, north],
        "properties": {"datetime": "2026-01-01T00:00:00Z", "title": f"Item {number}"},
        "collection": "items",
        "links": [{"rel": rel, "href": f"./{rel}.json"} for rel in ("collection", "parent", "root")],
        "assets": {f"part-{part}": asset for part in range(3)},
    }


def spoil(document: dict[str, Any], way: int) -> None:
    """One fault: an absent id, a bad time, a bad bbox, an unlinked collection, a negative size."""
    if way == 0:
        del document["id"]
    elif way == 1:
        document["properties"]["datetime"] = "yesterday"
    elif way == 2:
        document["bbox"] = document["bbox"][:3]
    elif way == 3:
        document["links"] = []
    else:
        document["assets"]["part-0"]["file:size"] = -1


def write_items(folder: Path, files: int) -> list[str]:
    paths = []
    for number in range(files):
        document = item(number)
        if number % 10 == 0:
            spoil(document, number // 10 % 5)
        path = folder / f"{number:06}.json"
        path.write_text(json.dumps(document))
        paths.append(str(path))
    return paths


def by_pystac(paths: Iterable[str]) -> int:
    """How many pystac refuses; the extension's schema is given, as pystac would fetch it."""
    schema = json.loads((OWN / "file-2.1.0.json").read_text())
    validator = pystac.validation.RegisteredValidator.get_validator()
    validator._get_schema = lambda uri, _given=validator._get_schema: schema if uri == FILE_EXTENSION else _given(uri)
    refused = 0
    for path in paths:
        try:
            pystac.validation.validate_dict(json.loads(Path(path).read_bytes()))
        except (pystac.errors.STACValidationError, pystac.errors.STACTypeError, KeyError):
            refused += 1
    return refused


def by_bare_loop(paths: Iterable[str]) -> int:
    """The fastest public way: read, parse, ask jsonschema-rs for yes or no; it says neither where nor why."""
    core, extension = core_validator("1.1.0", "Feature"), extension_validator(FILE_EXTENSION)
    refused = 0
    for path in paths:
        with open(path, "rb") as stream:  # noqa: PTH123 -- as a bare loop would
            document = json.loads(stream.read())
        refused += not (core.is_valid(document) and extension.is_valid(document))
    return refused


def ours(workers: int) -> Callable[[Iterable[str]], int]:
    def judged(paths: Iterable[str]) -> int:
        return sum(verdict != "pass" for verdict, _ in judge_all("stac", paths, Options("core"), workers))

    return judged


Times = tuple[float, float]
"""By the clock on the wall, and of the processors, children's included; in seconds."""


def now() -> Times:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return time.perf_counter(), sum(one.ru_utime + one.ru_stime for one in spent)


def timed(name: str, judge: Callable[[Iterable[str]], int], paths: list[str], times: int = 1) -> Times:
    """The best of each kind of time among five runs; of what is judged in part, one run multiplied."""
    runs, refused = [], 0
    for _ in range(5 if times == 1 else 1):
        begun = now()
        refused = judge(paths)
        runs.append([(after - before) * times for before, after in zip(begun, now(), strict=True)])
    wall, processor = map(min, zip(*runs, strict=True))
    print(f"{name:<42} {wall:8.2f} s wall {processor:8.2f} s processor   {refused} of {len(paths)} refused")
    return wall, processor


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        paths = write_items(Path(name), files)
        print(f"{files} STAC 1.1.0 items with the File extension, {cores} cores, load {os.getloadavg()[0]:.1f}")
        slow = timed(f"pystac (1/{PYSTAC_SHARE} judged, time multiplied)", by_pystac, paths[: files // PYSTAC_SHARE],
                     PYSTAC_SHARE)  # fmt: skip
        bare = timed("bare jsonschema-rs loop, one process", by_bare_loop, paths)
        alone = timed("ours, one process, every finding", ours(1), paths)
        spread = timed(f"ours, {cores} processes, every finding", ours(cores), paths)
    for kind, (p, b, a, s) in zip(("wall", "processor"), zip(slow, bare, alone, spread, strict=True), strict=True):
        print(f"{kind}: {p / a:.0f}x pystac in one process, {p / s:.0f}x in {cores};", end=" ")
        print(f"{a / b:.2f} and {s / b:.2f} times the bare loop's")


if __name__ == "__main__":
    main()
