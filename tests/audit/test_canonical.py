"""Canonical bytes and strict intake against the published vectors (design §4; clauses A1, A2)."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import CanonicalError, StrictJsonError, canonical_bytes, parse_strict
from audit.digests import Digest, InvalidDigest, digest_bytes, digest_json, digest_stream
from tests.cases import CASES, case_path

JCS = ["arrays", "french", "structures", "unicode", "values", "weird"]
SUITE = CASES / "hostile" / "json-test-suite"
PARSING = sorted(path.name for path in SUITE.glob("test_parsing/*.json"))
TRANSFORM = sorted(path.name for path in SUITE.glob("test_transform/*.json"))


@pytest.mark.parametrize("name", JCS)
def test_a2_canonical_bytes_equal_the_rfc_8785_vectors(name):
    found = canonical_bytes(parse_strict(case_path("jcs", "rfc8785", "input", f"{name}.json").read_bytes()))
    assert found == case_path("jcs", "rfc8785", "output", f"{name}.json").read_bytes()
    assert found == bytes.fromhex(case_path("jcs", "rfc8785", "outhex", f"{name}.txt").read_text())


@pytest.mark.parametrize("name", PARSING)
def test_json_intake_judges_the_parsing_suite(name):
    raw = case_path("hostile", "json-test-suite", "test_parsing", name).read_bytes()
    repeats_a_key = name.startswith("y_object_duplicated_key")  # RFC 8259 lets it pass; design §4 does not
    if name.startswith("y_") and not repeats_a_key:
        parse_strict(raw)
    elif name.startswith("n_") or repeats_a_key:
        with pytest.raises(StrictJsonError):
            parse_strict(raw)
    else:
        parsed_or_refused(raw)


def parsed_or_refused(raw):
    try:
        return parse_strict(raw)
    except StrictJsonError as error:
        return error.code


@pytest.mark.parametrize("name", TRANSFORM)
def test_json_intake_survives_the_transform_suite(name):
    parsed_or_refused(case_path("hostile", "json-test-suite", "test_transform", name).read_bytes())


@pytest.mark.parametrize(
    ("raw", "code", "where"),
    [
        (b'{"a":{"b":1,"b":2}}', "duplicate_key", "/a/b"),
        (b'{"a":1,"\\u0061":1}', "duplicate_key", "/a"),
        (b"[NaN]", "not_a_number", "/0"),
        (b"[-Infinity]", "not_a_number", "/0"),
        (b"[1e400]", "number_overflow", "/0"),
        (b"[-1e400]", "number_overflow", "/0"),
        (b'{"a/b":"\\ud800"}', "lone_surrogate", "/a~1b"),
        (b'{"\\udc00":1}', "lone_surrogate", "/\\udc00"),
        (b"\xef\xbb\xbf{}", "byte_order_mark", "byte 0"),
        ("\ufeff{}", "byte_order_mark", "byte 0"),
        ("\ud800", "lone_surrogate", "character 0"),
        (b'"\xff"', "invalid_utf8", "byte 1"),
        (b"[" * 101 + b"]" * 101, "too_deep", "character 100"),
        (b"[" * 1_000_000, "too_deep", "character 100"),
        (b'{"a":' * 1_000_000, "too_deep", "character 500"),
        (b"1" * 5_000, "number_too_long", ""),
        (b" " * (16 * 1024 * 1024) + b"1", "too_large", ""),
        (b"", "not_json", "line 1 column 1"),
        (b"{'a':1}", "not_json", "line 1 column 2"),
        (b"[1] x", "not_json", "line 1 column 5"),
    ],
)
def test_json_intake_says_what_it_refuses_and_where(raw, code, where):
    with pytest.raises(StrictJsonError) as refused:
        parse_strict(raw)
    assert (refused.value.code, refused.value.where) == (code, where)


def test_json_intake_keeps_numbers_apart_and_brackets_in_strings():
    assert [type(number) for number in parse_strict(b"[1, 1.0, 1e2, -0]")] == [int, float, float, int]
    assert parse_strict(b'["' + b"[" * 1_000 + b'\\"{"]') == ["[" * 1_000 + '"{']
    assert parse_strict(b"[" * 100 + b"]" * 100) is not None


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", {"\ud800": 1}, 2**53, -(2**53), {1: 2}, {1}, b"x", object()]
)
def test_a_value_without_canonical_form_is_refused(value):
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


def test_a_value_that_contains_itself_is_refused():
    value = []
    value.append(value)
    with pytest.raises(CanonicalError):
        canonical_bytes(value)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(json_values)
def test_canonical_bytes_are_read_back_and_are_their_own_canonical_form(value):
    once = canonical_bytes(value)
    assert parsed_or_refused(once) == "duplicate_key" or canonical_bytes(read_as_doubles(once)) == once


def read_as_doubles(raw):
    """JSON integers beyond 2^53 - 1 that canonical doubles spell (1e20) are doubles to JCS."""

    def doubled(value):
        match value:
            case bool():
                return value
            case int() if abs(value) >= 2**53:
                return float(value)
            case list():
                return [doubled(item) for item in value]
            case dict():
                return {key: doubled(item) for key, item in value.items()}
        return value

    return doubled(parse_strict(raw))


@given(st.binary(max_size=200))
def test_json_intake_never_crashes(raw):
    parsed_or_refused(raw)


def test_a2_the_spec_hash_of_kfms_own_example_is_the_known_one():
    spec = parse_strict(case_path("kfm", "spec", "noaa_ncei_storm_events.spec.json").read_bytes())
    assert str(digest_json(spec)) == "sha256:d282c86f74bcfeabe0439c8c283b8687152fc0f09dcc8d776d14f29d918d0318"


def test_a_digest_names_bytes():
    digest = digest_bytes(b"kfm")
    assert Digest.parse(str(digest)) == digest == digest_stream(io.BytesIO(b"kfm"))
    assert str(digest).removeprefix("sha256:").startswith(digest.short)


NO_DIGESTS = ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "a" * 63, "sha256:" + "a" * 64 + "\n", "a" * 64, None]


@pytest.mark.parametrize("text", [*NO_DIGESTS, "SHA256:" + "a" * 64, "sha512:" + "a" * 64])
def test_anything_else_is_no_digest(text):
    with pytest.raises(InvalidDigest):
        Digest.parse(text)
