"""Clause D1: which texts an XML Schema datatype has, at each edge of form, range and calendar."""

from __future__ import annotations

import pytest

from datasets.catalogs.xsd_forms import may_mean

GOOD = {
    "date": ["2024-02-29", "2000-02-29", "-0004-02-29", "12024-02-29Z", "2024-12-31+14:00"],
    "dateTime": ["2024-01-01T24:00:00", "2024-01-01T00:00:00.5-13:59"],
    "dateTimeStamp": ["2024-01-01T00:00:00Z"],
    "gMonthDay": ["--02-29", "--12-31Z"],
    "gDay": ["---31"],
    "byte": ["-128", "+127", "0000000000000000000000001"],
    "unsignedLong": ["18446744073709551615"],
    "integer": ["9" * 100_000],
    "nonPositiveInteger": ["0", "-" + "9" * 40],
    "yearMonthDuration": ["P1Y2M"],
    "dayTimeDuration": ["P1DT2H"],
    "token": ["whatever"],
}
BAD = {
    "date": ["2024-02-30", "2023-02-29", "1900-02-29", "2024-04-31", "2024-01-01+14:30", "٢٠٢٤-01-01"],
    "dateTime": ["2024-02-30T00:00:00Z", "2024-01-01T24:00:01"],
    "dateTimeStamp": ["2024-01-01T00:00:00"],
    "gMonthDay": ["--02-30", "--04-31"],
    "gDay": ["---32"],
    "byte": ["128", "-129"],
    "int": ["2147483648", "9" * 100_000],
    "unsignedLong": ["18446744073709551616", "-1"],
    "integer": ["١٢", "1.0", ""],
    "positiveInteger": ["0"],
    "negativeInteger": ["0", "1"],
    "nonPositiveInteger": ["1", "9" * 40],
    "yearMonthDuration": ["P1D"],
    "dayTimeDuration": ["P1Y", "P"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in GOOD.items() for text in texts])
def test_d1_a_text_of_its_type_is_one(name: str, text: str) -> None:
    assert may_mean(name, text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_d1_any_other_is_none(name: str, text: str) -> None:
    assert not may_mean(name, text)
