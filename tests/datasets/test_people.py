"""Design §6: roles and grants come from admins, with a reason and a ledger entry; being a superuser gives nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit import ledger
from datasets import people
from datasets.enforcement import visible_versions
from datasets.errors import Refused
from datasets.models import Dataset, RoleAssignment
from datasets.people import (
    PUBLIC,
    appoint,
    appoint_first_admin,
    assign_role,
    give_grant,
    person_for,
    revoke_role,
    take_grant,
)
from datasets.policy.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin():
    user = User.objects.create_user("root_of_trust")
    appoint_first_admin(user=user, reason="The first.", at=timezone.now())
    return person_for(user)


@pytest.fixture
def council(admin):
    user = User.objects.create_user("cora")
    appoint(user=user, role=Role.COUNCIL, by=admin, reason="The second.", at=timezone.now())
    return person_for(user)


@pytest.fixture
def user():
    return User.objects.create_user("ann", first_name="Ann", last_name="Lee")


@pytest.fixture
def dataset():
    return Dataset.objects.create(slug="ks_a", title="A", registered_by="x", registered_at=timezone.now())


def test_there_is_one_first_admin(admin, user):
    with pytest.raises(Refused) as refused:
        appoint_first_admin(user=user, reason="Me too.", at=timezone.now())
    assert refused.value.code == "admin_exists"


def test_a_role_is_held_from_assignment_to_revocation_and_both_are_in_the_ledger(admin, user, council):
    size = ledger.size()
    assign_role(user=user, role=Role.STEWARD, by=admin, confirmed_by=council, reason="Owns wells.", at=timezone.now())
    assert person_for(user).roles == {Role.STEWARD}
    revoke_role(user=user, role=Role.STEWARD, by=admin, reason="Left.", at=timezone.now())
    assert person_for(user).roles == frozenset()
    assert RoleAssignment.objects.get(user=user).revoked_at is not None
    assert [entry.event for entry in ledger.entries_about("user/ann").order_by("index")] == [
        "role.assigned",
        "role.revoked",
    ]
    assert ledger.size() == size + 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"by": "ann"}, "not_an_admin"),
        ({"user": "admin"}, "own_roles"),
        ({"reason": "  "}, "reason_missing"),
        ({"role": Role.PUBLIC}, "role_not_assignable"),
        ({"role": Role.COUNCIL}, "role_held_already"),
        ({"user": "pipeline"}, "name_reserved"),
    ],
)
def test_a_role_is_refused(admin, user, change, code, council):
    assign_role(user=user, role=Role.COUNCIL, by=admin, confirmed_by=council, reason="Held.", at=timezone.now())
    accounts = {"ann": user, "admin": User.objects.get(username=admin.principal), "pipeline": User(username="pipeline")}
    request = {"user": user, "role": Role.STEWARD, "by": admin, "reason": "Why not.", "confirmed_by": council}
    request |= change
    request["user"] = accounts.get(request["user"], request["user"])
    request["by"] = person_for(user) if request["by"] == "ann" else request["by"]
    size = ledger.size()
    with pytest.raises(Refused) as refused:
        assign_role(**request, at=timezone.now())
    assert (refused.value.code, ledger.size()) == (code, size)
    assert RoleAssignment.objects.filter(revoked_at__isnull=True).count() == 3


def test_a_role_that_is_not_held_cant_be_revoked(admin, user):
    with pytest.raises(Refused, match="does not hold"):
        revoke_role(user=user, role=Role.STEWARD, by=admin, reason="Tidy.", at=timezone.now())


def test_a_role_change_rolls_back_when_the_ledger_refuses_it(admin, user, monkeypatch, council):
    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(people.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        assign_role(
            user=user, role=Role.STEWARD, by=admin, confirmed_by=council, reason="Owns wells.", at=timezone.now()
        )
    assert not RoleAssignment.objects.filter(user=user).exists()


def test_a_grant_gives_a_role_on_its_dataset_alone(admin, user, dataset, council):
    give_grant(
        user=user,
        dataset=dataset,
        grant="steward_dataset",
        by=admin,
        confirmed_by=council,
        reason="Owns it.",
        at=timezone.now(),
    )
    person = person_for(user)
    assert (person.roles, person.roles_on(dataset.pk), person.roles_on(dataset.pk + 1)) == (
        frozenset(),
        {Role.STEWARD},
        frozenset(),
    )
    assert person.all_roles == {Role.STEWARD}
    take_grant(user=user, dataset=dataset, grant="steward_dataset", by=admin, reason="Done.", at=timezone.now())
    assert person_for(user).grants == {}
    assert [entry.event for entry in ledger.entries_about("user/ann").order_by("index")] == [
        "grant.given",
        "grant.revoked",
    ]


@pytest.mark.parametrize("grant", ["superuser", "change_dataset", ""])
def test_an_unknown_grant_is_refused_both_ways(admin, user, dataset, grant):
    for act, code in ((give_grant, "grant_unknown"), (take_grant, "grant_not_held")):
        with pytest.raises(Refused) as refused:
            act(user=user, dataset=dataset, grant=grant, by=admin, reason="Try.", at=timezone.now())
        assert refused.value.code == code


def test_a_grant_is_given_once_and_taken_once(admin, user, dataset, council):
    words = {"user": user, "dataset": dataset, "grant": "read_restricted", "by": admin, "reason": "Study."}
    give_grant(**words, confirmed_by=council, at=timezone.now())
    with pytest.raises(Refused, match="already"):
        give_grant(**words, confirmed_by=council, at=timezone.now())
    take_grant(**words, at=timezone.now())
    with pytest.raises(Refused, match="does not hold"):
        take_grant(**words, at=timezone.now())
    assert ledger.entries_about("user/ann").count() == 2


def test_read_restricted_is_no_role(admin, user, dataset, council):
    give_grant(
        user=user,
        dataset=dataset,
        grant="read_restricted",
        by=admin,
        confirmed_by=council,
        reason="Study.",
        at=timezone.now(),
    )
    assert person_for(user).roles_on(dataset.pk) == frozenset()


def test_other_permissions_of_guardian_count_for_nothing(user, dataset):
    assign_perm("datasets.change_dataset", user, dataset)
    assert person_for(user).grants == {}


def test_a_superuser_has_nothing(django_assert_num_queries):
    superuser = User.objects.create_superuser("boss")
    with django_assert_num_queries(2):
        person = person_for(superuser)
    assert (person.roles, dict(person.grants)) == (frozenset(), {})
    assert not visible_versions(person).exists()


@pytest.mark.parametrize("name", sorted(people.RESERVED_PRINCIPALS))
def test_an_account_called_like_the_console_itself_is_nobody(name):
    assert person_for(User.objects.create_user(name)) is PUBLIC


def test_anonymous_and_inactive_users_are_the_public(admin, user, council):
    assign_role(user=user, role=Role.STEWARD, by=admin, confirmed_by=council, reason="Owns wells.", at=timezone.now())
    user.is_active = False
    user.save()
    assert person_for(user) is PUBLIC
    assert person_for(AnonymousUser()) is PUBLIC
    assert people.person_named("ann") is PUBLIC
    assert people.person_named("no one") is PUBLIC


def test_names_are_found_in_one_query(user, django_assert_num_queries):
    with django_assert_num_queries(1):
        names = people.names_of({"ann", "gone", "pipeline"})
    assert names == {"ann": "Ann Lee", "gone": "gone", "pipeline": "Pipeline"}
