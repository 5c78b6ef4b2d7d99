"""Whether a text, bytes or numbers hold an exact place of the restricted source: half of the leak linter (C2).

Counts what matches against what chance would give, spelling by spelling; a place that goes out explains its match.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from h3.api import basic_str as h3

from datasets.obligations import spellings
from datasets.obligations.spellings import Floats, Integers, Numbers
from datasets.obligations.twins import PairIndex, chance, projected

METRES_A_DEGREE = 111_320.0
#: A coincidence less likely than this is no coincidence.
CHANCE = 1e-4
#: An H3 cell is told apart from a coarser one by area, with a margin for how cells vary.
_CELL_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class PlaceSecrets:
    """``lon``, ``lat``: the source's places; ``released_*``: those that go out; ``owed_m``: the cell size owed."""

    owed_m: float
    lon: Floats
    lat: Floats
    released_lon: Floats = field(default_factory=lambda: np.empty(0))
    released_lat: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(slots=True)
class Tally:
    """What was seen in one place: found, and expected by chance alone."""

    found: Counter[str] = field(default_factory=Counter)
    expected: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    def places(self) -> int:
        """How many exact places were found that chance does not explain, by the spelling that has most."""
        kinds = self.found.keys() - {"value", "time"}
        return max((self.found[kind] for kind in kinds if self._no_chance(kind)), default=0)

    def _no_chance(self, kind: str) -> bool:
        return self.found[kind] > 0 and chance(self.found[kind], self.expected[kind]) < CHANCE


class Places:
    """The source's places in every spelling, and the released ones, which explain a match."""

    def __init__(self, secrets: PlaceSecrets) -> None:
        self._owed = secrets.owed_m
        self._fewest = next((d for d in range(8) if METRES_A_DEGREE / 10**d < self._owed), spellings.MOST_DECIMALS)
        lon, lat = np.abs(secrets.lon), np.abs(secrets.lat)
        self._source, self._out = (
            PairIndex(lon, lat),
            PairIndex(np.abs(secrets.released_lon), np.abs(secrets.released_lat)),
        )
        self._alone = [np.unique(lon), np.unique(lat)]
        self._alone_out = [np.unique(np.abs(secrets.released_lon)), np.unique(np.abs(secrets.released_lat))]
        self._raw = (secrets.lon, secrets.lat)
        self._raw_out = (secrets.released_lon, secrets.released_lat)
        self._metres = [PairIndex(*pair) for pair in projected(secrets.lon, secrets.lat)]
        self._hashes = np.unique(spellings.geohash_numbers(*self._raw))
        self._hashes_out = np.unique(spellings.geohash_numbers(*self._raw_out))
        self._cells = lru_cache(maxsize=16)(self._cells_at)
        self._span = (min(lon.min(), lat.min()) - 1e-6, max(lon.max(), lat.max()) + 1e-6)

    def in_text(self, text: str, tally: Tally) -> None:
        numbers = spellings.degrees(text)
        if len(numbers.values):
            self.singles(numbers.values, numbers.decimals, tally)
            self.pairs(*numbers.pairs(), tally)
        self._in_metres(spellings.metres(text), tally)
        self._in_hashes(text, tally)
        for cell in spellings.h3_cells(text):
            self._in_cell(cell, tally)

    def in_bytes(self, raw: bytes, tally: Tally) -> None:
        for one, other in spellings.double_pairs(raw, *self._span):
            full = np.full(len(one), spellings.MOST_DECIMALS, dtype=np.int64)
            written = np.maximum(spellings.decimals_of(one), spellings.decimals_of(other))
            self.pairs(one, other, full, full, tally, fine=written >= self._fewest)

    def pairs(  # noqa: PLR0913 - two numbers, how each is written, and where to count
        self,
        one: Floats,
        other: Floats,
        few: Integers,
        many: Integers,
        tally: Tally,
        fine: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Two numbers as one place, in either order: to the digits that both have, or that one has."""
        for decimals in np.unique(np.concatenate([few, many])).tolist():
            if decimals < self._fewest:
                continue
            here = (few == decimals) | (many == decimals)
            here = here if fine is None else here & fine
            once = np.unique(one[here] + 1j * other[here])
            a, b = np.ascontiguousarray(once.real), np.ascontiguousarray(once.imag)
            own = self._source.holds(a, b, decimals) | self._source.holds(b, a, decimals)
            out = self._out.holds(a, b, decimals) | self._out.holds(b, a, decimals)
            tally.found["pair"] += int((own & ~out).sum())
            tally.expected["pair"] += float((~out).sum()) * self._source.density(decimals)

    def singles(self, values: Floats, decimals: Integers, tally: Tally) -> None:
        """Numbers that are one coordinate of a place, each counted against what chance would give."""
        for count in range(max(self._fewest, 1), spellings.MOST_DECIMALS + 1):
            here = np.unique(values[decimals == count])
            if not len(here):
                continue
            step = 10.0**-count
            for own, out in zip(self._alone, self._alone_out, strict=True):
                inside = here[(here >= own[0] - step) & (here <= own[-1] + step)]
                inside = inside[~_within(inside, out, step)]
                tally.found["single"] += int(_within(inside, own, step).sum())
                span = max(own[-1] - own[0], step)
                tally.expected["single"] += len(inside) * min(1.0, len(own) * 2 * step / span)

    def _in_metres(self, numbers: Numbers, tally: Tally) -> None:
        if self._owed <= 1 or len(numbers.values) < 2:  # noqa: PLR2004 - a place is two numbers
            return
        one, other, *_ = numbers.pairs()
        for index in self._metres:
            tally.found["metres"] += int((index.holds(one, other, 0) | index.holds(other, one, 0)).sum())
            tally.expected["metres"] += len(one) * index.density(0)

    def _in_hashes(self, text: str, tally: Tally) -> None:
        for number, length in spellings.geohashes(text):
            bits = 5 * length
            if 180.0 / 2 ** (bits // 2) * METRES_A_DEGREE >= self._owed:
                continue
            shift = spellings.GEOHASH_BITS - bits
            low, high = number << shift, (number + 1) << shift
            if _between(self._hashes, low, high) and not _between(self._hashes_out, low, high):
                tally.found["geohash"] += 1
            tally.expected["geohash"] += min(1.0, len(self._hashes) / 32.0 ** (length - 2)) / 32.0**2

    def _in_cell(self, cell: str, tally: Tally) -> None:
        if not h3.is_valid_cell(cell) or h3.cell_area(cell, unit="m^2") >= _CELL_SHARE * self._owed**2:
            return
        own, out = self._cells(h3.get_resolution(cell))
        tally.found["h3"] += cell in own and cell not in out

    def _cells_at(self, resolution: int) -> tuple[frozenset[str], frozenset[str]]:
        def cells(lon: Floats, lat: Floats) -> frozenset[str]:
            return frozenset(
                h3.latlng_to_cell(y, x, resolution) for x, y in zip(lon.tolist(), lat.tolist(), strict=True)
            )

        return cells(*self._raw), cells(*self._raw_out)


def _within(values: Floats, ordered: Floats, step: float) -> npt.NDArray[np.bool_]:
    """Whether some number of *ordered* is less than *step* away."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    close = step * (1 - 1e-6)
    return np.searchsorted(ordered, values - close) < np.searchsorted(ordered, values + close, side="right")


def _between(ordered: npt.NDArray[np.uint64], low: int, high: int) -> bool:
    at = int(np.searchsorted(ordered, np.uint64(low)))
    return at < len(ordered) and int(ordered[at]) < high
