"""Design §6: what would leave a workflow without people is refused, and says which role on which dataset."""

from __future__ import annotations

import itertools

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from audit import ledger
from datasets import accounts, people
from datasets.errors import Refused
from datasets.models import DatasetVersion, PolicyLabel
from datasets.policy.roles import Role
from datasets.policy.satisfiable import PUBLISHES, Need, Staff, broken_by, open_place
from datasets.service_accounts import take_all
from promotions.states import State
from tests.administration.test_changes import edit

PEOPLE = ["a", "b", "c", "d", "e"]
staffs = st.fixed_dictionaries(
    {role: st.sets(st.sampled_from(PEOPLE)).map(frozenset) for role in ("steward", "reviewer", "council", "operator")}
)


def possible(need: Need, holders) -> bool:
    """The same question, by trying every way to seat people."""
    places = (*need.sign_off_roles, PUBLISHES)
    return any(
        all(
            person in holders[place] and (place == PUBLISHES or person != need.author)
            for place, person in zip(places, chosen, strict=True)
        )
        for chosen in itertools.permutations(PEOPLE, len(places))
    )


@given(staffs, st.sampled_from(["", *PEOPLE]), st.booleans())
def test_a_place_is_open_just_when_nobody_can_be_seated(holders, author, council):
    roles = ("steward", "reviewer", "council") if council else ("steward", "reviewer")
    need = Need("d", "l", roles, author)
    assert (open_place(need, Staff(holders)) == "") == possible(need, holders)


def test_one_person_fills_one_place():
    staff = Staff({"steward": frozenset("ab"), "reviewer": frozenset("a"), "operator": frozenset("ab")})
    assert open_place(Need("d", "l", ("steward", "reviewer")), staff) == "operator"


def test_what_was_impossible_already_is_no_reason():
    need, nobody = Need("d", "l", ("steward",)), Staff({})
    assert broken_by([(need, nobody)], [(need, nobody)]) == ()


@pytest.fixture
def used(world) -> DatasetVersion:
    """A version under ``internal``, and only one person left for each role but operator."""
    version = world.version_in(State.RAW)
    DatasetVersion.objects.filter(pk=version.pk).update(policy_label="internal")
    for name in ("steward2", "reviewer2", "council2"):
        take_all(User.objects.get(username=name), world.person("admin"), "Left.", timezone.now())
    return version


def revoke(world, name):
    facts = {"by": world.person("admin"), "reason": "Left.", "at": timezone.now()}
    people.revoke_role(user=User.objects.get(username=name), role=Role(name.rstrip("2")), **facts)


@pytest.mark.parametrize("name", ["steward", "reviewer", "council"])
def test_the_last_who_may_sign_keeps_the_role(world, used, name):
    size = ledger.size()
    with pytest.raises(Refused) as refused:
        revoke(world, name)
    assert refused.value.code == "nobody_left"
    assert f"as {name}" in refused.value.message
    assert used.dataset.slug in refused.value.message
    assert (Role(name) in world.person(name).roles, ledger.size()) == (True, size)


def test_the_last_operator_keeps_the_role_and_the_one_before_does_not(world, used):
    revoke(world, "operator2")
    with pytest.raises(Refused, match="no operator who signed nothing"):
        revoke(world, "operator")


@pytest.mark.parametrize("name", ["steward", "reviewer", "council", "operator"])
def test_an_account_is_not_closed_when_it_is_the_last(world, used, name):
    if name == "operator":
        revoke(world, "operator2")
    user = User.objects.get(username=name)
    words = {"user_pk": user.pk, "reason": "Left.", "by": world.person("admin"), "at": timezone.now()}
    with pytest.raises(Refused) as refused:
        accounts.close_account(**words)
    user.refresh_from_db()
    assert (refused.value.code, user.is_active) == ("nobody_left", True)


def test_a_grant_on_the_dataset_counts(world, used):
    world.give("nobody", "review_dataset")
    revoke(world, "reviewer")
    with pytest.raises(Refused, match="as reviewer"):
        people.take_grant(
            user=User.objects.get(username="nobody"), dataset=world.dataset, grant="review_dataset",
            by=world.person("admin"), reason="Done.", at=timezone.now(),
        )  # fmt: skip


def test_without_a_version_under_a_label_nothing_is_owed(world):
    for name in ("steward", "steward2"):
        revoke(world, name)
    assert world.person("steward").roles == frozenset()


def test_a_label_does_not_come_to_ask_for_who_is_not_there(world, used):
    DatasetVersion.objects.filter(pk=used.pk).update(policy_label="public")
    revoke(world, "council")
    assert PolicyLabel.objects.get(name="public").sign_off_roles == ["steward", "reviewer"]
    with pytest.raises(Refused) as refused:
        edit(world, "public", sign_off_roles=("steward", "reviewer", "council"))
    assert (refused.value.code, "as council" in refused.value.message) == ("nobody_left", True)


def test_a_closed_account_holds_nothing_and_signs_in_no_more(world, used, client):
    user = User.objects.get(username="contributor2")
    words = {"user_pk": user.pk, "reason": "Left.", "by": world.person("admin"), "at": timezone.now()}
    client.force_login(user)
    accounts.close_account(**words)
    assert client.get("/queue/").status_code == 302
    assert not user.role_assignments.filter(revoked_at__isnull=True).exists()
    with pytest.raises(Refused) as refused:
        accounts.close_account(**words)
    assert refused.value.code == "closed_already"
