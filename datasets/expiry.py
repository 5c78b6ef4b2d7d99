"""Writer: ends roles and grants whose time is over, and reads which end soon. The clock takes; it never gives.

A right is over at the instant of its end, whether or not this ran (``holdings``); this closes the row, takes the
permission back and makes the ledger's entry. It can't be refused, so what it would leave without people is said before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from guardian.shortcuts import remove_perm

from audit import ledger
from audit.events import Event
from datasets import staffing
from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.models import DatasetGrant, RoleAssignment
from datasets.people import PIPELINE, close_assignment, close_grant, follow_ledger_group
from datasets.policy.roles import Role
from datasets.policy.satisfiable import Broken
from datasets.receipts import instant

SOON = timedelta(days=14)
_ENDED = "its time was over"


@dataclass(frozen=True, slots=True)
class Ending:
    """A right that ends soon. ``key``: names it for good; ``broken``: what nobody could sign or publish afterwards."""

    key: str
    user: User
    what: str
    dataset: str
    at: datetime
    broken: tuple[Broken, ...]


def end_expired(now: datetime) -> int:
    """Ends every role and grant whose time is over at *now*, each in a transaction of its own; how many."""
    late = {"revoked_at__isnull": True, "expires_at__lte": now}
    roles = RoleAssignment.objects.filter(**late).order_by("pk").values_list("pk", flat=True)
    grants = DatasetGrant.objects.filter(**late).order_by("pk").values_list("pk", flat=True)
    return sum(_end_role(pk, now) for pk in list(roles)) + sum(_end_grant(pk, now) for pk in list(grants))


@transaction.atomic
def _end_role(pk: int, now: datetime) -> bool:
    rows = RoleAssignment.objects.select_for_update(of=("self",)).select_related("user")
    row = rows.filter(pk=pk, revoked_at__isnull=True, expires_at__lte=now).first()
    if row is None:  # another worker ended it, or an admin prolonged it
        return False
    close_assignment(row, PIPELINE.principal, now, _ENDED)
    follow_ledger_group(row.user, now)
    _record(Event.ROLE_EXPIRED, row.user, {"granted": row.role}, row.expires_at, now)
    return True


@transaction.atomic
def _end_grant(pk: int, now: datetime) -> bool:
    rows = DatasetGrant.objects.select_for_update(of=("self",)).select_related("user", "dataset")
    row = rows.filter(pk=pk, revoked_at__isnull=True, expires_at__lte=now).first()
    if row is None:
        return False
    close_grant(row, PIPELINE.principal, now, _ENDED)
    remove_perm(f"datasets.{row.grant}", row.user, row.dataset)
    references = {"granted": row.grant, "dataset": f"kfm://dataset/{row.dataset.slug}"}
    _record(Event.GRANT_EXPIRED, row.user, references, row.expires_at, now)
    return True


def _record(event: Event, user: User, references: dict[str, str], end: datetime | None, now: datetime) -> None:
    if end is None:
        raise ValueError("What has no end does not expire.")
    ledger.append(
        event=event,
        actor=PIPELINE.principal,
        role=Role.PIPELINE.value,
        subject=f"user/{user.username}",
        references={"principal": user.username, "expires": instant(end), **references},
        at=now,
    )


def ending_soon(now: datetime) -> list[Ending]:
    """Every right of an active account that ends within ``SOON``, the soonest first."""
    soon = {"expires_at__lte": now + SOON, "user__is_active": True}
    held = staffing.roster(now)
    found = []
    for role in roles_in_force(now).filter(**soon).select_related("user"):
        after = held.without_role(role.user.username, role.role)
        found.append(_ending("role", role.pk, role.user, role.role, "", role.expires_at, held, after))
    for grant in grants_in_force(now).filter(**soon).select_related("user", "dataset"):
        gives, slug = DATASET_ROLES.get(grant.grant), grant.dataset.slug
        after = held.without_grant(grant.user.username, slug, gives.value) if gives else held
        found.append(_ending("grant", grant.pk, grant.user, grant.grant, slug, grant.expires_at, held, after))
    return sorted(found, key=lambda ending: (ending.at, ending.key))


def _ending(  # noqa: PLR0913 - what ends, whose it is, and what is left
    kind: str,
    pk: int,
    user: User,
    what: str,
    dataset: str,
    at: datetime | None,
    held: staffing.Roster,
    after: staffing.Roster,
) -> Ending:
    if at is None:
        raise ValueError("What has no end does not end soon.")
    broken = staffing.broken(held, after) if after is not held else ()
    return Ending(f"{kind}.{pk}", user, what, dataset, at, broken)
