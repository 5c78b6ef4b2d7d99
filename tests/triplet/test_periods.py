"""Clause D2 of time: DCAT's dates and STAC's interval are one period, closed at both ends, to the second."""

from __future__ import annotations

import json

import pytest

from datasets.catalogs.periods import first_second, last_second
from tests.triplet.worlds import World, world


@pytest.mark.parametrize(
    ("date", "first", "last"),
    [
        ("2024", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"),
        ("2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"),
        ("2023-02", "2023-02-01T00:00:00Z", "2023-02-28T23:59:59Z"),
        ("1900-02", "1900-02-01T00:00:00Z", "1900-02-28T23:59:59Z"),
        ("2024-06-30", "2024-06-30T00:00:00Z", "2024-06-30T23:59:59Z"),
        ("2024-06-30T01:02:03Z", "2024-06-30T01:02:03Z", "2024-06-30T01:02:03Z"),
    ],
)
def test_a_date_stands_for_all_its_seconds(date, first, last):
    assert (first_second(date), last_second(date)) == (first, last)


@pytest.mark.parametrize("text", ["", "24", "2024-13", "2024-02-30", "2024-1", "2024-06-30T01:02:03", "2024 ", "None"])
def test_what_is_no_date_stands_for_nothing(text):
    assert (first_second(text), last_second(text)) == (None, None)


def amiss(spoiled: World) -> set[str]:
    return {finding.where for finding in spoiled.d2() if finding.code == "period_differs"}


def with_interval(good: World, first: str, last: str) -> World:
    document = json.loads(good.documents.stac_collection)
    document["extent"]["temporal"]["interval"] = [[first, last]]
    return good.with_documents(stac_collection=json.dumps(document).encode())


def with_items(good: World, *told: dict[str, str | None]) -> World:
    items = []
    for number, fields in enumerate(told):
        item = json.loads(good.documents.stac_items[0])
        item["id"] += "x" * number
        item["properties"].update(fields)
        items.append(json.dumps(item).encode())
    return good.with_documents(stac_items=tuple(items))


YEAR = {"temporal_start": "2024", "temporal_end": "2024"}


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2024-01-02T00:00:00Z", "2024-12-31T23:59:59Z"),
        ("2024-01-01T00:00:00Z", "2024-12-31T23:59:58Z"),
        ("2024-06-30T00:00:00Z", "2024-06-30T23:59:59Z"),
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        ("2024", "2024"),
    ],
)
def test_d2_an_interval_that_only_begins_as_the_dates_do_is_another_period(first, last):
    good = world(**YEAR)
    assert amiss(good) == set()
    assert "stac/collection extent" in amiss(with_interval(good, first, last))


def test_d2_a_second_interval_is_one_too_many():
    good = world(**YEAR)
    document = json.loads(good.documents.stac_collection)
    document["extent"]["temporal"]["interval"] *= 2
    assert amiss(good.with_documents(stac_collection=json.dumps(document).encode())) == {"stac/collection extent"}


@pytest.mark.parametrize(
    "fields",
    [
        {"start_datetime": "2024-01-01T00:00:01Z"},
        {"end_datetime": None},
        {"datetime": "2025-01-01T00:00:00Z"},
        {"datetime": "2024-02-02T00:00:00Z", "start_datetime": None, "end_datetime": None},
    ],
)
def test_d2_the_one_items_period_is_the_collections(fields):
    good = world(**YEAR)
    spoiled = amiss(with_items(good, fields))
    assert {where.partition("/i")[0] for where in spoiled} == {"stac"}


def test_d2_each_of_several_items_lies_within_the_period_in_moments_not_in_letters():
    good = world(**YEAR)
    start, end = {"start_datetime": "2024-01-01T00:00:00Z"}, {"end_datetime": "2024-12-31T23:59:59Z"}
    offset = {"start_datetime": "2023-12-31T23:30:00-01:00"}  # half past midnight of the new year in UTC
    assert amiss(with_items(good, start, offset | end)) == set()
    ahead = {"start_datetime": "2024-01-01T00:30:00+01:00"}
    backwards = {"start_datetime": "2024-03-01T00:00:00Z", "end_datetime": "2024-02-01T00:00:00Z"}
    for fields in (ahead, backwards, {"datetime": "2025-06-01T00:00:00Z"}):
        assert len(amiss(with_items(good, start, fields))) == 1, fields
