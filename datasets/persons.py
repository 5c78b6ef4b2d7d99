"""Who someone is to the console: principal, name, roles everywhere, and grants on single datasets.

Roles and grants count while ``datasets.holdings`` says so; ``is_superuser`` and ``is_staff`` are never asked (design
§6: no admin bypass). Reads only; ``datasets.people`` gives and takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.policy.roles import Role

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


@dataclass(frozen=True, slots=True)
class Person:
    """``roles``: held everywhere; ``grants``: guardian permissions by dataset primary key; public has neither."""

    principal: str
    name: str
    roles: frozenset[Role] = frozenset()
    grants: Mapping[int, frozenset[str]] = field(default_factory=dict)

    def roles_on(self, dataset_pk: int | None) -> frozenset[Role]:
        """The roles that count for one dataset; ``None``: for no dataset in particular."""
        if dataset_pk is None:
            return self.roles
        return self.roles | {DATASET_ROLES[g] for g in self.grants.get(dataset_pk, ()) if g in DATASET_ROLES}

    @property
    def all_roles(self) -> frozenset[Role]:
        """Roles held anywhere; for deciding which pages to offer, never for deciding about a dataset."""
        return self.roles | {DATASET_ROLES[g] for grants in self.grants.values() for g in grants if g in DATASET_ROLES}

    def role_among(self, allowed: Collection[Role], dataset_pk: int | None) -> Role | None:
        """The role they act in where *allowed* may act: the first of those held there, in the list's order."""
        held = self.roles_on(dataset_pk)
        return next((role for role in Role if role in allowed and role in held), None)

    def role_told(self, dataset_pk: int | None, allowed: Collection[Role] = ()) -> Role:
        """The role that the ledger names for an act, or for one that was refused: the one that *allowed* lets act.

        Who holds none of those tried in vain: then the furthest reaching role held there (``None``: anywhere).
        """
        used = self.role_among(allowed, dataset_pk)
        held = self.all_roles if dataset_pk is None else self.roles_on(dataset_pk)
        return used or next((role for role in reversed(Role) if role in held), Role.PUBLIC)

    @property
    def is_public(self) -> bool:
        return self.principal == PUBLIC.principal


PUBLIC = Person("public", "Public")
PIPELINE = Person("pipeline", "Pipeline", frozenset({Role.PIPELINE}))
#: Names that stand for no account: an account of such a name is nobody, or it could pass for them in the records.
RESERVED_PRINCIPALS = frozenset({PUBLIC.principal, PIPELINE.principal, "console"})


def person_for(user: AbstractBaseUser | AnonymousUser, now: datetime | None = None) -> Person:
    """The person behind a request's user at *now*, in two queries. The inactive, anonymous and reserved: public."""
    if not isinstance(user, User) or not user.is_active or user.username in RESERVED_PRINCIPALS:
        return PUBLIC
    at = now or timezone.now()
    roles = frozenset(Role(r) for r in roles_in_force(at).filter(user=user).values_list("role", flat=True))
    grants: dict[int, set[str]] = {}
    for dataset, grant in grants_in_force(at).filter(user=user).order_by().values_list("dataset_id", "grant"):
        grants.setdefault(dataset, set()).add(grant)
    return Person(
        user.username, user.get_full_name() or user.username, roles, {k: frozenset(v) for k, v in grants.items()}
    )


def person_named(principal: str) -> Person:
    """The person with this principal as they are now: roles that were revoked meanwhile are gone."""
    user = User.objects.filter(username=principal).first()
    return person_for(user) if user else PUBLIC


def names_of(principals: set[str]) -> dict[str, str]:
    """Display names by principal, in one query; an unknown principal keeps its own text."""
    known = {PIPELINE.principal: PIPELINE.name, PUBLIC.principal: PUBLIC.name}
    for user in User.objects.filter(username__in=principals):
        known[user.username] = user.get_full_name() or user.username
    return {p: known.get(p, p) for p in principals}
