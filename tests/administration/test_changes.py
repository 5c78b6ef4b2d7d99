"""ADR 0025: what closes is applied at once by one admin; what opens waits for a second person."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import ledger
from datasets import decisions, policy_changes
from datasets.errors import Refused
from datasets.models import DatasetGrant, PolicyChange, PolicyLabel, RoleAssignment
from datasets.persons import person_for
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import parse_obligations
from datasets.policy.roles import Role
from promotions import signoffs
from tests.administration.conftest import confirm, label
from tests.promotions import changed, rows

pytestmark = pytest.mark.django_db


def edit(world, name="internal", by="admin", **changes):
    facts = dataclasses.replace(label(name), **changes)
    return policy_changes.ask_label(facts=facts, by=world.person(by), reason="A test.", at=timezone.now())


def custom(**changes) -> LabelFacts:
    return LabelFacts(
        name="tribal", title="Tribal", meaning="Ask the nation.", readers=("steward", "council"),
        sign_off_roles=("steward", "reviewer", "council"), tightness=45, colour="waived", opened_by_grant=True,
    ) if not changes else dataclasses.replace(custom(), **changes)  # fmt: skip


def role_for(world, name="nobody", role=Role.STEWARD, *, by="admin", end=None):
    return policy_changes.ask_role(
        user=User.objects.get(username=name), role=role, expires_at=end, by=world.person(by), reason="New.",
        at=timezone.now(),
    )  # fmt: skip


def grant_for(world, name="nobody", grant="read_restricted", *, end=None):
    return policy_changes.ask_grant(
        user=User.objects.get(username=name), dataset=world.dataset, grant=grant, expires_at=end,
        by=world.person("admin"), reason="Study.", at=timezone.now(),
    )  # fmt: skip


def told(subject: str) -> list[str]:
    return [entry.event for entry in reversed(ledger.entries_about(subject))]


def code_of(call, *args, **words) -> str:
    with pytest.raises(Refused) as refused, transaction.atomic():
        call(*args, **words)
    return refused.value.code


def test_tightening_a_label_works_at_once_and_is_in_history_and_ledger(world):
    change = edit(world, readers=("operator", "reviewer", "steward", "council"))
    assert (change.state, change.needs_second, change.decided_by) == ("applied", False, "admin")
    assert label("internal").readers == ("operator", "reviewer", "steward", "council")
    assert told("label/internal") == ["policy.change_asked", "label.edited", "policy.change_applied"]
    assert PolicyLabel.objects.get(name="internal").history.first().history_change_reason.endswith("A test.")


def test_loosening_waits_for_a_second_person_and_then_works(world):
    edit(world, tightness=25)
    change = edit(world, tightness=20)
    assert (change.state, label("internal").tightness) == ("pending", 25)
    assert confirm(world, change).decided_role == "council"
    assert label("internal").tightness == 20
    assert told("label/internal")[-3:] == ["policy.change_asked", "label.edited", "policy.change_applied"]


def test_a_new_label_waits_and_is_then_a_label_like_the_others(world):
    change = policy_changes.ask_label(
        facts=custom(), by=world.person("admin"), reason="New.", at=timezone.now(), new=True
    )
    assert "tribal" not in decisions.label_facts()
    confirm(world, change)
    assert decisions.label_facts()["tribal"] == custom()
    assert told("label/tribal") == ["policy.change_asked", "label.created", "policy.change_applied"]


@pytest.mark.parametrize("right", ["role", "grant"])
def test_a_role_or_grant_that_opens_much_counts_only_once_it_is_confirmed(world, right):
    change = role_for(world) if right == "role" else grant_for(world, grant="steward_dataset")
    assert world.person("nobody").roles_on(world.dataset.pk) == frozenset()
    confirm(world, change)
    assert world.person("nobody").roles_on(world.dataset.pk) == {Role.STEWARD}
    row = (RoleAssignment if right == "role" else DatasetGrant).objects.get(user__username="nobody")
    assert row.confirmed_by == "council"


@pytest.mark.parametrize("right", ["role", "grant"])
def test_one_admin_alone_lets_someone_bring_data_in(world, right):
    change = role_for(world, role=Role.CONTRIBUTOR) if right == "role" else grant_for(world, grant="contribute_dataset")
    assert (change.state, change.needs_second) == ("applied", False)
    assert world.person("nobody").roles_on(world.dataset.pk) == {Role.CONTRIBUTOR}


@pytest.mark.parametrize(
    ("by", "code"),
    [("admin", "own_request"), *((name, "may_not_confirm") for name in ("steward", "auditor", "nobody", "superuser"))],
)
def test_who_may_not_confirm(world, by, code):
    change = role_for(world)
    assert code_of(confirm, world, change, by) == code
    assert (
        code_of(policy_changes.refuse, change_pk=change.pk, by=world.person(by), reason="No.", at=timezone.now())
        == code
    )
    assert PolicyChange.objects.get().state == "pending"


def test_nobody_confirms_their_own_gain(world):
    change = role_for(world, "council2", Role.ADMIN)
    assert code_of(confirm, world, change, "council2") == "own_gain"
    assert confirm(world, change, "council").state == "applied"


def test_the_database_too_refuses_that_the_asker_confirms(world):
    change = role_for(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyChange.objects.filter(pk=change.pk).update(state="applied", decided_by="admin", decided_at=timezone.now())


@pytest.mark.parametrize("who", ["steward", "council", "auditor", "nobody", "superuser"])
def test_only_an_admin_asks(world, who):
    size = ledger.size()
    assert code_of(edit, world, by=who, tightness=25) == "not_an_admin"
    assert code_of(role_for, world, by=who) == "not_an_admin"
    assert (ledger.size(), PolicyChange.objects.count()) == (size, 0)


def test_nobody_asks_for_themself(world):
    assert code_of(role_for, world, "admin") == "own_roles"


@pytest.mark.parametrize("age", [timedelta(minutes=3), timedelta(minutes=-1)])
def test_a_stale_password_confirms_nothing(world, age):
    change, at = role_for(world), timezone.now()
    old = signoffs.Reauthenticated("council", at - age, signoffs._MADE_HERE)
    words = {"change_pk": change.pk, "by": world.person("council"), "proof": old, "at": at}
    assert code_of(policy_changes.confirm, **words) == "not_reauthenticated"


def test_another_persons_password_confirms_nothing(world):
    change, at = role_for(world), timezone.now()
    others = signoffs.Reauthenticated("admin", at, signoffs._MADE_HERE)
    words = {"change_pk": change.pk, "by": world.person("council"), "proof": others, "at": at}
    assert code_of(policy_changes.confirm, **words) == "not_reauthenticated"


def test_what_was_overtaken_can_not_be_applied(world):
    edit(world, tightness=25)
    change = edit(world, tightness=20)
    edit(world, meaning="Another sentence.")
    assert code_of(confirm, world, change) == "overtaken"
    assert label("internal").tightness == 25
    policy_changes.refuse(change_pk=change.pk, by=world.person("council"), reason="Old.", at=timezone.now())


def test_a_right_that_was_given_meanwhile_overtakes_the_same_request(world):
    first, second = role_for(world), role_for(world, end=timezone.now() + timedelta(days=40))
    confirm(world, first)
    assert code_of(confirm, world, second) == "overtaken"


def test_an_account_that_was_closed_meanwhile_gets_nothing(world):
    change = role_for(world)
    User.objects.filter(username="nobody").update(is_active=False)
    assert code_of(confirm, world, change) == "overtaken"


def test_what_one_asked_for_who_is_no_admin_any_more_is_not_applied(world):
    confirm(world, role_for(world, "nobody", Role.ADMIN))
    change = role_for(world, "auditor2", Role.STEWARD, by="nobody")
    RoleAssignment.objects.filter(user__username="nobody").update(revoked_at=timezone.now())
    assert code_of(confirm, world, change) == "asker_left"


def test_a_second_click_says_by_whom_and_when(world):
    change = role_for(world)
    assert code_of(role_for, world) == "asked_already"
    confirm(world, change)
    with pytest.raises(Refused, match="Already applied by council at 20"):
        confirm(world, change)
    assert code_of(role_for, world) == "role_held_already"


def test_a_change_is_refused_or_taken_back_with_a_reason_and_never_twice(world):
    first, second = role_for(world), grant_for(world)
    at = timezone.now()
    assert (
        code_of(policy_changes.refuse, change_pk=first.pk, by=world.person("council"), reason=" ", at=at)
        == "reason_missing"
    )
    policy_changes.refuse(change_pk=first.pk, by=world.person("council"), reason="Not now.", at=at)
    words = {"change_pk": second.pk, "reason": "A slip.", "at": at}
    assert code_of(policy_changes.take_back, by=world.person("council"), **words) == "not_the_asker"
    policy_changes.take_back(by=world.person("admin"), **words)
    assert code_of(confirm, world, first) == code_of(confirm, world, second) == "decided_already"
    assert told("user/nobody") == [
        "policy.change_asked", "policy.change_asked", "policy.change_refused", "policy.change_taken_back",
    ]  # fmt: skip
    assert world.person("nobody").all_roles == frozenset()


@pytest.mark.parametrize(
    ("name", "changes", "field"),
    [
        ("internal", {"readers": tuple(r.value for r in Role)}, "readers"),
        ("restricted", {"tightness": 5}, "tightness"),
        ("quarantine", {"releasable": True}, "releasable"),
        ("public_generalized", {"default_obligations": ()}, "default_obligations"),
        ("embargoed", {"opened_by_grant": True}, "opened_by_grant"),
        ("restricted", {"sign_off_roles": ("steward", "reviewer")}, "sign_off_roles"),
    ],
)
def test_a_built_in_label_is_never_looser_than_it_came_and_the_refusal_says_where(world, name, changes, field):
    with pytest.raises(Refused) as refused:
        edit(world, name, **changes)
    assert field in {finding.where for finding in refused.value.findings}
    assert not PolicyChange.objects.exists()


def test_a_label_is_made_once_and_edited_only_when_it_is_there(world):
    at, admin = timezone.now(), world.person("admin")
    words = {"by": admin, "reason": "New.", "at": at}
    assert code_of(policy_changes.ask_label, facts=custom(), **words) == "no_such_label"
    first = policy_changes.ask_label(facts=custom(), new=True, **words)
    second = policy_changes.ask_label(facts=custom(title="Another"), new=True, **words)
    confirm(world, first)
    assert code_of(confirm, world, second) == "overtaken"
    assert code_of(policy_changes.ask_label, facts=custom(), new=True, **words) == "label_faulty"
    assert code_of(edit, world) == "label_same"


@pytest.mark.parametrize("title", ["Public", " PUBLIC ", "\uff30ublic"])
def test_no_label_takes_the_title_of_another(world, title):
    words = {"by": world.person("admin"), "reason": "New.", "at": timezone.now()}
    assert code_of(policy_changes.ask_label, facts=custom(title=title), new=True, **words) == "label_faulty"
    assert code_of(edit, world, title=title) == "label_faulty"
    assert not PolicyChange.objects.exists()


def test_a_stronger_obligation_closes_and_a_weaker_one_opens(world):
    stronger = parse_obligations(
        [{"type": "generalize_geometry", "min_cell_size_m": 5000}, {"type": "require_attribution"}]
    )
    before = label("public_generalized").default_obligations
    assert edit(world, "public_generalized", default_obligations=stronger).state == "applied"
    assert edit(world, "public_generalized", default_obligations=before).state == "pending"


def _ask(world):
    return lambda: role_for(world)


def _apply(world):
    return lambda: edit(world, tightness=25)


def _confirm(world):
    change = role_for(world)
    return lambda: confirm(world, change)


def _confirm_label(world):
    edit(world, tightness=25)
    change = edit(world, tightness=20)
    return lambda: confirm(world, change)


def _refuse(world):
    change = role_for(world)
    return lambda: policy_changes.refuse(
        change_pk=change.pk, by=world.person("council"), reason="No.", at=timezone.now()
    )


def _take_back(world):
    change = role_for(world)
    return lambda: policy_changes.take_back(
        change_pk=change.pk, by=world.person("admin"), reason="No.", at=timezone.now()
    )


@pytest.mark.parametrize("prepare", [_ask, _apply, _confirm, _confirm_label, _refuse, _take_back])
def test_no_ledger_entry_no_change(world, monkeypatch, prepare):
    call = prepare(world)
    before, size = rows(), ledger.size()
    real = ledger.append

    def failing(*, event, **words):
        if event.startswith("policy.change"):
            raise ledger.LedgerError("The disk is full.")
        return real(event=event, **words)

    monkeypatch.setattr(ledger, "append", failing)
    with pytest.raises(ledger.LedgerError), transaction.atomic():
        call()
    assert (changed(before), ledger.size()) == (set(), size)


def test_tightening_reaches_readers_at_once(world, client):
    """The contributor reads an internal version's page until the label closes to contributors; no restart, no wait."""
    from promotions.states import State

    version = world.version_in(State.PUBLISHED)
    client.force_login(User.objects.get(username="contributor2"))
    page = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/"
    PolicyLabel.objects.filter(name="public").update(readers=[r.value for r in Role])
    assert client.get(page).status_code == 200
    edit(world, "public", readers=("steward", "council", "reviewer", "operator"))
    assert client.get(page).status_code == 404
    assert client.get(f"/api/v1/datasets/{version.dataset.slug}/versions/{version.version_id}").status_code in {
        401,
        404,
    }


def test_a_person_without_a_role_stays_the_public_to_the_policies(world):
    assert person_for(User.objects.get(username="nobody")).roles == frozenset()
