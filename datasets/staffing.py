"""Reads who could sign and publish what, and refuses a change that would leave nobody (design §6).

Decides nothing about a version: that is the quorum's. Only people in active accounts count, with the roles and grants
that they hold at the time asked about, so a right that ends soon can be looked past, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from datasets.errors import Refused
from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.models import DatasetVersion
from datasets.policy.satisfiable import Broken, Need, Staff, broken_by

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Roster:
    """Who holds what: ``roles`` are (principal, role), ``grants`` are (principal, dataset slug, role)."""

    roles: frozenset[tuple[str, str]]
    grants: frozenset[tuple[str, str, str]]

    def without_role(self, principal: str, role: str) -> Roster:
        return replace(self, roles=self.roles - {(principal, role)})

    def without_grant(self, principal: str, dataset: str, role: str) -> Roster:
        return replace(self, grants=self.grants - {(principal, dataset, role)})

    def without(self, principal: str) -> Roster:
        """As it would be if *principal* held nothing."""
        return Roster(
            frozenset(r for r in self.roles if r[0] != principal),
            frozenset(g for g in self.grants if g[0] != principal),
        )

    def staff(self, dataset: str) -> Staff:
        held: dict[str, set[str]] = {}
        for principal, role in self.roles:
            held.setdefault(role, set()).add(principal)
        for principal, slug, role in self.grants:
            if slug == dataset:
                held.setdefault(role, set()).add(principal)
        return Staff({role: frozenset(people) for role, people in held.items()})


def roster(now: datetime) -> Roster:
    """Who holds what at *now*, in two queries."""
    roles = roles_in_force(now).filter(user__is_active=True).values_list("user__username", "role")
    grants = grants_in_force(now).filter(user__is_active=True, grant__in=sorted(DATASET_ROLES))
    rows = grants.values_list("user__username", "dataset__slug", "grant")
    return Roster(
        frozenset((principal, role) for principal, role in roles),
        frozenset((principal, slug, DATASET_ROLES[grant].value) for principal, slug, grant in rows),
    )


def needs(sign_off_roles: Mapping[str, tuple[str, ...]] | None = None) -> tuple[Need, ...]:
    """Every dataset and releasable label that is in use, with whoever brought a version in; one query.

    ``sign_off_roles``: by label, in place of what its row says, ``()`` for a label that nothing is released under.
    """
    given = sign_off_roles or {}
    rows = (
        DatasetVersion.objects.filter(policy_label__isnull=False)
        .exclude(standing__state="DENIED")
        .order_by()
        .values_list(
            "dataset__slug", "policy_label", "policy_label__sign_off_roles", "policy_label__releasable", "created_by"
        )
        .distinct()
    )
    found = set()
    for slug, label, roles, releasable, author in rows:
        asked = given.get(label, tuple(roles) if releasable else ())
        if asked:
            found.add(Need(slug, label, tuple(asked), author))
    return tuple(sorted(found, key=lambda need: (need.dataset, need.label, need.author)))


def broken(before: Roster, after: Roster, asked: tuple[Need, ...] | None = None) -> tuple[Broken, ...]:
    """Which workflows (of *asked*; otherwise all there are) *after* can no longer be staffed that *before* could."""
    asked = needs() if asked is None else asked
    return broken_by(_staffed(asked, before), _staffed(asked, after))


def broken_by_label(label: str, sign_off_roles: tuple[str, ...], now: datetime) -> tuple[Broken, ...]:
    """Which workflows would end if *label* asked for *sign_off_roles* (``()``: nothing is released under it)."""
    held = roster(now)
    return broken_by(_staffed(needs(), held), _staffed(needs({label: sign_off_roles}), held))


def check_staffed(before: Roster, after: Roster, what: str) -> None:
    """Raises ``Refused`` when *after* leaves a workflow without people that *before* had; *what* begins the message."""
    refuse_broken(broken(before, after), what)


def refuse_broken(found: tuple[Broken, ...], what: str) -> None:
    """Raises ``Refused``, naming role, label and dataset, when *found* holds anything."""
    if found:
        named = "; ".join(one.sentence for one in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise Refused(
            "nobody_left", f"{what} is refused: {named}{more}. Give someone else that role first, then try again."
        )


def _staffed(asked: tuple[Need, ...], held: Roster) -> list[tuple[Need, Staff]]:
    known: dict[str, Staff] = {}
    for need in asked:
        if need.dataset not in known:
            known[need.dataset] = held.staff(need.dataset)
    return [(need, known[need.dataset]) for need in asked]
