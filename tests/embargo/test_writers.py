"""An embargo is set, moved to a later day, and lifted by a person on or after its day; the clock alone ends nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from audit import ledger
from datasets import decisions, embargoes
from datasets.errors import Refused
from datasets.models import Embargo, PolicyDecision
from datasets.people import Person
from tests.world import World

pytestmark = pytest.mark.django_db
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = date(2026, 6, 1)
AFTER = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
SAYS_WHO_SETS = ["steward", "council"]


@pytest.fixture
def world():
    return World.build()


def put(world, *, until=DAY, by="steward", at=AT, reason="The survey is not published yet."):
    return embargoes.set_embargo(dataset=world.dataset, until=until, reason=reason, by=world.person(by), at=at)


def lift(world, *, by="steward", at=AFTER, reason="The survey is published.", **more):
    return embargoes.lift_embargo(dataset=world.dataset, reason=reason, by=world.person(by), at=at, **more)


def last_entry():
    return ledger.entries().order_by("-index").first()


@pytest.mark.parametrize("who", SAYS_WHO_SETS)
def test_stewards_and_council_set_and_lift(world, who):
    row = put(world, by=who)
    entry = last_entry()
    assert (entry.event, entry.actor, entry.role) == ("embargo.set", who, who)
    assert entry.subject == "kfm://dataset/test_ks_wells"
    assert embargoes.embargo_on(world.dataset.pk) == row
    assert embargoes.embargoed_datasets() == {world.dataset.pk}
    lifted = lift(world, by=who)
    assert (lifted.lifted_by, lifted.lifted_at) == (who, AFTER)
    assert last_entry().event == "embargo.lifted"
    assert embargoes.embargo_on(world.dataset.pk) is None
    assert embargoes.embargoed_datasets() == frozenset()


@pytest.mark.parametrize("who", ["contributor", "operator", "reviewer", "auditor", "admin", "nobody", "superuser"])
def test_no_one_else_sets_or_lifts(world, who):
    with pytest.raises(Refused, match="Only a steward"):
        put(world, by=who)
    put(world)
    with pytest.raises(Refused, match="Only a steward"):
        lift(world, by=who)
    assert embargoes.embargo_on(world.dataset.pk) is not None


def test_each_step_has_its_stored_decision(world):
    before = PolicyDecision.objects.count()
    put(world)
    lift(world)
    rows = list(PolicyDecision.objects.order_by("-decided_at")[:2])
    assert PolicyDecision.objects.count() == before + 2
    assert [(row.action, row.decision) for row in rows] == [("lift_embargo", "allow"), ("set_embargo", "allow")]
    assert decisions.document_of(rows[0])["request"]["resource"]["embargo_until"] == "2026-06-01"


def test_before_its_day_nobody_lifts(world):
    put(world)
    for at in (AT, AFTER - timedelta(seconds=1)):
        for who in SAYS_WHO_SETS:
            with pytest.raises(Refused, match="on or after 01 June 2026"):
                lift(world, by=who, at=at)
    assert embargoes.embargo_on(world.dataset.pk) is not None


def test_the_day_alone_ends_nothing(world):
    put(world)
    assert embargoes.embargo_on(world.dataset.pk) is not None
    assert decisions.embargo_day(world.dataset.pk) == "2026-06-01"


def test_it_is_moved_to_a_later_day_only(world):
    row = put(world)
    for earlier in (DAY, DAY - timedelta(days=1)):
        with pytest.raises(Refused, match="only moved to a later day"):
            put(world, until=earlier)
    moved = put(world, until=date(2026, 9, 1), by="council", reason="Not yet.")
    assert (moved.pk, moved.until, moved.set_by) == (row.pk, date(2026, 9, 1), "steward")
    entry = last_entry()
    assert (entry.event, entry.actor) == ("embargo.moved", "council")
    assert [(step.until, step.reason) for step in moved.history.order_by("history_date", "history_id")] == [
        (DAY, "The survey is not published yet."),
        (date(2026, 9, 1), "Not yet."),
    ]
    assert [step.history_user.username for step in moved.history.order_by("history_id")] == ["steward", "council"]
    with pytest.raises(Refused, match="on or after 01 September"):
        lift(world)


def test_today_is_early_enough_and_yesterday_is_not(world):
    with pytest.raises(Refused, match="has passed"):
        put(world, until=AT.date() - timedelta(days=1))
    with pytest.raises(Refused, match="Check the year"):
        put(world, until=date(9999, 1, 1))
    put(world, until=AT.date())
    assert lift(world, at=AT).lifted_at == AT


def test_the_day_is_a_day_of_utc(world):
    """Late on 31 May in Kansas it is 1 June UTC."""
    put(world)
    late = datetime.fromisoformat("2026-05-31T19:30:00-05:00")
    assert lift(world, at=late).lifted_at == late


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_a_reason_is_owed_for_each_step(world, reason):
    with pytest.raises(Refused, match="Say why"):
        put(world, reason=reason)
    put(world)
    with pytest.raises(Refused, match="Say why"):
        lift(world, reason=reason)


def test_a_second_lift_says_who_was_first(world):
    with pytest.raises(Refused, match="under no embargo"):
        lift(world)
    put(world)
    lift(world)
    with pytest.raises(Refused, match="steward lifted it at 2026-06-01 00:00 UTC already"):
        lift(world, by="council")


def test_who_read_another_day_lifts_nothing(world):
    put(world)
    with pytest.raises(Refused, match="Meanwhile the embargo was moved"):
        lift(world, seen=date(2026, 5, 1))
    assert lift(world, seen=DAY).lifted_by == "steward"


def test_after_a_lift_there_may_be_another_one(world):
    put(world)
    lift(world)
    again = put(world, until=date(2026, 12, 1), at=AFTER)
    assert Embargo.objects.count() == 2
    assert embargoes.embargo_on(world.dataset.pk) == again


def test_a_steward_of_another_dataset_does_nothing_here(world):
    other = Person("nobody", "Nobody", frozenset(), {world.dataset.pk + 1: frozenset({"steward_dataset"})})
    with pytest.raises(Refused, match="Only a steward"):
        embargoes.set_embargo(dataset=world.dataset, until=DAY, reason="x", by=other, at=AT)


@pytest.mark.parametrize("step", ["set", "move", "lift"])
def test_no_ledger_entry_no_change(world, monkeypatch, step):
    if step != "set":
        put(world)
    before = [(row.until, row.reason, row.lifted_by) for row in Embargo.objects.all()]
    steps = Embargo.history.count()
    asked = PolicyDecision.objects.count()

    def fails(**_):
        raise DatabaseError("the ledger is gone")

    monkeypatch.setattr(ledger, "append", fails)
    change = lift if step == "lift" else partial(put, until=date(2027, 1, 1))
    change = lift if step == "lift" else partial(put, until=date(2027, 1, 1))
    with pytest.raises(DatabaseError), transaction.atomic():
        change(world)
    assert [(row.until, row.reason, row.lifted_by) for row in Embargo.objects.all()] == before
    assert (Embargo.history.count(), PolicyDecision.objects.count()) == (steps, asked)


def test_two_open_embargoes_of_a_dataset_are_refused_by_the_database(world):
    put(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        Embargo.objects.create(dataset=world.dataset, until=DAY, reason="x", set_by="x", set_at=AT)


def test_the_ledger_holds_no_reason_only_its_digest(world):
    put(world, reason="Nest of the eagle at the old mill")
    assert "eagle" not in str(last_entry().__dict__)
