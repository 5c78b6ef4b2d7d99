"""Schedules: the next due instant is after now, lies whole periods after its anchor, and never goes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.cadence import next_due, period_of, slice_of

CADENCES = ["hourly", "daily", "weekly", "monthly", "yearly"]
instants = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


@given(st.sampled_from(CADENCES), instants, instants)
def test_the_next_due_instant_is_after_now_and_at_most_a_period_away(cadence, anchor, now):
    due = next_due(cadence, anchor, now)
    assert due > now
    assert due > anchor
    assert due - max(now, anchor) <= period_of(cadence)


@given(st.sampled_from(CADENCES), instants, instants, instants)
def test_a_later_now_is_never_due_earlier(cadence, anchor, one, other):
    early, late = sorted([one, other])
    assert next_due(cadence, anchor, early) <= next_due(cadence, anchor, late)


@given(st.sampled_from(CADENCES), instants)
def test_what_was_missed_is_not_made_up_for(cadence, anchor):
    now = anchor + 7 * period_of(cadence)
    due = next_due(cadence, anchor, now)
    assert next_due(cadence, due, due) > due > now


@pytest.mark.parametrize(
    ("cadence", "anchor", "now", "due"),
    [
        ("monthly", "2026-01-31", "2026-02-01", "2026-02-28"),
        ("monthly", "2026-01-31", "2026-02-28", "2026-03-31"),
        ("monthly", "2023-12-15", "2023-12-15", "2024-01-15"),
        ("yearly", "2024-02-29", "2024-03-01", "2025-02-28"),
        ("yearly", "2024-02-29", "2027-03-01", "2028-02-29"),
        ("weekly", "2026-01-01", "2026-01-08", "2026-01-15"),
    ],
)
def test_the_calendar(cadence, anchor, now, due):
    at = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (anchor, now, due)]
    assert next_due(cadence, at[0], at[1]) == at[2]


def test_a_manual_source_is_never_due_by_itself():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert next_due("manual", now, now) is None


def test_an_unknown_cadence_is_refused():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="no cadence"):
        next_due("fortnightly", now, now)


@pytest.mark.parametrize(("rule", "found"), [("year", "2027"), ("month", "2027-01"), ("day", "2027-01-01")])
def test_a_slice_is_read_off_by_utc(rule, found):
    at = datetime(2026, 12, 31, 20, tzinfo=timezone(timedelta(hours=-6)))
    assert slice_of(rule, at) == found
