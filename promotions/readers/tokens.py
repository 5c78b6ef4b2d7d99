"""Reads what admins see of service tokens and service accounts: how each stands in a word, and its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.intake import UPLOADS
from datasets.models import Dataset, ServiceToken
from datasets.people import RESERVED_PRINCIPALS, names_of
from datasets.tokens import DECIDES, SERVICE_GROUP
from promotions.readers.people import Act

SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Line:
    """A token as a row shows it; ``state``: active, expiring, expired, revoked, or closed (as its account is)."""

    token: ServiceToken
    state: str
    issuer: str
    revoker: str


@dataclass(frozen=True, slots=True)
class Account:
    """A service account as a row shows it; ``state``: active or closed; ``tokens``: how many of its open something."""

    user: User
    state: str
    datasets: tuple[Dataset, ...]
    tokens: int


def all_tokens() -> QuerySet[ServiceToken]:
    """Every token that was ever issued, those that still open something first."""
    return ServiceToken.objects.select_related("user").order_by("revoked_at", "-expires_at", "-pk")


def lines(found: Iterable[ServiceToken], now: datetime) -> list[Line]:
    """The rows of a page of tokens, in two queries besides."""
    rows = list(found)
    names = names_of({name for token in rows for name in (token.issued_by, token.revoked_by)} - {""})
    serving = {user.pk for user in serving_accounts().filter(pk__in={token.user_id for token in rows})}
    return [
        Line(t, state_of(t, now, serves=t.user_id in serving), names[t.issued_by], names.get(t.revoked_by, ""))
        for t in rows
    ]


def state_of(token: ServiceToken, now: datetime, *, serves: bool) -> str:
    """The word for how a token stands; ``serves``: its account is an open service account."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "expired"
    if not serves:
        return "closed"
    return "expiring" if token.expires_at - now <= SOON else "active"


def history_of(token: ServiceToken) -> list[Act]:
    """How the token came and went, newest first; a revocation with its reason."""
    rows = list(token.history.order_by("-history_date", "-history_id"))
    names = names_of({token.issued_by, token.revoked_by} - {""})
    return [
        Act(token.revoked_at, names[token.revoked_by], "revoked it", row.history_change_reason or "")
        if row.revoked_at is not None and token.revoked_at is not None
        else Act(token.issued_at, names[token.issued_by], "issued it", "")
        for row in rows
    ]


def service_accounts() -> QuerySet[User]:
    """Every service account, the open ones first."""
    marked = User.objects.filter(groups__name=SERVICE_GROUP, password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return marked.order_by("-is_active", "username")


def serving_accounts() -> QuerySet[User]:
    """The open service accounts."""
    return service_accounts().filter(is_active=True).exclude(username__in=RESERVED_PRINCIPALS)


def account_lines(found: Iterable[User], now: datetime) -> list[Account]:
    """The rows of a page of service accounts, in three queries besides."""
    users = list(found)
    live = ServiceToken.objects.filter(user__in=users, revoked_at__isnull=True, expires_at__gt=now)
    counts = Counter(live.values_list("user_id", flat=True))
    sends = [grant for grant, role in DATASET_ROLES.items() if role in UPLOADS]
    given = grants_in_force(now).filter(user__in=users, grant__in=sends)
    pairs = set(given.values_list("user_id", "dataset_id"))
    rows = {d.pk: d for d in Dataset.objects.filter(pk__in={dataset for _, dataset in pairs}).order_by("slug")}
    return [
        Account(
            user,
            "active" if user.is_active else "closed",
            tuple(row for pk, row in rows.items() if (user.pk, pk) in pairs),
            counts[user.pk] if user.is_active else 0,
        )
        for user in users
    ]


def senders() -> list[User]:
    """Open service accounts that may send data somewhere and decide nothing: those that a token can be for."""
    now = timezone.now()
    held, granted = roles_in_force(now), grants_in_force(now)
    sends = [grant for grant, role in DATASET_ROLES.items() if role in UPLOADS]
    decides = [grant for grant, role in DATASET_ROLES.items() if role in DECIDES]
    may = Q(pk__in=held.filter(role__in=[r.value for r in UPLOADS]).values("user")) | Q(
        pk__in=granted.filter(grant__in=sends).values("user")
    )
    may_not = Q(pk__in=held.filter(role__in=[r.value for r in DECIDES]).values("user")) | Q(
        pk__in=granted.filter(grant__in=decides).values("user")
    )
    return list(serving_accounts().filter(may).exclude(may_not).order_by("username"))
