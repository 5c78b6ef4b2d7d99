"""Reads what admins see of service tokens: each token's state in a word, its history, and who may have one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from guardian.models import UserObjectPermission

from datasets.intake import UPLOADS
from datasets.models import RoleAssignment, ServiceToken
from datasets.people import DATASET_ROLES, RESERVED_PRINCIPALS, names_of
from datasets.tokens import DECIDES

SOON = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Line:
    """A token as a row shows it; ``state``: active, expiring, expired, revoked, or closed (its account is inactive)."""

    token: ServiceToken
    state: str
    issuer: str
    revoker: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a token's history."""

    at: datetime
    who: str
    what: str
    reason: str


def all_tokens() -> QuerySet[ServiceToken]:
    """Every token that was ever issued, those that still open something first."""
    return ServiceToken.objects.select_related("user").order_by("revoked_at", "-expires_at", "-pk")


def lines(found: Iterable[ServiceToken], now: datetime) -> list[Line]:
    """The rows of a page of tokens, in one query besides."""
    rows = list(found)
    names = names_of({name for token in rows for name in (token.issued_by, token.revoked_by)} - {""})
    return [Line(t, state_of(t, now), names[t.issued_by], names.get(t.revoked_by, "")) for t in rows]


def state_of(token: ServiceToken, now: datetime) -> str:
    """The word for how a token stands."""
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at <= now:
        return "expired"
    if not token.user.is_active:
        return "closed"
    return "expiring" if token.expires_at - now <= SOON else "active"


def history_of(token: ServiceToken) -> list[Step]:
    """How the token came and went, newest first; a revocation with its reason."""
    rows = list(token.history.order_by("-history_date", "-history_id"))
    names = names_of({token.issued_by, token.revoked_by} - {""})
    return [
        Step(token.revoked_at, names[token.revoked_by], "revoked it", row.history_change_reason or "")
        if row.revoked_at is not None and token.revoked_at is not None
        else Step(token.issued_at, names[token.issued_by], "issued it", "")
        for row in rows
    ]


def senders() -> list[User]:
    """Active accounts that may send data somewhere and decide nothing: those that a token can be for."""
    held = RoleAssignment.objects.filter(revoked_at__isnull=True)
    granted = UserObjectPermission.objects.filter(content_type__app_label="datasets", content_type__model="dataset")
    sends = [grant for grant, role in DATASET_ROLES.items() if role in UPLOADS]
    decides = [grant for grant, role in DATASET_ROLES.items() if role in DECIDES]
    may = Q(pk__in=held.filter(role__in=[r.value for r in UPLOADS]).values("user")) | Q(
        pk__in=granted.filter(permission__codename__in=sends).values("user")
    )
    may_not = Q(pk__in=held.filter(role__in=[r.value for r in DECIDES]).values("user")) | Q(
        pk__in=granted.filter(permission__codename__in=decides).values("user")
    )
    found = User.objects.filter(may, is_active=True).exclude(may_not).exclude(username__in=RESERVED_PRINCIPALS)
    return list(found.order_by("username"))
