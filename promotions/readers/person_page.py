"""Reads one account for admins: what it holds and until when, what it held, and what taking it would leave undone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from datasets import staffing
from datasets.holdings import DATASET_ROLES, grants_in_force, roles_in_force
from datasets.models import DatasetGrant, PolicyChange, PolicyChangeState, RoleAssignment
from datasets.people import names_of
from datasets.policy.roles import Role
from datasets.policy.satisfiable import Need
from promotions.readers.administration import GRANT_WORDS, ends_soonest
from promotions.readers.people import Act


@dataclass(frozen=True, slots=True)
class Held:
    """A role or grant in force. ``why_not``: why it can't be taken now; ``soon``: it ends within two weeks."""

    key: str
    words: str
    dataset: str
    since: datetime
    giver: str
    second: str
    reason: str
    ends: datetime | None
    why_not: str


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account as the list shows it."""

    user: User
    state: str
    roles: tuple[str, ...]
    grants: int
    ends: datetime | None


def account_lines(found: Iterable[User], now: datetime) -> list[AccountLine]:
    """Rows of a page of accounts, in two queries besides."""
    users = list(found)
    roles = list(roles_in_force(now).filter(user__in=users).order_by("role"))
    grants = list(grants_in_force(now).filter(user__in=users))
    ends = [(r.user_id, r.expires_at) for r in roles] + [(g.user_id, g.expires_at) for g in grants]
    return [
        AccountLine(
            user,
            "active" if user.is_active else "closed",
            tuple(r.role for r in roles if r.user_id == user.pk),
            sum(g.user_id == user.pk for g in grants),
            ends_soonest(end for holder, end in ends if holder == user.pk),
        )
        for user in users
    ]


def held_by(user: User, now: datetime) -> list[Held]:
    """What *user* holds, roles first; a fixed number of queries."""
    roles = list(roles_in_force(now).filter(user=user).order_by("role"))
    grants = list(grants_in_force(now).filter(user=user).select_related("dataset").order_by("dataset__slug", "grant"))
    names = names_of(
        {r.assigned_by for r in roles}
        | {r.confirmed_by for r in roles}
        | {name for g in grants for name in (g.given_by, g.confirmed_by)} - {""}
    )
    before = staffing.roster(now)
    asked = staffing.needs()
    found = []
    for role in roles:
        after = before.without_role(user.username, role.role)
        found.append(
            Held(
                f"role-{role.role}",
                Role(role.role).label,
                "",
                role.assigned_at,
                names.get(role.assigned_by, role.assigned_by),
                names.get(role.confirmed_by, ""),
                role.reason,
                role.expires_at,
                _left(asked, before, after),
            )
        )
    for grant in grants:
        gives = DATASET_ROLES.get(grant.grant)
        after = before.without_grant(user.username, grant.dataset.slug, gives.value) if gives else before
        found.append(
            Held(
                f"grant-{grant.pk}",
                GRANT_WORDS.get(grant.grant, grant.grant),
                grant.dataset.slug,
                grant.given_at,
                names.get(grant.given_by, grant.given_by),
                names.get(grant.confirmed_by, ""),
                grant.reason,
                grant.expires_at,
                _left(asked, before, after),
            )
        )
    return found


def _left(asked: tuple[Need, ...], before: staffing.Roster, after: staffing.Roster) -> str:
    broken = staffing.broken(before, after, asked)
    return f"Without it, {broken[0].sentence}. Give someone else that role first." if broken else ""


def why_not_close(user: User, now: datetime) -> str:
    """Why the account can't be closed now; ``""`` when it can."""
    before = staffing.roster(now)
    broken = staffing.broken(before, before.without(user.username))
    return f"Without this person, {broken[0].sentence}. Give someone else that role first." if broken else ""


def history_of(user: User) -> list[Act]:
    """How rights came and went, newest first; three queries."""
    roles = list(RoleAssignment.history.filter(user_id=user.pk).order_by("-history_date", "-history_id")[:200])
    grants = list(
        DatasetGrant.history.filter(user_id=user.pk)
        .select_related("dataset")
        .order_by("-history_date", "-history_id")[:200]
    )
    names = names_of({r.assigned_by for r in roles} | {n for g in grants for n in (g.given_by, g.revoked_by)} - {""})
    found = []
    for row in roles:
        words = f"role {row.role}"
        if row.revoked_at is None:
            found.append(Act(row.assigned_at, names[row.assigned_by], f"gave the {words}", row.reason))
        else:
            who, _, why = (row.history_change_reason or "").partition(": ")
            found.append(
                Act(row.revoked_at, names.get(who, who) if why else "The clock", f"ended the {words}", why or who)
            )
    for grant in grants:
        words = f"{GRANT_WORDS.get(grant.grant, grant.grant)} ({grant.dataset.slug})"
        if grant.revoked_at is None:
            found.append(Act(grant.given_at, names[grant.given_by], f"gave: {words}", grant.reason))
        else:
            who = names.get(grant.revoked_by, grant.revoked_by)
            found.append(Act(grant.revoked_at, who, f"ended: {words}", grant.history_change_reason or ""))
    return sorted(found, key=lambda act: act.at, reverse=True)


def pending_about(user: User) -> list[PolicyChange]:
    """What was asked for this person and waits for a second."""
    return list(PolicyChange.objects.filter(subject=f"user/{user.username}", state=PolicyChangeState.PENDING))
