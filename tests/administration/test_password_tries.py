"""Guessing has a brake at every password prompt; the lock is told and recorded, alike for names of no account."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import password_tries
from datasets.errors import Refused
from datasets.models import PasswordTries, Prompt
from datasets.password_tries import LOCKED_FOR, MOST_TRIES, count_try, lift_lock, locked_until
from datasets.people import PUBLIC
from promotions import signoffs
from tests.promotions import changed, rows
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db


def guess(name: str, password: str = "wrong-horse") -> str:
    """What the sign-in page says; empty where it let the guesser in."""
    client = Client()
    answer = client.post("/login/", {"username": name, "password": password})
    return "" if answer.status_code == 302 else answer.content.decode()


def guess_often(name: str) -> None:
    for _ in range(MOST_TRIES):
        assert "Too many" not in guess(name)


def locks() -> list[tuple[str, str, str]]:
    found = ledger.entries().filter(event=Event.PASSWORD_LOCKED).order_by("index")
    return [(entry.actor, entry.subject, entry.references["prompt"]) for entry in found]


def code_of(call, **words) -> str:
    with pytest.raises(Refused) as refused:
        call(**words)
    return refused.value.code


def test_after_too_many_wrong_passwords_the_right_one_is_not_looked_at_either(world):
    guess_often("steward")
    said = guess("steward", PASSWORD)
    until = locked_until("steward", timezone.now())
    assert f"none is looked at until {until:%d %B %Y, %H:%M} UTC" in said
    assert until - timezone.now() > LOCKED_FOR - timedelta(minutes=1)


def test_the_right_password_in_time_begins_the_count_anew(world):
    for _ in range(2):
        for _ in range(MOST_TRIES - 1):
            guess("steward")
        assert guess("steward", PASSWORD) == ""
    assert locks() == []


def test_a_row_that_the_right_password_takes_away_meanwhile_is_made_again(world, monkeypatch):
    """Two tries at once: the other ends between the making of the row and its lock."""
    real, taken = PasswordTries.objects.bulk_create, []

    def makes(*args, **words):
        made = real(*args, **words)
        if not taken:
            taken.append(PasswordTries.objects.all().delete())
        return made

    monkeypatch.setattr(PasswordTries.objects, "bulk_create", makes)
    assert password_tries.count_try(name="steward", prompt=Prompt.SIGN_IN, by=PUBLIC, at=timezone.now()) is None
    assert (len(taken), PasswordTries.objects.get().tries) == (1, 1)


def test_a_name_that_is_no_accounts_is_told_the_same_in_as_many_words(world):
    for name in ("steward", "nobody_by_that_name"):
        guess_often(name)
    said = [guess(name).replace(name, "NAME") for name in ("steward", "nobody_by_that_name")]
    errors = [page.split("data-error-summary")[1].split("</div>")[0] for page in said]
    assert errors[0] == errors[1]
    assert "Too many wrong passwords" in errors[0]


def test_a_lock_is_in_the_ledger_once_without_the_password_or_a_name_that_is_no_accounts(world):
    for name in ("steward", "s3cret-typed-as-name"):
        guess_often(name)
        guess(name)
        guess(name)
    assert locks() == [("public", "user/steward", "sign_in"), ("public", "user/of_no_account", "sign_in")]
    texts = [entry.body for entry in ledger.entries()]
    assert not [text for text in texts if "wrong-horse" in text or "s3cret" in text]
    assert not [row for row in PasswordTries.objects.values() if "s3cret" in str(row)]


def test_no_lock_without_its_entry(world, monkeypatch):
    def full(**_):
        raise ledger.LedgerError("full")

    guess_often("steward")
    before = rows()
    monkeypatch.setattr(ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        count_try(name="steward", prompt=Prompt.SIGN_IN, by=PUBLIC, at=timezone.now())
    assert changed(before) == set()


def test_a_lock_ends_by_itself(world):
    now = timezone.now()
    facts = {"name": "steward", "prompt": Prompt.SIGN_IN, "by": PUBLIC}
    for _ in range(MOST_TRIES):
        assert count_try(**facts, at=now) is None
    until = count_try(**facts, at=now)
    assert until == now + LOCKED_FOR
    assert count_try(**facts, at=until - timedelta(seconds=1)) == until
    assert [count_try(**facts, at=until) for _ in range(MOST_TRIES)] == [None] * MOST_TRIES
    assert count_try(**facts, at=until) == until + LOCKED_FOR


def test_tries_of_another_day_count_no_more(world):
    now = timezone.now()
    facts = {"name": "steward", "prompt": Prompt.SIGN_IN, "by": PUBLIC}
    for _ in range(MOST_TRIES):
        count_try(**facts, at=now)
    assert count_try(**facts, at=now + timedelta(days=1, seconds=1)) is None


def test_the_password_again_has_the_same_brake_and_names_who_is_signed_in(world):
    user, at = User.objects.get(username="steward"), timezone.now()
    for _ in range(MOST_TRIES):
        assert code_of(signoffs.reauthenticate, user=user, password="wrong", at=at) == "password_wrong"
    assert code_of(signoffs.reauthenticate, user=user, password=PASSWORD, at=at) == "password_locked"
    assert locks() == [("steward", "user/steward", "confirm")]
    assert signoffs.reauthenticate(user=user, password=PASSWORD, at=at + LOCKED_FOR).principal == "steward"


def test_who_only_knows_a_name_stops_nobodys_signing(world):
    guess_often("steward")
    guess("steward")
    user = User.objects.get(username="steward")
    assert signoffs.reauthenticate(user=user, password=PASSWORD, at=timezone.now())


def test_the_administration_pages_of_django_have_no_prompt_of_their_own(world):
    for _ in range(MOST_TRIES):
        Client().post("/admin/login/", {"username": "superuser", "password": "wrong"})
    assert "Too many" in guess("superuser", PASSWORD)


def test_a_stolen_session_does_not_guess_the_old_password_either(world, as_):
    def change(old):
        new = "a-new-horse-battery"
        fields = {"old_password": old, "new_password1": new, "new_password2": new}
        return as_("superuser").post("/admin/password_change/", fields)

    for _ in range(MOST_TRIES):
        assert "Too many" not in change("wrong").content.decode()
    assert "Too many wrong passwords" in change(PASSWORD).content.decode()
    lift_lock(user=User.objects.get(username="superuser"), reason="x", by=world.person("admin"), at=timezone.now())
    assert change(PASSWORD).status_code == 302
    assert guess("superuser", "a-new-horse-battery") == ""


def test_an_admin_lifts_the_lock_of_someone_else_with_a_reason(world, as_):
    guess_often("steward")
    guess("steward")
    user = User.objects.get(username="steward")
    address = reverse("promotions:person", args=[user.pk])
    assert "after too many wrong passwords" in as_("admin").get(address).content.decode()
    answer = as_("admin").post(f"{address}unlock/", {"reason": "It was theirs."})
    assert (answer.status_code, answer["Location"]) == (302, address)
    assert guess("steward", PASSWORD) == ""
    entry = ledger.entries_about("user/steward")[0]
    assert (entry.event, entry.actor, entry.role) == (Event.PASSWORD_UNLOCKED, "admin", "admin")
    again = as_("admin").post(f"{address}unlock/", {"reason": "Again."})
    assert "steward is not locked. Already lifted by admin at" in again.content.decode()


@pytest.mark.parametrize(
    ("by", "name", "reason", "code"),
    [
        ("steward", "reviewer", "x", "not_an_admin"),
        ("admin", "admin", "x", "own_account"),
        ("admin", "reviewer", " ", "reason_missing"),
        ("admin", "reviewer", "x", "not_locked"),
    ],
)
def test_a_lock_is_not_lifted(world, by, name, reason, code):
    user = User.objects.get(username=name)
    assert code_of(lift_lock, user=user, reason=reason, by=world.person(by), at=timezone.now()) == code


def test_nobody_but_an_admin_opens_the_page(world, as_):
    user = User.objects.get(username="reviewer")
    address = reverse("promotions:person_unlock", args=[user.pk])
    assert as_("steward").post(address, {"reason": "x"}).status_code == 403
    assert as_("admin").get(address).status_code == 200


def test_the_shell_lifts_the_lock_of_the_only_admin(world, capsys):
    guess_often("admin")
    guess("admin")
    call_command("unlock_account", "admin", reason="Locked out.")
    assert "may try again" in capsys.readouterr().out
    assert guess("admin", PASSWORD) == ""
    with pytest.raises(CommandError, match="not locked"):
        call_command("unlock_account", "admin", reason="Again.")
    with pytest.raises(CommandError, match="no active account"):
        call_command("unlock_account", "nobody_by_that_name", reason="x")


@pytest.mark.django_db(transaction=True)
def test_tries_made_at_once_are_all_counted():
    from tests.promotions.test_races import together

    def one():
        return count_try(name="steward", prompt=Prompt.SIGN_IN, by=PUBLIC, at=timezone.now())

    answers = [answer for _ in range(3) for answer in together([one] * 4)]
    assert answers.count(None) == MOST_TRIES
    assert len(set(answers)) == 2
    assert len(locks()) == 1
    assert password_tries.locked_until("steward", timezone.now()) is not None
