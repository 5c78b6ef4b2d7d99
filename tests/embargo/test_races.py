"""Two people at one embargo at once: one after the other, one row, one entry each; real threads and transactions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from audit import ledger
from datasets import embargoes
from datasets.errors import Refused
from datasets.models import Embargo
from tests.promotions.test_races import together
from tests.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def events():
    return [entry.event for entry in ledger.entries().order_by("index") if entry.event.startswith("embargo.")]


def test_two_who_set_at_once_leave_one_embargo_with_the_later_day():
    world = World.build()
    today = timezone.now().date()

    def put(name, days):
        until = today + timedelta(days=days)
        return lambda: embargoes.set_embargo(
            dataset=world.dataset, until=until, reason="Not yet.", by=world.person(name), at=timezone.now()
        )

    answers = together([put("steward", 10), put("council", 20)])
    assert all(isinstance(answer, (Embargo, Refused)) for answer in answers), answers
    assert Embargo.objects.get().until == today + timedelta(days=20)
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert events() == (["embargo.set"] if refused else ["embargo.set", "embargo.moved"])


def test_two_who_lift_at_once_lift_it_once():
    world = World.build()
    embargoes.set_embargo(
        dataset=world.dataset,
        until=timezone.now().date(),
        reason="Not yet.",
        by=world.person("steward"),
        at=timezone.now(),
    )

    def lift(name):
        return lambda: embargoes.lift_embargo(
            dataset=world.dataset, reason="Out.", by=world.person(name), at=timezone.now()
        )

    answers = together([lift(name) for name in ("steward", "steward2", "council", "council2")])
    refused = [answer for answer in answers if isinstance(answer, Refused)]
    assert len(refused) == 3, answers
    assert {answer.code for answer in refused} == {"no_embargo"}
    assert Embargo.objects.get().lifted_by in {"steward", "steward2", "council", "council2"}
    assert events() == ["embargo.set", "embargo.lifted"]
