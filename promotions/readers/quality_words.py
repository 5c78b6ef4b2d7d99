"""What the checks of a QA report are called on a page: the check, its number, its threshold, its verdict. Words only.

Judges nothing: the report did. A number is never rounded to a whole that it is not (99.996 % is not 100 %).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

from datasets.quality.kinds import OPERATORS
from datasets.quality.report import BLOCKING_SEVERITIES

PLAIN: dict[str, str] = {
    "geometry_valid": "Geometries are valid",
    "geometry_type": "Geometries are of the right type",
    "within_extent": "Places lie inside the extent",
    "required_fields_present": "Required fields are filled",
    "field_type": "Values are of the declared type",
    "unique": "No row repeats another",
    "duplicate_rate": "Repeated rows",
    "null_rate": "Empty values",
    "value_range": "Numbers lie in their range",
    "allowed_values": "Values are on the list",
    "domain": "Values are on the list",
    "pattern": "Texts have the right form",
    "date_order": "Dates are in their order",
    "no_future_dates": "No date lies in the future",
    "references": "Values are found in another dataset",
    "custom_sql": "The spec's own query",
    "row_count": "Number of rows",
    "row_growth": "Change in the number of rows",
    "rejected_rate": "Records that can't be read",
    "raster_structure": "The raster is cloud-optimized and whole",
    "band_count": "Number of bands",
    "nodata_declared": "Bands say what stands for no data",
}
OPERATOR_WORDS: dict[str, str] = {
    ">=": "at least",
    "<=": "at most",
    "==": "exactly",
    ">": "more than",
    "<": "less than",
}
#: A verdict's shape and words.
VERDICTS: dict[str, tuple[str, str]] = {
    "pass": ("pass", "met"),
    "fail": ("block", "not met"),
    "warn": ("quarantine", "not met, only warns"),
    "error": ("error", "could not check"),
}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_WHOLE = 100.0
_DECIMALS = (0, 1, 2, 3, 4, 6, 8)


def is_share(check: Mapping[str, Any]) -> bool:
    """Whether the check's number is a share or a rate, not a count or a number of the spec's own SQL."""
    return check["name"] not in {"row_count", "band_count"} and not (
        check["name"] == "custom_sql" and check.get("judges") == "table"
    )


def percent(value: float) -> str:
    """``99.996 %``: as many decimals as it takes to be neither 0 nor 100 where it is not."""
    if float(value) in {0.0, 1.0}:
        return f"{value * _WHOLE:.0f} %"
    for decimals in _DECIMALS:
        text = f"{value * _WHOLE:.{decimals}f}"
        if float(text) not in {0.0, _WHOLE} and abs(float(text) - value * _WHOLE) <= abs(value) / 20:
            return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"
    return f"{value * _WHOLE!r} %"


def number(value: float) -> str:
    """``1,234,567`` or ``12.35``."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.6g}"


def figure(value: float | None, *, share: bool) -> str:
    """A check's number in words; empty for none."""
    if value is None:
        return ""
    return percent(value) if share else number(value)


def moment(seconds: float) -> str:
    """``2024-03-01``, or with its time where it has one: seconds since 1970 in UTC; a plain number beyond year 9999."""
    try:
        at = _EPOCH + dt.timedelta(seconds=seconds)
    except OverflowError:
        return f"{number(seconds)} s since 1970"
    return f"{at:%Y-%m-%d}" if at.time() == dt.time() else f"{at:%Y-%m-%d %H:%M}"


def asked_for(operator: str, threshold: float | None, *, share: bool) -> str:
    """``at least 99 %``."""
    if threshold is None or operator not in OPERATORS:
        return "no usable threshold"
    return f"{OPERATOR_WORDS[operator]} {figure(threshold, share=share)}"


def severity_words(severity: str) -> str:
    """What missing the check does."""
    return "stops the version" if severity in BLOCKING_SEVERITIES else "only warns"


def fields_of(declared: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """The fields a declaration names, of those that the reader knows of: *known* are the report's columns."""
    nested = declared.get("parameters")
    said = {**(nested if isinstance(nested, Mapping) else {}), **declared}
    listed = said.get("fields") if isinstance(said.get("fields"), list) else []
    named = [*(listed or ()), said.get("field"), said.get("start"), said.get("end")]
    return list(dict.fromkeys(name for name in named if isinstance(name, str) and name in known))


def state_sentence(report: Mapping[str, Any]) -> str:
    """One sentence on the whole report."""
    checks = report["checks"]
    if not checks:
        return "The spec declares no checks, so nothing can be said of the quality of these bytes."
    told = {verdict: sum(check["verdict"] == verdict for check in checks) for verdict in VERDICTS}
    parts = [f"{told['pass']} of {len(checks)} checks {'is' if told['pass'] == 1 else 'are'} met"]
    if told["fail"]:
        parts.append(f"{told['fail']} {'stops' if told['fail'] == 1 else 'stop'} the version")
    if told["error"]:
        parts.append(f"{told['error']} could not be made, which stops it as well")
    if told["warn"]:
        parts.append(f"{told['warn']} only {'warns' if told['warn'] == 1 else 'warn'}")
    sentence = ", ".join(parts) if len(checks) > told["pass"] else _all_met(len(checks))
    apart = report.get("rows_quarantined", 0)
    if apart:
        sentence += f"; {apart:,} row{'' if apart == 1 else 's'} set apart"
    return f"{sentence}."


def _all_met(count: int) -> str:
    return "The one check is met" if count == 1 else f"All {count} checks are met"


def moved_words(distance: float | None) -> str:
    """How far a distribution moved: 0 is alike, 1 has nothing in common (``datasets.quality.drift``)."""
    if distance is None:
        return "can't be compared"
    if distance == 0:
        return "unchanged"
    for limit, words in ((0.05, "hardly moved"), (0.2, "moved a little"), (0.5, "moved a good deal")):
        if distance < limit:
            return words
    return "moved far"
