"""References are spelled exactly or not at all (design §4; clause D3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.references import (
    ArtifactReference,
    DatasetReference,
    DcatReference,
    DocReference,
    InvalidReference,
    ProvReference,
    RunReference,
    StacReference,
    parse_evidence_ref,
    parse_reference,
)

HEX = "ab" * 32
UUID = "0b5a1d6e-8f0c-4a59-9c3e-2f4f3d1f0a11"
KFM = [
    "kfm://dataset/ks_counties",
    "kfm://dataset/ks_counties@2025.ab12cd34",
    "kfm://dataset/ks_counties@2025-02-28.ab12cd34.00ff00ff",
    f"kfm://artifact/sha256:{HEX}",
    "kfm://run/2026-02-20T13:15:00Z.pipe-validate-and-publish",
    "kfm://policy_decision/pd_0001",
    "kfm://audit/entry/17",
    "kfm://evidence/eb-1",
    f"kfm://doc/{UUID}",
]
EVIDENCE = [
    "dcat://ks_storm_events_demo@2026-02.b7c8e9f0",
    "dcat://ks_counties@2025.ab12cd34#dist=geojson",
    "stac://ks_counties/items/county-20067",
    "stac://ks_counties/items/county-20067#asset=data.parquet",
    "prov://kfm://run/2026-02-20T13:15:00Z.a1",
    "prov://run/2026-02-20T13:15:00Z.pipe-validate-and-publish",
    f"doc://sha256:{HEX}#page=3&span=0:120",
    "graph://county:20067",
    "graph://county:20067#rel=borders",
]


@pytest.mark.parametrize("text", KFM)
def test_a_reference_is_read_and_spelled_back(text):
    assert str(parse_reference(text)) == text


@pytest.mark.parametrize("text", EVIDENCE)
def test_d3_an_evidence_ref_is_read_and_spelled_back(text):
    assert str(parse_evidence_ref(text)) == text


def spoiled(text):
    scheme, rest = text.split("://", 1)
    yield from (f" {text}", f"{text} ", f"{text}\n", f"{text}\x00", f"x{text}", f"{text}/", f"{text}/..", f"{text}%20")
    yield from (f"{scheme.upper()}://{rest}", f"{scheme}:/{rest}", f"{scheme}:{rest}", rest, f"{text}?a=b", f"{text}#")
    yield from (
        f"{text}e\u0301",
        f"{text}\u00e9",
        text.replace("/", "\\"),
        f"{text}#x=y",
        f"{text}&x=1",
        f"{scheme}://",
    )
    yield text.replace("://", "://../")


@pytest.mark.parametrize("text", [wrong for text in KFM for wrong in spoiled(text)])
def test_a_near_miss_is_no_reference(text):
    with pytest.raises(InvalidReference):
        parse_reference(text)


@pytest.mark.parametrize("text", [wrong for text in EVIDENCE for wrong in spoiled(text)])
def test_d3_a_near_miss_is_no_evidence_ref(text):
    with pytest.raises(InvalidReference):
        parse_evidence_ref(text)


@pytest.mark.parametrize(
    "text",
    [
        "dcat://ks_counties",
        "dcat://KS_counties@2025.ab12cd34",
        "dcat://ks_counties@2025-13.ab12cd34",
        "dcat://ks_counties@2025-02-30.ab12cd34",
        "dcat://ks_counties@2025.AB12CD34",
        "dcat://ks_counties@2025.ab12cd3",
        "dcat://ks_counties@latest",
        "dcat://ks_counties@2025.ab12cd34#distribution=x",
        "stac://ks_counties/item/x",
        "stac://ks_counties/items/a/b",
        "stac://ks_counties/items/",
        "stac://./items/x",
        "prov://kfm://run/2026-02-30T13:15:00Z.a",
        "prov://kfm://run/2026-02-20T25:15:00Z.a",
        "prov://kfm://run/2026-02-20T13:15:00+00:00.a",
        "prov://kfm://dataset/ks",
        f"doc://sha256:{HEX}",
        f"doc://sha256:{HEX}#page=0&span=0:1",
        f"doc://sha256:{HEX}#page=01&span=0:1",
        f"doc://sha256:{HEX}#page=1&span=5:5",
        f"doc://sha256:{HEX}#page=1&span=5:4",
        f"doc://sha256:{HEX}#span=0:1&page=1",
        f"doc://sha256:{HEX.upper()}#page=1&span=0:1",
        f"doc://sha256:{HEX}#page=\u0661&span=0:1",
        "graph://",
        "http://example.test/",
        "kfm://dataset/ks_counties",
        "graph://" + "a" * 3_000,
        None,
        7,
    ],
)
def test_d3_anything_else_is_refused(text):
    with pytest.raises(InvalidReference):
        parse_evidence_ref(text)


slugs = st.from_regex(r"[a-z0-9_]{1,20}", fullmatch=True)
hexes = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format)
versions = st.builds("{:%Y-%m-%d}.{}".format, st.dates(), st.text("0123456789abcdef", min_size=8, max_size=8)).filter(
    lambda text: text[0].isdigit() and len(text) == 19
)
words = st.from_regex(r"[A-Za-z0-9_]{1,5}([.@:-][A-Za-z0-9_]{1,5}){0,2}", fullmatch=True)
runs = st.builds(
    RunReference,
    st.datetimes().map(lambda at: f"{at.year:04}-{at:%m-%dT%H:%M:%S}Z"),
    st.from_regex(r"[a-z0-9]{1,5}(-[a-z0-9]{1,5})?", fullmatch=True),
)


@given(st.one_of(st.builds(DatasetReference, slugs, st.none() | versions), st.builds(ArtifactReference, hexes), runs))
def test_every_reference_survives_the_round_trip(reference):
    assert parse_reference(str(reference)) == reference


@given(
    st.one_of(
        st.builds(DcatReference, slugs, versions, st.none() | words),
        st.builds(StacReference, words, words, st.none() | words),
        st.builds(ProvReference, runs, st.booleans()),
        st.builds(DocReference, hexes, st.integers(1, 999), st.just(0), st.integers(1, 10**9)),
    )
)
def test_d3_every_evidence_ref_survives_the_round_trip(reference):
    assert parse_evidence_ref(str(reference)) == reference


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    for parse in (parse_reference, parse_evidence_ref):
        try:
            assert str(parse(text)) == text
        except InvalidReference:
            continue
