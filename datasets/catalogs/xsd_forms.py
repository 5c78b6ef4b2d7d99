"""Whether a text is written in the lexical space of an XML Schema datatype (XSD 1.1 part 2).

Decides form, range and calendar of the built-in types that catalogs use; a type it doesn't know it lets pass, and it
never says what a literal should mean. Serves clause D1.
"""

from __future__ import annotations

import calendar
import re
from typing import Final

_TIME: Final = r"(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?|24:00:00(\.0+)?)"
_ZONE: Final = r"(Z|[+-]((0\d|1[0-3]):[0-5]\d|14:00))"
_MONTH: Final = r"(0[1-9]|1[0-2])"
_DAY: Final = r"(0[1-9]|[12]\d|3[01])"
_YEAR: Final = r"-?(\d{4}|[1-9]\d{4,})"
_MOMENT: Final = f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}"
_NUMBER: Final = r"[+-]?(\d+(\.\d*)?|\.\d+)"
_FLOAT: Final = _NUMBER + r"([eE][+-]?\d+)?|[+-]?INF|NaN"
_DAYS: Final = r"(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?"
_RANGES: Final[dict[str, tuple[int | None, int | None]]] = {
    "integer": (None, None),
    "long": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "short": (-(2**15), 2**15 - 1),
    "byte": (-128, 127),
    "nonNegativeInteger": (0, None),
    "positiveInteger": (1, None),
    "nonPositiveInteger": (None, 0),
    "negativeInteger": (None, -1),
    "unsignedLong": (0, 2**64 - 1),
    "unsignedInt": (0, 2**32 - 1),
    "unsignedShort": (0, 2**16 - 1),
    "unsignedByte": (0, 255),
}
_INTEGER: Final = re.compile(r"([+-]?)0*(\d+)", re.ASCII)
_LONGEST_BOUND: Final = 20
_DATED: Final = frozenset({"date", "dateTime", "dateTimeStamp"})
_FORMS: Final = {
    name: re.compile(pattern, re.ASCII)
    for name, pattern in {
        "boolean": r"true|false|0|1",
        "decimal": _NUMBER,
        "double": _FLOAT,
        "float": _FLOAT,
        "hexBinary": r"([0-9A-Fa-f]{2})*",
        "base64Binary": r"([A-Za-z0-9+/ ]|=)*",
        "gYear": f"{_YEAR}{_ZONE}?",
        "gYearMonth": f"{_YEAR}-{_MONTH}{_ZONE}?",
        "gMonth": f"--{_MONTH}{_ZONE}?",
        "gDay": f"---{_DAY}{_ZONE}?",
        "gMonthDay": f"--(02-(0[1-9]|[12]\\d)|(0[469]|11)-(0[1-9]|[12]\\d|30)|(0[13578]|1[02])-{_DAY}){_ZONE}?",
        "date": f"{_YEAR}-{_MONTH}-{_DAY}{_ZONE}?",
        "time": f"{_TIME}{_ZONE}?",
        "dateTime": f"{_MOMENT}{_ZONE}?",
        "dateTimeStamp": f"{_MOMENT}{_ZONE}",
        "duration": rf"-?P(?=.)(\d+Y)?(\d+M)?{_DAYS}",
        "yearMonthDuration": r"-?P(?=.)(\d+Y)?(\d+M)?",
        "dayTimeDuration": rf"-?P(?=.){_DAYS}",
        "anyURI": r"[^\s<>\"{}|\\^`]*",
        "language": r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*",
    }.items()
}
_YEAR_MONTH_DAY: Final = re.compile(r"(-?\d+)-(\d\d)-(\d\d)", re.ASCII)
_PARTS: Final = re.compile(
    r"(-?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:(Z)|([+-])(\d\d):(\d\d))?", re.ASCII
)


def may_mean(name: str, text: str) -> bool:
    """Whether the text is in the lexical space of ``xsd:<name>``; True for a type that is not known here."""
    if name in _RANGES:
        return _in_range(text, *_RANGES[name])
    if name not in _FORMS:
        return True
    if not _FORMS[name].fullmatch(text):
        return False
    return name not in _DATED or _is_day(text)


def instant(text: str) -> tuple[bool, int, str] | None:
    """The moment that an ``xsd:dateTime`` means: (whether it names its offset, seconds, digits after the point).

    Two texts of one moment give one value, and values of one kind are in the order of time; a text with an offset and
    one without are never equal (XSD 1.1 §3.3.7.1). None when the text is no ``dateTime`` or its year is past counting.
    """
    found = _PARTS.fullmatch(text) if may_mean("dateTime", text) else None
    if found is None or len(found[1]) > _LONGEST_BOUND:
        return None
    minutes = (int(found[10]) * 60 + int(found[11])) * (-1 if found[9] == "-" else 1) if found[9] else 0
    days = _days(int(found[1]), int(found[2]), int(found[3]))
    seconds = ((days * 24 + int(found[4])) * 60 + int(found[5]) - minutes) * 60 + int(found[6])
    return bool(found[8] or found[9]), seconds, (found[7] or "").rstrip("0")


def _days(year: int, month: int, day: int) -> int:
    """Days since a day long past, in the proleptic Gregorian calendar; a year begins in March, so February ends it."""
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)  # noqa: PLR2004
    return year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + day


def _in_range(text: str, least: int | None, most: int | None) -> bool:
    """By sign and length first: no text is long enough to be slow to read as a number."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return False
    negative, digits = found[1] == "-", found[2]
    if len(digits) > _LONGEST_BOUND:
        return (least if negative else most) is None
    number = -int(digits) if negative else int(digits)
    return (least is None or number >= least) and (most is None or number <= most)


def _is_day(text: str) -> bool:
    """Whether the day is one of its month, in the proleptic Gregorian calendar of XSD 1.1 (with a year 0)."""
    found = _YEAR_MONTH_DAY.match(text)
    if found is None:
        return False
    year, month, day = int(found[1][-4:]), int(found[2]), int(found[3])  # 10,000 years are 25 whole cycles of 400
    return day <= calendar.monthrange(2000 + year % 400, month)[1]
