"""Design §8: many records are one DCAT catalogue, the same in both forms, by their bytes, in bounded memory."""

from __future__ import annotations

import json
import tracemalloc

import pyoxigraph as ox
import pytest
import rdflib

from datasets.catalogs import dcat
from datasets.catalogs.catalogue import UnreadableRecordError, catalogue_json_ld, catalogue_turtle
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.namespaces import dataset_iri
from tests.catalogs.facts_world import facts

IRI = "https://kfm.example/api/v1/dcat/catalog"
WAYS = {"json-ld": (catalogue_json_ld, build_dcat, ox.RdfFormat.JSON_LD),
        "turtle": (catalogue_turtle, build_dcat_turtle, ox.RdfFormat.TURTLE)}  # fmt: skip


def records(count: int, build=build_dcat):
    for number in range(count):
        some = facts(dataset_slug=f"set_{number:05}", title=f"Set {number} “é”\n  ]\n}}", policy_label="public")
        yield dataset_iri(some.dataset_slug, some.dataset_version_id), build(some)


def triples(raw: bytes, form: ox.RdfFormat) -> set[str]:
    return {str(quad.triple) for quad in ox.parse(raw, format=form)}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own parser
@pytest.mark.parametrize("count", [0, 1, 7])
def test_both_forms_are_one_document_each_and_say_the_same(count):
    said = {}
    for name, (join, build, form) in WAYS.items():
        raw = b"".join(join(IRI, records(count, build)))
        assert raw == b"".join(join(IRI, records(count, build)))
        said[name] = triples(raw, form)
        graph = rdflib.Graph().parse(data=raw, format=name)
        assert len(graph) == len(said[name])
        assert len(set(graph.objects(rdflib.URIRef(IRI), rdflib.DCAT.dataset))) == count
    assert said["json-ld"] == said["turtle"]
    for _, raw in records(count):
        assert triples(raw, ox.RdfFormat.JSON_LD) < said["turtle"]


@pytest.mark.parametrize("name", WAYS)
def test_stored_records_are_taken_over_and_nothing_is_built_for_an_answer(name, monkeypatch):
    join, build, _ = WAYS[name]
    stored = list(records(5, build))
    built = []
    real = dcat._nodes
    monkeypatch.setattr(dcat, "_nodes", lambda some: built.append(some.dataset_slug) or real(some))
    before = b"".join(join(IRI, stored))
    assert built == []
    stored[2] = (stored[2][0], build(facts(dataset_slug="set_00002", title="Another title")))
    after = b"".join(join(IRI, stored))
    assert built == ["set_00002"]  # one changed version rebuilds one version
    assert before != after
    for _, raw in stored[:2] + stored[3:]:
        body = raw[raw.index(b'"@graph": [') + 12 : -7] if name == "json-ld" else raw[raw.index(b"\n<") + 1 :]
        assert body in before
        assert body in after


@pytest.mark.parametrize("name", WAYS)
def test_a_catalogue_streams_in_bounded_memory(name):
    join, build, _ = WAYS[name]
    one = next(iter(records(1, build)))[1]
    peaks = []
    for count in (200, 4000):
        source = ((f"kfm://dataset/set_{number}@2024.0a1b2c3d", one) for number in range(count))
        tracemalloc.start()
        size = sum(len(part) for part in join(IRI, source))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert size > count * (len(one) - 1000)
    assert peaks[1] < peaks[0] + 20_000
    assert peaks[1] < 400_000


def test_a_record_that_another_hand_wrote_says_the_same_in_the_catalogue():
    (iri, raw), *_ = records(1)
    document = json.loads(raw)
    others = [json.dumps(document).encode(), json.dumps({**document, "@context": [document["@context"]]}).encode()]
    one = {**document["@graph"][0], "@context": {**document["@context"], "x": "urn:x:"}}
    others.append(json.dumps(one).encode())
    for other in others:
        joined = triples(b"".join(catalogue_json_ld(IRI, [(iri, other)])), ox.RdfFormat.JSON_LD)
        assert triples(other, ox.RdfFormat.JSON_LD) < joined
    turtle = ox.serialize(ox.parse(raw, format=ox.RdfFormat.JSON_LD), format=ox.RdfFormat.TURTLE)
    joined = triples(b"".join(catalogue_turtle(IRI, [(iri, turtle)])), ox.RdfFormat.TURTLE)
    assert triples(turtle, ox.RdfFormat.TURTLE) < joined


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff", b"<a> <b> ;", b'{"@graph": [}', b"@prefix x"])
def test_an_unreadable_record_ends_the_catalogue(raw):
    for join in (catalogue_json_ld, catalogue_turtle):
        if join is catalogue_turtle and raw == b"":
            continue  # no triple, and no fault, in Turtle
        with pytest.raises(UnreadableRecordError, match="urn:some"):
            b"".join(join(IRI, [("urn:some", raw)]))
