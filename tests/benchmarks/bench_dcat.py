"""Prints what it takes to write many DCAT records, as Turtle and as JSON-LD: ours and rdflib's, side by side.

Run: ``python -m tests.benchmarks.bench_dcat [--datasets 5000 50000] [--forms turtle json-ld] [--engines …]
[--limit 1800]``. Asserts nothing. Ours is measured twice: ``facts`` builds every version anew, ``streamed`` joins
stored records as the catalogue does (one changed version is built once, when it is cataloged). ``rdflib`` serializes
the very same triples out of a graph that holds them; filling it is not counted. ``rdflib-bound`` is the same with
KFM's prefixes bound beforehand, the kindest that can be done for it. Each measurement has a process of its own, and one
that takes more than the limit, filling included, is stopped and said not to have ended. All seconds are processor
time: the wall clock of a busy machine tells of the others' work too.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator
from typing import Any

import pyoxigraph as ox
import rdflib

from datasets.catalogs.catalogue import Record, catalogue_json_ld, catalogue_turtle
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.facts import CatalogFacts
from datasets.catalogs.namespaces import PREFIXES
from tests.benchmarks.apart import ONE, Told, in_a_process, tell, timed
from tests.catalogs.facts_world import facts

IRI = "https://kfm.example/api/v1/dcat/catalog"
JOIN = {"turtle": (catalogue_turtle, build_dcat_turtle), "json-ld": (catalogue_json_ld, build_dcat)}


def some_facts(count: int) -> Iterator[CatalogFacts]:
    for number in range(count):
        yield facts(dataset_slug=f"set_{number:06}", title=f"Set {number}", keywords=(f"word {number % 97}",))


def records(form: str, count: int) -> Iterator[Record]:
    build = JOIN[form][1]
    for one in some_facts(count):
        yield f"kfm://dataset/{one.dataset_slug}@{one.dataset_version_id}", build(one)


def from_facts(form: str, count: int) -> Told:
    build, made = JOIN[form][1], list(some_facts(count))
    return timed(lambda: sum(len(build(one)) for one in made))


def streamed(form: str, count: int) -> Told:
    join, held = JOIN[form][0], list(records(form, count))
    runs = [timed(lambda: sum(len(part) for part in join(IRI, held))) for _ in range(3)]
    return min(runs, key=lambda run: run["seconds"])


def by_rdflib(form: str, count: int, *, bound: bool) -> Told:
    graph = rdflib.Graph()
    for _, raw in records("turtle", count):
        triples = (quad.triple for quad in ox.parse(raw, format=ox.RdfFormat.TURTLE))
        graph.parse(data=ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES), format="nt")
    for prefix, iri in PREFIXES.items() if bound else ():
        graph.bind(prefix, iri)
    return timed(lambda: len(graph.serialize(format=form, encoding="utf-8")))


ENGINES: dict[str, Callable[[str, int], Told]] = {
    "facts": from_facts,
    "streamed": streamed,
    "rdflib": lambda form, count: by_rdflib(form, count, bound=False),
    "rdflib-bound": lambda form, count: by_rdflib(form, count, bound=True),
}


def line(engine: str, told: Told | None, limit: int, best: float | None) -> str:
    if told is None:
        least = f", at least {limit / best:.0f} times as long as streamed" if best and engine != "streamed" else ""
        return f"  {engine:<13} not ended after {limit} s, the graph's filling included{least}"
    times = f", {told['seconds'] / best:.0f} times as long as streamed" if best and engine != "streamed" else ""
    return (f"  {engine:<13} {told['seconds']:9.3f} s, {told['number'] / 1e6:6.1f} MB, process at most "
            f"{told['peak_mib']:.0f} MiB{times}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--datasets", type=int, nargs="+", default=[5000, 50000])
    parser.add_argument("--forms", nargs="+", choices=JOIN, default=list(JOIN))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--limit", type=int, default=1800)
    parser.add_argument(ONE, nargs=3, metavar=("ENGINE", "FORM", "DATASETS"), help=argparse.SUPPRESS)
    asked: Any = parser.parse_args()
    if asked.one:
        engine, form, count = asked.one
        tell(lambda: ENGINES[engine](form, int(count)), asked.limit)
        return
    for form in asked.forms:
        for count in asked.datasets:
            print(f"{form}, {count} datasets; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
            best: float | None = None
            for engine in asked.engines:
                told = in_a_process("tests.benchmarks.bench_dcat", [engine, form, str(count)], asked.limit)
                best = told["seconds"] if engine == "streamed" and told else best
                print(line(engine, told, asked.limit, best), flush=True)


if __name__ == "__main__":
    main()
