"""The quorum rule, purely: proposer signs nothing, one person one role, every signature on exactly this dossier."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotions.quorum import Signature, count

NOW, OLD = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REQUIRED = ("steward", "reviewer")
GOOD = (Signature("sam", "steward", NOW), Signature("rae", "reviewer", NOW))


def counted(*signatures, required=REQUIRED, proposer="pat"):
    return count(signatures, required=required, dossier_digest=NOW, proposer=proposer)


def test_both_roles_by_two_others_complete_it():
    found = counted(*GOOD)
    assert found.complete
    assert found.filled == {"steward": "sam", "reviewer": "rae"}
    assert found.void == found.missing == found.findings == ()


@pytest.mark.parametrize("left", [0, 1])
def test_a_role_without_a_signature_is_missing(left):
    found = counted(GOOD[left])
    assert not found.complete
    assert found.missing == (REQUIRED[1 - left],)


def test_nothing_signed_is_not_complete():
    assert counted().missing == REQUIRED


def test_council_is_missing_where_the_label_asks_for_it():
    assert counted(*GOOD, required=(*REQUIRED, "council")).missing == ("council",)


@pytest.mark.parametrize(
    ("signatures", "code"),
    [
        ((GOOD[0], Signature("pat", "reviewer", NOW)), "proposer_signed"),
        ((*GOOD, Signature("pat", "council", NOW)), "proposer_signed"),
        ((GOOD[0], Signature("sam", "reviewer", NOW)), "signed_twice"),
        ((*GOOD, Signature("zoe", "steward", NOW)), "role_filled_twice"),
        ((*GOOD, GOOD[0]), "signed_twice"),
    ],
)
def test_a_signature_that_may_not_be_there_breaks_the_quorum_and_is_named(signatures, code):
    found = counted(*signatures)
    assert not found.complete
    assert [f.code for f in found.findings] == [code]


def test_a_signature_on_another_dossier_is_void_and_named_never_counted():
    stale = Signature("rae", "reviewer", OLD)
    found = counted(GOOD[0], stale)
    assert not found.complete
    assert found.void == (stale,)
    assert found.missing == ("reviewer",)


def test_a_void_signature_beside_a_complete_quorum_does_no_harm():
    assert counted(*GOOD, Signature("rae", "reviewer", OLD)).complete


def test_no_required_role_is_never_complete():
    assert [f.code for f in counted(*GOOD, required=()).findings] == ["no_roles_required"]


def test_no_proposer_is_never_complete():
    assert [f.code for f in counted(*GOOD, proposer=None).findings] == ["no_proposer"]


people, role_names, digests = (
    st.sampled_from("abcd"),
    st.sampled_from(["steward", "reviewer", "council"]),
    st.sampled_from([NOW, OLD]),
)
signature_lists = st.lists(st.builds(Signature, people, role_names, digests), max_size=7)
requirements = st.lists(role_names, unique=True, max_size=3)


@given(signatures=signature_lists, required=requirements, proposer=st.none() | people)
def test_complete_means_every_law_holds(signatures, required, proposer):
    found = count(signatures, required=required, dossier_digest=NOW, proposer=proposer)
    live = [s for s in signatures if s.dossier_digest == NOW]
    assert set(found.void) == {s for s in signatures if s.dossier_digest != NOW}
    assert set(found.filled.items()) <= {(s.role, s.principal) for s in live}
    lawful = (
        bool(required)
        and proposer is not None
        and all(s.principal != proposer for s in live)
        and len({s.principal for s in live}) == len({s.role for s in live}) == len(live)
        and set(required) <= {s.role for s in live}
    )
    assert found.complete == lawful


@given(signatures=signature_lists, required=requirements, proposer=people, data=st.data())
def test_stale_signatures_never_change_the_answer(signatures, required, proposer, data):
    live = [s for s in signatures if s.dossier_digest == NOW]
    mixed = data.draw(st.permutations([*live, *(Signature(s.principal, s.role, OLD) for s in live)]))
    order = [s for s in mixed if s.dossier_digest == NOW]
    one = count(order, required=required, dossier_digest=NOW, proposer=proposer)
    two = count(mixed, required=required, dossier_digest=NOW, proposer=proposer)
    assert (one.complete, one.filled, one.missing) == (two.complete, two.filled, two.missing)


@given(signatures=signature_lists, required=requirements, proposer=people)
def test_taking_a_signature_away_never_fills_a_role(signatures, required, proposer):
    whole = count(signatures, required=required, dossier_digest=NOW, proposer=proposer)
    if whole.complete:
        for left_out in signatures:
            if left_out.dossier_digest == NOW and left_out.role in required:
                fewer = [s for s in signatures if s is not left_out]
                assert not count(fewer, required=required, dossier_digest=NOW, proposer=proposer).complete
