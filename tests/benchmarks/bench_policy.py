"""Decisions a second in process, and the slowest of them: the shipped policies, and with 500 more rules.

``python -m tests.benchmarks.bench_policy [DECISIONS]`` prints each for one thread and for four, with the time limit,
every question put to the engine; in turn the bare engine without the hand-over to a worker, so that the limit's cost is
seen; and the shipped policies as the console asks them, remembering what they answered.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, product
from pathlib import Path
from typing import Any

from datasets.policy import bundle
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.requests import Action
from datasets.policy.roles import Role

RULES = 500
AT = "2026-03-01T12:00:00Z"


def questions() -> list[PolicyRequest]:
    """Every role and label with the commonest acts, mixed."""
    found = [
        PolicyRequest(
            "p",
            frozenset({role.value}),
            role.value,
            action.value,
            ResourceFacts("ks", "v", label, standing, has_bytes=True),
        )
        for role, action, label, standing in product(
            Role, (Action.READ, Action.DOWNLOAD, Action.PUBLISH), BUILT_IN_LABELS, ("PUBLISHED", "CATALOG")
        )
    ]
    return found[::7] + found[3::7]


def many_rules() -> str:
    """Rules as admins would write them: each for one dataset, one label and two roles; none of them allows here."""
    rules = "\n".join(
        f"""
allow contains "label_open_to_role" if {{
	input.action in reading_actions
	input.resource.dataset_slug == "dataset_{n}"
	input.resource.policy_label == "{list(BUILT_IN_LABELS)[n % 7]}"
	some role in input.roles
	role in {{"steward", "reviewer"}}
}}"""
        for n in range(RULES)
    )
    return f"package kfm.policy\n\nimport rego.v1\n{rules}\n"


def timed(evaluator: bundle.Evaluator, count: int, threads: int) -> list[float]:
    """Seconds of each of *count* decisions, and of the whole as the last."""
    asked = list(islice(cycle(questions()), count))

    def one(request: PolicyRequest) -> float:
        start = time.perf_counter()
        decide(request, labels=BUILT_IN_LABELS, decision_id="b", evaluated_at=AT, evaluator=evaluator)
        return time.perf_counter() - start

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(one, asked[: threads * 8]))
        start = time.perf_counter()
        each = list(pool.map(one, asked))
        return [*each, time.perf_counter() - start]


def line(name: str, evaluator: bundle.Evaluator, count: int, threads: int) -> None:
    *each, whole = timed(evaluator, count, threads)
    each.sort()
    middle, slow = (each[int(len(each) * part)] * 1000 for part in (0.5, 0.99))
    sys.stdout.write(f"{name:36} threads {threads} {count / whole:7.0f}/s  p50 {middle:6.2f} ms  p99 {slow:6.2f} ms\n")


class Bare:
    """The shipped policies asked in the calling thread, without the time limit."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self._ask: Callable[[Mapping[str, Any]], Mapping[str, Any]] = bundle._CompiledPolicies(
            tuple(sorted(sources.items()))
        )

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._ask(document)


class Anew:
    """An evaluator that remembers nothing: every question goes to the engine, with the time limit."""

    def __init__(self, evaluator: bundle.Evaluator, sources: Mapping[str, str]) -> None:
        self.sources = sources
        self._ask: Callable[[Mapping[str, Any]], Mapping[str, Any]] = evaluator._ask  # type: ignore[attr-defined]

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._ask(document)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    sys.stdout.write(f"load {Path('/proc/loadavg').read_text().split()[0]}, {count} decisions a line\n")
    shipped = bundle.policy_sources()
    with_more = {**shipped, "more.rego": many_rules()}
    for _ in range(2):
        line("shipped policies", Anew(bundle.evaluator(), shipped), count, 1)
        line("shipped policies, no time limit", Bare(shipped), count, 1)
    line("shipped policies", Anew(bundle.evaluator(), shipped), count, 4)
    line("shipped policies, remembered", bundle.evaluator(), count, 1)
    line("shipped policies, remembered", bundle.evaluator(), count, 4)
    more = bundle.evaluator_of(with_more)
    line(f"with {RULES} more rules", Anew(more, with_more), count, 1)
    line(f"with {RULES} more rules", Anew(more, with_more), count, 4)
    line(f"with {RULES} more, remembered", more, count, 1)
    start = time.perf_counter()
    Bare(with_more)
    sys.stdout.write(f"compiling them: {(time.perf_counter() - start) * 1000:.0f} ms, once a worker\n")


if __name__ == "__main__":
    main()
