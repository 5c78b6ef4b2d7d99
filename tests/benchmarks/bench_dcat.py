"""Prints what it takes to write many DCAT records, as Turtle and as JSON-LD: ours and rdflib's, in one run.

Run: ``python -m tests.benchmarks.bench_dcat [DATASETS…]`` (5000 50000 unless told). Asserts nothing. Ours is measured
twice: from facts, where every version is new, and as the catalogue streams it, from records that are stored already
(one changed version is built once, when it is cataloged). rdflib serializes the very same triples out of a graph that
holds them; filling the graph is not counted. Its Turtle takes minutes for some thousands of datasets, so it is measured
up to ``RDFLIB_MOST`` of them, and what is above is reckoned from its own growth, and said to be so.
"""

from __future__ import annotations

import math
import os
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator

import pyoxigraph as ox
import rdflib

from datasets.catalogs.catalogue import Record, catalogue_json_ld, catalogue_turtle
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.facts import CatalogFacts
from tests.catalogs.facts_world import facts

IRI = "https://kfm.example/api/v1/dcat/catalog"
RDFLIB_MOST = int(os.environ.get("RDFLIB_MOST", "5000"))
JOIN = {"turtle": (catalogue_turtle, build_dcat_turtle), "json-ld": (catalogue_json_ld, build_dcat)}


def some_facts(count: int) -> Iterator[CatalogFacts]:
    for number in range(count):
        yield facts(dataset_slug=f"set_{number:06}", title=f"Set {number}", keywords=(f"word {number % 97}",))


def records(form: str, count: int) -> list[Record]:
    build = JOIN[form][1]
    return [(f"kfm://dataset/{one.dataset_slug}@{one.dataset_version_id}", build(one)) for one in some_facts(count)]


def timed(work: Callable[[], object]) -> float:
    """Seconds of processor time: the wall clock of a busy machine tells of the others' work too."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def drained(parts: Iterable[bytes]) -> int:
    return sum(len(part) for part in parts)


def by_rdflib(form: str, count: int) -> float:
    """Seconds that rdflib serializes; its graph is filled before."""
    lines = b"".join(
        ox.serialize(ox.parse(raw, format=ox.RdfFormat.TURTLE), format=ox.RdfFormat.N_TRIPLES)
        for _, raw in records("turtle", count)
    )
    graph = rdflib.Graph().parse(data=lines, format="nt")
    return timed(lambda: graph.serialize(format=form, encoding="utf-8"))


def ours(form: str, counts: list[int]) -> dict[int, float]:
    """Seconds to stream the catalogue, by the number of datasets."""
    join, build = JOIN[form]
    streamed = {}
    for count in counts:
        made = list(some_facts(count))
        built = timed(lambda made=made: [build(one) for one in made])
        held = records(form, count)
        streamed[count] = min(timed(lambda held=held: drained(join(IRI, held))) for _ in range(3))
        tracemalloc.start()
        size = drained(join(IRI, held))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{form:<8} {count:>6} datasets, {size / 1e6:6.1f} MB: from facts {built:7.2f} s, streamed from stored "
              f"records {streamed[count]:6.3f} s with {peak / 1024:.0f} KiB held at most")  # fmt: skip
    return streamed


def main() -> None:
    counts = [int(number) for number in sys.argv[1:]] or [5000, 50000]
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for form in JOIN:
        streamed = ours(form, counts)
        steps = [RDFLIB_MOST // 4, RDFLIB_MOST // 2, RDFLIB_MOST]
        taken = {count: by_rdflib(form, count) for count in steps}
        print(f"rdflib, {form}: " + ", ".join(f"{count} in {seconds:.2f} s" for count, seconds in taken.items()))
        growth = max(2.0, taken[steps[2]] / taken[steps[1]])  # it can't be less than linear; a busy machine may say so
        for count, seconds in streamed.items():
            slow = taken.get(count) or taken[steps[2]] * (count / steps[2]) ** math.log2(growth)
            how = "measured" if count in taken else f"reckoned from {growth:.1f} times for each doubling, not measured"
            print(f"  {count}: rdflib {slow:.0f} s ({how}); ours is {slow / seconds:.0f} times as quick")
    print(f"most memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
