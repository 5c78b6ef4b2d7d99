"""Pairs of numbers that can be asked for to so many decimals, and how likely a match is by chance alone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyproj

Floats = npt.NDArray[np.float64]
_WIDEST = 4_000_000_000
_WEB = 85.0


class PairIndex:
    """Pairs (x, y), not negative. Asked to n decimals, a pair matches within one unit of the last of them."""

    def __init__(self, x: Floats, y: Floats) -> None:
        self._x, self._y = x, y
        self._keys: dict[int, npt.NDArray[np.int64]] = {}
        self._area = max(np.ptp(x), 1e-7) * max(np.ptp(y), 1e-7) if len(x) else 0.0

    def holds(self, x: Floats, y: Floats, decimals: int) -> npt.NDArray[np.bool_]:
        """Whether each (x, y) is one of the pairs."""
        found = np.zeros(len(x), dtype=bool)
        if not len(self._x) or not len(x):
            return found
        keys, scale = self._keys_at(decimals), 10.0**decimals
        across, up = np.floor(x * scale + 1e-6).astype(np.int64), np.floor(y * scale + 1e-6).astype(np.int64)
        for right in (-1, 0, 1):
            for above in (-1, 0, 1):
                wanted = (across + right) * _WIDEST + up + above
                at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
                found |= keys[at] == wanted
        return found

    def density(self, decimals: int) -> float:
        """How likely a pair somewhere among these matches one of them by chance."""
        if not len(self._x):
            return 0.0
        return min(1.0, len(self._keys_at(decimals)) * 9 / max(self._area * 100.0**decimals, 1.0))

    def _keys_at(self, decimals: int) -> npt.NDArray[np.int64]:
        if decimals not in self._keys:
            scale = 10.0**decimals
            across = np.floor(self._x * scale + 1e-6).astype(np.int64)
            up = np.floor(self._y * scale + 1e-6).astype(np.int64)
            self._keys[decimals] = np.unique(across * _WIDEST + up)
        return self._keys[decimals]


def chance(found: int, expected: float) -> float:
    """How likely *found* or more are when *expected* are to be expected (Poisson)."""
    if found <= 0 or expected >= found:
        return 1.0
    if expected <= 0:
        return 0.0
    term = math.exp(-expected + found * math.log(expected) - math.lgamma(found + 1))
    total, count = 0.0, found
    while term > total * 1e-12:
        total += term
        count += 1
        term *= expected / count
    return min(1.0, total)


def projected(lon: Floats, lat: Floats) -> list[tuple[Floats, Floats]]:
    """Absolute metres of each place in UTM (its own zone), EPSG:5070 and web Mercator; places without are left out."""
    found = []
    zones = np.clip(np.floor((lon + 180) / 6).astype(int) + 1, 1, 60)
    for zone in np.unique(zones).tolist():
        here = zones == zone
        found.append(_metres(f"EPSG:{32600 + zone}", lon[here], np.abs(lat[here])))
    web = np.abs(lat) < _WEB
    found += [_metres("EPSG:5070", lon, lat), _metres("EPSG:3857", lon[web], lat[web])]
    return [pair for pair in found if len(pair[0])]


def _metres(system: str, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x, y = pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True).transform(lon, lat)
    x, y = np.abs(np.asarray(x, dtype=float)), np.abs(np.asarray(y, dtype=float))
    there = np.isfinite(x) & np.isfinite(y)
    return x[there], y[there]
