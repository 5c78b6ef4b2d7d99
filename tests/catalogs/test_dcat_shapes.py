"""Clause D1 by SHACL shapes: the quick graph says what rdflib's says, and shapes of others never pass by breaking."""

from __future__ import annotations

import json
import socket
import threading

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib

from datasets.catalogs import shacl
from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.quick_graph import graph_of
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.validate_dcat import SHAPES, validate_dcat
from kfm_console.validation import Options, judge
from tests.catalogs.facts_world import facts

PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> . @prefix x: <urn:x:> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> . x:s sh:targetClass dcat:Dataset . """
RECORD = PREFIXES.partition("x:s")[0] + '<urn:d> a dcat:Dataset ; dct:title "' + "a" * 40 + 'b" .'
TITLED = "x:s sh:property [ sh:path dct:title ; sh:minCount 1 ] ."
HOSTILE = {
    "imports": ("x:o a owl:Ontology ; owl:imports <http://127.0.0.1:9/x> . " + TITLED, "imports http://127.0.0.1:9/x"),
    "query": ('x:s sh:sparql [ sh:select "SELECT $this { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }" ] .', "sh:s"),
    "script": ('x:s sh:js [ sh:jsFunctionName "f" ] .', "which is not run here"),
    "rule": ("x:s sh:rule [ a sh:TripleRule ] .", "sh:rule"),
    "component": ("x:c a sh:ConstraintComponent . " + TITLED, "sh:ConstraintComponent"),
    "bomb": ('x:s sh:property [ sh:path dct:title ; sh:pattern "(a+)+$" ] .', "processor time, and were stopped"),
    "recursion": ("x:s sh:node x:t . x:t sh:node x:s .", "leads back to itself"),
    "cyclic list": ("x:s sh:or _:l . _:l rdf:first x:t ; rdf:rest _:l .", "recursive rdf:rest"),
    "cyclic path": (
        "x:s sh:property [ sh:path _:l ; sh:minCount 1 ] . _:l rdf:first dct:title ; rdf:rest _:l .",
        "could not be applied",
    ),
    "no expression": ('x:s sh:property [ sh:path dct:title ; sh:pattern "([" ] .', "could not be applied"),
    "too many": ('x:s sh:property [ sh:path dct:title ; sh:pattern "a{99999999999}" ] .', "could not be applied"),
    "no number": ('x:s sh:property [ sh:path dct:title ; sh:minCount "many" ] .', "xsd:integer"),
    "no path": ('x:s sh:property [ sh:path "text" ] .', "cannot be a Literal"),
    "triple term": ("x:s sh:property <<( x:a x:b x:c )>> .", "RDF 1.2"),
    "no Turtle": ("<<<", "not Turtle"),
}  # fmt: skip


@pytest.fixture
def given(tmp_path):
    def judged(text: str | bytes, record: str = RECORD) -> dict:
        shapes, data = tmp_path / "shapes.ttl", tmp_path / "record.ttl"
        shapes.write_bytes(text if isinstance(text, bytes) else (PREFIXES + text).encode())
        data.write_text(record)
        return judge("dcat", str(data), Options("core", (shapes,)))

    return judged


def test_shapes_that_stand_alone_pass_and_fail_a_record(given):
    assert given(TITLED)["verdict"] == "pass"
    assert given(TITLED.replace("dct:title", "dct:publisher"))["verdict"] == "fail"


@pytest.mark.parametrize("name", HOSTILE)
def test_shapes_that_cannot_be_judged_are_an_error_that_says_why(name, given, monkeypatch):
    monkeypatch.setattr(shacl, "LIMIT_SECONDS", 0.5)
    monkeypatch.setattr(socket, "socket", lambda *_a, **_k: pytest.fail("the network was asked"))
    text, why = HOSTILE[name]
    answer = given(text)
    assert answer["verdict"] == "error", answer
    assert {found["code"] for found in answer["findings"]} == {"cannot_check"}
    assert why in " ".join(found["message"] for found in answer["findings"])


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"<urn:a> <urn:b> <urn:c> ."])
def test_a_file_without_a_shape_finds_nothing_in_anything_and_says_so(text, given):
    assert given(text)["verdict"] == "error"


def test_an_import_that_is_not_given_hides_no_violation(given):
    broken = HOSTILE["imports"][0].replace("dct:title", "dct:publisher")
    assert given(broken)["verdict"] == "fail"


def test_an_import_is_met_by_another_file_that_is_given(tmp_path):
    first, second, data = (tmp_path / name for name in ("first.ttl", "second.ttl", "record.ttl"))
    first.write_text(PREFIXES + "x:one a owl:Ontology ; owl:imports x:two . " + TITLED)
    second.write_text(PREFIXES + "x:two a owl:Ontology . " + TITLED)
    data.write_text(RECORD)
    assert judge("dcat", str(data), Options("core", (first,)))["verdict"] == "error"
    assert judge("dcat", str(data), Options("core", (first, second)))["verdict"] == "pass"


def test_shapes_of_others_are_not_judged_where_their_time_has_no_limit(given):
    answers = []
    asked = threading.Thread(target=lambda: answers.append(given(TITLED)))
    asked.start()
    asked.join()
    assert answers[0]["verdict"] == "error"
    assert "main thread" in answers[0]["findings"][0]["message"]


def test_a_record_in_newer_rdf_cannot_be_checked(given):
    answer = given(TITLED, RECORD + ' <urn:d> dct:title "x"@en--ltr .')
    assert answer["verdict"] == "error"
    assert "RDF 1.2" in answer["findings"][0]["message"]


def spoiled() -> list[bytes]:
    """A good record, and every way to leave out one statement about its dataset or to say it of a blank node."""
    raw = build_dcat(facts(title="É “x”\n\\"))
    made = [raw]
    whole = json.loads(raw)
    place = next(number for number, node in enumerate(whole["@graph"]) if "dcat:landingPage" in node)
    for key in [key for key in whole["@graph"][place] if key != "@id"]:
        for said in (
            [],
            {"dct:title": {"@value": "007", "@type": "xsd:integer"}},
            {"@value": "", "@language": "en-US"},
        ):
            document = json.loads(raw)
            document["@graph"][place][key] = said
            made.append(json.dumps(document).encode())
    return made


def test_the_quick_graph_gets_the_verdicts_and_results_of_rdflibs_own():
    official = rdflib.Graph().parse(SHAPES)
    number = 0
    for raw in spoiled():
        reading = read_rdf(raw)
        if reading.triples is None:
            continue
        lines = ox.serialize(reading.triples, format=ox.RdfFormat.N_TRIPLES)
        conforms, report, _ = pyshacl.validate(
            rdflib.Graph().parse(data=lines, format="nt"), shacl_graph=official, inference="none"
        )
        found = [one for one in validate_dcat(raw, profile="kfm") if one.code == "shape_violation"]
        assert (found == []) == conforms
        messages = sorted(str(text) for text in report.objects(None, rdflib.SH.resultMessage))
        assert sorted(one.message.rpartition(" (")[0] for one in found) == messages
        number += not conforms
    assert number > 20


def test_the_quick_graph_answers_every_pattern_as_rdflibs_own():
    triples = read_rdf(build_dcat(facts())).triples
    quick, slow = graph_of(triples), rdflib.Graph()
    for triple in quick:
        slow.add(triple)
    assert len(quick) == len(slow) == len(set(triples))
    for whole in list(slow)[::7]:
        for mask in range(8):
            pattern = tuple(term if mask >> place & 1 else None for place, term in enumerate(whole))
            assert set(quick.triples(pattern)) == set(slow.triples(pattern))
        subject, predicate, value = whole
        assert list(quick.objects(subject, predicate)) == list(slow.objects(subject, predicate))
        assert set(quick.subjects(predicate, value)) == set(slow.subjects(predicate, value))
        assert set(quick.subject_objects(predicate)) == set(slow.subject_objects(predicate))
        assert set(quick.predicate_objects(subject)) == set(slow.predicate_objects(subject))
        assert whole in quick
    with pytest.raises(TypeError, match="not changed"):
        quick.remove((None, None, None))


def test_blank_nodes_of_two_records_share_no_name():
    """Pyshacl remembers the text of a blank node by its name: a shared one would tell of another record."""
    text = b"_:same <urn:p> 'x' ."
    first, second = (graph_of(read_rdf(text, "turtle").triples) for _ in range(2))
    assert set(first.subjects()).isdisjoint(second.subjects())
