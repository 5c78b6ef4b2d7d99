"""What period a date or a pair of dates stands for: closed at both ends, in whole seconds of UTC.

``2024`` is every second of that year, from its first to its last; a full time is that second alone. Decides nothing
about documents (clause D2's rules do) and shares no code with the builders, so that a builder's slip shows.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, datetime
from typing import Final

_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?")
_DECEMBER: Final = 12


def first_second(date: str) -> str | None:
    """Of ``YYYY[-MM[-DD]]``, in RFC 3339; a full time as it is written; ``None`` for what is no date."""
    return _edge(date, last=False)


def last_second(date: str) -> str | None:
    """As ``first_second``, at the other end."""
    return _edge(date, last=True)


def _edge(date: str, *, last: bool) -> str | None:
    found = _DATE.fullmatch(date)
    if found is None:
        return date if moment_of(date) is not None else None
    year, month, day = found.groups()
    try:
        at = int(month or (_DECEMBER if last else 1))
        on = int(day or (monthrange(int(year), at)[1] if last else 1))
        text = f"{year}-{at:02}-{on:02}T{'23:59:59' if last else '00:00:00'}Z"
        return text if moment_of(text) is not None else None
    except ValueError:  # a month 13
        return None


def moment_of(text: object) -> datetime | None:
    """The moment of an RFC 3339 time; ``None`` where the text is none, or says no offset."""
    if not isinstance(text, str) or "T" not in text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else found.astimezone(UTC)
