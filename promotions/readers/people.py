"""People by name: who did what, who holds which role on a dataset, and so who may do what a viewer may not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.utils import timezone

from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.policy.roles import Role


@dataclass(frozen=True, slots=True)
class Act:
    """One step of a row's history: ``who`` did ``what``, by name, with the reason that was given."""

    at: datetime
    who: str
    what: str
    reason: str


def holders(dataset_pk: int) -> dict[Role, dict[str, str]]:
    """For each role, principal to name of every active account that holds it on the dataset now; two queries."""
    now = timezone.now()
    found: dict[Role, dict[str, str]] = {role: {} for role in Role}
    active = roles_in_force(now).filter(user__is_active=True).select_related("user")
    for assignment in active.order_by("pk"):
        found[Role(assignment.role)][assignment.user.username] = _name(assignment.user)
    granted = grants_in_force(now).filter(dataset_id=dataset_pk, grant__in=list(DATASET_ROLES), user__is_active=True)
    for row in granted.select_related("user").order_by("pk"):
        found[DATASET_ROLES[row.grant]][row.user.username] = _name(row.user)
    return found


def who_can(
    held: Mapping[Role, Mapping[str, str]], allowed: Iterable[Role], *, but: frozenset[str] = frozenset()
) -> str:
    """``Ada Diaz (steward), Ben Ode (reviewer)``: who may act in one of *allowed* and is none of *but*."""
    wanted = frozenset(allowed)
    names = [
        f"{name} ({role.value})"
        for role in Role
        if role in wanted and role is not Role.PIPELINE
        for principal, name in held[role].items()
        if principal not in but
    ]
    return ", ".join(names) or f"nobody yet; an admin assigns the role {' or '.join(sorted(wanted - {Role.PIPELINE}))}"


def _name(user: User) -> str:
    return user.get_full_name() or user.username
