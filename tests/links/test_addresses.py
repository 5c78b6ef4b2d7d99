"""Which addresses catalogs name: the pages people open, never the console's own and never mere names."""

from __future__ import annotations

import json

from datasets.catalogs.outside_addresses import LONGEST, outside_addresses
from datasets.steps.ask_links import addresses_of
from tests.links.conftest import LICENCE, TERMS

OWN = "http://127.0.0.1:8000"


def dcat(**more: str) -> bytes:
    context = {"dct": "http://purl.org/dc/terms/", "dcat": "http://www.w3.org/ns/dcat#"}
    context |= {"foaf": "http://xmlns.com/foaf/0.1/"}
    node = {"@id": "kfm://dataset/x@2026.aaaaaaaa", "@type": "dcat:Dataset"}
    return json.dumps({"@context": context, **node, **{k: {"@id": v} for k, v in more.items()}}).encode()


def test_a_real_version_names_its_licence_and_its_terms(version):
    assert addresses_of(version) == {LICENCE: "licence", TERMS: "terms"}


def test_pages_are_named_by_what_they_are():
    found = outside_addresses(
        dcat(**{"foaf:homepage": "https://a.example.org/", "foaf:page": "https://b.example.org/doc"}), (), own=OWN
    )
    assert found == {"https://a.example.org/": "homepage", "https://b.example.org/doc": "documentation"}


def test_our_own_addresses_and_mere_names_are_left_out():
    names = {
        "dcat:landingPage": f"{OWN}/api/v1/datasets/x",
        "dcat:theme": "https://kansasfrontiermatrix.org/theme/water",
        "dct:source": "kfm://dataset/y",
        "dcat:mediaType": "https://www.iana.org/assignments/media-types/text/csv",
    }
    assert outside_addresses(dcat(**names), (), own=OWN) == {}
    lookalike, own = "https://console.example.org.evil.example.net/x", "https://console.example.org"
    assert list(outside_addresses(dcat(**{"dct:source": lookalike}), (), own=own)) == [lookalike]


def test_stac_links_count_and_what_is_no_web_address_does_not():
    links = [
        {"rel": "about", "href": "https://c.example.org/"},
        {"rel": "x", "href": "file:///etc/passwd"},
        {"rel": "y"},
    ]
    raw = json.dumps({"links": [*links, {"rel": "long", "href": "https://d.example.org/" + "a" * LONGEST}]}).encode()
    assert outside_addresses(b"", (raw, b"{", b"[]"), own=OWN) == {"https://c.example.org/": "about link"}


def test_an_address_with_a_control_character_is_none():
    raw = json.dumps({"links": [{"rel": "about", "href": "https://c.example.org/\u0000x"}]}).encode()
    assert outside_addresses(b"", (raw,), own=OWN) == {}
