"""B2: changed terms reopen the clause for every version under way, until a steward accepts the new wording."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.db import transaction
from django.utils import timezone

from audit import ledger
from datasets import terms
from datasets.errors import Refused
from datasets.models import Source, TermsObservation
from datasets.stores import keep
from datasets.terms import accept, observe, standing_terms
from datasets.terms_words import words_digest
from promotions import dossier, gates, transitions
from promotions.dossier import GatesFailed, differences
from promotions.models import QuarantineCase, Standing
from promotions.states import State
from tests.promotions import changed, rows
from tests.world import TERMS, World, wells

NEW = replace(TERMS, text="CC BY 4.0, and tell us before you print it.")
PLAIN = "text/plain; charset=utf-8"


def see(world, words, *, source=None, by="contributor") -> TermsObservation:
    at = timezone.now()
    return observe(
        dataset=world.dataset,
        source=source,
        snapshot=keep(words.encode(), media_type=PLAIN, at=at),
        words_digest=words_digest(words),
        by=world.person(by),
        at=at,
    )


def b2(world: World, version) -> set[str]:
    gathered = dossier.gather(world.standing(version), letters="B")
    return {f.code for f in gates.evaluate("B", gathered.evidence["B"]).findings}


def newest() -> TermsObservation:
    return TermsObservation.objects.order_by("-pk").first()


def test_b2_each_acquisition_is_a_look_and_the_same_words_change_nothing(world, version):
    before = dossier.gather(world.standing(version)).digest
    looks = TermsObservation.objects.count()
    world.acquire(wells(start=200), terms=replace(TERMS, text=f"  {TERMS.text.replace(' ', chr(10))} "))
    assert TermsObservation.objects.count() == looks + 1
    assert not standing_terms(world.dataset).changed
    assert dossier.gather(world.standing(version)).digest == before


def test_b2_changed_terms_reopen_it_and_void_what_was_signed(world, signed):
    before = dossier.gather(world.standing(signed))
    assert b2(world, signed) == set()
    world.acquire(wells(start=200), terms=NEW)
    assert ledger.entries()[1].event == "terms.changed"
    assert b2(world, signed) == {"terms_reopened"}
    now = dossier.gather(world.standing(signed))
    owners = {d.owner for d in differences(before.canonical.decode(), now.canonical.decode())}
    assert any("terms" in owner for owner in owners)
    with pytest.raises(GatesFailed) as caught:
        world.publish(signed)
    assert caught.value.failed == ("B",)


def test_b2_the_finding_says_both_days_and_what_to_do(world, version):
    world.acquire(wells(start=200), terms=NEW)
    gathered = dossier.gather(world.standing(version), letters="B")
    (finding,) = gates.evaluate("B", gathered.evidence["B"]).findings
    standing = standing_terms(world.dataset)
    assert f"{standing.latest.observed_at:%Y-%m-%d}" in finding.message
    assert f"{standing.accepted.observed_at:%Y-%m-%d}" in finding.message
    assert (finding.where, "steward" in finding.fix) == ("terms", True)


def test_b2_a_version_on_its_way_goes_to_quarantine_as_license_unclear(world):
    job = world.run(world.acquire(wells(start=200), terms=NEW))
    case = QuarantineCase.objects.get(version=job.version)
    assert (case.gate, case.reason_code) == ("B", "LICENSE_UNCLEAR")
    assert Standing.objects.get(version=job.version).state == State.QUARANTINE


def test_b2_a_steward_accepts_and_it_passes_and_the_old_wording_stands_too(world, version):
    world.acquire(wells(start=200), terms=NEW)
    row = accept(observation_pk=newest().pk, reason="Read; fine.", by=world.person("steward"), at=timezone.now())
    assert (row.accepted_by, row.role) == ("steward", "steward")
    assert b2(world, version) == set()
    entry = ledger.entries()[0]
    assert entry.event == "terms.accepted"
    assert "Read" not in entry.body
    world.acquire(wells(start=210))
    assert not standing_terms(world.dataset).changed
    with pytest.raises(Refused) as caught:
        accept(observation_pk=row.observation_id, reason="Again.", by=world.person("steward2"), at=timezone.now())
    assert caught.value.code == "accepted_already"
    assert "steward" in caught.value.message


def test_b2_terms_that_went_back_do_not_make_good_what_came_under_others(world, version):
    job = world.run(world.acquire(wells(start=200), terms=NEW))
    world.acquire(wells(start=210))
    assert not standing_terms(world.dataset).changed
    assert b2(world, version) == set()
    assert b2(world, job.version) == {"terms_unaccepted"}
    with pytest.raises(GatesFailed):
        transitions.release(version_pk=job.version.pk, by=world.person("reviewer"), reason="Back.", at=timezone.now())
    assert Standing.objects.get(version=job.version).state == State.QUARANTINE


def test_b2_accepted_then_the_whole_way_is_open_again(world):
    job = world.run(world.acquire(wells(start=200), terms=NEW))
    accept(observation_pk=newest().pk, reason="Read; fine.", by=world.person("steward"), at=timezone.now())
    transitions.release(version_pk=job.version.pk, by=world.person("reviewer"), reason="Accepted.", at=timezone.now())
    assert Standing.objects.get(version=job.version).state == State.WORK


@pytest.mark.parametrize("name", ["contributor", "operator", "reviewer", "council", "auditor", "admin", "superuser"])
def test_b2_only_a_steward_accepts(world, name):
    world.acquire(wells(start=200), terms=NEW)
    before = rows()
    with pytest.raises(Refused) as caught:
        accept(observation_pk=newest().pk, reason="Fine.", by=world.person(name), at=timezone.now())
    assert (caught.value.code, changed(before)) == ("role_missing", set())


def test_b2_a_steward_accepts_nothing_of_their_own(world, source_of):
    source = source_of()
    Source.objects.filter(pk=source.pk).update(recorded_by="steward")
    source.refresh_from_db()
    seen = see(world, NEW.text, source=source, by="operator")
    with pytest.raises(Refused) as caught:
        accept(observation_pk=seen.pk, reason="Fine.", by=world.person("steward"), at=timezone.now())
    assert caught.value.code == "own_terms"
    accept(observation_pk=seen.pk, reason="Fine.", by=world.person("steward2"), at=timezone.now())


def test_b2_no_reason_the_first_terms_and_terms_since_replaced_are_refused(world):
    first = TermsObservation.objects.order_by("pk").first()
    world.acquire(wells(start=200), terms=NEW)
    stale = newest()
    by, at = world.person("steward"), timezone.now()
    for pk, reason, code in ((stale.pk, " ", "reason_missing"), (first.pk, "Fine.", "nothing_to_accept")):
        with pytest.raises(Refused) as caught:
            accept(observation_pk=pk, reason=reason, by=by, at=at)
        assert caught.value.code == code
    world.acquire(wells(start=220), terms=replace(TERMS, text="All rights reserved."))
    with pytest.raises(Refused) as caught:
        accept(observation_pk=stale.pk, reason="Fine.", by=by, at=at)
    assert caught.value.code == "observed_since"


def test_b2_one_source_going_back_does_not_hide_anothers_change(world, version, source_of):
    one, two = source_of(), source_of(name="two")
    see(world, NEW.text, source=one)
    see(world, TERMS.text, source=two)
    assert b2(world, version) == {"terms_reopened"}
    assert standing_terms(world.dataset).latest.source == one
    Source.objects.filter(pk=one.pk).update(active=False)
    assert b2(world, version) == set()


def test_b2_the_difference_is_read_against_what_was_accepted_of_the_same_source(world, source_of):
    source = source_of()
    see(world, TERMS.text, source=source)
    see(world, TERMS.text)
    see(world, NEW.text, source=source)
    standing = standing_terms(world.dataset)
    assert (standing.latest.words_digest, standing.accepted.source) == (words_digest(NEW.text), source)
    before, after = (terms.words_of_observation(o) for o in (standing.accepted, standing.latest))
    assert (before, after) == (TERMS.text, NEW.text)


def test_b2_an_older_dataset_begins_with_the_terms_of_its_first_acquisition(world, version):
    from tests.promotions import triggers_away

    with triggers_away():
        TermsObservation.objects.all().delete()
    world.acquire(wells(start=200), terms=NEW)
    assert standing_terms(world.dataset).changed
    assert b2(world, version) == {"terms_reopened"}


def test_b2_how_the_terms_stand_is_three_queries(world, django_assert_max_num_queries):
    for number in range(5):
        see(world, f"Terms number {number}")
    with django_assert_max_num_queries(4):
        assert standing_terms(world.dataset).changed


@pytest.mark.parametrize("way", ["observe", "accept"])
def test_b2_nothing_changes_when_the_ledger_refuses(world, monkeypatch, way):
    seen = see(world, NEW.text)
    before = rows()

    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(terms.ledger, "append", full)
    steward, at = world.person("steward"), timezone.now()
    calls = {
        "observe": lambda: see(world, NEW.text),
        "accept": lambda: accept(observation_pk=seen.pk, reason="Fine.", by=steward, at=at),
    }
    with pytest.raises(ledger.LedgerError), transaction.atomic():
        calls[way]()
    assert changed(before) == set()
