"""Service tokens: issued by admins, kept as digests, refused alike once they open nothing; a run is its sender's."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets import tokens
from datasets.errors import Refused
from datasets.models import ServiceToken
from datasets.people import take_grant
from datasets.policy.roles import Role
from tests.submissions.conftest import Sender, event, service_account, token_for
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db


def same(answer) -> tuple:
    return answer.status_code, answer.json()["error_code"], answer.json()["message"], answer["WWW-Authenticate"]


def test_only_the_digest_of_a_secret_is_kept(sender):
    token = ServiceToken.objects.get()
    assert tokens.SECRET.fullmatch(sender.secret)
    assert token.digest == str(digest_bytes(sender.secret.encode()))
    held = [str(getattr(row, f.name)) for row in (token, token.history.get()) for f in row._meta.fields]
    assert not any(sender.secret in text for text in held)
    assert not any(sender.secret in entry.body for entry in ledger.entries())


def test_whatever_is_wrong_with_a_token_the_answer_is_one(sender, world):
    now = timezone.now()
    good = sender.secret
    answers = [
        sender.call("POST", "/runs/", {}, authorization=header)
        for header in (
            "",
            "Bearer",
            f"Basic {good}",
            f"Token {good}",
            good,
            f"Bearer {good}x",
            f"Bearer {good[:-1]}",
            "Bearer kfm_" + "a" * 43,
            "Bearer \x00",
            f"Bearer {'x' * 9000}",
        )
    ]
    token = ServiceToken.objects.get()
    ServiceToken.objects.filter(pk=token.pk).update(expires_at=now)
    answers.append(sender.open())
    ServiceToken.objects.filter(pk=token.pk).update(expires_at=now + timedelta(days=1))
    sender.account.is_active = False
    sender.account.save()
    answers.append(sender.open())
    sender.account.is_active = True
    sender.account.save()
    assert sender.open().status_code == 201
    tokens.revoke(token_pk=token.pk, reason="Leaked.", by=world.person("admin"), at=now)
    answers.append(sender.open())
    assert {same(answer) for answer in answers} == {same(answers[0])}
    assert same(answers[0])[0] == 401


def test_failed_tries_are_limited_and_a_good_token_still_opens(sender):
    answers = [sender.call("GET", f"/runs/{uuid.uuid4()}", authorization="Bearer no").status_code for _ in range(35)]
    assert answers == [401] * 30 + [429] * 5
    assert sender.open().status_code == 201


def test_a_session_opens_nothing_here_and_a_token_nothing_elsewhere(sender, world):
    client = Client()
    client.login(username="contributor", password=PASSWORD)
    for method, path in (
        ("post", "/api/v1/runs/"),
        ("post", "/api/v1/lineage"),
        ("get", f"/api/v1/runs/{uuid.uuid4()}"),
    ):
        assert getattr(client, method)(path, content_type="application/json").status_code == 401
    page = client.__class__().get("/queue/", headers={"authorization": f"Bearer {sender.secret}"})
    assert page.status_code == 302


def test_a_foreign_run_is_not_there(sender, world):
    run = sender.opened()
    other = service_account(world, "svc-dagster", role=Role.PIPELINE)
    stranger = Sender(world, other, token_for(world, other))
    absent = stranger.status(str(uuid.uuid4()))
    for answer in (
        stranger.status(run),
        stranger.send(run),
        stranger.close(run),
        stranger.call("DELETE", f"/runs/{run}"),
    ):
        assert (answer.status_code, answer.json()["message"]) == (404, absent.json()["message"])
    assert stranger.open(run).json()["error_code"] == "run_uuid_taken"
    assert stranger.lineage(event("FAIL", run)).json()["error_code"] == "run_uuid_taken"
    assert sender.status(run).json()["state"] == "open"


def test_a_person_who_lost_every_role_sends_nothing(sender, world):
    run = sender.opened()
    now = timezone.now()
    facts = {"user": sender.account, "dataset": world.dataset, "grant": "contribute_dataset"}
    take_grant(**facts, by=world.person("admin"), reason="Gone.", at=now)
    answers = [
        sender.open(),
        sender.status(run),
        sender.send(run),
        sender.close(run),
        sender.lineage(event("START", run)),
    ]
    assert {answer.status_code for answer in answers} == {404}


def test_an_account_that_may_not_propose_is_told_so(sender, world):
    other = service_account(world, "svc-plain", role=Role.PIPELINE)
    plain = Sender(world, other, token_for(world, other))
    answer = plain.open(propose=True)
    assert (answer.status_code, [f["where"] for f in answer.json()["findings"]]) == (422, ["/propose"])
    assert plain.open().status_code == 201
    assert sender.open(propose=True).status_code == 201


def test_last_use_is_noted_to_the_minute(sender):
    token = ServiceToken.objects.get()
    now = timezone.now()
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (61, 60)):
        tokens.note_use(token, now + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert token.last_used_at == now + timedelta(seconds=noted)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"name": " "}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "late", "expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
        ({"name": "long", "expires_at": timezone.now() + timedelta(days=400)}, "expires_at"),
        ({}, "name"),  # the same form, sent twice
    ],
)
def test_a_faulty_token_is_not_issued(sender, world, changes, where):
    with pytest.raises(Refused) as refused:
        token_for(world, sender.account, **changes)
    assert [finding.where for finding in refused.value.findings] == [where]
    assert ServiceToken.objects.count() == 1


@pytest.mark.parametrize("name", ["admin", "steward", "reviewer", "council", "auditor", "nobody", "superuser"])
def test_no_token_for_who_decides_or_sends_nothing(world, name):
    with pytest.raises(Refused) as refused:
        token_for(world, world.users[name])
    assert [finding.where for finding in refused.value.findings] == ["account"]


@pytest.mark.parametrize("name", ["steward", "operator", "superuser", "nobody"])
def test_only_an_admin_issues_and_revokes(sender, world, name):
    now, token = timezone.now(), ServiceToken.objects.get()
    by = world.person(name)
    with pytest.raises(Refused):
        tokens.issue(account=sender.account, name="x", expires_at=now + timedelta(days=1), by=by, at=now)
    with pytest.raises(Refused):
        tokens.revoke(token_pk=token.pk, reason="x", by=by, at=now)


def test_a_token_is_revoked_once_with_its_reason(sender, world):
    token, now = ServiceToken.objects.get(), timezone.now()
    with pytest.raises(Refused):
        tokens.revoke(token_pk=token.pk, reason=" ", by=world.person("admin"), at=now)
    tokens.revoke(token_pk=token.pk, reason="Leaked.", by=world.person("admin"), at=now)
    with pytest.raises(Refused) as refused:
        tokens.revoke(token_pk=token.pk, reason="Again.", by=world.person("admin"), at=now)
    assert refused.value.message.startswith("Already revoked by admin at ")
    assert token.history.first().history_change_reason == "Leaked."
    assert ledger.entries().first().event == Event.TOKEN_REVOKED.value


def test_nothing_happens_when_the_ledger_refuses(sender, world, monkeypatch):
    def full(**_):
        raise ledger.LedgerError("no room")

    token = ServiceToken.objects.get()
    monkeypatch.setattr(tokens.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        token_for(world, sender.account, name="another")
    with pytest.raises(ledger.LedgerError):
        tokens.revoke(token_pk=token.pk, reason="x", by=world.person("admin"), at=timezone.now())
    token.refresh_from_db()
    assert (ServiceToken.objects.count(), token.revoked_at) == (1, None)


def admin_client() -> Client:
    client = Client()
    client.login(username="admin", password=PASSWORD)
    return client


def test_the_page_shows_the_secret_once(sender):
    client = admin_client()
    day = (timezone.now() + timedelta(days=30)).date().isoformat()
    answer = client.post("/tokens/new/", {"account": "svc-airflow", "name": "second", "expires_at": day})
    secret = tokens.SECRET.search(answer.content.decode())[0]
    assert tokens.token_of(secret, timezone.now()).name == "second"
    assert "no-store" in answer["Cache-Control"]
    token = ServiceToken.objects.get(name="second")
    for path in ("/tokens/", f"/tokens/{token.pk}/", "/tokens/new/"):
        assert secret not in client.get(path).content.decode()


def test_the_page_revokes_with_a_reason_and_keeps_what_was_typed_wrong(sender):
    client, token = admin_client(), ServiceToken.objects.get()
    assert client.post(f"/tokens/{token.pk}/", {"reason": ""}).status_code == 422
    assert client.post(f"/tokens/{token.pk}/", {"reason": "Leaked."}).status_code == 302
    page = client.get(f"/tokens/{token.pk}/").content.decode()
    assert "Leaked." in page
    assert client.post(f"/tokens/{token.pk}/", {"reason": "Again."}).status_code == 409


@pytest.mark.parametrize("name", ["steward", "operator", "auditor", "superuser"])
def test_the_pages_are_the_admins_alone(sender, world, name):
    client, token = Client(), ServiceToken.objects.get()
    client.force_login(world.users[name], backend="django.contrib.auth.backends.ModelBackend")
    for path in ("/tokens/", "/tokens/new/", f"/tokens/{token.pk}/"):
        assert client.get(path).status_code == 403


def test_the_list_costs_the_same_whatever_its_length(sender, world, django_assert_num_queries):
    client = admin_client()
    with CaptureQueriesContext(connection) as with_one:
        client.get("/tokens/")
    for n in range(12):
        token_for(world, sender.account, name=f"t{n}")
    with django_assert_num_queries(len(with_one)):
        assert client.get("/tokens/").status_code == 200
