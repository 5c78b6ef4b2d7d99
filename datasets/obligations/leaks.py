"""The leak linter: looks in what goes out for the precise values of the restricted source (C2, ADR 0029).

Decides whether a place, a removed attribute's value or an exact time of the source stands anywhere in a text, in bytes
or in a column of numbers, in any spelling that ``spellings`` reads. Pure: it is given values and tells findings, which
never repeat a value. What chance explains is no finding: a number that the released places have too, a word that
stands in the source's public columns, and coincidences (a place must be less likely than one in ten thousand).
"""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from audit.findings import Finding
from datasets.obligations import spellings
from datasets.obligations.leak_places import Places, PlaceSecrets, Tally
from datasets.obligations.spellings import Floats

FIX = "Remove the column that holds it, or mend what wrote it; then run the checks and build the catalogs again."
MOST_NESTED = 3
MOST_UNPACKED_BYTES = 256 * 1024 * 1024
#: A value is looked for when it has so many characters, and so many of a single word without a digit.
SHORTEST, SHORTEST_WORD = 5, 9
_CONTROLS_SHARE = 0.15


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must not go out. ``places``: ``None`` where places may be told; ``values``: words of removed attributes;
    ``moments``: exact times as ``spellings.times`` writes them; ``public``: texts whose words and days are public.
    """

    places: PlaceSecrets | None = None
    values: frozenset[str] = frozenset()
    moments: frozenset[str] = frozenset()
    public: tuple[str, ...] = ()


#: A whole number with fewer digits is too common (as in ``as_words``); a larger one is not held exactly.
LEAST_TELLING, MOST_EXACT = 10**SHORTEST, 2**53


def as_words(value: object) -> str | None:
    """A removed attribute's value as it is looked for; ``None`` for one too short or too common to tell anything."""
    text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
    words = spellings.words_of(text)
    joined = " ".join(words)
    digits = sum(letter.isdigit() for letter in joined)
    if isinstance(value, bool) or len(joined.replace(" ", "")) < SHORTEST:
        return None
    if isinstance(value, int | float) or digits == len(joined.replace(" ", "")):
        return joined if digits > SHORTEST else None
    return joined if len(words) > 1 or digits or len(joined) >= SHORTEST_WORD else None


class LeakScan:
    """One look over everything that goes out. Feed it, then ask for the findings."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)
        self._places = Places(secrets.places) if secrets.places is not None and len(secrets.places.lon) else None
        public_words = Words(secrets.values)
        known = {hit for text in secrets.public for hit in public_words.hits(text)}
        self._words = Words(secrets.values - known)
        days = {moment[:10] for text in secrets.public for moment in spellings.times(text)}
        self._moments = frozenset(m for m in secrets.moments if len(m) > 10 or m not in days)  # noqa: PLR2004 - a day
        self.bytes_seen = 0

    def text(self, where: str, text: str, depth: int = 0) -> None:
        """Looks through a text."""
        tally, text = self._tallies[where], spellings.unescaped(text)
        tally.found["value"] += len(self._words.hits(text))
        if self._moments:
            tally.found["time"] += len(self._moments.intersection(spellings.times(text)))
        if self._places is not None:
            self._places.in_text(text, tally)
            for raw in spellings.hidden_bytes(text):
                self._places.in_bytes(raw, tally)
        if depth < MOST_NESTED:
            for raw in spellings.hidden_bytes(text):
                if _is_text(raw):
                    self.text(where, raw.decode("utf-8", "replace"), depth + 1)

    def raw(self, where: str, raw: bytes, depth: int = 0) -> None:
        """Looks through bytes, and through what is packed in them. Raises ``ValueError`` where that can't be opened."""
        self.bytes_seen += len(raw) if depth == 0 else 0
        for name, inner in _unpacked(raw):
            if depth == MOST_NESTED:
                raise ValueError("archives lie in one another too deeply to look into")
            self.text(where, name)
            self.raw(where, inner, depth + 1)
        self.text(where, raw.decode("utf-8", "replace") if _is_text(raw) else raw.decode("latin-1"))
        if self._places is not None and not _is_text(raw):
            self._places.in_bytes(raw, self._tallies[where])

    def page(self, where: str, told: bytes, body: bytes, *, text: bool) -> None:
        """Looks through one page of a file: ``told``: with its texts apart; ``body``: as it is."""
        self.bytes_seen += len(body)
        if text:
            self.text(where, told.decode("utf-8", "replace"))
        if self._places is not None:
            self._places.in_bytes(body, self._tallies[where])

    def numbers(self, where: str, values: Floats) -> None:
        """Looks through a column of numbers."""
        whole = np.unique(np.abs(values[np.isfinite(values) & (np.abs(values) < MOST_EXACT)]))
        whole = whole[(whole >= LEAST_TELLING) & (whole == np.floor(whole))].astype(np.int64)
        self._tallies[where].found["value"] += len(self._words.among(whole.tolist()))
        if self._places is not None:
            finite = np.abs(values[np.isfinite(values)])
            self._places.singles(finite, spellings.decimals_of(finite), self._tallies[where])

    def number_pairs(self, where: str, one: Floats, other: Floats) -> None:
        """Looks through two columns of numbers, row by row."""
        if self._places is not None:
            both = np.isfinite(one) & np.isfinite(other)
            one, other = np.abs(one[both]), np.abs(other[both])
            decimals = spellings.decimals_of(one), spellings.decimals_of(other)
            self._places.pairs(one, other, np.minimum(*decimals), np.maximum(*decimals), self._tallies[where])

    def findings(self) -> list[Finding]:
        """What was found, by where; no value is repeated."""
        return [finding for where, tally in sorted(self._tallies.items()) for finding in _told(where, tally)]


def _told(where: str, tally: Tally) -> Iterable[Finding]:
    said = (
        ("leak_place", tally.places(), "exact places of the source stand"),
        ("leak_attribute", tally.found["value"], "values of attributes that must go stand"),
        ("leak_time", tally.found["time"], "exact times of the source stand"),
    )
    for code, count, words in said:
        if count:
            yield Finding(code, where, f"{count} {words} in it.", FIX)


class Words:
    """Finds values by their words: a value's first word leads to the lengths that values with it have."""

    def __init__(self, values: frozenset[str]) -> None:
        self._values = values
        self._lengths: defaultdict[str, set[int]] = defaultdict(set)
        for value in values:
            words = value.split(" ")
            self._lengths[words[0]].add(len(words))

    def among(self, numbers: list[int]) -> frozenset[str]:
        """The values that are one of the numbers."""
        return self._values & {str(number) for number in numbers} if self._values else frozenset()

    def hits(self, text: str) -> set[str]:
        """The values that stand in *text*, as words that follow one another."""
        if not self._values:
            return set()
        words = spellings.words_of(text)
        return {
            joined
            for at, word in enumerate(words)
            if word in self._lengths
            for length in self._lengths[word]
            if (joined := " ".join(words[at : at + length])) in self._values
        }


def _is_text(raw: bytes) -> bool:
    """Whether *raw* is text rather than numbers: valid UTF-8 without control characters, for the most part."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    plain = sum(raw.count(bytes([code])) for code in (*range(9), *range(14, 32)))
    return 0 not in raw and plain <= len(raw) * _CONTROLS_SHARE


def _unpacked(raw: bytes) -> Iterable[tuple[str, bytes]]:
    """(name, bytes) of what *raw* is an archive of. Raises ``ValueError`` for one too large or damaged."""
    try:
        if raw[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                if sum(part.file_size for part in archive.infolist()) > MOST_UNPACKED_BYTES:
                    raise ValueError("an archive is too large to look into")
                yield from ((part.filename, archive.read(part)) for part in archive.infolist())
        elif raw[:3] == b"\x1f\x8b\x08":
            with gzip.open(io.BytesIO(raw)) as stream:
                inner = stream.read(MOST_UNPACKED_BYTES + 1)
            if len(inner) > MOST_UNPACKED_BYTES:
                raise ValueError("an archive is too large to look into")
            yield "", inner
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError("an archive can't be opened") from error
