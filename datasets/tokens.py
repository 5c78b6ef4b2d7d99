"""Writer: service tokens, by which a service account sends runs through the API.

Decides whose key a secret is, and whether it opens anything now. A secret has 256 random bits and is kept nowhere: its
digest is, so it is looked up by that digest, and how long the look-up takes says nothing about any secret. What
expired, was revoked, or belongs to an account that is closed, or that a person can sign in to, is nobody's, all alike.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from audit.findings import Finding
from datasets.errors import Refused
from datasets.intake import UPLOADS
from datasets.models import ServiceToken
from datasets.one_row import change_row
from datasets.people import RESERVED_PRINCIPALS, Person, person_for
from datasets.policy.roles import Role
from datasets.receipts import instant

PREFIX = "kfm_"
SECRET = re.compile(r"kfm_[A-Za-z0-9_-]{43}")
SECRET_BYTES = 32
HINT_CHARACTERS = 10
LONGEST_NAME = 80
LONGEST_REASON = 100
LONGEST_LIFE = timedelta(days=366)
#: ``last_used_at`` is written at most this often.
USED_EVERY = timedelta(minutes=1)
#: The group of service accounts. It carries no permission: it is their mark, with the password that none of them has.
SERVICE_GROUP = "service accounts"
#: Roles of people who decide; a key to such an account would be a key to a signature's owner.
DECIDES = frozenset({Role.REVIEWER, Role.STEWARD, Role.COUNCIL, Role.AUDITOR, Role.ADMIN})


def issue(*, account: User, name: str, expires_at: datetime, by: Person, at: datetime) -> tuple[ServiceToken, str]:
    """A new token for *account* and its secret, which is shown once. Raises ``Refused`` with findings by field."""
    with transaction.atomic():
        _check_admin(by)
        account = User.objects.select_for_update(of=("self",)).get(pk=account.pk)  # it may be closed meanwhile
        findings = [*_check_name(name), *_check_expiry(expires_at, at), *check_account(account, by)]
        findings += _check_untaken(account, name.strip(), at)
        if findings:
            raise Refused("token_faulty", "The token was not issued: " + findings[0].message, findings)
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = ServiceToken.objects.create(
            name=name.strip(),
            user=account,
            digest=_digest(secret),
            hint=secret[:HINT_CHARACTERS],
            issued_by=by.principal,
            issued_at=at,
            expires_at=expires_at,
        )
        _record(Event.TOKEN_ISSUED, token, by, {"expires": instant(expires_at)}, at)
    return token, secret


def revoke(*, token_pk: int, reason: str, by: Person, at: datetime) -> ServiceToken:
    """Ends a token at once; the reason is kept in its history. Raises ``Refused`` when it has been revoked already."""
    with transaction.atomic():
        _check_admin(by)
        if findings := check_reason(reason):
            raise Refused("reason_missing", findings[0].message, findings)
        token = ServiceToken.objects.select_for_update(of=("self",)).select_related("user").get(pk=token_pk)
        end = {"revoked_at": at, "revoked_by": by.principal}
        said = reason.strip()
        if not change_row(token, was={"revoked_at": None}, changes=end, at=at, by=by.principal, reason=said):
            token.refresh_from_db(fields=["revoked_at", "revoked_by"])
            when = f"{token.revoked_at:%Y-%m-%d %H:%M} UTC"
            raise Refused("revoked_already", f"Already revoked by {token.revoked_by} at {when}.")
        _record(Event.TOKEN_REVOKED, token, by, {"reason_digest": str(digest_bytes(reason.strip().encode()))}, at)
    return token


def token_of(secret: str, now: datetime) -> ServiceToken | None:
    """The live token that *secret* is the key of, with its account; ``None`` for everything else."""
    if SECRET.fullmatch(secret) is None:
        return None
    live = ServiceToken.objects.filter(digest=_digest(secret), user__groups__name=SERVICE_GROUP, user__is_active=True)
    token = live.select_related("user").first()
    if token is None or token.revoked_at is not None or token.expires_at <= now:
        return None
    if token.user.has_usable_password() or token.user.username in RESERVED_PRINCIPALS:
        return None
    return token


def note_use(token: ServiceToken, now: datetime) -> None:
    """Keeps when a token was last used, to the minute, so that an idle one is seen."""
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - USED_EVERY)
    ServiceToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)


def is_service_account(account: User) -> bool:
    """Whether *account* was opened as a service account, and nobody can sign in as it."""
    return not account.has_usable_password() and account.groups.filter(name=SERVICE_GROUP).exists()


def is_unprintable(text: str) -> bool:
    """Whether *text* holds control characters or halves of one: it is no single line."""
    return any(unicodedata.category(c) in {"Cc", "Cs"} for c in text)


def check_reason(reason: str) -> list[Finding]:
    """Why *reason* can't be the written reason of a change; empty when it can."""
    if 0 < len(reason.strip()) <= LONGEST_REASON and not is_unprintable(reason):
        return []
    message = f"Say why on one line of at most {LONGEST_REASON} characters; the reason is kept."
    return [Finding("reason_missing", "reason", message, kind="missing")]


def check_account(account: User, by: Person) -> list[Finding]:
    """Why *account* can't have a token; empty when it can. ``where`` is the form's field."""

    def fault(code: str, message: str, fix: str = "") -> list[Finding]:
        return [Finding(code, "account", message, fix)]

    person = person_for(account)
    if person.is_public:
        return fault("account_inactive", f"{account.username} is no active account.", "Choose another.")
    if person.principal == by.principal:
        return fault("own_token", "You can't issue a token to your own account.", "Ask another admin.")
    if not is_service_account(account):
        message = f"{account.username} is a person's account: whoever holds its token would act as that person."
        return fault("account_of_a_person", message, "Open a service account for the pipeline.")
    if decides := sorted(role.value for role in person.all_roles & DECIDES):
        message = f"{account.username} holds the role {decides[0]}: a person who decides has no service token."
        return fault("account_decides", message, "Use an account that only sends data.")
    if not person.all_roles & frozenset(UPLOADS):
        message = f"{account.username} may send data to no dataset."
        return fault("account_sends_nothing", message, "Open a service account for the datasets it sends to.")
    return []


def _check_admin(by: Person) -> None:
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin issues and revokes service tokens.")


def _check_name(name: str) -> list[Finding]:
    if 0 < len(name.strip()) <= LONGEST_NAME and not is_unprintable(name):
        return []
    message = f"A token's name is one line of 1 to {LONGEST_NAME} characters."
    return [Finding("name_unfit", "name", message, "Say which pipeline uses it, such as airflow-prod.")]


def _check_untaken(account: User, name: str, at: datetime) -> list[Finding]:
    """A form that is sent twice makes one token: a live one of this name was issued already."""
    live = ServiceToken.objects.filter(user=account, name=name, revoked_at__isnull=True, expires_at__gt=at).first()
    if live is None:
        return []
    said = f"{live.issued_by} issued a live token of this name at {live.issued_at:%Y-%m-%d %H:%M} UTC."
    return [Finding("name_taken", "name", said, "Revoke that one, or give this one another name.")]


def _check_expiry(expires_at: datetime, at: datetime) -> list[Finding]:
    if at < expires_at <= at + LONGEST_LIFE:
        return []
    return [Finding("expiry_unfit", "expires_at", "A token ends in the future, within a year.", "Choose a nearer day.")]


def _digest(secret: str) -> str:
    return str(digest_bytes(secret.encode()))


def _record(event: Event, token: ServiceToken, by: Person, references: dict[str, str], at: datetime) -> None:
    ledger.append(
        event=event,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"user/{token.user.username}",
        references={"token": str(token.pk), **references},
        at=at,
    )
