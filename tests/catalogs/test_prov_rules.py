"""Clause D1 for PROV, rule by rule: W3C PROV-CONSTRAINTS 9-56, each spoiled by itself in one good document."""

from __future__ import annotations

import pytest

from datasets.catalogs.prov_clock import clock_faults
from datasets.catalogs.prov_constraints import check_constraints
from datasets.catalogs.prov_normal_form import normal_form
from datasets.catalogs.prov_notation import bundles_from_notation
from datasets.catalogs.prov_records import Record

EARLY, LATE = "2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z"
GOOD = """
entity(ex:e) entity(ex:f) activity(ex:a) activity(ex:b) agent(ex:someone)
used(ex:u; ex:a, ex:e, -) wasGeneratedBy(ex:g; ex:f, ex:a, -) wasDerivedFrom(ex:f, ex:e, ex:a, ex:g, ex:u)
wasAssociatedWith(ex:s; ex:a, ex:someone, -)
"""
EMPTY = "entity(ex:none, [prov:type='prov:EmptyCollection'])"

UNIQUE = {
    "11: its usage": ("wasDerivedFrom(ex:x, ex:y, ex:a, -, ex:u)", "prov_c23"),
    "11: its generation": ("wasDerivedFrom(ex:f, ex:e, ex:b, ex:g, -)", "prov_c23"),
    "15: another influencer": ("wasInfluencedBy(ex:u; ex:a, ex:f)", "prov_c23"),
    "15: a start's trigger": ("wasStartedBy(ex:st; ex:a, ex:e, -, -) wasInfluencedBy(ex:st; ex:a, ex:b)", "prov_c23"),
    "22": (f"activity(ex:a, {EARLY}, -) activity(ex:a, {LATE}, -)", "prov_c22"),
    "23": ("used(ex:u; ex:b, ex:e, -)", "prov_c23"),
    "23: no plan and a plan": ("wasAssociatedWith(ex:s; ex:a, ex:someone, ex:plan)", "prov_c23"),
    "24": ("wasGeneratedBy(ex:g2; ex:f, ex:a, -)", "prov_c24"),
    "25": ("wasInvalidatedBy(ex:i; ex:e, ex:a, -) wasInvalidatedBy(ex:j; ex:e, ex:a, -)", "prov_c25"),
    "26": ("wasStartedBy(ex:i; ex:a, ex:e, ex:b, -) wasStartedBy(ex:j; ex:a, ex:e, ex:b, -)", "prov_c26"),
    "27": ("wasEndedBy(ex:a, ex:e, ex:b, -) wasEndedBy(ex:a, ex:f, ex:b, -)", "prov_c27"),
    "28": (f"wasStartedBy(ex:a, ex:e, -, {EARLY}) wasStartedBy(ex:a, ex:f, -, {LATE})", "prov_c28"),
    "29": (f"activity(ex:b, -, {LATE}) wasEndedBy(ex:b, -, -, {EARLY})", "prov_c29"),
    "50: a starter is an activity": ("wasStartedBy(ex:b, -, ex:e, -)", "prov_c55"),
    "50: a bundle is an entity": ("mentionOf(ex:e, ex:x, ex:a)", "prov_c55"),
    "51": ("wasDerivedFrom(ex:f, ex:e, -, -, ex:u)", "prov_c51"),
    "52: by 19": ("specializationOf(ex:e, ex:f) specializationOf(ex:f, ex:e)", "prov_c52"),
    "53": ("wasGeneratedBy(ex:u; ex:e, ex:b, -)", "prov_c53"),
    "54": ("wasInfluencedBy(ex:someone; ex:e, ex:f)", "prov_c54"),
    "55": ("activity(ex:e)", "prov_c55"),
    "56: by 21": (
        f"{EMPTY} specializationOf(ex:less, ex:none) specializationOf(ex:least, ex:less) hadMember(ex:least, ex:e)",
        "prov_c56",
    ),
    "42": ("wasDerivedFrom(ex:e, ex:f)", "prov_ordering"),
    "45": ("specializationOf(ex:f, ex:v2) wasDerivedFrom(ex:v2, ex:f)", "prov_ordering"),
    "48": ("wasAttributedTo(ex:f, ex:maker) wasDerivedFrom(ex:maker, ex:f)", "prov_ordering"),
    "9, 34 and 43": ("wasStartedBy(ex:a, ex:f, -, -)  wasStartedBy(ex:a, ex:x, -, -) wasDerivedFrom(ex:x, ex:f)",
                     "prov_ordering"),
}  # fmt: skip
ORDERED = {
    "9: a starter made the trigger": "wasStartedBy(ex:b, ex:x, ex:a, -) activity(ex:a, {late}, -)"
    " wasGeneratedBy(ex:x, -, {early})",
    "10: an ender made the trigger": "wasEndedBy(ex:b, ex:x, ex:a, -) activity(ex:a, {late}, -)"
    " wasGeneratedBy(ex:x, -, {early})",
    "31": "wasStartedBy(ex:c, ex:e, -, {early}) wasStartedBy(ex:c, ex:f, -, {late})",
    "32": "wasEndedBy(ex:c, ex:e, -, {early}) wasEndedBy(ex:c, ex:f, -, {late})",
    "33: not before the start": "activity(ex:b, {late}, -) used(ex:b, ex:e, {early})",
    "33: not after the end": "activity(ex:b, -, {early}) used(ex:b, ex:e, {late})",
    "34: not before the start": "activity(ex:b, {late}, -) wasGeneratedBy(ex:x, ex:b, {early})",
    "34: not after the end": "activity(ex:b, -, {early}) wasGeneratedBy(ex:x, ex:b, {late})",
    "35": "wasInformedBy(ex:b, ex:c) activity(ex:c, {late}, -) activity(ex:b, -, {early})",
    "36": "wasGeneratedBy(ex:x, -, {late}) wasInvalidatedBy(ex:x, -, {early})",
    "37": "wasGeneratedBy(ex:x, -, {late}) used(ex:b, ex:x, {early})",
    "38": "used(ex:b, ex:x, {late}) wasInvalidatedBy(ex:x, -, {early})",
    "39": "wasGeneratedBy(ex:x, ex:b, {late}) wasGeneratedBy(ex:x, ex:c, {early})",
    "40": "wasInvalidatedBy(ex:x, ex:b, {late}) wasInvalidatedBy(ex:x, ex:c, {early})",
    "41": "wasDerivedFrom(ex:y, ex:x, ex:b, -, ex:v) used(ex:v; ex:b, ex:x, {late})"
    " wasGeneratedBy(ex:y, ex:b, {early})",
    "42": "wasDerivedFrom(ex:y, ex:x) wasGeneratedBy(ex:x, -, {late}) wasGeneratedBy(ex:y, -, {early})",
    "43: the trigger is there": "wasStartedBy(ex:b, ex:x, -, {early}) wasGeneratedBy(ex:x, -, {late})",
    "43: the trigger is not gone": "wasStartedBy(ex:b, ex:x, -, {late}) wasInvalidatedBy(ex:x, -, {early})",
    "44: the trigger is there": "wasEndedBy(ex:b, ex:x, -, {early}) wasGeneratedBy(ex:x, -, {late})",
    "44: the trigger is not gone": "wasEndedBy(ex:b, ex:x, -, {late}) wasInvalidatedBy(ex:x, -, {early})",
    "45": "specializationOf(ex:y, ex:x) wasGeneratedBy(ex:x, -, {late}) wasGeneratedBy(ex:y, -, {early})",
    "46": "specializationOf(ex:y, ex:x) wasInvalidatedBy(ex:y, -, {late}) wasInvalidatedBy(ex:x, -, {early})",
    "47: an entity, not gone": "wasAssociatedWith(ex:b, ex:x, -) activity(ex:b, {late}, -)"
    " wasInvalidatedBy(ex:x, -, {early})",
    "47: an entity, there": "wasAssociatedWith(ex:b, ex:x, -) activity(ex:b, -, {early})"
    " wasGeneratedBy(ex:x, -, {late})",
    "47: an activity, not ended": "wasAssociatedWith(ex:b, ex:c, -) activity(ex:b, {late}, -)"
    " activity(ex:c, -, {early})",
    "47: an activity, begun": "wasAssociatedWith(ex:b, ex:c, -) activity(ex:b, -, {early}) activity(ex:c, {late}, -)",
    "48: an entity": "wasAttributedTo(ex:y, ex:x) wasGeneratedBy(ex:y, -, {early}) wasGeneratedBy(ex:x, -, {late})",
    "48: an activity": "wasAttributedTo(ex:y, ex:c) wasGeneratedBy(ex:y, -, {early}) activity(ex:c, {late}, -)",
    "49: an entity": "actedOnBehalfOf(ex:y, ex:x, -) wasInvalidatedBy(ex:y, -, {early})"
    " wasGeneratedBy(ex:x, -, {late})",
    "49: an activity": "actedOnBehalfOf(ex:c, ex:d, -) activity(ex:c, -, {early}) activity(ex:d, {late}, -)",
}


def records(statements: str) -> list[Record]:
    raw = f"document prefix ex <http://e/> {GOOD} {statements} endDocument"
    (bundle,) = bundles_from_notation(raw.encode())
    return list(bundle.records)


def found(statements: str) -> set[str]:
    return {finding.code for finding in check_constraints(records(statements))}


def by_the_clock(statements: str, early: str = EARLY, late: str = LATE) -> list[str]:
    one, _ = normal_form(records(statements.format(early=early, late=late)))
    return [finding.code for finding in clock_faults(one)]


def test_d1_the_good_document_has_no_fault():
    assert found("") == set()
    assert by_the_clock("") == []


@pytest.mark.parametrize("rule", UNIQUE)
def test_d1_what_a_rule_forbids_is_found(rule):
    statements, code = UNIQUE[rule]
    assert code in found(statements)


@pytest.mark.parametrize("rule", ORDERED)
def test_d1_events_out_of_order_are_found_by_the_clock(rule):
    assert set(by_the_clock(ORDERED[rule])) == {"prov_clock"}


@pytest.mark.parametrize("rule", ORDERED)
def test_d1_events_in_order_or_at_once_are_not(rule):
    assert by_the_clock(ORDERED[rule], EARLY, EARLY) == []
    if rule[:2] not in {"31", "32", "39", "40"}:  # one event has one time
        assert by_the_clock(ORDERED[rule], LATE, EARLY) == []


@pytest.mark.parametrize(("time", "codes"), [("-", []), ("{late}", ["prov_clock"])])
def test_d1_what_several_runs_made_ties_their_times_only_where_it_has_one(time, codes):
    """KFM's version of two runs' files: each made a part of it, one long before the other began."""
    runs = "activity(ex:c, -, {early}) activity(ex:d, {late}, -)"
    assert by_the_clock(f"{runs} wasGeneratedBy(ex:x, ex:c, {time}) wasGeneratedBy(ex:x, ex:d, {time})") == codes


@pytest.mark.parametrize("rule", ORDERED)
def test_d1_the_recommendation_compares_no_clocks(rule):
    assert found(ORDERED[rule].format(early=EARLY, late=LATE)) == set()


@pytest.mark.parametrize(
    "statements",
    [
        "wasInfluencedBy(ex:u; ex:a, ex:e)",  # 53 does not set influences against what they are (15)
        "used(ex:u2; ex:a, ex:e, -)",  # an activity may use an entity twice
        "wasGeneratedBy(ex:f, ex:b, -)",  # two activities may generate an entity at once
        "wasStartedBy(ex:a, ex:e, ex:b, -) wasStartedBy(ex:a, ex:e, ex:c, -)",
        f"wasStartedBy(ex:c, ex:e, -, {EARLY}) wasStartedBy(ex:c, ex:f, -, {LATE})",  # 28 asks for activity(ex:c)
        "wasDerivedFrom(ex:d; ex:x, ex:y) wasDerivedFrom(ex:d; ex:x, ex:y, -, -, -)",
        "agent(ex:e) agent(ex:a) alternateOf(ex:e, ex:f) alternateOf(ex:f, ex:e) alternateOf(ex:e, ex:e)",
        f"{EMPTY} specializationOf(ex:none, ex:e) hadMember(ex:e, ex:f)",
        "actedOnBehalfOf(ex:someone, ex:boss, -) wasAssociatedWith(ex:b, ex:boss, ex:plan)",
    ],
)
def test_d1_what_no_rule_forbids_is_let_pass(statements):
    assert found(statements) == set()


def test_d1_one_union_leads_to_the_next():
    """Two starts by one starter are one (26), so their times are; what starts them is found out from a third."""
    known = f"wasStartedBy(ex:i; ex:b, ex:e, ex:a, {EARLY}) wasStartedBy(ex:j; ex:b, ex:e, -, {LATE})"
    assert found(known) == {"prov_c28"}
    loose = known.replace("ex:b", "ex:undeclared")
    assert found(loose) == set()
    told = "wasStartedBy(ex:j; ex:undeclared, -, ex:a, -)"
    assert found(f"{loose} {told}") == {"prov_c26"}


def test_d1_a_derivations_unknown_usage_is_found_out_and_ordered():
    """The derivation names no generation; it is the one that is stated, and so is all that is said of it."""
    statements = "wasDerivedFrom(ex:f, ex:e, ex:a, -, -) wasDerivedFrom(ex:d; ex:f, ex:e, ex:a, ex:other, -)"
    assert found(statements) == {"prov_c24"}


def test_d1_a_mandatory_argument_may_be_told_by_another_statement_of_that_name():
    assert found("actedOnBehalfOf(ex:d; ex:someone, -, ex:a)") == {"prov_argument_missing"}
    whole = "actedOnBehalfOf(ex:d; ex:someone, ex:boss, ex:a)"
    assert found(f"actedOnBehalfOf(ex:d; ex:someone, -, ex:a) {whole}") == set()
    assert found(f"actedOnBehalfOf(ex:d; ex:someone, -, -) {whole}") == {"prov_c23"}


def test_d1_times_of_one_moment_are_one_however_they_are_written():
    same = [
        "2026-01-01T24:00:00Z",
        "2026-01-02T00:00:00.000Z",
        "2026-01-02T05:30:00+05:30",
        "2026-01-01T18:00:00-06:00",
    ]
    for text in same:
        assert found(f"activity(ex:c, {same[0]}, -) activity(ex:c, {text}, -)") == set()
    for text in ("2026-01-02T00:00:00", "2026-01-02T00:00:00.001Z", "2026-01-01T18:00:00Z"):
        assert found(f"activity(ex:c, {same[0]}, -) activity(ex:c, {text}, -)") == {"prov_c22"}
