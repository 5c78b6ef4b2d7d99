"""The threshold preview: past runs of a dataset under another threshold, with its sentence and its strip.

Decides nothing: a threshold changes only with a new spec. What the address asks for is read here; a word that it does
not know counts as not said, and a threshold that is no number is said to be none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from datasets.quality.kinds import OPERATORS
from datasets.quality.thresholds import PastRun, Preview, preview
from promotions.readers import quality_charts as charts
from promotions.readers import quality_words as words
from promotions.readers.quality_runs import Past

_LARGEST = 2**53
VERDICT_SHAPES = {"pass": "pass", "fail": "block", "warn": "quarantine", "not judged": "error"}
THEN = {"pass": "met", "fail": "stopped", "warn": "warned", "not judged": "not judged"}


@dataclass(frozen=True, slots=True)
class Asked:
    """``check``: the check's place in the report; ``typed``: the threshold as typed, ``threshold``: as a number.

    ``reset``: operator and threshold were meant for another check, so this one's own stand here.
    """

    check: int
    operator: str
    threshold: float | None
    typed: str
    problem: str = ""
    reset: bool = False


def asked_of(query: QueryDict, checks: Sequence[Mapping[str, Any]]) -> Asked:
    """What the address asks for. Where it names no check: the first that stops the version, else the first of all.
    Where it says no operator or threshold, or meant another check: the check's own.
    """
    place = _place(query.get("check", ""), checks)
    own = checks[place]
    reset = query.get("for", query.get("check", "")) != query.get("check", "")
    operator = "" if reset else query.get("operator", "")
    typed = "" if reset else query.get("threshold", "").strip()[:40]
    if operator not in OPERATORS:
        operator = own["operator"] if own["operator"] in OPERATORS else ">="
    if not typed:
        threshold = own["threshold"]
        problem = "" if threshold is not None else "The check has no usable threshold of its own: type one."
        return Asked(place, operator, threshold, "" if threshold is None else f"{threshold:.12g}", problem, reset)
    threshold = _number(typed)
    problem = "" if threshold is not None else "That is not a number that a threshold can be. Type one such as 0.95."
    return Asked(place, operator, threshold, typed, problem)


def _place(said: str, checks: Sequence[Mapping[str, Any]]) -> int:
    if said.isascii() and said.isdigit() and len(said) < len("1000") and int(said) < len(checks):
        return int(said)
    return next((place for place, check in enumerate(checks) if check.get("verdict") == "fail"), 0)


def _number(typed: str) -> float | None:
    try:
        value = float(typed)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) <= _LARGEST else None


def preview_of(past: Sequence[Past], checks: Sequence[Mapping[str, Any]], asked: Asked) -> dict[str, Any]:
    """The context of ``quality/preview_result.html``."""
    own = checks[asked.check]
    share = words.is_share(own)
    if asked.threshold is None:
        return {"problem": asked.problem, "past": past}
    runs = [PastRun(one.version.version_id, one.run.receipt.run_id, one.report) for one in past]
    found = preview(runs, own["name"], asked.check, asked.operator, asked.threshold)
    rows = [_row(one, under, share=share) for one, under in zip(past, found, strict=True)]
    judged = [row for row in rows if row["value"]]
    plot = charts.strip([under.value for under in found if under.value is not None], asked.threshold, share=share)
    for row, point in zip(judged, plot["points"], strict=True):
        row.update(point)
    return {
        "problem": "",
        "sentence": _sentence(rows),
        "details": _details(rows),
        "tone": "block" if any(row["under"].now == "fail" for row in rows) else "pass",
        "asked_words": words.asked_for(asked.operator, asked.threshold, share=share),
        "rows": rows[::-1],
        "judged": judged,
        "plot": plot | {"low": words.figure(plot["low"], share=share), "high": words.figure(plot["high"], share=share)},
        "same": (asked.operator, asked.threshold) == (own["operator"], own["threshold"]),
    }


def _row(past: Past, under: Preview, *, share: bool) -> dict[str, Any]:
    return {
        "past": past,
        "under": under,
        "value": words.figure(under.value, share=share),
        "then": THEN[under.then],
        "now": THEN[under.now],
        "then_shape": VERDICT_SHAPES[under.then],
        "now_shape": VERDICT_SHAPES[under.now],
        "changed": under.value is not None and under.then != under.now,
    }


def _sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """``This would have stopped 3 of 12 runs; 1 of them was published.``"""
    judged = [row for row in rows if row["value"]]
    if not judged:
        return "No past run has a number for this check, so nothing can be said."
    stopped = [row for row in judged if row["under"].now == "fail"]
    warned = sum(row["under"].now == "warn" for row in judged)
    runs = f"{len(judged)} {_runs(len(judged))}"
    if not stopped and warned:
        return f"This would have stopped none of {runs}, for the check only warns; it would have warned of {warned}."
    if not stopped:
        return f"This would have stopped none of {runs}."
    published = sum(row["past"].released for row in stopped)
    told = f"This would have stopped {len(stopped)} of {runs}"
    if not published:
        return f"{told}; none of them was published."
    return f"{told}; {published} of them {'was' if published == 1 else 'were'} published."


def _details(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What changes against the thresholds that the runs had, and what was not counted."""
    told = []
    newly = sum(row["under"].stopped for row in rows)
    through = sum(row["under"].let_through for row in rows)
    silent = sum(not row["value"] for row in rows)
    if newly:
        told.append(f"Let through by the threshold of the time: {newly} of these.")
    if through:
        told.append(f"It would have let through {through} {_runs(through)} that the threshold of the time stopped.")
    if silent:
        told.append(f"Not counted, without a number for this check: {silent} {_runs(silent)}.")
    return told


def _runs(count: int) -> str:
    return "run" if count == 1 else "runs"
