"""Prints what it takes to judge many DCAT records by the shapes of KFM's profile: ours, and pyshacl on its own.

Run: ``python -m tests.benchmarks.bench_shacl [DATASETS…]``. Asserts nothing. One record in ten is spoiled, each in one
of five ways. All judge by ``datasets/catalogs/shapes/kfm_dcat.ttl``; ours judges record by record, as gate D and the
``validate`` command do, and finds besides what no shape says. pyshacl judges all records as one graph.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import pyoxigraph as ox
import pyshacl
import rdflib

from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.validate_dcat import SHAPES, validate_dcat
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


def main() -> None:
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for count in [int(number) for number in sys.argv[1:]] or [500, 5000]:
        made = documents(count)
        begun = time.perf_counter()
        refused = sum(bool(validate_dcat(raw, profile="kfm")) for raw in made)
        alone = time.perf_counter() - begun
        lines = b"".join(
            ox.serialize(
                (quad.triple for quad in ox.parse(raw, format=ox.RdfFormat.JSON_LD)), format=ox.RdfFormat.N_TRIPLES
            )
            for raw in made
        )
        begun = time.perf_counter()
        graph = rdflib.Graph().parse(data=lines, format="nt")
        _, report, _ = pyshacl.validate(graph, shacl_graph=rdflib.Graph().parse(SHAPES), inference="none")
        whole = time.perf_counter() - begun
        found = {str(focus) for focus in report.objects(None, rdflib.SH.focusNode) if "#" not in str(focus)}
        print(f"{count:>6} records: ours, one by one with every other check {alone:7.2f} s ({refused} refused); "
              f"pyshacl, all as one graph {whole:7.2f} s ({len(found)} refused)")  # fmt: skip


if __name__ == "__main__":
    main()
