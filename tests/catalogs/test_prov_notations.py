"""Clause D1 for PROV: one document has one verdict in all five notations, and each of its bundles one of its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from datasets.catalogs.prov_records import Record
from datasets.catalogs.validate_prov import detect_prov_media, validate_prov
from tests.catalogs.prov_notations import NOTATIONS, ORDER, PROV, SPACE

TIMES = ("2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z", "2026-01-01T03:00:00-05:00")
MANDATORY = {
    "wasGeneratedBy": 1, "used": 1, "wasInformedBy": 2, "wasStartedBy": 1, "wasEndedBy": 1, "wasInvalidatedBy": 1,
    "wasDerivedFrom": 2, "wasAttributedTo": 2, "wasAssociatedWith": 1, "actedOnBehalfOf": 2, "wasInfluencedBy": 2,
    "specializationOf": 2, "alternateOf": 2, "hadMember": 2,
}  # fmt: skip
NAMES = {
    "activity": ("a1", "a2"), "starter": ("a1", "a2"), "ender": ("a1", "a2"), "informed": ("a1", "a2"),
    "informant": ("a1", "a2"), "agent": ("g1", "e1"), "delegate": ("g1", "g2"), "responsible": ("g1", "g2"),
    "generation": ("r0", "r1"), "usage": ("r2", "r3"), "influencee": ("e1", "a1"), "influencer": ("e2", "a2"),
}  # fmt: skip
OPEN = ("wasDerivedFrom", "wasAssociatedWith", "actedOnBehalfOf")
"""Their absent arguments may mean "none", which a PROV-O node can't say beside another statement of its own."""


@some.composite
def statements(draw: some.DrawFn) -> list[Record]:
    """A few statements about few names, so that they often meet."""
    made = [Record("entity", "e1", {}, ""), Record("activity", "a1", {}, "")]
    for index in range(draw(some.integers(1, 6))):
        kind = draw(some.sampled_from([*MANDATORY, "entity", "activity"]))
        if kind == "entity":
            types = draw(some.sampled_from([frozenset(), frozenset(["EmptyCollection"])]))
            made.append(Record(kind, draw(some.sampled_from(["e1", "e2", "a2"])), {}, "", types))
            continue
        arguments = {
            name: draw(some.sampled_from(TIMES if "ime" in name else NAMES.get(name, ("e1", "e2", "e3"))))
            for place, name in enumerate(ORDER[kind])
            if place < MANDATORY.get(kind, 0) or draw(some.booleans())
        }
        name = draw(some.sampled_from(["a1", "a2"])) if kind == "activity" else None
        if kind in MANDATORY and kind not in {"specializationOf", "alternateOf", "hadMember"}:
            name = draw(some.sampled_from([None, f"own{index}" if kind in OPEN else f"r{index % 3}"]))
        made.append(Record(kind, name, arguments, ""))
    return made


def verdicts(records: list[Record]) -> dict[str, bool]:
    raws = {name: write(records) for name, write in NOTATIONS.items()}
    assert {name: detect_prov_media(raw) for name, raw in raws.items()} == {name: name for name in NOTATIONS}
    return {name: not validate_prov(raw, profile="core") for name, raw in raws.items()}


@settings(max_examples=150, deadline=None, derandomize=True)
@given(statements())
def test_d1_one_document_has_one_verdict_in_five_notations(records):
    assert len(set(verdicts(records).values())) == 1


@pytest.mark.parametrize(
    ("more", "valid"),
    [
        ([], True),
        ([Record("used", "u", {"activity": "a", "entity": "f"}, "")], False),
        ([Record("wasDerivedFrom", "d", {"generatedEntity": "f", "usedEntity": "e", "generation": "g"}, "")], False),
        ([Record("wasDerivedFrom", "d", {"generatedEntity": "f", "usedEntity": "e", "usage": "u"}, "")], False),
        ([Record("wasDerivedFrom", "d", {"generatedEntity": "f", "usedEntity": "e", "activity": "a", "generation": "g",
                                         "usage": "u"}, "")], True),
        ([Record("wasDerivedFrom", "d", {"generatedEntity": "f", "usedEntity": "e", "activity": "b", "generation": "g",
                                         "usage": "u"}, "")], False),
        ([Record("wasInfluencedBy", "u", {"influencee": "a", "influencer": "e"}, "")], True),
        ([Record("wasInfluencedBy", "u", {"influencee": "a", "influencer": "f"}, "")], False),
        ([Record("wasGeneratedBy", "g", {"entity": "f", "time": TIMES[0]}, ""),
          Record("wasGeneratedBy", "g", {"entity": "f", "time": TIMES[1]}, "")], False),
        ([Record("wasGeneratedBy", "g", {"entity": "f", "time": TIMES[0]}, ""),
          Record("wasGeneratedBy", "g", {"entity": "f", "time": TIMES[2]}, "")], True),
    ],
)  # fmt: skip
def test_d1_what_a_qualified_relation_says_is_judged_in_every_notation(more, valid):
    world = [
        Record("entity", "e", {}, ""),
        Record("entity", "f", {}, ""),
        Record("activity", "a", {}, ""),
        Record("used", "u", {"activity": "a", "entity": "e"}, ""),
        Record("wasGeneratedBy", "g", {"entity": "f", "activity": "a"}, ""),
    ]
    assert verdicts([*world, *more]) == dict.fromkeys(NOTATIONS, valid)


TWO = {
    "provn": (
        f"document prefix ex <{SPACE}> bundle ex:one entity(ex:x) endBundle"
        " bundle ex:{name} activity(ex:x) used(ex:x, ex:y, -) {more} endBundle endDocument"
    ),
    "provjson": (
        '{{"prefix": {{"ex": "%", "same": "%"}}, "bundle": {{"ex:one": {{"entity": {{"ex:x": {{}}}}}}, "same:{name}":'
        ' {{"activity": {{"ex:x": {{}}}}, "used": {{"_:u": {{"prov:activity": "ex:x", "prov:entity": "ex:y"}}}} {more}'
        " }}}}}}"
    ).replace("%", SPACE),
    "provxml": (
        f'<prov:document xmlns:prov="{PROV}" xmlns:ex="{SPACE}"><prov:bundleContent prov:id="ex:one"><prov:entity'
        ' prov:id="ex:x"/></prov:bundleContent><prov:bundleContent prov:id="ex:{name}"><prov:activity prov:id="ex:x"/>'
        "{more}</prov:bundleContent></prov:document>"
    ),
}
MORE = {
    "provn": "entity(ex:x)",
    "provjson": ', "entity": {"ex:x": {}}',
    "provxml": '<prov:entity prov:id="ex:x"/>',
}  # fmt: skip


@pytest.mark.parametrize("form", TWO)
def test_d1_each_bundle_is_judged_by_itself_and_has_a_name_of_its_own(form):
    def judged(name: str, more: str) -> list[str]:
        raw = TWO[form].format(name=name, more=more).encode()
        return [finding.code for finding in validate_prov(raw, profile="core")]

    assert judged("two", "") == []
    assert judged("two", MORE[form]) == ["prov_c55"]
    assert judged("one", "") == ["prov_bundle_twice"]


def test_d1_named_graphs_are_bundles():
    context = {"@context": {"p": PROV, "ex": SPACE}}
    entity, activity = {"@id": "ex:x", "@type": "p:Entity"}, {"@id": "ex:x", "@type": "p:Activity"}
    apart = context | {"@graph": [{"@id": "ex:one", "@graph": [entity]}, {"@id": "ex:two", "@graph": [activity]}]}
    together = context | {"@graph": [{"@id": "ex:one", "@graph": [entity, activity]}]}
    assert validate_prov(json.dumps(apart).encode(), profile="core") == []
    assert [found.code for found in validate_prov(json.dumps(together).encode(), profile="core")] == ["prov_c55"]
    head = f"@prefix p: <{PROV}> . @prefix ex: <{SPACE}> .\n"
    trig = head + "ex:one {{ ex:x a p:Entity }} {name} {{ ex:x a p:Activity }}"
    assert validate_prov(trig.format(name="ex:two").encode(), profile="core") == []
    assert [found.code for found in validate_prov(trig.format(name="ex:one").encode(), profile="core")] == ["prov_c55"]
    assert "rdf_syntax" in {found.code for found in validate_prov(trig.format(name="ex:two").encode(), profile="kfm")}


def test_d1_a_node_that_says_one_thing_twice_says_two_things():
    head = f"@prefix p: <{PROV}> . @prefix : <{SPACE}> .\n"
    for node in (":g", "_:g"):
        one = f":e p:qualifiedGeneration {node} . {node} p:activity :a"
        assert validate_prov(f"{head}{one} .".encode(), profile="core") == []
        assert [x.code for x in validate_prov(f"{head}{one}, :b .".encode(), profile="core")] == ["prov_c23"]
    unknown = ":e p:qualifiedGeneration [ p:activity _:a ], [ p:activity _:b ] . _:a p:used :f . _:b p:used :f ."
    assert validate_prov((head + unknown).encode(), profile="core") == []


@pytest.mark.parametrize("value", ['"yesterday"', '"2026-01-01"', ":then"])
def test_d1_a_time_of_prov_o_is_a_time(value):
    head = f"@prefix p: <{PROV}> . @prefix : <{SPACE}> .\n"
    (found,) = validate_prov(f"{head}:a p:startedAtTime {value} .".encode(), profile="core")
    assert found.code == "prov_time_form"
    assert validate_prov(f'{head}:a p:startedAtTime "{TIMES[0]}" .'.encode(), profile="core") == []


def test_d1_rdf_xml_is_read_as_strictly_as_any_other_form():
    space = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
    inner = f'<p:Activity rdf:about="{SPACE}a"><p:startedAtTime rdf:datatype="{{}}dateTime">{{}}</p:startedAtTime>'
    whole = f'<rdf:RDF xmlns:rdf="{space}" xmlns:p="{PROV}">{inner}</p:Activity></rdf:RDF>'
    good, bad = (whole.format("http://www.w3.org/2001/XMLSchema#", time) for time in (TIMES[0], "yesterday"))
    assert validate_prov(good.encode(), profile="core") == []
    assert [found.code for found in validate_prov(bad.encode(), profile="core")] == ["ill_typed_literal"]
    assert [found.code for found in validate_prov(b"<!DOCTYPE a>" + good.encode(), profile="core")] == [
        "prov_malformed"
    ]


@pytest.mark.parametrize("element", ["wasRevisionOf", "wasQuotedFrom", "hadPrimarySource"])
def test_d1_derivations_by_another_name_are_judged_in_xml(element):
    pair = '<prov:{0}><prov:generatedEntity prov:ref="ex:{1}"/><prov:usedEntity prov:ref="ex:{2}"/></prov:{0}>'
    whole = '<prov:document xmlns:prov="{}" xmlns:ex="{}">{}</prov:document>'
    one, other = pair.format(element, "e", "f"), pair.format(element, "f", "e")
    assert validate_prov(whole.format(PROV, SPACE, one).encode(), profile="core") == []
    ring = validate_prov(whole.format(PROV, SPACE, one + other).encode(), profile="core")
    assert {found.code for found in ring} == {"prov_ordering"}


def test_d1_every_member_of_a_collection_is_judged():
    members = {"prov:collection": "ex:c", "prov:entity": ["ex:e", "ex:a"]}
    document = {"prefix": {"ex": SPACE}, "activity": {"ex:a": {}}, "hadMember": {"_:m": members}}
    assert [found.code for found in validate_prov(json.dumps(document).encode(), profile="core")] == ["prov_c55"]
