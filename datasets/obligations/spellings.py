"""The ways in which a text or bytes may spell a place, a time or a value: reading only, nothing is judged here.

A place: decimal degrees in either order, degrees-minutes-seconds, metres of a projected system, pairs of doubles (WKB,
also as hex or base64), geohash, H3. A time: ISO 8601, compact, month/day/year. A value: its words, whatever stands
between them. What it does not read: rasters, pictures, MGRS, PLSS, other calendars, anything encrypted.
"""

from __future__ import annotations

import base64
import binascii
import html
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_DECIMAL = re.compile(r"(?<![\d.,])[-+]?\d{1,3}[.,]\d{1,18}(?:[eE][-+]?\d{1,2})?(?!\d)")
_DEGREES = re.compile(
    r"(?<!\d)(\d{1,3})\s*(?:°|º|deg|d)\s*(\d{1,2}(?:\.\d+)?)\s*(?:'|′|’|min|m)\s*(?:(\d{1,2}(?:\.\d+)?)\s*(?:\"|″|”|''|sec|s))?"  # noqa: RUF001 - as people write
)
_SPACED = re.compile(r"(?<!\d)(\d{1,3})[ :-](\d{1,2})[ :-](\d{1,2}(?:\.\d+)?)\s*[NSEW]\b")
_METRES = re.compile(r"(?<![\d.\w])[-+]?\d{5,8}(?:\.\d+)?(?![\w])")
_HEX = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{22,}={0,2}")
_GEOHASH = re.compile(r"(?<![0-9A-Za-z])[0-9b-hjkmnp-z]{4,12}(?![0-9A-Za-z])", re.IGNORECASE)
_H3 = re.compile(r"(?<![0-9A-Za-z])8[0-9a-f]{14}(?![0-9A-Za-z])", re.IGNORECASE)
_H3_NUMBER = re.compile(r"(?<![0-9A-Za-z.])[56]\d{17}(?![0-9A-Za-z])")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_WORD = re.compile(r"[^\W_]+")
_ISO = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2}))?)?(?!\d)")
_COMPACT = re.compile(
    r"(?<![\w.])((?:19|20)\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:T(\d{2})(\d{2})(\d{2})?Z?)?(?!\w)"
)
_AMERICAN = re.compile(r"(?<!\d)(\d{1,2})/(\d{1,2})/(\d{4})(?!\d)")
ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz"
GEOHASH_BITS = 60
MOST_DECIMALS = 7
#: Two numbers further apart than this are not read as one place.
NEAR_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Numbers:
    """Numbers of a text, in its order. ``decimals``: as written; ``at``, ``end``: where each stands."""

    values: Floats
    decimals: Integers
    at: Integers
    end: Integers

    def pairs(self) -> tuple[Floats, Floats, Integers, Integers]:
        """Neighbours, also with one number between: values, and the fewer and the more decimals of the two."""
        first, second = [], []
        for step in (1, 2):
            near = np.flatnonzero(self.at[step:] - self.end[:-step] <= NEAR_CHARACTERS)
            first.append(near)
            second.append(near + step)
        one, other = np.concatenate(first), np.concatenate(second)
        few = np.minimum(self.decimals[one], self.decimals[other])
        many = np.maximum(self.decimals[one], self.decimals[other])
        return self.values[one], self.values[other], few, many


def unescaped(text: str) -> str:
    """*text* without the escapes of JSON, of URLs and of HTML."""
    if "\\u" in text:
        text = _ESCAPE.sub(lambda match: chr(int(match.group(1), 16)), text)
    text = unquote(text) if "%" in text else text
    return html.unescape(text) if "&" in text else text


def degrees(text: str) -> Numbers:
    """Every number of *text* that may be a degree, as its absolute value; decimals beyond seven don't count."""
    found: list[tuple[int, int, float, int]] = []
    for match in _DECIMAL.finditer(text):
        written = match.group().replace(",", ".")
        mantissa, _, exponent = written.lower().partition("e")
        decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
        found.append((match.start(), match.end(), abs(float(written)), decimals))
    for pattern in (_DEGREES, _SPACED):
        found += [(m.start(), m.end(), *_sexagesimal(*m.groups())) for m in pattern.finditer(text)]
    found.sort()
    return _numbers([one for one in found if one[2] <= 180.0])  # noqa: PLR2004 - half a turn


def metres(text: str) -> Numbers:
    """Every number of *text* that may be an easting or a northing, as its absolute value."""
    return _numbers([(m.start(), m.end(), abs(float(m.group())), 0) for m in _METRES.finditer(text)])


def _numbers(found: list[tuple[int, int, float, int]]) -> Numbers:
    at, end, values, decimals = zip(*found, strict=True) if found else ((), (), (), ())
    capped = np.clip(np.array(decimals, dtype=np.int64), 0, MOST_DECIMALS)
    return Numbers(np.array(values, dtype=float), capped, np.array(at, dtype=np.int64), np.array(end, dtype=np.int64))


def _sexagesimal(whole: str, minutes: str, seconds: str | None) -> tuple[float, int]:
    value = int(whole) + float(minutes) / 60 + float(seconds or 0) / 3600
    last, unit = (seconds, 3600) if seconds else (minutes, 60)
    step = 10.0 ** -len(last.partition(".")[2]) / unit
    return value, math.floor(-math.log10(step))


def decimals_of(values: Floats) -> Integers:
    """How many decimals each number needs, up to seven."""
    needed = np.full(len(values), MOST_DECIMALS, dtype=np.int64)
    for count in range(MOST_DECIMALS - 1, -1, -1):
        scaled = values * 10.0**count
        needed[np.abs(scaled - np.rint(scaled)) < 1e-9 * np.maximum(1.0, np.abs(scaled))] = count
    return needed


def hidden_bytes(text: str) -> Iterator[bytes]:
    """What the hexadecimal and base64 runs of *text* decode to."""
    for match in _HEX.finditer(text):
        run = match.group()
        yield bytes.fromhex(run[: len(run) // 2 * 2])
    for match in _BASE64.finditer(text):
        run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        run = run[: len(run) // 4 * 4] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
        try:
            yield base64.b64decode(run)
        except binascii.Error:  # no base64 after all: there is nothing to look into
            continue


def double_pairs(raw: bytes, least: float, most: float) -> Iterator[tuple[Floats, Floats]]:
    """Absolute values of every two doubles that follow one another, at any offset and in either byte order.

    Only pairs within *least* and *most*: a place needs both.
    """
    for order in ("<f8", ">f8"):
        for offset in range(min(8, len(raw))):
            count = (len(raw) - offset) // 8
            if count < 2:  # noqa: PLR2004 - a place is two numbers
                continue
            values = np.frombuffer(raw, dtype=order, count=count, offset=offset)
            with np.errstate(invalid="ignore"):
                inside = (np.abs(values) >= least) & (np.abs(values) <= most)
            both = np.flatnonzero(inside[:-1] & inside[1:])
            if len(both):
                yield np.abs(values[both]).astype(float), np.abs(values[both + 1]).astype(float)


def geohashes(text: str) -> Iterator[tuple[int, int]]:
    """(number, length) of every word that is a geohash."""
    for match in _GEOHASH.finditer(text):
        word = match.group().lower()
        number = 0
        for letter in word:
            number = number << 5 | ALPHABET.index(letter)
        yield number, len(word)


def geohash_numbers(lon: Floats, lat: Floats) -> npt.NDArray[np.uint64]:
    """The geohash of each place at twelve characters, as a number."""
    half = GEOHASH_BITS // 2
    across = np.clip(((lon + 180) / 360 * 2**half), 0, 2**half - 1).astype(np.uint64)
    up = np.clip(((lat + 90) / 180 * 2**half), 0, 2**half - 1).astype(np.uint64)
    number = np.zeros(len(lon), dtype=np.uint64)
    one = np.uint64(1)
    for bit in range(half - 1, -1, -1):
        place = np.uint64(bit)
        number = (number << one) | ((across >> place) & one)
        number = (number << one) | ((up >> place) & one)
    return number


def h3_cells(text: str) -> Iterator[str]:
    """Every word of *text* that may be an H3 cell."""
    for match in _H3.finditer(text):
        yield match.group().lower()
    for match in _H3_NUMBER.finditer(text):
        yield f"{int(match.group()):x}"


def words_of(text: str) -> list[str]:
    """The words of *text*, folded, without what stands between them."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def times(text: str) -> Iterator[str]:
    """Every day or moment of *text*, as ``2024-05-17`` or ``2024-05-17T10:20`` or ``2024-05-17T10:20:30``."""
    for pattern in (_ISO, _COMPACT):
        for match in pattern.finditer(text):
            year, month, day, hour, minute, second = match.groups()
            clock = f"T{hour}:{minute}" + (f":{second}" if second else "") if hour else ""
            yield f"{year}-{month}-{day}{clock}"
    for match in _AMERICAN.finditer(text):
        month, day, year = match.groups()
        yield f"{year}-{int(month):02d}-{int(day):02d}"
