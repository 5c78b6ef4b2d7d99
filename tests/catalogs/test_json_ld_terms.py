"""JSON-LD 1.1: a key without a meaning is dropped with all that it holds; what has a meaning is kept as it is."""

from __future__ import annotations

import json

import pytest

from datasets.catalogs.json_ld_terms import without_meaningless_keys
from datasets.catalogs.rdf_reading import read_rdf

TERMS = {
    "e": "http://e/",
    "id": "@id",
    "kind": "@type",
    "name": "e:name",
    "words": {"@id": "e:words", "@container": "@language"},
    "raw": {"@id": "e:raw", "@type": "@json"},
    "gone": None,
    "part": {"@id": "e:part", "@context": {"deep": "e:deep"}},
    "e:Box": {"@id": "e:Box", "@context": {"west": "e:west"}},
}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"name": "a", "unknown": {"name": "b"}}, {"name": "a"}),
        ({"gone": 1, "e:other": 2, "http://x/y": 3}, {"e:other": 2, "http://x/y": 3}),
        ({"words": {"en": "a", "fr": "b"}}, {"words": {"en": "a", "fr": "b"}}),
        ({"raw": {"any": {"thing": 1}}}, {"raw": {"any": {"thing": 1}}}),
        ({"e:raw": {"@value": {"any": 1}, "@type": "@json"}}, {"e:raw": {"@value": {"any": 1}, "@type": "@json"}}),
        ({"part": {"deep": {"deep": 1}}, "deep": 1}, {"part": {"deep": {"deep": 1}}}),
        ({"kind": "e:Box", "west": {"west": 1}}, {"kind": "e:Box", "west": {}}),
        ({"@type": ["e:Box"], "west": 1}, {"@type": ["e:Box"], "west": 1}),
        ({"name": [{"unknown": 1}, {"id": "http://a"}]}, {"name": [{}, {"id": "http://a"}]}),
        ({"@context": {"@vocab": "http://v/"}, "any": {"thing": 1}},
         {"@context": {"@vocab": "http://v/"}, "any": {"thing": 1}}),
    ],
)  # fmt: skip
def test_only_what_has_a_meaning_is_kept(given, kept):
    assert without_meaningless_keys({"@context": TERMS, "@graph": [given]})["@graph"] == [kept]


def test_a_node_under_a_meaningless_key_says_nothing():
    raw = json.dumps({"@context": TERMS, "@id": "http://a", "name": "x", "unknown": {"@type": "e:Box"}}).encode()
    reading = read_rdf(raw, "jsonld")
    assert reading.triples is not None
    assert [str(triple.predicate.value) for triple in reading.triples] == ["http://e/name"]


@pytest.mark.parametrize(
    "value", [None, 3, [], [[]], {"@context": 3}, {"@context": [None, {"a": {"@id": None}}], "a": 1}]
)
def test_odd_documents_are_no_trouble(value):
    without_meaningless_keys(value)
