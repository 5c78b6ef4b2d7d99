"""Clause D1 for PROV: the constraints by their numbers, in every form that is read, one fault at a time."""

from __future__ import annotations

import time

import pytest

from datasets.catalogs.prov_constraints import check_constraints
from datasets.catalogs.prov_records import Record
from datasets.catalogs.validate_prov import detect_prov_media, validate_prov

GOOD = """
// what a run did
document
  prefix ex <http://example.org/>
  /* two entities, and an activity between them */
  entity(ex:raw, [prov:type='ex:File', ex:rows="10" %% xsd:int, ex:title="Raw"@en, ex:n=3])
  entity(ex:clean)
  activity(ex:run, 2026-01-01T00:00:00Z, -)
  agent(ex:someone)
  used(ex:u1; ex:run, ex:raw, -)
  wasGeneratedBy(ex:g1; ex:clean, ex:run, 2026-01-01T00:10:00Z, [ex:port="p1"])
  wasDerivedFrom(ex:clean, ex:raw, ex:run, ex:g1, ex:u1)
  wasAssociatedWith(ex:run, ex:someone, -)
  wasStartedBy(ex:run, ex:raw, -, 2026-01-01T00:00:00Z)
  bundle ex:b1
    prefix other <http://other.example/>
    entity(other:thing)
  endBundle
endDocument
"""

PREFIXES = "@prefix p: <http://www.w3.org/ns/prov#> . @prefix : <http://e/> .\n"


def codes(statements: str, profile: str = "core") -> set[str]:
    """What is found when statements are added to the good document, before its bundle."""
    raw = GOOD.replace("  bundle ex:b1", f"{statements}\n  bundle ex:b1").encode()
    return {finding.code for finding in validate_prov(raw, profile=profile)}


def test_d1_prov_n_is_read_and_only_kfm_asks_for_another_form():
    assert detect_prov_media(GOOD.encode()) == "provn"
    assert codes("") == set()
    assert codes("", "kfm") == {"kfm_prov_form"}


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        ("activity(ex:run, 2026-02-01T00:00:00Z, -)", "prov_c22"),
        ("used(ex:u1; ex:run, ex:clean, -)", "prov_c23"),
        ("wasGeneratedBy(ex:g2; ex:clean, ex:run, -)", "prov_c24"),
        ("wasStartedBy(ex:run, ex:raw, -, 2026-03-01T00:00:00Z)", "prov_c28"),
        ("wasDerivedFrom(ex:raw, ex:clean)", "prov_ordering"),
        ("wasDerivedFrom(ex:x, ex:y)\nwasStartedBy(ex:a, ex:x, -, -)\nwasGeneratedBy(ex:y, ex:a, -)", "prov_ordering"),
        ("specializationOf(ex:clean, ex:v2)\nwasDerivedFrom(ex:v2, ex:clean)", "prov_ordering"),
        ("wasAttributedTo(ex:clean, ex:maker)\nwasDerivedFrom(ex:maker, ex:clean)", "prov_ordering"),  # 48.1
        ("wasDerivedFrom(ex:p, ex:q, -, ex:g9, -)", "prov_c51"),
        ("specializationOf(ex:raw, ex:raw)", "prov_c52"),
        ("specializationOf(ex:p, ex:q)\nspecializationOf(ex:q, ex:r)\nspecializationOf(ex:r, ex:p)", "prov_c52"),
        ("wasInvalidatedBy(ex:u1; ex:raw, -, -)", "prov_c53"),
        ("entity(ex:u1)", "prov_c54"),
        ("entity(ex:run)", "prov_c55"),
        ("entity(ex:none, [prov:type='prov:EmptyCollection'])\nhadMember(ex:none, ex:raw)", "prov_c56"),
        ("used(ex:o, ex:raw, 2026-01-01T00:00:00Z)\nused(ex:o, ex:raw, 2026-01-02T00:00:00Z)", "prov_usage_twice"),
    ],
)  # fmt: skip
def test_d1_each_constraint_is_found_by_its_number(statements, code):
    assert code in codes(statements)


@pytest.mark.parametrize(
    "statements",
    [
        "activity(ex:run, 2026-01-01T01:00:00+01:00, -)",
        "used(ex:u2; ex:run, ex:raw, 2026-01-01T00:01:00Z)\nused(ex:u3; ex:run, ex:raw, 2026-01-01T00:02:00Z)",
        "agent(ex:run)",
        "wasAttributedTo(ex:clean, ex:someone)\nactedOnBehalfOf(ex:someone, ex:boss, ex:run)",
        "hadMember(ex:all, ex:raw)\nspecializationOf(ex:clean, ex:all)",
        "wasEndedBy(ex:run, ex:clean, ex:run, 2026-01-02T00:00:00Z)",
        "ex:own(ex:raw, ex:clean)",
    ],
)
def test_d1_what_the_recommendation_allows_is_not_refused(statements):
    assert codes(statements) == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("endDocument", ""),
        ("endBundle", ""),
        ("entity(ex:clean)", "entity(ex:clean"),
        ("entity(ex:clean)", "entity(-)"),
        ("entity(ex:clean)", "entity(no:clean)"),
        ("entity(ex:clean)", "entity(bare)"),
        ("entity(ex:clean)", "thing(ex:clean)"),
        ("entity(ex:clean)", "entity(ex:clean, ex:raw)"),
        ("entity(ex:clean)", "entity(ex:clean, [ex:a=ex:b])"),
        ("activity(ex:run, 2026-01-01T00:00:00Z, -)", "activity(ex:run, ex:raw, -)"),
        ("<http://example.org/>", "http://example.org/"),
        ("endDocument", "endDocument entity(ex:late)"),
        ("// what", "/* what"),
    ],
)
def test_d1_malformed_prov_n_fails_with_a_place(old, new):
    found = validate_prov(GOOD.replace(old, new, 1).encode(), profile="core", media="provn")
    assert [finding.code for finding in found] == ["prov_malformed"]
    assert found[0].where.startswith("line ")


@pytest.mark.slow
def test_d1_every_prefix_of_a_prov_n_document_is_judged_without_breaking_down():
    raw = GOOD.encode()
    for end in range(len(raw)):
        assert validate_prov(raw[:end], profile="core", media="provn") or end >= len(raw) - 1


def test_d1_qualified_starts_and_revisions_of_prov_o_are_judged():
    head = PREFIXES + "@prefix x: <http://www.w3.org/2001/XMLSchema#> .\n"
    late = ':a p:qualifiedStart [ p:atTime "2026-02-01T00:00:00Z"^^x:dateTime ] .'
    begun = ':a a p:Activity ; p:startedAtTime "2026-01-01T00:00:00Z"^^x:dateTime .'
    ring = ":e p:wasRevisionOf :f . :f p:qualifiedRevision [ p:entity :e ] ."
    empty = ":c a p:EmptyCollection ; p:hadMember :e ."
    for statements, code in ((begun + late, "prov_c28"), (ring, "prov_ordering"), (empty, "prov_c56")):
        found = validate_prov((head + statements).encode(), profile="core")
        assert {finding.code for finding in found} == {code}


def test_d1_types_of_several_bundles_in_one_graph_are_not_held_against_each_other():
    head = PREFIXES + ":x a p:Entity, p:Activity . :b1 a p:Bundle .\n"
    one, two = head.encode(), (head + ":b2 a p:Bundle .").encode()
    assert {finding.code for finding in validate_prov(one, profile="core")} == {"prov_c55"}
    assert validate_prov(two, profile="core") == []
    assert "prov_c55" in {finding.code for finding in validate_prov(two, profile="kfm")}


def test_d1_ordering_takes_time_linear_in_the_records():
    chain = [
        Record("wasDerivedFrom", None, {"generatedEntity": f"e{n + 1}", "usedEntity": f"e{n}"}, f"{n}")
        for n in range(20_000)
    ]
    begun = time.process_time()
    assert check_constraints(chain) == []
    assert time.process_time() - begun < 10
    closed = [*chain, Record("wasDerivedFrom", None, {"generatedEntity": "e0", "usedEntity": "e20000"}, "last")]
    assert {finding.code for finding in check_constraints(closed)} == {"prov_ordering"}


def test_d1_a_comment_full_of_slashes_takes_no_time():
    begun = time.process_time()
    raw = GOOD.replace("// what a run did", "// " * 60 + "\n/* " + "* " * 60 + "*/").encode()
    assert validate_prov(raw, profile="core") == []
    assert detect_prov_media(b"//" * 30_000 + b"\n@prefix p: <http://e/> .") == "turtle"
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        ("wasDerivedFrom(ex:z, ex:y, ex:a, ex:g, ex:u)\nwasGeneratedBy(ex:g; ex:z, ex:b, -)", "prov_c23"),
        ("wasDerivedFrom(ex:z, ex:y, ex:a, ex:g, ex:u)\nused(ex:u; ex:a, ex:other, -)", "prov_c23"),
        ("wasDerivedFrom(ex:z, ex:y, ex:a, ex:g, ex:u)\nwasGeneratedBy(ex:h; ex:z, ex:a, -)", "prov_c24"),
        ("wasStartedBy(ex:a, ex:z, -, -)\nwasDerivedFrom(ex:z, ex:y)\nwasDerivedFrom(ex:y, ex:x, ex:a, -, -)",
         "prov_ordering"),
    ],
)  # fmt: skip
def test_d1_a_derivation_by_an_activity_implies_its_usage_and_generation(statements, code):
    assert code in codes(statements)


ALIASED = (
    "document\nprefix ex <http://e/>\nprefix other <http://e/>\nprefix p <http://www.w3.org/ns/prov#>\n{}\nendDocument"
)
XML = (
    '<prov:document xmlns:prov="http://www.w3.org/ns/prov#" xmlns:ex="http://e/">{}</prov:document>'  # every form alike
)


def judged(raw: str) -> list[str]:
    return [finding.code for finding in validate_prov(raw.encode(), profile="core")]


def test_d1_a_name_is_its_iri_and_not_its_prefix():
    twice = "activity(ex:a, 2026-01-01T00:00:00Z, -)\nactivity(other:a, 2026-01-02T00:00:00Z, -)"
    assert judged(ALIASED.format(twice)) == ["prov_c22"]
    member = "entity(ex:c, [prov:type='{}'])\nhadMember(ex:c, ex:e)"
    assert judged(ALIASED.format(member.format("p:EmptyCollection"))) == ["prov_c56"]
    assert judged(ALIASED.format(member.format("ex:NoEmptyCollection"))) == []
    rebound = "entity(ex:e)\nbundle ex:b\nprefix ex <http://f/>\nactivity(ex:e)\nendBundle"
    assert judged(ALIASED.format(rebound)) == []
    prefixes = '"prefix":{"ex":"http://e/","other":"http://e/"}'
    one, two = (f'{{"prov:startTime":"2026-01-0{day}T00:00:00Z"}}' for day in (1, 2))
    times = f'"activity":{{"ex:a":{one},"other:a":{two}}}'
    assert judged(f"{{{prefixes},{times}}}") == ["prov_c22"]
    one = '<prov:activity {}="{}:a"><prov:startTime>2026-01-0{}T00:00:00Z</prov:startTime></prov:activity>'
    both = one.format("prov:id", "ex", 1) + one.format('xmlns:o="http://e/" prov:id', "o", 2)
    assert judged(XML.format(both)) == ["prov_c22"]


@pytest.mark.parametrize("moment", ["2024-02-30T00:00:00Z", "2024-01-01T25:00:00Z", "2024-01-01T00:00:00+15:00"])
def test_d1_a_time_that_never_was_is_malformed_in_every_form(moment):
    assert judged(ALIASED.format(f"activity(ex:a, {moment}, -)")) == ["prov_malformed"]
    assert judged(f'{{"prefix":{{"ex":"http://e/"}},"activity":{{"ex:a":{{"prov:startTime":"{moment}"}}}}}}') == [
        "prov_malformed"
    ]
    assert judged(
        XML.format(f'<prov:activity prov:id="ex:a"><prov:endTime>{moment}</prov:endTime></prov:activity>')
    ) == ["prov_malformed"]
    typed = f':a p:startedAtTime "{moment}"^^<http://www.w3.org/2001/XMLSchema#dateTime> .'
    assert judged(PREFIXES + typed) == ["ill_typed_literal"]


def test_d1_no_bundle_holds_a_bundle_however_deep():
    bundle = '<prov:bundleContent prov:id="ex:b">'
    assert judged(XML.format(bundle * 5000 + "</prov:bundleContent>" * 5000)) == ["prov_malformed"]
    inner = '"bundle":{"ex:c":{"entity":{"ex:e":{}}}}'
    assert judged(f'{{"prefix":{{"ex":"http://e/"}},"bundle":{{"ex:b":{{{inner}}}}}}}') == ["prov_malformed"]
