"""ADR 0026: rights end by the clock, on the instant; both are told before; a grant is row and permission together."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from audit import ledger
from datasets import expiry, people
from datasets.errors import Refused
from datasets.models import DatasetGrant, RoleAssignment
from datasets.persons import person_for
from datasets.policy.roles import Role
from promotions import expiring
from promotions.models import Notice
from promotions.readers.people import holders
from promotions.tasks import end_and_remind

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def role(world, name="nobody", given=Role.AUDITOR, *, ends=None, at=NOW):
    return people.assign_role(
        user=User.objects.get(username=name), role=given, by=world.person("admin"), reason="A test.", at=at,
        expires_at=ends, confirmed_by=world.person("council"),
    )  # fmt: skip


def at(person: str, when):
    return person_for(User.objects.get(username=person), when)


def test_a_role_counts_until_the_instant_of_its_end(world):
    end = NOW + timedelta(days=3)
    role(world, ends=end)
    assert at("nobody", end - timedelta(microseconds=1)).roles == {Role.AUDITOR}
    assert at("nobody", end).roles == frozenset()


def test_a_grant_counts_until_the_instant_of_its_end(world):
    end = NOW + timedelta(days=3)
    world.give("nobody", "steward_dataset", expires_at=end)
    assert at("nobody", end - timedelta(microseconds=1)).roles_on(world.dataset.pk) == {Role.STEWARD}
    assert at("nobody", end).grants == {}


def test_a_permission_without_its_row_counts_for_nothing(world):
    assign_perm("datasets.steward_dataset", User.objects.get(username="nobody"), world.dataset)
    assert world.person("nobody").grants == {}
    assert "nobody" not in holders(world.dataset.pk)[Role.STEWARD]


def test_a_row_without_its_permission_counts_for_nothing(world):
    world.give("nobody", "steward_dataset")
    remove_perm("datasets.steward_dataset", User.objects.get(username="nobody"), world.dataset)
    assert world.person("nobody").grants == {}
    assert "nobody" not in holders(world.dataset.pk)[Role.STEWARD]
    assert world.give("nobody", "steward_dataset").pk  # what counts for nothing makes way


def test_what_has_ended_gives_nobody_a_name_on_the_pages(world):
    role(world, given=Role.STEWARD, ends=NOW - timedelta(days=1), at=NOW - timedelta(days=9))
    assert "nobody" not in holders(world.dataset.pk)[Role.STEWARD]


def test_the_clock_ends_what_is_over_once_with_its_entry(world):
    role(world, ends=NOW + timedelta(days=1))
    world.give("nobody", "steward_dataset", expires_at=NOW + timedelta(days=1))
    assert expiry.end_expired(NOW) == 0
    later = NOW + timedelta(days=1)
    assert (expiry.end_expired(later), expiry.end_expired(later)) == (2, 0)
    assert RoleAssignment.objects.get(user__username="nobody").revoked_at == later
    assert DatasetGrant.objects.get(user__username="nobody").revoked_by == "pipeline"
    assert not UserObjectPermission.objects.filter(user__username="nobody").exists()
    events = [entry.event for entry in ledger.entries_about("user/nobody")]
    assert (events.count("role.expired"), events.count("grant.expired")) == (1, 1)


@pytest.mark.parametrize("what", ["role", "grant"])
def test_no_ledger_entry_no_end(world, monkeypatch, what):
    end = NOW + timedelta(days=1)
    role(world, ends=end) if what == "role" else world.give("nobody", "steward_dataset", expires_at=end)

    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(expiry.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        expiry.end_expired(end)
    model = RoleAssignment if what == "role" else DatasetGrant
    assert model.objects.get(user__username="nobody").revoked_at is None
    assert UserObjectPermission.objects.filter(user__username="nobody").exists() == (what == "grant")


def test_whose_right_to_read_the_ledger_ended_reads_it_no_more_before_the_clock_came_by(world, client):
    given = role(world, ends=NOW + timedelta(days=1))
    client.force_login(User.objects.get(username="nobody"))
    assert client.get("/ledger/").status_code == 200
    RoleAssignment.objects.filter(pk=given.pk).update(expires_at=NOW - timedelta(seconds=1))
    assert client.get("/ledger/").status_code == 403
    end_and_remind()
    assert not User.objects.get(username="nobody").groups.exists()


def test_what_is_held_is_prolonged_and_never_cut_short(world):
    end = NOW + timedelta(days=30)
    role(world, ends=end)
    with pytest.raises(Refused) as refused:
        role(world, ends=end - timedelta(days=1))
    assert refused.value.code == "role_held_already"
    assert role(world).expires_at is None
    with pytest.raises(Refused):
        role(world, ends=end)
    world.give("nobody", "read_restricted", expires_at=end)
    assert world.give("nobody", "read_restricted", expires_at=end + timedelta(days=1)).pk
    assert DatasetGrant.objects.filter(user__username="nobody", revoked_at__isnull=True).count() == 1
    assert world.person("nobody").grants[world.dataset.pk] == {"read_restricted"}


def test_an_end_in_the_past_is_refused(world):
    with pytest.raises(Refused) as refused:
        role(world, ends=NOW)
    assert refused.value.code == "end_past"


def test_holder_and_admins_are_told_once_two_weeks_before(world):
    role(world, ends=NOW + timedelta(days=10))
    world.give("nobody", "read_restricted", expires_at=NOW + timedelta(days=13))
    role(world, "contributor2", Role.OPERATOR, ends=NOW + timedelta(days=20))
    for _ in range(2):
        expiring.end_and_remind(NOW)
    told = list(Notice.objects.filter(kind=expiring.KIND).values_list("principal", "text"))
    assert sorted(name for name, _ in told) == ["admin", "admin", "nobody", "nobody"]
    assert not any(world.dataset.slug in text for _, text in told)
    expiring.end_and_remind(NOW + timedelta(days=7))
    assert Notice.objects.filter(kind=expiring.KIND, principal="contributor2").count() == 1
