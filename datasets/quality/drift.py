"""What changed between two QA reports: rows, columns, types, null rates, distributions, extent.

Decides nothing about whether a change is bad. Rests on the two documents alone, so the earlier bytes are not needed; a
distance that they don't allow is ``None``, never 0. Numbers and dates: the greatest difference of the two cumulative
distributions (Kolmogorov–Smirnov) as their histograms give it. Texts: total variation distance of the shown values and
the rest. Both run from 0, alike, to 1. Helps clause E2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from datasets.quality.numbers import canonical_number

Report = Mapping[str, Any]


def drift_between(before: Report, after: Report) -> dict[str, Any]:
    """The drift from one stored report (v1 or v2) to another, as ``qa_report.schema.json`` has it."""
    old, new = _columns(before), _columns(after)
    both = [name for name in new if name in old]
    ranges = _by_name(before.get("distributions")), _by_name(after.get("distributions"))
    return {
        "before": before.get("artifact_digest"),
        "rows": {"before": before.get("rows"), "after": after.get("rows")},
        "columns_added": [name for name in new if name not in old],
        "columns_removed": [name for name in old if name not in new],
        "type_changes": [
            {"name": name, "before": old[name].get("type"), "after": new[name].get("type")}
            for name in both
            if old[name].get("type") != new[name].get("type")
        ],
        "columns": [
            {
                "name": name,
                "null_rate_before": _null_rate(old[name], before),
                "null_rate_after": _null_rate(new[name], after),
                "distance": canonical_number(distance(ranges[0].get(name), ranges[1].get(name))),
            }
            for name in both
        ],
        "extent": _extents(before.get("extent"), after.get("extent")),
    }


def distance(before: Report | None, after: Report | None) -> float | None:
    """From 0 (alike) to 1 between two distributions of a report; ``None`` when they can't be compared."""
    if not before or not after or before.get("kind") != after.get("kind"):
        return None
    if not before.get("count") or not after.get("count"):
        return None
    if before["kind"] == "text":
        return _total_variation(before, after)
    return _kolmogorov_smirnov(before, after)


def _kolmogorov_smirnov(before: Report, after: Report) -> float:
    edges = sorted({*_edges(before), *_edges(after)})
    apart = 0.0
    for below in (True, False):  # just before an edge and at it: a column of one value is a step
        one, other = _Cumulative(before, below=below), _Cumulative(after, below=below)
        apart = max(apart, *(abs(one(edge) - other(edge)) for edge in edges))
    return apart


class _Cumulative:
    """The share of values up to a point, straight between the bins' edges; ``below``: just before the point."""

    def __init__(self, distribution: Report, *, below: bool) -> None:
        self._edges = _edges(distribution)
        total = float(sum(distribution["bins"])) or 1.0
        self._shares: list[float] = [0.0, *(part / total for part in accumulate(distribution["bins"]))]
        self._below = below

    def __call__(self, point: float) -> float:
        edges, shares = self._edges, self._shares
        if point < edges[0] or (self._below and point == edges[0]):
            return 0.0
        if point >= edges[-1]:
            return 1.0
        place = max(index for index, edge in enumerate(edges[:-1]) if edge <= point)
        part = (point - edges[place]) / ((edges[place + 1] - edges[place]) or 1.0)
        return shares[place] + part * (shares[place + 1] - shares[place])


def _edges(distribution: Report) -> list[float]:
    least, most = float(distribution["min"]), float(distribution["max"])
    count = len(distribution["bins"])
    return [least * (1 - index / count) + most * (index / count) for index in range(count)] + [most]


def _total_variation(before: Report, after: Report) -> float | None:
    if before.get("values") is None or after.get("values") is None:
        return None
    shares: list[dict[str, float]] = [
        {str(value): count / one["count"] for value, count in one["values"]} for one in (before, after)
    ]
    shown = {*shares[0], *shares[1]}
    apart = sum(abs(shares[0].get(value, 0.0) - shares[1].get(value, 0.0)) for value in sorted(shown))
    rest = abs(sum(shares[0].values()) - sum(shares[1].values()))
    return min(1.0, (apart + rest) / 2)


def _columns(report: Report) -> dict[str, Report]:
    return _by_name(report.get("columns"))


def _by_name(items: Sequence[Report] | None) -> dict[str, Report]:
    return {str(item["name"]): item for item in items or ()}


def _null_rate(column: Report, report: Report) -> float | int | None:
    rows, nulls = report.get("rows"), column.get("nulls")
    return canonical_number(nulls / rows) if rows and nulls is not None else None


def _extents(before: Sequence[float] | None, after: Sequence[float] | None) -> dict[str, Any] | None:
    return None if before is None and after is None else {"before": before, "after": after}
