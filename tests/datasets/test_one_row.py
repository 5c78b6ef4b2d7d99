"""Style rule 8: who decides on a row that another decided since it was read changes nothing, and is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from datasets import embargoes, people, policy_changes, registry
from datasets.errors import Refused
from datasets.models import (
    DatasetGrant,
    Embargo,
    PolicyChange,
    PolicyChangeState,
    RoleAssignment,
)
from datasets.one_row import change_row
from datasets.policy.roles import Role
from tests.world import SPEC, World

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def world() -> World:
    return World.build()


def refusal(call, *args, **words) -> Refused:
    with pytest.raises(Refused) as refused:
        call(*args, **words)
    return refused.value


def test_a_row_that_is_no_more_as_it_was_read_is_left_alone_and_gets_no_history(world):
    row = RoleAssignment.objects.first()
    steps = row.history.count()
    assert not change_row(row, was={"role": "another"}, changes={"reason": "x"}, at=NOON)
    row.refresh_from_db()
    assert row.reason != "x"
    assert row.history.count() == steps


def test_a_change_is_in_the_rows_history_with_who_when_and_why(world):
    row = RoleAssignment.objects.first()
    assert change_row(row, was={"role": row.role}, changes={"reason": "x"}, at=NOON, by="admin", reason="y" * 200)
    told = row.history.order_by("-history_id").first()
    assert (told.reason, told.history_user.username, told.history_date) == ("x", "admin", NOON)
    assert told.history_change_reason == "y" * 100


def test_the_second_decider_of_a_policy_change_is_told_who_was_first(world):
    asked = policy_changes.ask_role(
        user=User.objects.get(username="nobody"), role=Role.STEWARD, expires_at=None, by=world.person("admin"),
        reason="New.", at=NOON,
    )  # fmt: skip
    seen = PolicyChange.objects.get(pk=asked.pk)
    policy_changes.refuse(change_pk=asked.pk, by=world.person("council"), reason="No.", at=NOON)
    late = refusal(
        policy_changes._decide, seen, PolicyChangeState.APPLIED, world.person("council2"), Role.COUNCIL, "", NOON
    )
    assert (late.code, late.message) == ("decided_already", "Already refused by council at 2026-03-01 12:00 UTC.")
    assert PolicyChange.objects.get(pk=asked.pk).state == PolicyChangeState.REFUSED


def test_the_second_to_take_a_role_is_told_who_was_first(world):
    seen = RoleAssignment.objects.get(user__username="reviewer", revoked_at=None)
    again = RoleAssignment.objects.get(pk=seen.pk)
    people.close_assignment(seen, "admin", NOON, "Left.")
    late = refusal(people.close_assignment, again, "admin", NOON + timedelta(1), "Left.")
    assert (late.code, late.message) == ("taken_already", "Already taken by admin at 2026-03-01 12:00 UTC.")
    assert RoleAssignment.objects.get(pk=seen.pk).revoked_at == NOON


def test_the_second_to_take_a_grant_is_told_who_was_first(world):
    user = User.objects.get(username="nobody")
    row = people.give_grant(
        user=user, dataset=world.dataset, grant="contribute_dataset", by=world.person("admin"), reason="x", at=NOON
    )
    again = DatasetGrant.objects.get(pk=row.pk)
    people.close_grant(row, "admin", NOON, "Left.")
    late = refusal(people.close_grant, again, "pipeline", NOON + timedelta(1), "Ended.")
    assert (late.code, late.message) == ("taken_already", "Already taken by admin at 2026-03-01 12:00 UTC.")
    assert DatasetGrant.objects.get(pk=row.pk).revoked_by == "admin"


def test_an_embargo_that_was_moved_or_lifted_since_it_was_read_is_not_changed(world):
    now = timezone.now()
    soon = {"dataset": world.dataset, "reason": "Not yet.", "by": world.person("steward"), "at": now}
    row = embargoes.set_embargo(until=now.date(), **soon)
    before_moving = Embargo.objects.get(pk=row.pk)
    embargoes.set_embargo(until=now.date() + timedelta(3), **soon)
    late = refusal(embargoes._change, before_moving, world.person("council"), now, lifted_at=now, lifted_by="council")
    assert late.code == "embargo_moved"

    day = now + timedelta(3)
    before_lifting = Embargo.objects.get(pk=row.pk)
    embargoes.lift_embargo(dataset=world.dataset, reason="Out.", by=world.person("steward"), at=day)
    late = refusal(embargoes._change, before_lifting, world.person("council"), day, lifted_at=day, lifted_by="council")
    assert late.code == "no_embargo"
    assert "steward lifted it at" in late.message
    assert Embargo.objects.get(pk=row.pk).lifted_by == "steward"


def test_two_who_record_a_spec_at_once_do_not_overwrite_each_other(world):
    seen = type(world.dataset).objects.get(pk=world.dataset.pk)
    theirs, ours = SPEC | {"title": "Theirs"}, SPEC | {"title": "Ours"}
    row = registry.record_spec(dataset=world.dataset, spec=theirs, by=world.person("operator"), at=NOON)
    late = refusal(registry._record_spec, seen, ours, world.person("steward"), Role.STEWARD, NOON)
    assert late.code == "spec_meanwhile"
    world.dataset.refresh_from_db()
    assert (world.dataset.current_spec, world.dataset.title) == (row, "Theirs")
