"""Numbers are never rounded to what they are not, and drawings keep to their frame."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.readers import quality_charts as charts
from promotions.readers import quality_words as words

NUMBERS = st.floats(-(2**53), 2**53, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50 %"),
        (0.994, "99.4 %"),
        (0.99996, "99.996 %"),
        (1e-5, "0.001 %"),
        (2.5, "250 %"),
    ],
)
def test_percent(value, said):
    assert words.percent(value) == said


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_what_is_not_all_or_nothing_is_never_said_to_be(value):
    assert float(words.percent(value).removesuffix(" %")) not in {0.0, 100.0} or math.isclose(value, 1) or value < 1e-9


@given(st.none() | NUMBERS, st.sampled_from([">=", "<=", "==", ">", "<", "?"]), NUMBERS, st.booleans())
def test_a_bullet_keeps_to_its_frame(value, operator, threshold, share):
    drawn = charts.bullet(value, operator, threshold, share=share)
    boxes = [drawn["allowed"], *([drawn["bar"]] if drawn["bar"] else [])]
    assert all(-1 <= box["x"] <= 100 and 0 < box["width"] <= 101 for box in boxes)
    assert 0 <= drawn["line"] <= 100


@given(st.lists(NUMBERS, max_size=50), st.none() | NUMBERS)
def test_a_strip_keeps_to_its_frame(values, threshold):
    drawn = charts.strip(values, threshold, share=False)
    assert all(drawn["top"] <= point["y"] <= drawn["bottom"] for point in drawn["points"])
    assert drawn["line"] is None or drawn["top"] <= drawn["line"] <= drawn["bottom"]


def test_the_greatest_bin_fills_the_histogram_and_one_row_is_seen():
    bars = charts.histogram([0, 1, 100_000])
    assert [bar["height"] for bar in bars] == [0.0, 1.0, charts.BAR_HEIGHT]


def test_dates_are_days_and_what_no_calendar_holds_is_a_number():
    assert words.moment(0) == "1970-01-01"
    assert words.moment(-86400 + 3600) == "1969-12-31 01:00"
    assert words.moment(1e15).endswith("s since 1970")


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["pass"], "The one check is met."),
        (["pass", "pass"], "All 2 checks are met."),
        (
            ["pass", "fail", "error", "warn"],
            "1 of 4 checks is met, 1 stops the version, 1 could not be made, which stops it as well, 1 only warns.",
        ),
        ([], "The spec declares no checks, so nothing can be said of the quality of these bytes."),
    ],
)
def test_the_state_in_one_sentence(verdicts, said):
    assert words.state_sentence({"checks": [{"verdict": verdict} for verdict in verdicts]}) == said


def test_only_fields_that_the_reader_knows_of_are_named():
    declared = {"name": "unique", "parameters": {"fields": ["a", "secret"]}, "start": "b"}
    assert words.fields_of(declared, {"a", "b"}) == ["a", "b"]
