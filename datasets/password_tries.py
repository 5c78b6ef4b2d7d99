"""Writer: how often a password may be tried for a name, and the lock after too many (ADR 0034).

Counts a try before the password is looked at, so that tries made at once are counted too; a locked name's password is
not looked at, be it right. Names that are no account's count alike. Never holds a password or a typed name.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils.crypto import salted_hmac

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets import tokens
from datasets.errors import Refused
from datasets.models import PasswordTries, Prompt
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.receipts import instant

#: So many tries in a row may be wrong; the next is refused, and so is every other for so long.
MOST_TRIES = 10
LOCKED_FOR = timedelta(minutes=15)
#: Tries older than this count no more.
FORGOTTEN_AFTER = timedelta(days=1)


@transaction.atomic
def count_try(*, name: str, prompt: Prompt, by: Person, at: datetime) -> datetime | None:
    """Counts one try at *name*'s password. Until when none is looked at; ``None``: look at this one.

    *by*: who is signed in where it is given again, the public at sign-in. Commit before the password is looked at.
    """
    PasswordTries.objects.filter(last_at__lt=at - FORGOTTEN_AFTER).delete()
    key = {"name_digest": _digest(name), "prompt": prompt}
    row = _locked_row(key, at)
    if row.locked_until is not None and row.locked_until > at:
        return row.locked_until
    before = 0 if row.locked_until is not None else row.tries
    if before < MOST_TRIES:
        _change(row, tries=before + 1, last_at=at, locked_until=None)
        return None
    until = at + LOCKED_FOR
    _change(row, last_at=at, locked_until=until)
    _record_lock(name, prompt, until, by, at)
    return until


def forget_tries(*, name: str, prompt: Prompt) -> None:
    """The right password was given: the count begins anew."""
    PasswordTries.objects.filter(name_digest=_digest(name), prompt=prompt).delete()


def locked_until(name: str, at: datetime) -> datetime | None:
    """Until when *name* is locked at any prompt; ``None``: it is not."""
    held = _locks(name, at).order_by("-locked_until").first()
    return held.locked_until if held is not None else None


def words_of(until: datetime) -> str:
    """What someone is told whose try was not looked at; the same whether the name is an account's or not."""
    return (
        f"Too many wrong passwords were given for this name, so none is looked at until {until:%d %B %Y, %H:%M} UTC. "
        "Wait until then, or ask an admin to lift the lock."
    )


@transaction.atomic
def lift_lock(*, user: User, reason: str, by: Person, at: datetime) -> None:
    """Ends the lock of an account at once. Raises ``Refused`` unless *by* is an admin and it is someone else's."""
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin lifts the lock of an account.")
    if user.username == by.principal:
        raise Refused("own_account", "You can't lift the lock of your own account; ask another admin, or wait.")
    if findings := tokens.check_reason(reason):
        raise Refused("reason_missing", findings[0].message, findings)
    if _locks(user.username, at).delete()[0] == 0:
        raise Refused("not_locked", _not_locked(user))
    ledger.append(
        event=Event.PASSWORD_UNLOCKED,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"user/{user.username}",
        references={"principal": user.username, "reason_digest": str(digest_bytes(reason.strip().encode()))},
        at=at,
    )


def _not_locked(user: User) -> str:
    subject = f"user/{user.username}"
    last = ledger.entries_about(subject).filter(subject=subject, event=Event.PASSWORD_UNLOCKED).first()
    told = f" Already lifted by {last.actor} at {last.at:%Y-%m-%d %H:%M} UTC." if last is not None else ""
    return f"{user.username} is not locked.{told}"


def _locked_row(key: Mapping[str, str], at: datetime) -> PasswordTries:
    """The row under its lock, made where there is none: the right password takes it away, maybe just now."""
    while True:
        PasswordTries.objects.bulk_create([PasswordTries(**key, last_at=at)], ignore_conflicts=True)
        row = PasswordTries.objects.select_for_update().filter(**key).first()
        if row is not None:
            return row


def _locks(name: str, at: datetime) -> models.QuerySet[PasswordTries]:
    return PasswordTries.objects.filter(name_digest=_digest(name), locked_until__gt=at)


def _digest(name: str) -> str:
    return salted_hmac("datasets.password_tries", name, algorithm="sha256").hexdigest()


def _change(row: PasswordTries, **changes: datetime | int | None) -> None:
    seen = PasswordTries.objects.filter(pk=row.pk, tries=row.tries, locked_until=row.locked_until)
    if seen.update(**changes) != 1:
        raise Refused("changed_meanwhile", "The password was tried by someone else just now. Try again.")


def _record_lock(name: str, prompt: Prompt, until: datetime, by: Person, at: datetime) -> None:
    """A name that is no account's is not written down: it may be a password in the wrong field."""
    known = User.objects.filter(username=name, is_active=True).exists()
    ledger.append(
        event=Event.PASSWORD_LOCKED,
        actor=by.principal,
        role=by.role_told(None).value,
        subject=f"user/{name}" if known else "user/of_no_account",
        references={"prompt": prompt.value, "until": instant(until)},
        at=at,
    )
