"""The clock only reminds: stewards a week before the day, and from the day on once a week; it lifts nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from django.conf import settings

from datasets import embargoes
from datasets.models import Embargo
from promotions import embargo_reminders, tasks
from promotions.models import Delivery, Notice
from tests.world import World

pytestmark = pytest.mark.django_db
DAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def world():
    world = World.build()
    embargoes.set_embargo(
        dataset=world.dataset,
        until=DAY,
        reason="Eagles nest at the mill.",
        by=world.person("steward"),
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return world


def told(at):
    before = Notice.objects.count()
    embargo_reminders.tell_embargoes(at)
    return sorted(Notice.objects.order_by("pk").values_list("principal", flat=True)[before:])


def test_long_before_its_day_nobody_is_told(world):
    assert told(NOON - WEEK - timedelta(days=1)) == []


def test_stewards_are_told_a_week_before_and_weekly_from_the_day_on(world):
    stewards = ["steward", "steward2"]
    assert told(NOON - WEEK) == stewards
    assert told(NOON - timedelta(days=1)) == [], "once, before the day"
    assert told(NOON) == stewards
    assert told(NOON + timedelta(hours=5)) == []
    assert told(NOON + timedelta(days=6)) == []
    assert told(NOON + WEEK) == stewards
    assert told(NOON + 2 * WEEK) == stewards
    assert Embargo.objects.get().lifted_at is None, "the clock lifts nothing"


def test_what_was_lifted_is_told_no_more(world):
    embargoes.lift_embargo(dataset=world.dataset, reason="Out.", by=world.person("steward"), at=NOON)
    assert told(NOON) == []


def test_a_later_day_is_told_again(world):
    told(NOON)
    embargoes.set_embargo(
        dataset=world.dataset, until=date(2026, 6, 5), reason="x", by=world.person("steward"), at=NOON
    )
    assert told(NOON + timedelta(hours=1)) == ["steward", "steward2"]


def test_without_a_steward_the_council_is_told(world):
    for name in ("steward", "steward2"):
        world.users[name].is_active = False
        world.users[name].save()
    assert told(NOON) == ["council", "council2"]


def test_a_reminder_names_no_dataset_and_no_reason(world):
    told(NOON)
    owed = [json.dumps(row, default=str) for row in (*Notice.objects.values(), *Delivery.objects.values())]
    assert owed
    assert not [row for row in owed if "test_ks_wells" in row or "eagle" in row.lower()]


def test_the_task_runs_twice_and_tells_once(world):
    tasks.tell_embargoes()
    count = Notice.objects.count()
    tasks.tell_embargoes()
    assert Notice.objects.count() == count
    assert settings.CELERY_BEAT_SCHEDULE["embargo-days"]["task"] == "promotions.tasks.tell_embargoes"
