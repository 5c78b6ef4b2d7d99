"""Two at once on one case or one delivery: one wins, the other is refused in words. Real threads and transactions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from promotions import cases, deliveries, derivatives, notices, transitions
from promotions.models import CaseComment, Delivery, Job, Notice, QuarantineCase, Standing
from promotions.states import State
from tests.promotions.test_races import assert_unbroken, refusals, settled, together
from tests.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed"), pytest.mark.slow]


def quarantined() -> tuple[World, QuarantineCase]:
    world = World.build()
    version = world.version_in(State.QUARANTINE)
    return world, QuarantineCase.objects.get(version=version)


def test_of_many_who_claim_at_once_one_holds_the_case():
    world, case = quarantined()
    people = [world.person(n) for n in ("reviewer", "reviewer2", "operator", "operator2", "steward", "steward2")]
    calls = [lambda p=p: cases.claim(case_pk=case.pk, by=p, at=timezone.now()) for p in people]
    before = refusals()
    won, lost = settled(together(calls))
    assert (len(won), [r.code for r in lost]) == (1, ["claimed_by_other"] * 5)
    assert QuarantineCase.objects.get(pk=case.pk).claimed_by == won[0].claimed_by
    assert refusals() == before + 5
    assert_unbroken()


def test_a_claim_while_the_case_is_handed_over_ends_with_one_holder_and_no_half():
    world, case = quarantined()
    cases.assign(case_pk=case.pk, owner="reviewer", by=world.person("steward"), at=timezone.now())
    owner, other = world.person("reviewer"), world.person("operator")
    won, lost = settled(
        together(
            [
                lambda: cases.hand_over(case_pk=case.pk, to="reviewer2", note="You.", by=owner, at=timezone.now()),
                lambda: cases.claim(case_pk=case.pk, by=other, at=timezone.now()),
            ]
        )
    )
    assert (len(won), len(lost)) == (1, 1)
    row = QuarantineCase.objects.get(pk=case.pk)
    handed = row.claimed_by == "reviewer2"
    assert handed or row.claimed_by == "operator"
    assert (row.owner, CaseComment.objects.count()) == (("reviewer2", 1) if handed else ("reviewer", 0))
    assert_unbroken()


def test_a_denial_against_a_derivative_against_a_comment_ends_in_order():
    """No deadlock whatever the order: standing, case, ledger."""
    world, case = quarantined()
    reviewer, steward, operator = (world.person(n) for n in ("reviewer", "steward", "operator"))
    wanted = [{"type": "generalize_geometry", "min_cell_size_m": 5000}]

    def derive() -> Job:
        return derivatives.open_derivative(
            case_pk=case.pk, obligations=wanted, label="", reason="Blur.", by=reviewer, at=timezone.now()
        )

    def deny() -> Any:
        return transitions.deny(version_pk=case.version_id, by=steward, reason="Never.", at=timezone.now())

    def say() -> CaseComment:
        return cases.comment(case_pk=case.pk, text="Hm.", by=operator, at=timezone.now())

    settled(together([derive, deny, say, derive, say]))
    ended = QuarantineCase.objects.get(pk=case.pk)
    state = Standing.objects.get(version_id=case.version_id).state
    assert (ended.resolution, state) in {("denied", "DENIED"), ("derived", "QUARANTINE")}
    assert Job.objects.filter(mode="reprocess").count() == (1 if ended.resolution == "derived" else 0)
    assert CaseComment.objects.count() == 2
    assert_unbroken()


def test_two_who_reopen_at_once_open_one_case():
    world, case = quarantined()
    derivatives.open_metadata_only(case_pk=case.pk, reason="So.", by=world.person("reviewer"), at=timezone.now())
    people = [world.person(n) for n in ("reviewer", "reviewer2", "steward")]
    calls = [lambda p=p: cases.reopen(case_pk=case.pk, reason="", by=p, at=timezone.now()) for p in people]
    won, lost = settled(together(calls))
    assert (len(won), {r.code for r in lost}) == (1, {"reopened_already"})
    assert QuarantineCase.objects.filter(resolution="").count() == 1


def test_a_delivery_claimed_by_many_workers_is_sent_once(settings, monkeypatch):
    settings.KFM_EMAIL = True
    User.objects.create_user("reviewer", email="reviewer@example.org")
    at = timezone.now()
    notices.tell(principals=["reviewer"], kind="k", text="Case 1.", path="/", key="k", at=at)
    sent: list[int] = []
    monkeypatch.setitem(deliveries._SENDERS, "email", lambda delivery, _: sent.append(delivery.pk))
    (pk,) = deliveries.owed(at)
    answers = together([lambda: deliveries.deliver(pk, at)] * 6)
    assert sorted(answers, key=str) == [False] * 5 + [True]
    assert sent == [pk]
    assert Delivery.objects.get().state == "sent"


def test_the_same_notice_told_by_many_at_once_is_one():
    at = timezone.now()
    call = lambda: notices.tell(principals=["a", "b"], kind="k", text="t", path="/", key="k", at=at)  # noqa: E731
    assert together([call] * 6) == [None] * 6
    assert Notice.objects.count() == 2
