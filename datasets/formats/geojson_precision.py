"""Says whether a GeoJSON text has decimals that say nothing (RFC 7946 section 11.2). Pure.

Judged on the text as a whole: there is noise when some coordinate has more than six decimals and no coordinate has
anything in the further ones but noise (``100.0000000001``). Long decimals by themselves are no fault: the RFC forbids
none, and measured or reprojected data have them.

Where the line runs is ours. The third-party set files ``excessive_precision_truncated`` under "bad" although its own
tool warned of it only when asked, and ``issue82``, with fourteen decimals throughout, under "good": no limit on the
number of decimals agrees with both, and whether they carry anything does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: Six decimals of a degree are about ten centimetres on the ground.
DECIMALS = 6
# What rounding to six decimals takes away from noise: less than a tenth of a millimetre on the ground.
_NOISE_DEGREES = 5e-10
_COLLECTIONS_DEEP = 34
_ARRAYS_DEEP = 4


@dataclass(frozen=True, slots=True)
class Noise:
    """``first``: JSON pointer of the first coordinate with noise; ``count``: how many there are."""

    first: str
    count: int


def noise_in(value: Any) -> Noise | None:
    """The noise in a parsed GeoJSON text of whatever shape, or None when there is none or its decimals are in use."""
    first, count = "", 0
    for coordinates, where in _coordinates(value, "", _COLLECTIONS_DEEP):
        for number, place in _long_numbers(coordinates, where, _ARRAYS_DEEP):
            if abs(number - round(number, DECIMALS)) >= _NOISE_DEGREES:
                return None
            first, count = first or place, count + 1
    return Noise(first, count) if count else None


def _coordinates(value: Any, where: str, levels: int) -> Iterator[tuple[Any, str]]:
    """Each ``coordinates`` member below a GeoJSON object, with its pointer."""
    if not isinstance(value, dict) or not levels:
        return
    if "coordinates" in value:
        yield value["coordinates"], f"{where}/coordinates"
    yield from _coordinates(value.get("geometry"), f"{where}/geometry", levels - 1)
    for name in ("features", "geometries"):
        parts = value.get(name)
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            yield from _coordinates(part, f"{where}/{name}/{index}", levels - 1)


def _long_numbers(value: Any, where: str, levels: int) -> Iterator[tuple[float, str]]:
    """The numbers of nested arrays that rounding to six decimals would change."""
    if isinstance(value, float) and math.isfinite(value) and round(value, DECIMALS) != value:
        yield value, where
    elif isinstance(value, list) and levels:
        for index, part in enumerate(value):
            yield from _long_numbers(part, f"{where}/{index}", levels - 1)
