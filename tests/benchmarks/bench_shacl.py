"""Prints what it takes to judge many DCAT records by the shapes of KFM's profile: ours, and pyshacl on its own.

Run: ``python -m tests.benchmarks.bench_shacl [--datasets 5000 50000] [--limit 1800]``. Asserts nothing. One record in
ten is spoiled, each in one of five ways. All judge by ``datasets/catalogs/shapes/kfm_dcat.ttl``, and pyshacl is the
engine of all. ``ours`` judges record by record, as gate D and the ``validate`` command do, and finds besides what no
shape says. ``pyshacl-each`` is given each record as a graph, and the shapes ready read; ``pyshacl-whole`` all as one
graph, which is not filled on its time. Each measurement has a process of its own, and one that takes more than the
limit, filling included, is stopped and said not to have ended. All seconds are processor time.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from typing import Any

import pyoxigraph as ox
import pyshacl
import rdflib

from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.validate_dcat import SHAPES, validate_dcat
from tests.benchmarks.apart import ONE, Told, in_a_process, tell, timed
from tests.catalogs.facts_world import facts

WAYS = ("dct:title", "dcat:theme", "kfm:policy_label", "kfm:dataset_id", "prov:wasGeneratedBy")


def documents(count: int) -> list[bytes]:
    made = []
    for number in range(count):
        raw = build_dcat(facts(dataset_slug=f"set_{number:06}"))
        made.append(spoiled(raw, number // 10) if number % 10 == 0 else raw)
    return made


def spoiled(raw: bytes, number: int) -> bytes:
    document: dict[str, Any] = json.loads(raw)
    for node in document["@graph"]:
        if "dcat:landingPage" in node:
            del node[WAYS[number % len(WAYS)]]
    return json.dumps(document).encode()


def lines(raw: bytes) -> bytes:
    quads = ox.parse(raw, format=ox.RdfFormat.JSON_LD)
    return ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES)


def ours(count: int) -> Told:
    made = documents(count)
    return timed(lambda: sum(bool(validate_dcat(raw, profile="kfm")) for raw in made))


def pyshacl_each(count: int) -> Told:
    made, shapes = documents(count), rdflib.Graph().parse(SHAPES)

    def refused(raw: bytes) -> bool:
        graph = rdflib.Graph().parse(data=lines(raw), format="nt")
        return not pyshacl.validate(graph, shacl_graph=shapes, inference="none")[0]

    return timed(lambda: sum(refused(raw) for raw in made))


def pyshacl_whole(count: int) -> Told:
    graph, shapes = rdflib.Graph(), rdflib.Graph().parse(SHAPES)
    for raw in documents(count):
        graph.parse(data=lines(raw), format="nt")

    def refused() -> int:
        _, report, _ = pyshacl.validate(graph, shacl_graph=shapes, inference="none", inplace=True)
        return len({str(focus) for focus in report.objects(None, rdflib.SH.focusNode) if "#" not in str(focus)})

    return timed(refused)


ENGINES: dict[str, Callable[[int], Told]] = {
    "ours": ours,
    "pyshacl-each": pyshacl_each,
    "pyshacl-whole": pyshacl_whole,
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, nargs="+", default=[5000, 50000])
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--limit", type=int, default=1800)
    parser.add_argument(ONE, nargs=2, metavar=("ENGINE", "DATASETS"), help=argparse.SUPPRESS)
    asked: Any = parser.parse_args()
    if asked.one:
        engine, count = asked.one
        tell(lambda: ENGINES[engine](int(count)), asked.limit)
        return
    for count in asked.datasets:
        print(f"{count} records; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
        for engine in asked.engines:
            told = in_a_process("tests.benchmarks.bench_shacl", [engine, str(count)], asked.limit)
            if told is None:
                print(f"  {engine:<13} not ended after {asked.limit} s, the filling included", flush=True)
                continue
            print(f"  {engine:<13} {told['seconds']:8.2f} s, {told['number']:.0f} refused, process at most "
                  f"{told['peak_mib']:.0f} MiB", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
