"""Geometry of the small charts of a QA report: bullets, histograms, bars, the strip of past runs. Pure; no words.

Horizontal places are percent of the drawing's width, so that no drawing shrinks its text on a phone; vertical ones are
pixels. Decides nothing; each chart has its figures as text beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WHOLE = 100.0
BAR_HEIGHT = 64
STRIP_TOP, STRIP_HEIGHT = 14, 132
_ROOM = 0.08


@dataclass(frozen=True, slots=True)
class Scale:
    """From numbers to places between ``start`` and ``end``."""

    low: float
    high: float
    start: float = 0.0
    end: float = WHOLE

    def __call__(self, value: float) -> float:
        # Halves, because the difference of two doubles may be no finite double.
        span = self.high / 2 - self.low / 2
        part = (value / 2 - self.low / 2) / span if span else 0.5
        return round(self.start + min(1.0, max(0.0, part)) * (self.end - self.start), 2)


def bullet(value: float | None, operator: str, threshold: float | None, *, share: bool) -> dict[str, Any] | None:
    """A number against its threshold: the allowed stretch, the bar of the number, the threshold's line."""
    known = [number for number in (value, threshold) if number is not None]
    if threshold is None or not known:
        return None
    low, high = min(0.0, *known), max(1.0 if share else 0.0, *known)
    scale = Scale(low, high if share else high * (1 + _ROOM) or 1.0, 1.0, 99.0)
    line, bar = scale(threshold), None
    if value is not None:
        left, right = sorted((scale(max(low, 0.0)), scale(value)))
        bar = {"x": left, "width": round(max(right - left, 0.8), 2)}
    stretch = {"<": (1.0, line), "<=": (1.0, line), ">": (line, 99.0), ">=": (line, 99.0)}
    left, right = stretch.get(operator, (line - 1.5, line + 1.5))
    return {"line": line, "bar": bar, "allowed": {"x": left, "width": round(max(right - left, 1.0), 2)}}


def histogram(bins: Sequence[int]) -> list[dict[str, float]]:
    """One bar a bin; a bin that holds anything is at least a pixel high."""
    most = max(bins, default=0) or 1
    width = WHOLE / (len(bins) or 1)
    bars = []
    for index, count in enumerate(bins):
        height = round(max(count / most * BAR_HEIGHT, 1.0), 1) if count else 0.0
        left, top = round(index * width, 2), round(BAR_HEIGHT - height, 1)
        bars.append({"x": left, "y": top, "width": round(width * 0.9, 2), "height": height})
    return bars


def edges(distribution: Mapping[str, Any]) -> list[float]:
    """The bins' edges, from the least to the greatest value."""
    least, most, count = float(distribution["min"]), float(distribution["max"]), len(distribution["bins"])
    return [least * (1 - index / count) + most * (index / count) for index in range(count)] + [most]


def length(part: float, whole: float) -> float:
    """A bar's length in percent; something that is there is seen."""
    return round(max(part / whole * WHOLE, 0.5), 2) if whole and part else 0.0


def strip(values: Sequence[float], threshold: float | None, *, share: bool) -> dict[str, Any]:
    """Values from left to right and the threshold's line; high values are above."""
    known = [*values, *([] if threshold is None else [threshold])]
    low, high = min(known, default=0.0), max(known, default=1.0)
    room = (high / 2 - low / 2) * 2 * _ROOM or abs(high) * _ROOM or 0.5
    low, high = low - room, high + room
    if share and all(0 <= one <= 1 for one in known):
        low, high = max(low, 0.0), min(high, 1.0)
    scale = Scale(low, high, STRIP_TOP + STRIP_HEIGHT, STRIP_TOP)
    step = WHOLE / (len(values) or 1)
    return {
        "points": [{"x": round((place + 0.5) * step, 2), "y": scale(value)} for place, value in enumerate(values)],
        "line": None if threshold is None else scale(threshold),
        "low": low,
        "high": high,
        "top": STRIP_TOP,
        "bottom": STRIP_TOP + STRIP_HEIGHT,
        "height": STRIP_TOP + STRIP_HEIGHT + 14,
    }
