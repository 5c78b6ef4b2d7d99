"""When a source is due again, and which slice a fetch makes, by the calendar.

Decides from instants that are passed in: no clock. What was missed is not made up for: however long nothing ran, the
next due instant is the first one after now. Keeps the form of slices (A1).
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

HOUR = timedelta(hours=1)
FIXED: dict[str, timedelta] = {"hourly": HOUR, "daily": 24 * HOUR, "weekly": 168 * HOUR}
MONTHS: dict[str, int] = {"monthly": 1, "yearly": 12}
FORMS = {"year": "%Y", "month": "%Y-%m", "day": "%Y-%m-%d"}


def next_due(cadence: str, anchor: datetime, now: datetime) -> datetime | None:
    """The first instant after *now* that lies whole periods after *anchor*; ``None``: *cadence* has none (manual).

    A month later than the 31st is the last day of a shorter month. *anchor* and *now* know their time zones; so does
    the answer, in UTC. Raises ``ValueError`` on a cadence that is not known.
    """
    if cadence == "manual":
        return None
    start, until = anchor.astimezone(UTC), now.astimezone(UTC)
    if cadence in FIXED:
        period = FIXED[cadence]
        return start + period * max(1, (until - start) // period + 1)
    if cadence not in MONTHS:
        raise ValueError(f"{cadence!r:.40} is no cadence.")
    step = MONTHS[cadence]
    between = (until.year - start.year) * 12 + until.month - start.month
    periods = max(1, between // step)
    while (due := _months_later(start, periods * step)) <= until:
        periods += 1
    return due


def period_of(cadence: str) -> timedelta | None:
    """How long a period lasts at most; ``None``: there is none."""
    longest = {"monthly": timedelta(days=31), "yearly": timedelta(days=366)}
    return FIXED.get(cadence) or longest.get(cadence)


def slice_of(rule: str, at: datetime) -> str:
    """The slice that *at* lies in, by UTC: ``2026``, ``2026-02`` or ``2026-02-20``."""
    return at.astimezone(UTC).strftime(FORMS[rule])


def _months_later(start: datetime, months: int) -> datetime:
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return start.replace(year=year, month=month + 1, day=min(start.day, last))
