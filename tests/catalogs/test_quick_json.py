"""Design §4: quick reading takes in what strict reading takes in, as the same value, and refuses in the same words."""

from __future__ import annotations

import json

import pytest

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.quick_json import parse_quickly
from tests.cases import CASES


def outcome(parse, raw):
    try:
        return "read", json.dumps(parse(raw), sort_keys=True)
    except StrictJsonError as error:
        return error.code, error.where, error.message


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}', "[NaN]", "[1e999]", "[-1e999]", "[" * 101 + "]" * 101, "[" * 100 + "]" * 100,
        "[" * 5_000 + "]" * 5_000, "9" * 5_000, "9" * 400, "-0", "1.0", '["\\ud800"]', '["\\ud83d\\ude00"]', "\ufeff{}",
        '{"a": {"b": [1, {"c": 1, "c": 2}]}}', '["]]]]", "[[["]', "", "nul", '{"ä": "ö"}', "[1,]", '"\x01"',
        '{"a" : 1, "a" : 2}', '{"a"\n:1,"a"\t:2}', '{"a": "\\":", "a": 1}', '{"a": ":", "b": "\\": \\":"}',
        '{"a" : 1, "a": "\\":"}', '[{"a": 1}, {"a": 2}]', '{"": 1, "": 2}', '{"a": {"a": 1}}', '{"\\n": 1, "\\n": 2}',
    ],
)  # fmt: skip
def test_quick_and_strict_reading_agree(text):
    raw = text.encode("utf-8", "surrogatepass")
    assert outcome(parse_quickly, raw) == outcome(parse_strict, raw)


@pytest.mark.parametrize("raw", [b"\xff", b'["\xed\xa0\x80"]', b"\xfe\xff\x00[", b'{"a":"\xc3"}'])
def test_quick_and_strict_reading_agree_on_bytes_that_are_no_text(raw):
    assert outcome(parse_quickly, raw) == outcome(parse_strict, raw)


def test_a_text_that_broke_off_leaves_nothing_counted_behind():
    for text in ('{"a": {"b": 1}, "c": {"d": 2', '{"a": 1, "a": 2}', '{"a": 1, "b": 2}'):
        assert outcome(parse_quickly, text.encode()) == outcome(parse_strict, text.encode())


@pytest.mark.slow
def test_quick_and_strict_reading_agree_on_every_json_case():
    files = [path for path in CASES.rglob("*.json") if path.is_file() and path.stat().st_size < 1_500_000]
    if not files:
        pytest.skip("shared/cases is not on this machine")
    for path in files:
        raw = path.read_bytes()
        assert outcome(parse_quickly, raw) == outcome(parse_strict, raw), path.name
