"""Service accounts: opened by admins for single datasets, closed with their tokens; nobody signs in as one."""

from __future__ import annotations

from copy import deepcopy
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import people, service_accounts, tokens
from datasets.errors import Refused
from datasets.models import ServiceToken
from datasets.people import assign_role
from datasets.policy.roles import Role
from datasets.registry import register_dataset
from tests.submissions.conftest import Sender, event, service_account, token_for
from tests.world import PASSWORD, SPEC

pytestmark = pytest.mark.django_db


def opened(world, **changes) -> User:
    facts = {"name": "Dagster, nightly", "slug": "dagster", "datasets": [world.dataset], "reason": "Nightly wells."}
    return service_accounts.open_account(**facts | {"by": world.person("admin"), "at": timezone.now()} | changes)


def closed(world, account: User, **changes) -> User:
    facts = {"reason": "Gone.", "by": world.person("admin"), "at": timezone.now()} | changes
    return service_accounts.close_account(account_pk=account.pk, **facts)


def told(account: User) -> list[tuple[str, str]]:
    entries = reversed(ledger.entries_about(f"user/{account.username}"))
    return [(e.event, e.references.get("granted", "")) for e in entries]


def test_an_opened_account_may_send_to_its_datasets_and_do_nothing_else(sender, world):
    other = register_dataset(
        spec=deepcopy(SPEC) | {"dataset_slug": "test_ks_other"}, by=world.person("contributor"), at=timezone.now()
    )
    account = opened(world)
    person = world.person("svc-dagster")
    assert (account.username, person.name, person.roles) == ("svc-dagster", "Dagster, nightly", frozenset())
    assert person.grants == {world.dataset.pk: frozenset({"contribute_dataset"})}
    ours = Sender(world, account, token_for(world, account))
    assert ours.open(propose=True).status_code == 201
    assert ours.open(dataset_slug=other.slug).status_code == 404
    assert told(account)[:2] == [
        (Event.ACCOUNT_OPENED.value, ""),
        (Event.GRANT_GIVEN.value, "contribute_dataset"),
    ]


def test_nobody_signs_in_as_a_service_account(sender, world):
    account, client = opened(world), Client()
    assert not account.has_usable_password()
    for password in ("", PASSWORD, account.password, account.password[1:]):
        assert not client.login(username="svc-dagster", password=password)
        page = client.post("/login/", {"username": "svc-dagster", "password": password})
        assert (page.status_code, "_auth_user_id" in client.session) == (200, False)


@pytest.mark.parametrize("usable", [True, False])
def test_a_persons_account_gets_no_token_whatever_it_may_do(sender, world, usable):
    human = world.users["contributor"]
    if not usable:
        human.set_unusable_password()
        human.save()
    with pytest.raises(Refused) as refused:
        token_for(world, human)
    assert [finding.code for finding in refused.value.findings] == ["account_of_a_person"]


def test_an_account_that_someone_can_sign_in_to_opens_nothing_by_its_token(sender):
    assert sender.open().status_code == 201
    password = sender.account.password
    sender.account.set_password(PASSWORD)
    sender.account.save()
    assert sender.open().status_code == 401
    User.objects.filter(pk=sender.account.pk).update(password=password)
    assert sender.open().status_code == 201
    Group.objects.get(name=tokens.SERVICE_GROUP).user_set.clear()
    assert sender.open().status_code == 401


def test_closing_takes_tokens_grants_and_roles_and_leaves_what_was_sent(sender, world):
    run, account = sender.opened(), sender.account
    token_for(world, account, name="second")
    facts = {"by": world.person("admin"), "reason": "A test.", "at": timezone.now()}
    assign_role(user=account, role=Role.PIPELINE, confirmed_by=world.person("council"), **facts)
    closed(world, account)
    account.refresh_from_db()
    assert not account.is_active
    assert (people.person_for(account), sender.status(run).status_code) == (people.PUBLIC, 401)
    assert {t.revoked_by for t in ServiceToken.objects.all()} == {"admin"}
    assert {t.history.first().history_change_reason for t in ServiceToken.objects.all()} == {"Gone."}
    assert told(account)[-5:] == [
        (Event.TOKEN_REVOKED.value, ""),
        (Event.TOKEN_REVOKED.value, ""),
        (Event.GRANT_REVOKED.value, "contribute_dataset"),
        (Event.ROLE_REVOKED.value, "pipeline"),
        (Event.ACCOUNT_CLOSED.value, ""),
    ]
    with pytest.raises(Refused) as refused:
        closed(world, account)
    assert refused.value.code == "closed_already"


def test_the_name_of_a_closed_account_is_never_anothers(sender, world):
    closed(world, sender.account)
    with pytest.raises(Refused) as refused:
        opened(world, slug="airflow")
    assert [finding.where for finding in refused.value.findings] == ["slug"]
    User.objects.create_user("SVC-Dagster")
    with pytest.raises(Refused):
        opened(world)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"slug": ""}, "slug"),
        ({"slug": "Dagster"}, "slug"),
        ({"slug": "a--b"}, "slug"),
        ({"slug": "a/b"}, "slug"),
        ({"slug": "a\n"}, "slug"),
        ({"slug": "ä"}, "slug"),
        ({"slug": "x" * 41}, "slug"),
        ({"datasets": []}, "datasets"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 101}, "reason"),
    ],
)
def test_a_faulty_account_is_not_opened(sender, world, changes, where):
    before = User.objects.count()
    with pytest.raises(Refused) as refused:
        opened(world, **changes)
    assert [finding.where for finding in refused.value.findings] == [where]
    assert User.objects.count() == before


@pytest.mark.parametrize("name", ["steward", "operator", "auditor", "superuser", "nobody"])
def test_only_an_admin_opens_and_closes(sender, world, name):
    by = world.person(name)
    for attempt in (lambda: opened(world, by=by), lambda: closed(world, sender.account, by=by)):
        with pytest.raises(Refused) as refused:
            attempt()
        assert refused.value.code == "not_an_admin"


def test_a_persons_account_is_not_closed_here(sender, world):
    with pytest.raises(Refused) as refused:
        closed(world, world.users["contributor"])
    assert refused.value.code == "no_service_account"


@pytest.mark.parametrize("entries", range(3))
def test_nothing_happens_when_the_ledger_refuses(sender, world, monkeypatch, entries):
    """Whichever of the entries it is that can't be made."""
    append, made = ledger.append, []

    def full(**facts):
        made.append(facts)
        if len(made) > entries:
            raise ledger.LedgerError("no room")
        return append(**facts)

    before = User.objects.count()
    monkeypatch.setattr(ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        closed(world, sender.account)
    made.clear()
    if entries < 2:
        with pytest.raises(ledger.LedgerError):
            opened(world)
    monkeypatch.undo()
    assert (User.objects.count(), sender.open().status_code) == (before, 201)


def admin_client() -> Client:
    client = Client()
    client.login(username="admin", password=PASSWORD)
    return client


def test_the_pages_open_an_account_and_close_it(sender, world):
    client = admin_client()
    said = {"name": "Dagster", "slug": "svc-dagster", "datasets": ["test_ks_wells"], "reason": "Nightly wells."}
    answer = client.post("/tokens/accounts/new/", said)
    account = User.objects.get(username="svc-dagster")
    assert (answer.status_code, answer["Location"]) == (302, f"/tokens/accounts/{account.pk}/")
    assert "test_ks_wells" in client.get(answer["Location"]).content.decode()
    issue = client.get("/tokens/new/?account=svc-dagster").content.decode()
    assert '<option value="svc-dagster" selected>' in issue
    assert client.post(answer["Location"], {"reason": ""}).status_code == 422
    assert client.post(answer["Location"], {"reason": "Gone."}).status_code == 302
    assert client.post(answer["Location"], {"reason": "Again."}).status_code == 409
    assert "svc-dagster" not in client.get("/tokens/new/").content.decode()
    assert "svc-dagster" in client.get("/tokens/").content.decode()


def test_what_was_typed_wrong_is_kept_and_said(sender, world):
    client = admin_client()
    page = client.post("/tokens/accounts/new/", {"name": "Dagster", "slug": "No Good", "reason": "x"})
    text = page.content.decode()
    assert page.status_code == 422
    assert "No Good" in text
    assert "Choose the datasets" in text
    taken = {"name": "A", "slug": "airflow", "datasets": ["test_ks_wells"], "reason": "x"}
    page = client.post("/tokens/accounts/new/", taken)
    assert (page.status_code, "There is or was an account svc-airflow." in page.content.decode()) == (422, True)
    entry = ledger.entries().first()
    assert (entry.event, entry.references["code"]) == (Event.ACTION_REFUSED.value, "principal_taken")


@pytest.mark.parametrize("name", ["steward", "operator", "auditor", "superuser"])
def test_the_pages_are_the_admins_alone(sender, world, name):
    client = Client()
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    for path in ("/tokens/accounts/new/", f"/tokens/accounts/{sender.account.pk}/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"reason": "x"}).status_code == 403


def test_a_persons_account_has_no_page_here(sender, world):
    client = admin_client()
    for pk in (world.users["contributor"].pk, 10**9):
        assert client.get(f"/tokens/accounts/{pk}/").status_code == 404


def test_the_list_costs_the_same_whatever_its_length(sender, world, django_assert_num_queries):
    client = admin_client()
    client.get("/tokens/")  # the policies that decided are kept at the first request
    with CaptureQueriesContext(connection) as with_one:
        client.get("/tokens/")
    for n in range(6):
        account = service_account(world, f"svc-more{n}", grant="contribute_dataset")
        token_for(world, account, name=f"t{n}", expires_at=timezone.now() + timedelta(days=n + 1))
    with django_assert_num_queries(len(with_one)):
        page = client.get("/tokens/").content.decode()
    assert page.count("svc-more5") == 2


def test_a_token_of_a_closed_account_is_shown_as_what_it_is(sender, world):
    User.objects.filter(pk=sender.account.pk).update(is_active=False)
    page = admin_client().get("/tokens/").content.decode()
    assert page.count(">closed<") == 2
    assert sender.lineage(event("START", "3fa85f64-5717-4562-b3fc-2c963f66afa6")).status_code == 401
