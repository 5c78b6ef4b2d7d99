"""Where the stations of the rail are drawn, and what colour-free word each state has.

Decides geometry and words only; never a standing, a verdict or a count. Pure: no clock, no Django, no I/O.
Keeps design §2 (the truth path, QUARANTINE as a siding below WORK) and look.md (never colour alone).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

STATION_STATES = {"passed": "passed", "here": "here now", "ahead": "not reached", "struck": "struck out"}
TILE_WORDS = {
    "pass": "pass",
    "block": "failed",
    "quarantine": "failed, quarantine",
    "not_run": "not run",
    "error": "could not check",
    "waived": "waived",
}
TILE_SHAPES = {"pass": "●", "block": "▲", "quarantine": "◆", "not_run": "○", "error": "✕", "waived": "◐"}

# Chips: the tone of every standing, label, verdict and decision word that the pages show.
TONES = {
    **dict.fromkeys(
        ("pass", "published", "verified", "signed", "approved", "allow", "succeeded", "done", "active"), "pass"
    ),
    **dict.fromkeys(
        ("block", "violated", "denied", "deny", "withdrawn", "failed", "fail", "invalid", "overdue"), "block"
    ),
    **dict.fromkeys(
        (
            "quarantine",
            "missing",
            "pending",
            "expiring",
            "due",
            "embargoed",
            "restricted_sensitive_location",
            "restricted",
        ),
        "quarantine",
    ),
    **dict.fromkeys(("waived", "error", "internal"), "waived"),
    **dict.fromkeys(("public", "public_generalized", "running", "proposed", "catalog", "processed"), "accent"),
}

_LEFT, _RIGHT = 0.0, 100.0  # percent of the width: the first and last station's centre
_TOP, _STEP = 20, 60  # pixels: first station and distance between stations of the upright rail


def tone_of(word: object) -> str:
    """The state colour's name for a word (standing, label, verdict); ``idle`` for a word not listed."""
    return TONES.get(str(word).strip().lower().replace(" ", "_"), "idle")


def tile(state: object) -> tuple[str, str, str]:
    """``(state, shape, word)`` of one gate tile; an unknown state is "could not check", never "pass"."""
    known = str(state) if str(state) in TILE_SHAPES else "error"
    return known, TILE_SHAPES[known], TILE_WORDS[known]


def _facts(station: Mapping[str, Any]) -> tuple[str, str]:
    """The two lines under a station's name: a figure or time, and the ageing or the person."""
    count = station.get("count")
    first = str(count) if count is not None else str(station.get("at") or "")
    second = str(station.get("age") or "") if count is not None else str(station.get("by") or "")
    return first, second


def _spoken(station: Mapping[str, Any], state: str) -> str:
    parts = [str(station.get("label") or station["name"]), STATION_STATES[state]]
    if station.get("count") is not None:
        parts[1] = f"{station['count']} versions"
    if station.get("age"):
        parts.append(f"oldest {station['age']}" if "ago" not in str(station["age"]) else str(station["age"]))
    parts += [str(station[key]) for key in ("at", "by") if station.get(key)]
    return ", ".join(parts)


def _placed(station: Mapping[str, Any]) -> dict[str, Any]:
    state = str(station.get("state") or "passed")
    if state not in STATION_STATES:
        state = "ahead"
    first, second = _facts(station)
    figure = station.get("count") is not None
    return {
        "label": station.get("label") or station["name"],
        "href": station.get("href"),
        "state": state,
        "first": first,
        "second": second,
        "figure": figure,
        "spoken": _spoken(station, state),
    }


def _between(before: str, after: str) -> str:
    if "struck" in (before, after):
        return "struck"
    return "ahead" if after == "ahead" else "passed"


def rail_layout(rail: Mapping[str, Any]) -> dict[str, Any]:
    """Stations with ``x`` (percent, lying rail) and ``y`` (pixels, upright rail), their stretches, the siding.

    ``rail``: ``{"stations": [station…], "siding": station | None}``; a station is ``{"name", "label", "count", "age",
    "href", "state", "at", "by"}``, all but ``name`` optional. Raises ``KeyError`` when a station has no name.
    """
    given: Sequence[Mapping[str, Any]] = rail.get("stations") or []
    stations = [_placed(station) for station in given]
    siding = _placed(rail["siding"]) if rail.get("siding") else None
    gap = (_RIGHT - _LEFT) / max(len(stations) - 1, 1)
    y = _TOP
    for index, station in enumerate(stations):
        station["x"] = f"{_LEFT + gap * index:.2f}%"
        station["anchor"] = "start" if index == 0 else "end" if index == len(stations) - 1 else "middle"
        station["y"] = y
        y += _STEP
        if siding and given[index]["name"] == "WORK":
            siding.update(x=station["x"], root_y=station["y"], y=y)
            y += _STEP
    if siding and "y" not in siding:  # no WORK station is shown: the siding hangs from the end
        siding.update(x=f"{_LEFT}%", root_y=_TOP, y=y)
        y += _STEP
    stretches = [
        {"x1": a["x"], "x2": b["x"], "y1": a["y"], "y2": b["y"], "state": _between(a["state"], b["state"])}
        for a, b in pairwise(stations)
    ]
    return {
        "stations": stations,
        "siding": siding,
        "stretches": stretches,
        "height": y - _STEP + 34,
        "figures": any(station["figure"] for station in stations),
    }
