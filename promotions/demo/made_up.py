"""Made-up tables, the same each time: no well, spring or number in them exists. Telephone numbers are of those that
are kept free for stories (555-01xx). Values only, but for the file that holds them.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

USES = ("irrigation", "household", "stock", "observation")
FEET_IN_A_METRE = 3.28084


@dataclass(frozen=True, slots=True)
class Year:
    """How many wells a year's table has, and in how many of its first rows which thing is amiss."""

    year: int
    rows: int
    without_depth: int = 0
    too_deep: int = 0
    in_feet: int = 0
    outside: int = 0
    telephones: int = 0


def wells(year: Year) -> str:
    """A year's wells as CSV: id, day, depth in metres, use, remarks, place in degrees."""
    header = ("well_id", "drilled", "depth_m", "use", "remarks", "lat", "lon")
    return _table(header, [_well(year, number) for number in range(year.rows)])


def _well(year: Year, number: int) -> tuple[object, ...]:
    depth = 20 + (number * 37 + year.year) % 160 + number % 10 / 10
    if number < year.in_feet:
        depth = round((120 + depth) * FEET_IN_A_METRE, 1)
    elif number < year.too_deep:
        depth = 987.0
    lat = 37.2 + (number * 29 % 97) / 97 * 2.5
    lon = -101.6 + (number * 53 % 101) / 101 * 6.5
    if number < year.outside:
        lat, lon = lon / 3, -lat * 2
    return (
        f"KS-{number:04}",
        f"{year.year - number % 12}-{1 + number % 12:02}-{1 + number * 7 % 28:02}",
        "" if number >= year.rows - year.without_depth else depth,
        USES[number * 7 % 11 % len(USES)],
        f"Owner wishes a call first: 555-01{number:02}" if number < year.telephones else "",
        round(lat, 5),
        round(lon, 5),
    )


def springs(year: int) -> str:
    """A year's springs as CSV: id, flow in litres a second, place in degrees."""
    rows = [
        (f"S-{number:03}", round(0.4 + (number * 13 + year) % 29 / 10, 1), 37.1 + number * 0.09, -96.2 - number * 0.11)
        for number in range(24)
    ]
    return _table(("spring_id", "flow_l_s", "lat", "lon"), rows)


def nests(year: int) -> str:
    """A year's nests as CSV: id, day, number of young, who found it (a made-up name), place in degrees."""
    rows = [
        (
            f"N-{year}-{number:02}",
            f"{year}-{4 + number % 4:02}-{1 + number * 11 % 28:02}",
            (number * 5 + year) % 7,
            f"Volunteer {chr(65 + number % 8)}.",
            round(37.4 + (number * 31 % 47) / 47 * 2.2, 5),
            round(-101.4 + (number * 59 % 61) / 61 * 5.8, 5),
        )
        for number in range(48)
    ]
    return _table(("nest_id", "seen", "young", "finder", "lat", "lon"), rows)


def levels(year: int) -> str:
    """A year's mean groundwater levels as CSV: id, depth below ground in metres, place in degrees."""
    rows = [
        (f"G-{number:02}", round(12 + (number * 17 + year) % 83 / 2, 1), 37.3 + number * 0.07, -100.9 + number * 0.1)
        for number in range(32)
    ]
    return _table(("gauge_id", "depth_m", "lat", "lon"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


@contextmanager
def written(name: str, text: str) -> Iterator[Path]:
    """*text* as a file of that name, for as long as it takes to bring it in."""
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR) as directory:
        path = Path(directory) / name
        path.write_text(text)
        yield path
