"""A database that is locked or gone is answered "not now", never as a fault of ours; nothing is half done."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from django.test import Client

from tests.world import World


@pytest.fixture
def admin(db) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(World.build().users["admin"])
    return client


def test_a_write_that_meets_a_lock_is_told_to_try_again(admin, monkeypatch):
    def locked(**_words):
        raise OperationalError("database is locked")

    monkeypatch.setattr("promotions.views.administration.people.accounts.open_account", locked)
    form = {"username": "rosa", "first_name": "Rosa", "last_name": "L", "email": "", "reason": "New."}
    answer = admin.post("/administration/people/new/", form)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert "Look whether it was done" in answer.content.decode()


def test_any_other_error_of_the_database_is_still_a_fault(admin, monkeypatch):
    def broken(**_words):
        raise ValueError("a bug")

    monkeypatch.setattr("promotions.views.administration.people.accounts.open_account", broken)
    form = {"username": "rosa", "first_name": "Rosa", "last_name": "L", "email": "", "reason": "New."}
    assert admin.post("/administration/people/new/", form).status_code == 500
