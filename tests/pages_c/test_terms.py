"""The page of a dataset's terms: what is accepted, the difference by line, and a steward's acceptance (clause B2)."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit import ledger
from audit.events import Event
from datasets.models import TermsAcceptance
from datasets.registry import register_dataset
from datasets.stores import keep
from datasets.terms import observe, standing_terms
from datasets.terms_words import words_digest
from datasets.zones.store import ObjectNotFound
from promotions.readers import terms_page
from tests.world import SPEC, TERMS

LINES = st.lists(st.text(alphabet="abc", min_size=1, max_size=2), max_size=8)


@pytest.fixture
def see(world):
    """``see("words")``: the terms as captured now."""

    def capture(words, *, source=None, by="contributor", media_type="text/plain; charset=utf-8"):
        at = timezone.now()
        raw = words if isinstance(words, bytes) else words.encode()
        return observe(
            dataset=world.dataset,
            source=source,
            snapshot=keep(raw, media_type=media_type, at=at),
            words_digest=words_digest(words if isinstance(words, str) else "pdf"),
            by=world.person(by),
            at=at,
        )

    return capture


@pytest.fixture
def address(world, version):
    return reverse("promotions:terms", args=[world.dataset.slug])


@given(LINES, LINES)
def test_every_line_of_both_readings_is_shown_once(before, after):
    changed, same = terms_page.rows_of("\n".join(before), "\n".join(after))
    rows = changed + same
    assert sorted(row["before"] for row in rows if row["before"] is not None) == sorted(before)
    assert sorted(row["after"] for row in rows if row["after"] is not None) == sorted(after)
    assert all(row["before"] == row["after"] for row in same)
    assert (changed == []) == (before == after)


def test_terms_that_did_not_change_are_shown_as_they_stand(as_, address):
    page = as_("auditor").get(address).content.decode()
    assert TERMS.text in page
    assert "they were the first, captured by Contributor Test" in page
    assert "Accept the changed terms" not in page


def test_a_change_is_shown_line_by_line_and_asks_the_steward(as_, address, see):
    see(f"{TERMS.text}\nNot for <sale>.")
    page = as_("steward").get(address).content.decode()
    assert "<ins>Not for &lt;sale&gt;.</ins>" in page
    assert "+ added" in page
    assert "1 line stays the same" in page
    assert 'name="reason"' in page
    other = as_("operator").get(address).content.decode()
    assert "Only a steward of test_ks_wells accepts changed terms." in other
    assert "Who can: Steward Test (steward)" in other
    assert 'name="reason"' not in other


def test_accepting_needs_a_reason_is_recorded_and_is_done_once(as_, address, see, world):
    seen = see("Quite other terms.")
    empty = as_("steward").post(address, {"observation": seen.pk, "reason": " "}).content.decode()
    assert 'href="#id_reason"' in empty
    assert standing_terms(world.dataset).changed
    typed = {"observation": seen.pk, "reason": "They still let us publish."}
    page = as_("steward").post(address, typed, follow=True).content.decode()
    assert "Accepted. Clause B2 no longer waits" in page
    assert "They still let us publish." in page
    assert not standing_terms(world.dataset).changed
    again = as_("steward2").post(address, typed, follow=True).content.decode()
    assert "Already accepted by Steward Test." in again
    assert TermsAcceptance.objects.count() == 1


@pytest.mark.parametrize(("name", "code"), [("operator", "role_missing"), ("auditor", "role_missing")])
def test_who_may_not_accept_is_refused_and_the_try_is_kept(as_, address, see, world, name, code):
    seen = see("Quite other terms.")
    answer = as_(name).post(address, {"observation": seen.pk, "reason": "Fine."})
    assert answer.status_code == 409
    assert standing_terms(world.dataset).changed
    entry = ledger.entries()[0]
    assert (entry.event, entry.actor, entry.references["code"]) == (Event.ACTION_REFUSED, name, code)


def test_a_steward_who_brought_them_in_is_told_who_else_can(as_, address, see):
    see("Quite other terms.", by="steward")
    page = as_("steward").get(address).content.decode()
    assert "so another steward must accept them" in page
    assert "Who can: Steward2 Test (steward)." in page


def test_terms_that_came_meanwhile_are_not_accepted_unread(as_, address, see, world):
    read = see("Other terms.")
    see("Still other terms.")
    answer = as_("steward").post(address, {"observation": read.pk, "reason": "Fine."})
    assert answer.status_code == 409
    assert "The upstream shows other terms by now." in answer.content.decode()
    assert standing_terms(world.dataset).changed


def test_an_observation_of_nothing_is_absent(as_, address, see):
    seen = see("Other terms.")
    assert as_("steward").post(address, {"observation": seen.pk + 99, "reason": "Fine."}).status_code == 404


def test_a_snapshot_that_cant_be_read_is_said_and_accepts_nothing(as_, address, see, monkeypatch):
    see("Other terms.")

    def gone(_observation):
        raise ObjectNotFound("sha256:0")

    monkeypatch.setattr(terms_page.terms, "words_of_observation", gone)
    answer = as_("steward").get(address)
    assert answer.status_code == 200
    assert (
        "can&#x27;t be read from the store now" in answer.content.decode()
        or "can't be read from the store now" in answer.content.decode()
    )


def test_a_form_whose_words_cant_be_read_is_said(as_, address, see):
    see(b"%PDF-1.7 other", media_type="application/pdf")
    assert "whose words can't be read here" in as_("steward").get(address).content.decode()


def test_the_banner_stands_on_version_and_board_until_it_is_accepted(as_, address, see, version):
    args = [version.dataset.slug, version.version_id]
    pages = [reverse("promotions:version", args=args), reverse("promotions:board", args=args)]
    seen = see("Quite other terms.")
    for page in pages:
        assert "The upstream's terms changed" in as_("reviewer").get(page).content.decode()
    as_("steward").post(address, {"observation": seen.pk, "reason": "Fine."})
    for page in pages:
        assert "The upstream's terms changed" not in as_("reviewer").get(page).content.decode()


def test_the_public_reads_no_banner(as_, see, world, version):
    world.sign_all(version)
    world.publish(version)
    see("Quite other terms.")
    page = as_("").get(reverse("promotions:version", args=[version.dataset.slug, version.version_id]))
    assert page.status_code == 200
    assert "terms changed" not in page.content.decode()


def test_the_number_of_queries_does_not_grow(as_, address, see, source_of, django_assert_num_queries):
    see("Other terms.", source=source_of())
    client = as_("auditor")
    client.get(address)
    with CaptureQueriesContext(connection) as one:
        client.get(address)
    for n in range(6):
        see(f"Other terms, {n}.", source=source_of(name=f"other-{n}"), by="operator")
    with django_assert_num_queries(len(one)):
        client.get(address)


def test_a_dataset_into_which_nothing_came_yet_has_no_terms_to_show(as_, world):
    spec = SPEC | {"dataset_slug": "quite_new", "title": "Quite new"}
    register_dataset(spec=spec, by=world.person("contributor"), at=timezone.now())
    page = as_("steward").get(reverse("promotions:terms", args=["quite_new"])).content.decode()
    assert "No terms were captured yet." in page
    assert as_("steward").post(reverse("promotions:terms", args=["quite_new"]), {"reason": "x"}).status_code == 200


def test_an_observation_whose_number_is_none_is_no_fault_of_ours(as_, address, see):
    see("Other terms.")
    for number in ("", "x", str(10**30)):
        assert as_("steward").post(address, {"observation": number, "reason": "Fine."}).status_code in {200, 404}
