"""ADR 0025: an edit that opens nothing turns no decision from deny to allow, whoever asks for whatever."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.policy import diff
from datasets.policy.label_rules import COLOURS, floor_faults, label_findings, openings
from datasets.policy.labels import BUILT_IN_LABELS, LabelFacts, looser_than_built_in
from datasets.policy.obligations import parse_obligations
from datasets.policy.requests import STANDINGS
from datasets.policy.roles import Role

ROLES = [role.value for role in Role]
OBLIGATIONS = [
    {"type": "generalize_geometry", "min_cell_size_m": 1000},
    {"type": "generalize_geometry", "min_cell_size_m": 5000},
    {"type": "generalize_geometry", "min_cell_size_m": 5000, "grid": "h3"},
    {"type": "remove_attributes", "fields": ["owner"]},
    {"type": "remove_attributes", "fields": ["owner", "phone"]},
    {"type": "generalize_time", "resolution": "month"},
    {"type": "suppress_small_counts", "k": 5},
    {"type": "show_notice", "message": "Ask first."},
    {"type": "require_attribution"},
    {"type": "metadata_only"},
]
roles = st.lists(st.sampled_from(ROLES), unique=True, max_size=9).map(tuple)


@st.composite
def facts(draw, name="custom"):
    return LabelFacts(
        name=name,
        title="Custom",
        meaning="A test.",
        readers=draw(roles),
        sign_off_roles=draw(st.sampled_from([("steward", "reviewer"), ("steward", "reviewer", "council")])),
        tightness=draw(st.integers(0, 70)),
        colour="idle",
        default_obligations=parse_obligations(draw(st.lists(st.sampled_from(OBLIGATIONS), max_size=3))),
        qa_readers=draw(roles),
        opened_by_grant=draw(st.booleans()),
        releasable=draw(st.booleans()),
    )


@st.composite
def edits(draw):
    """A label, and one in which any of its fields may have moved either way."""
    before = draw(facts())
    after = draw(facts())
    kept = draw(st.sets(st.sampled_from([f.name for f in dataclasses.fields(LabelFacts)])))
    return before, dataclasses.replace(after, **{name: getattr(before, name) for name in kept})


def turns(before: LabelFacts, after: LabelFacts):
    pairs = [(before.name, standing) for standing in STANDINGS]
    worlds = (diff.World({before.name: before}), diff.World({after.name: after}))
    return diff.turned(pairs, *worlds)


@settings(max_examples=8, deadline=None)
@given(edits())
def test_an_edit_that_opens_nothing_turns_no_decision_to_allow(edit):
    before, after = edit
    if openings(before, after):
        return
    assert [t for t in turns(before, after) if t.direction == diff.OPENS] == []


@settings(max_examples=8, deadline=None)
@given(facts(), st.data())
def test_a_tighter_label_is_no_opening_and_its_way_back_is(before, data):
    """Made tighter field by field, so that most examples say something."""
    after = dataclasses.replace(
        before,
        readers=before.readers[1:],
        qa_readers=before.qa_readers[1:],
        default_obligations=(
            *before.default_obligations,
            *parse_obligations([data.draw(st.sampled_from(OBLIGATIONS))]),
        ),
        opened_by_grant=False,
        releasable=False,
        tightness=before.tightness + 1,
    )
    assert openings(before, after) == ()
    assert "tightness" in openings(after, before)
    assert [t for t in turns(before, after) if t.direction == diff.OPENS] == []


BASE = LabelFacts(
    name="custom", title="Custom", meaning="A test.", readers=("steward", "council"), tightness=35, colour="idle",
    sign_off_roles=("steward", "reviewer", "council"),
    default_obligations=parse_obligations([OBLIGATIONS[1]]),
)  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("readers", ("steward", "council", "auditor")),
        ("qa_readers", ("operator",)),
        ("opened_by_grant", True),
        ("sign_off_roles", ("steward", "reviewer")),
        ("default_obligations", ()),
        ("default_obligations", parse_obligations([OBLIGATIONS[0]])),
        ("tightness", 34),
    ],
)
def test_any_field_that_moves_in_the_opening_direction_opens(field, value):
    assert openings(BASE, dataclasses.replace(BASE, **{field: value})) == (field,)


@pytest.mark.parametrize("field", ["title", "meaning", "colour"])
def test_words_open_nothing(field):
    assert openings(BASE, dataclasses.replace(BASE, **{field: "pass"})) == ()


def test_a_new_label_opens_and_one_that_may_be_released_again_does():
    assert openings(None, BASE) == ("name",)
    assert openings(dataclasses.replace(BASE, releasable=False), BASE) == ("releasable",)


def test_to_rank_above_a_label_that_holds_back_more_opens():
    """Else versions could be moved from that label to this one as if it were a tightening."""
    above = dataclasses.replace(BASE, tightness=45)
    restricted = dataclasses.replace(BUILT_IN_LABELS["restricted"], readers=("steward",))
    assert openings(BASE, above, [restricted]) == ("tightness",)
    assert openings(BASE, above, [dataclasses.replace(BASE, name="other", tightness=40)]) == ()


@pytest.mark.parametrize("name", sorted(BUILT_IN_LABELS))
def test_the_built_in_labels_are_well_formed(name):
    assert label_findings(BUILT_IN_LABELS[name]) == []


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(BUILT_IN_LABELS)).flatmap(lambda name: facts(name=name)))
def test_the_floor_of_a_built_in_label_is_the_engines(found):
    assert bool(floor_faults(found)) == looser_than_built_in(found)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": "Custom"}, "name"),
        ({"name": "a__b"}, "name"),
        ({"title": "two\nlines"}, "title"),
        ({"meaning": " "}, "meaning"),
        ({"colour": "pink"}, "colour"),
        ({"tightness": -1}, "tightness"),
        ({"tightness": True}, "tightness"),
        ({"readers": ("steward",)}, "readers"),
        ({"readers": ("steward", "council", "king")}, "readers"),
        ({"readers": ("steward", "council", "public")}, "readers"),
        ({"qa_readers": ("public",)}, "qa_readers"),
        ({"sign_off_roles": ("steward", "council")}, "sign_off_roles"),
        ({"sign_off_roles": ("steward", "reviewer")}, "sign_off_roles"),
        ({"sign_off_roles": ("steward", "reviewer", "council", "operator")}, "sign_off_roles"),
    ],
)
def test_a_faulty_label_says_which_field(changes, where):
    assert label_findings(BASE) == []
    assert {finding.where for finding in label_findings(dataclasses.replace(BASE, **changes))} == {where}


def test_colours_are_the_tokens():
    assert set(COLOURS) >= {facts.colour for facts in BUILT_IN_LABELS.values()}
