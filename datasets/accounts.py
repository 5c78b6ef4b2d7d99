"""Writer: accounts of people, opened and closed by an admin (service accounts are ``service_accounts``').

An account opened here holds nothing: no role, no password. Its holder sets the password by a one-time link. A closed
account keeps its name, so that nobody else ever acts under it; closing is refused when it leaves work without people.
"""

from __future__ import annotations

import re
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import staffing, tokens
from datasets.errors import Refused
from datasets.people import check_gives
from datasets.persons import RESERVED_PRINCIPALS, Person
from datasets.policy.roles import Role
from datasets.service_accounts import PREFIX, take_all

USERNAME = re.compile(r"[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*")
LONGEST = 40
LONGEST_NAME = 80


def open_account(  # noqa: PLR0913 - the facts of one account
    *, username: str, first_name: str, last_name: str, email: str, reason: str, by: Person, at: datetime
) -> User:
    """A new account of a person, without a password and without any right. Raises ``Refused``, findings by field."""
    with transaction.atomic():
        _check_admin(by)
        findings = [*_check_username(username), *_check_names(first_name, last_name), *_check_email(email)]
        findings += tokens.check_reason(reason)
        if findings:
            raise Refused("account_faulty", "The account was not opened: " + findings[0].message, findings)
        user = _create(username, first_name.strip(), last_name.strip(), email.strip(), at)
        _record(Event.ACCOUNT_OPENED, user, by, reason, at)
    return user


def note_link(*, user_pk: int, by: Person, at: datetime) -> User:
    """Enters in the ledger that *by* was shown a link to set the account's first password. Raises ``Refused``."""
    with transaction.atomic():
        _check_admin(by)
        user = User.objects.select_for_update(of=("self",)).get(pk=user_pk)
        check_may_have_link(user, by)
        _record(Event.PASSWORD_LINK_MADE, user, by, "A password is to be set.", at)
    return user


def set_first_password(*, user_pk: int, password: str, at: datetime) -> User:
    """By the holder of the link. Raises ``Refused`` when the account was closed, or its password set, meanwhile."""
    with transaction.atomic():
        user = User.objects.select_for_update(of=("self",)).get(pk=user_pk)
        if not user.is_active:
            raise Refused("account_closed", f"{user.username} is closed. Ask an admin.")
        if user.has_usable_password():
            raise Refused("password_set", f"The password of {user.username} is set already. Sign in with it.")
        user.set_password(password)
        user.save(update_fields=["password"])
        subject, references = f"user/{user.username}", {"principal": user.username}
        ledger.append(
            event=Event.PASSWORD_SET,
            actor=user.username,
            role=Role.PUBLIC.value,
            subject=subject,
            references=references,
            at=at,
        )
    return user


def check_may_have_link(user: User, by: Person) -> None:
    """Only the first password is set by a link that an admin sees: with a later one they could sign as the person."""
    if user.username == by.principal:
        raise Refused("own_account", "You can't make a link for your own account; ask another admin.")
    if not user.is_active:
        raise Refused("account_closed", f"{user.username} is closed.")
    if tokens.is_service_account(user) or user.username in RESERVED_PRINCIPALS:
        raise Refused("service_account", f"{user.username} is no person's account; nobody signs in as it.")
    if user.has_usable_password():
        message = f"{user.username} has a password. A link that an admin sees would let the admin act as them."
        raise Refused("password_set", message)


def close_account(*, user_pk: int, reason: str, by: Person, at: datetime) -> User:
    """Ends an account with all its roles and grants. Refused when it leaves a workflow without people."""
    with transaction.atomic():
        user = User.objects.select_for_update(of=("self",)).get(pk=user_pk)
        check_gives(by, user, reason)
        if findings := tokens.check_reason(reason):
            raise Refused("reason_missing", findings[0].message, findings)
        if tokens.is_service_account(user):
            raise Refused("service_account", f"{user.username} is a service account; close it with its tokens.")
        if not user.is_active:
            raise Refused("closed_already", f"{user.username} is closed already.")
        before = staffing.roster(at)
        staffing.check_staffed(before, before.without(user.username), f"Closing the account {user.username}")
        take_all(user, by, reason.strip(), at)
        if User.objects.filter(pk=user.pk, is_active=True).update(is_active=False) != 1:
            raise Refused("closed_already", f"{user.username} was closed meanwhile.")
        user.is_active = False
        _record(Event.ACCOUNT_CLOSED, user, by, reason, at)
    return user


def _create(username: str, first_name: str, last_name: str, email: str, at: datetime) -> User:
    taken = Finding("principal_taken", "username", f"There is or was an account {username}.", "Choose another name.")
    refusal = Refused("principal_taken", "The account was not opened: " + taken.message, [taken])
    if User.objects.filter(username__iexact=username).exists():
        raise refusal
    names = {"first_name": first_name, "last_name": last_name, "date_joined": at}
    try:
        with transaction.atomic():
            return User.objects.create_user(username, email=email, password=None, **names)
    except IntegrityError as error:
        raise refusal from error


def _check_admin(by: Person) -> None:
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin opens and closes accounts.")


def _check_username(username: str) -> list[Finding]:
    reserved = username in RESERVED_PRINCIPALS or username.startswith(PREFIX)
    if USERNAME.fullmatch(username) is not None and len(username) <= LONGEST and not reserved:
        return []
    message = (
        f"An account's name has lower-case letters, digits, single dots, hyphens or underscores, at most {LONGEST}."
    )
    if reserved:
        message = "That name is kept for the console itself or for service accounts."
    return [Finding("username_unfit", "username", message, "Example: rosa.lopez.")]


def _check_names(first_name: str, last_name: str) -> list[Finding]:
    fields = {"first_name": first_name, "last_name": last_name}
    message = f"A name is one line of 1 to {LONGEST_NAME} characters."
    return [
        Finding("name_unfit", field, message)
        for field, text in fields.items()
        if not 0 < len(text.strip()) <= LONGEST_NAME or tokens.is_unprintable(text)
    ]


def _check_email(email: str) -> list[Finding]:
    if not email.strip():
        return []
    try:
        validate_email(email.strip())
    except ValidationError:
        return [
            Finding("email_unfit", "email", "That is no e-mail address.", "Write name@example.org, or leave it out.")
        ]
    return []


def _record(event: Event, user: User, by: Person, reason: str, at: datetime) -> None:
    references = {"principal": user.username, "reason_digest": str(digest_bytes(reason.strip().encode()))}
    subject = f"user/{user.username}"
    ledger.append(event=event, actor=by.principal, role=Role.ADMIN.value, subject=subject, references=references, at=at)
