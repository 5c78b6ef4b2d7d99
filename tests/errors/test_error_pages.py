"""What went wrong is said in words, with what to do next and a reference, whatever the status."""

from __future__ import annotations

import logging
import re

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from datasets.models import PolicyDecision
from kfm_console import views

REFERENCE = re.compile(r"kfm://policy_decision/[0-9a-f]{32}")
pytestmark = pytest.mark.django_db


@pytest.fixture
def someone(client: Client) -> Client:
    client.force_login(User.objects.create_user("someone"))
    return client


def test_a_refused_look_at_the_ledger_names_a_kept_decision(someone: Client) -> None:
    answer = someone.get("/ledger/")
    assert answer.status_code == 403
    found = REFERENCE.search(answer.content.decode())
    assert found is not None
    assert PolicyDecision.objects.get(decision_id=found.group()).decision == "deny"


def test_a_wrong_method_has_a_page_that_says_which_way_round(someone: Client) -> None:
    for address, method, words in (
        ("/datasets/", "post", "only shows something"),
        ("/notices/read/", "get", "only takes what a form sends"),
    ):
        answer = getattr(someone, method)(address)
        assert answer.status_code == 405, address
        assert answer["Allow"]
        assert words in answer.content.decode()
        assert REFERENCE.search(answer.content.decode())


def test_the_apis_405_stays_the_apis(client: Client) -> None:
    answer = client.delete("/api/v1/datasets")
    assert answer.status_code == 405
    assert answer.json()["error_code"] == "method_not_allowed"


def test_an_unforeseen_error_says_its_reference_and_the_log_has_it(client, monkeypatch, caplog) -> None:
    def fault(*_args: object, **_kwargs: object) -> None:
        raise ValueError("a secret of the upstream")

    monkeypatch.setattr(views.home, "published", fault)
    client.raise_request_exception = False
    with caplog.at_level(logging.ERROR, "kfm_console.errors"):
        answer = client.get("/")
    assert answer.status_code == 500
    found = REFERENCE.search(answer.content.decode())
    assert found is not None
    assert "secret" not in answer.content.decode()
    assert any(found.group() in record.getMessage() for record in caplog.records)


def test_a_busy_database_has_a_page_and_says_when_to_try_again(client, monkeypatch) -> None:
    def busy(*_args: object, **_kwargs: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(views.home, "published", busy)
    answer = client.get("/")
    assert (answer.status_code, answer["Retry-After"]) == (503, "60")
    assert "<h1>" in answer.content.decode()
    assert REFERENCE.search(answer.content.decode())


def test_a_stale_form_is_told_apart_from_a_missing_right() -> None:
    answer = Client(enforce_csrf_checks=True).post("/login/", {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "out of date" in answer.content.decode()
    assert REFERENCE.search(answer.content.decode())


def test_a_form_with_too_many_words_is_told_the_limit_and_not_that_it_is_unreadable(client: Client) -> None:
    answer = client.post("/login/", "username=" + "y" * 3_000_000, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 413
    assert "This form is too large" in answer.content.decode()
    assert "2.4" in answer.content.decode()
