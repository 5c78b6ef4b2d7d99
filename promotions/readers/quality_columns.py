"""What a QA report says of its columns, for the page: distributions with their tables, and how far each moved. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promotions.readers import quality_charts as charts
from promotions.readers import quality_words as words


def distributions_of(report: Mapping[str, Any], hidden: frozenset[str]) -> list[dict[str, Any]]:
    """A histogram or bars for each column that may show one, with the table behind."""
    return [_distribution(one) for one in report.get("distributions") or () if one["name"] not in hidden]


def _distribution(one: Mapping[str, Any]) -> dict[str, Any]:
    found = {"name": one["name"], "kind": one["kind"], "count": one["count"]}
    if one["kind"] == "text":
        values, most = one["values"] or [], max((count for _value, count in one["values"] or ()), default=0)
        bars = [{"value": v, "count": c, "width": charts.length(c, most)} for v, c in values]
        return {
            **found,
            "texts": bars,
            "alone": most == 1,
            "other": one["count"] - sum(c for _v, c in values),
            "many": one["values"] is None,
        }
    say = words.moment if one["kind"] == "date" else words.number
    limits = [say(edge) for edge in charts.edges(one)]
    median = next((value for share, value in one["quantiles"] if share == 0.5), None)  # noqa: PLR2004 - the middle
    return {
        **found,
        "bars": charts.histogram(one["bins"]),
        "bins": [{"start": limits[n], "end": limits[n + 1], "count": count} for n, count in enumerate(one["bins"])],
        "quantiles": [(words.percent(share), say(value)) for share, value in one["quantiles"]],
        "low": limits[0],
        "high": limits[-1],
        "median": "" if median is None else say(median),
    }


def moved(column: Mapping[str, Any]) -> dict[str, Any]:
    """One column of the report's drift, in words and as the length of a bar."""
    distance, before, after = column["distance"], column["null_rate_before"], column["null_rate_after"]
    known = before is not None and after is not None
    return {
        "name": column["name"],
        "distance": distance,
        "width": charts.length(distance or 0.0, 1.0),
        "words": words.moved_words(distance),
        "figure": "" if distance is None else words.percent(distance),
        "nulls": f"{words.percent(before)} → {words.percent(after)}" if known and before != after else "",
        "nulls_same": words.percent(after) if known and before == after else "",
        "still": distance in {0, None} and before == after,
    }


def growth(before: int | None, after: int | None) -> str:
    """``31 fewer (77.5 %)``."""
    if before is None or after is None:
        return "can't be compared"
    if before == after:
        return "as many rows"
    change = f"{abs(after - before):,} {'more' if after > before else 'fewer'}"
    return f"{change} ({words.percent(abs(after - before) / before)})" if before else change
