"""What would tell, beside the geometry and the times themselves, what an obligation hides (C2).

Decides by names and by values that a column may give away an exact place, a time, or a removed field; the caller then
refuses the file, and says which column. Never changes a value. What it can't know is left to the verification and to
the people who sign.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

#: Words of a column's name that say it holds a place.
PLACE_WORDS: frozenset[str] = frozenset(
    (  # noqa: SIM905 - sixty words
        "bbox x y lat lats lon lng long longs latitude longitude decimallatitude decimallongitude verbatimlatitude "
        "verbatimlongitude verbatimcoordinates latlon latlng latlong lonlat easting northing eastings northings utm "
        "utmx utmy mgrs usng geohash geohashes quadkey pluscode olc wkt wkb ewkt ewkb geojson geom geometry "
        "footprintwkt coord coords coordinate coordinates location locations locality verbatimlocality address "
        "addresses street plss trs twp township rng section"
    ).split()
)
#: Words that only mean a place together with their figure: ``h3``, ``what3words``.
_PLACE_FIGURES = re.compile(r"(^|[^a-z])(h3|s2|what3words|w3w)($|[^a-z0-9])")
#: Endings of words that say it, where a name is written without a break: ``eventlatitude``.
_PLACE_ENDINGS = ("latitude", "longitude", "coordinates", "northing", "easting", "geohash")
#: Names of columns that tell how far a place may be off; they are told anew, not refused.
UNCERTAINTY_NAMES: frozenset[str] = frozenset(
    {"coordinateuncertaintym", "coordinateuncertaintyinmeters", "coordinateuncertaintyinmetres"}
)
#: Two decimal numbers beside each other, degrees and minutes, WKT or named degrees, anywhere in a text.
_PLACE_TEXT = (
    r"-?\d{1,3}\.\d{3,}\s*[,;/ ]\s*-?\d{1,3}\.\d{3,}|\d{1,3}\s*°\s*\d"
    r"|(?i)\b(POINT|LINESTRING|POLYGON)\s*(Z|M)?\s*\(|\b(lat|lon|lng|latitude|longitude)\b\W{1,4}\d"
)
_NEAR_DEGREES, _MOST = 0.02, 0.5

#: An ISO date to the day inside a longer text.
_DATE_IN_TEXT = r"(^|\D)(1[5-9]|20)\d{2}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(\D|$)"
#: From 2000 to 2100, in seconds since 1970.
_EPOCH = (946_684_800, 4_102_444_800)
_EPOCH_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)


def folded(name: str) -> str:
    """A name as it is compared: compatibility-normalized, case-folded, without blanks around it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def spelled(name: str) -> str:
    """The name with a break where a capital starts a word: ``eventDate`` is ``event_date``."""
    return folded(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", unicodedata.normalize("NFKC", name)))


def says_place(name: str) -> bool:
    """True when the column's name says that it holds a place."""
    if is_uncertainty(name):
        return False
    text = spelled(name)
    words = re.split(r"[^a-z]+", text)
    return (
        not PLACE_WORDS.isdisjoint(words)
        or any(word.endswith(_PLACE_ENDINGS) for word in words)
        or _PLACE_FIGURES.search(text) is not None
    )


def is_uncertainty(name: str) -> bool:
    """True when the column tells the uncertainty of the coordinates (Darwin Core's term, or ours)."""
    return re.sub(r"[^a-z]", "", folded(name)) in UNCERTAINTY_NAMES


def holds_place(
    column: pa.Array, lon: npt.NDArray[np.float64], lat: npt.NDArray[np.float64], present: npt.NDArray[np.bool_]
) -> bool:
    """True when texts spell coordinates, or most numbers are the rows' own longitudes or latitudes."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _any_match(column, _PLACE_TEXT)
    if not (pa.types.is_floating(kind) or pa.types.is_decimal(kind)) or not len(lon):
        return False
    numbers = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)[present]
    given = ~np.isnan(numbers)
    needed = max(_MOST * given.sum(), 1)
    return any((np.abs(numbers[given] - own[given]) < _NEAR_DEGREES).sum() >= needed for own in (lon, lat))


def holds_dates(column: pa.Array, resolution: str) -> str:
    """What a column seems to hold that is a time although nothing says so; empty when it seems to hold none.

    Numbers count when *all* of them are instants since 1970 or days written as YYYYMMDD; under a resolution of a year,
    months written as YYYYMM too.
    """
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _numbers_as_dates(column, resolution)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return "dates inside its texts" if _any_match(column, _DATE_IN_TEXT) else ""
    return ""


def _numbers_as_dates(column: pa.Array, resolution: str) -> str:
    numbers = column.drop_null().cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return ""
    low, high = numbers.min(), numbers.max()
    if any(_EPOCH[0] * unit <= low and high <= _EPOCH[1] * unit for unit in _EPOCH_UNITS):
        return "numbers that may be instants since 1970"
    whole = numbers == np.floor(numbers)
    year, month, day = numbers // 10_000, numbers // 100 % 100, numbers % 100
    if (whole & (year >= 1500) & (year <= 2100) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all():  # noqa: PLR2004
        return "numbers that may be days, as 20240517"
    if (
        resolution == "year" and (whole & (numbers >= 150_001) & (numbers <= 210_012) & (day >= 1) & (day <= 12)).all()  # noqa: PLR2004
    ):
        return "numbers that may be months, as 202405"
    return ""


def names_removed(column: pa.Array, removed: Iterable[str]) -> str:
    """The removed field that a text of the column has as a key, as JSON inside a text does; empty when none does."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return ""
    for name in removed:
        key = name.rpartition(".")[2]
        if pc.any(pc.match_substring(column, f'"{key}"', ignore_case=True)).as_py():
            return key
    return ""


def _any_match(column: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())
