"""Writers: roles everywhere and grants on single datasets, given and taken with reason, end and ledger entry.

What opens much is given by two people: an admin, and another admin or a member of the council who confirms (ADR 0025).
What is taken is taken at once, unless it would leave a workflow without people. Who someone is: ``datasets.persons``.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets import staffing
from datasets.errors import Refused
from datasets.holdings import DATASET_ROLES, GRANTS, grants_in_force, permissions, roles_in_force
from datasets.models import Dataset, DatasetGrant, RoleAssignment
from datasets.one_row import change_row
from datasets.persons import PIPELINE, PUBLIC, RESERVED_PRINCIPALS, Person, names_of, person_for, person_named
from datasets.policy.roles import Role
from datasets.receipts import instant

__all__ = [
    "DATASET_ROLES",
    "GRANTS",
    "LEDGER_READERS",
    "PIPELINE",
    "PUBLIC",
    "RESERVED_PRINCIPALS",
    "Person",
    "names_of",
    "person_for",
    "person_named",
]

#: Who may confirm what opens much, beside the admin who gives it.
CONFIRMS = frozenset({Role.ADMIN, Role.COUNCIL})
#: What one admin gives alone: whoever brings data in decides nothing.
GIVEN_ALONE = frozenset({Role.CONTRIBUTOR.value, "contribute_dataset"})

LEDGER_READERS = frozenset({Role.AUDITOR, Role.STEWARD, Role.ADMIN})


@transaction.atomic
def appoint_first_admin(*, user: User, reason: str, at: datetime) -> RoleAssignment:
    """Makes *user* the first admin. Only while the console has none: after that, admins assign roles."""
    if roles_in_force(at).filter(role=Role.ADMIN.value, user__is_active=True).exists():
        raise Refused("admin_exists", "The console has an admin already; roles are assigned in the console.")
    by = Person("console", "Console", frozenset({Role.ADMIN}))
    return _assign(user, Role.ADMIN, by, reason, at, None, "")


@transaction.atomic
def appoint(*, user: User, role: Role, by: Person, reason: str, at: datetime) -> RoleAssignment:
    """Gives a role without a second person: for the shell alone, while fewer than two people could confirm anything."""
    if len(confirmers(at)) > 1:
        raise Refused("second_missing", f"A second person can confirm the role {role} by now; ask in the console.")
    return _assign(user, role, by, reason, at, None, "")


def confirmers(now: datetime) -> frozenset[str]:
    """The principals who may confirm what opens much, at *now*."""
    held = roles_in_force(now).filter(role__in=[r.value for r in CONFIRMS], user__is_active=True)
    return frozenset(held.values_list("user__username", flat=True)) - RESERVED_PRINCIPALS


def needs_second(what: str) -> bool:
    """Whether the role or grant *what* is given by two people."""
    return what not in GIVEN_ALONE


@transaction.atomic
def assign_role(  # noqa: PLR0913 - who gives whom what, why, until when, and who agreed
    *,
    user: User,
    role: Role,
    by: Person,
    reason: str,
    at: datetime,
    expires_at: datetime | None = None,
    confirmed_by: Person | None = None,
) -> RoleAssignment:
    """Gives *user* a role everywhere, or prolongs it. Refused unless *by* is an admin acting on someone else.

    ``confirmed_by``: the second person, for every role but contributor.
    """
    check_gives(by, user, reason)
    second = check_second(confirmed_by, by=by, user=user, what=role.value) if needs_second(role.value) else ""
    return _assign(user, role, by, reason, at, expires_at, second)


def _assign(  # noqa: PLR0913 - as above
    user: User, role: Role, by: Person, reason: str, at: datetime, expires_at: datetime | None, second: str
) -> RoleAssignment:
    check_gives(by, user, reason)
    check_end(expires_at, at)
    if role is Role.PUBLIC:
        raise Refused("role_not_assignable", "Everyone is the public; that role is not assigned.")
    _lock(user)
    check_makes_way(user, role.value, None, expires_at, at)
    for held in RoleAssignment.objects.filter(user=user, role=role.value, revoked_at__isnull=True):
        close_assignment(held, by.principal, at, f"{by.principal}: prolonged")
    assignment = RoleAssignment(
        user=user,
        role=role.value,
        reason=reason,
        assigned_by=by.principal,
        assigned_at=at,
        confirmed_by=second,
        expires_at=expires_at,
    )
    assignment._change_reason = f"{by.principal}: {reason}"[:100]  # type: ignore[attr-defined]  # noqa: SLF001 - simple-history's own door
    assignment.save()
    follow_ledger_group(user, at)
    _record(Event.ROLE_ASSIGNED, by, user, role.value, reason, at, end=expires_at, second=second)
    return assignment


@transaction.atomic
def revoke_role(*, user: User, role: Role, by: Person, reason: str, at: datetime) -> None:
    """Takes a role away; the assignment's row stays, with its end. Refused when it leaves a workflow without people."""
    check_gives(by, user, reason)
    _lock(user)
    held = RoleAssignment.objects.select_for_update().filter(user=user, role=role.value, revoked_at__isnull=True)
    assignment = held.first()
    if assignment is None:
        raise Refused("role_not_held", f"{user.username} does not hold the role {role}.")
    before = staffing.roster(at)
    what = f"Taking the role {role} from {user.username}"
    staffing.check_staffed(before, before.without_role(user.username, role.value), what)
    close_assignment(assignment, by.principal, at, f"{by.principal}: {reason}")
    follow_ledger_group(user, at)
    _record(Event.ROLE_REVOKED, by, user, role.value, reason, at)


@transaction.atomic
def give_grant(  # noqa: PLR0913 - who gives whom what, why, until when, and who agreed
    *,
    user: User,
    dataset: Dataset,
    grant: str,
    by: Person,
    reason: str,
    at: datetime,
    expires_at: datetime | None = None,
    confirmed_by: Person | None = None,
) -> DatasetGrant:
    """Gives a per-dataset grant, or prolongs it: django-guardian's permission, and the row that says why.

    ``confirmed_by``: the second person, for every grant but to contribute.
    """
    check_gives(by, user, reason)
    if grant not in GRANTS:
        raise Refused("grant_unknown", f"There is no grant {grant!r}. Use one of: {', '.join(sorted(GRANTS))}.")
    check_end(expires_at, at)
    second = check_second(confirmed_by, by=by, user=user, what=grant) if needs_second(grant) else ""
    _lock(user)
    check_makes_way(user, grant, dataset, expires_at, at)
    for old in DatasetGrant.objects.filter(user=user, dataset=dataset, grant=grant, revoked_at__isnull=True):
        close_grant(old, by.principal, at, "given anew")
    row = DatasetGrant.objects.create(
        user=user,
        dataset=dataset,
        grant=grant,
        reason=reason,
        given_by=by.principal,
        confirmed_by=second,
        given_at=at,
        expires_at=expires_at,
    )
    assign_perm(f"datasets.{grant}", user, dataset)
    _record(Event.GRANT_GIVEN, by, user, grant, reason, at, dataset, end=expires_at, second=second)
    return row


@transaction.atomic
def take_grant(  # noqa: PLR0913 - who takes what from whom, why, when
    *, user: User, dataset: Dataset, grant: str, by: Person, reason: str, at: datetime
) -> None:
    """Takes a per-dataset grant away, row and permission both. Refused when it leaves a workflow without people."""
    check_gives(by, user, reason)
    _lock(user)
    rows = DatasetGrant.objects.filter(user=user, dataset=dataset, grant=grant, revoked_at__isnull=True)
    held = permissions().filter(user=user, object_pk=str(dataset.pk), permission__codename=grant)
    if not (rows.exists() or held.exists()):
        raise Refused("grant_not_held", f"{user.username} does not hold {grant} on {dataset.slug}.")
    if grant in DATASET_ROLES:
        before = staffing.roster(at)
        after = before.without_grant(user.username, dataset.slug, DATASET_ROLES[grant].value)
        staffing.check_staffed(before, after, f"Taking {grant} on {dataset.slug} from {user.username}")
    for row in rows:
        close_grant(row, by.principal, at, reason)
    remove_perm(f"datasets.{grant}", user, dataset)
    _record(Event.GRANT_REVOKED, by, user, grant, reason, at, dataset)


def close_grant(row: DatasetGrant, by: str, at: datetime, reason: str) -> None:
    """Ends a grant's row; the caller ends the permission and makes the ledger's entry."""
    ended = {"revoked_at": at, "revoked_by": by}
    if not change_row(row, was={"revoked_at": None}, changes=ended, at=at, by=by, reason=reason):
        now = DatasetGrant.objects.get(pk=row.pk)
        raise Refused("taken_already", f"Already taken by {now.revoked_by} at {now.revoked_at:%Y-%m-%d %H:%M} UTC.")


def check_makes_way(user: User, right: str, dataset: Dataset | None, end: datetime | None, at: datetime) -> None:
    """What is held already makes way only for a later end, or for none. Raises ``Refused``."""
    held: DatasetGrant | RoleAssignment | None
    if dataset is None:
        held = roles_in_force(at).filter(user=user, role=right).first()
        code, words = "role_held_already", f"{user.username} holds the role {right} already."
    else:
        held = grants_in_force(at).filter(user=user, dataset=dataset, grant=right).first()
        code, words = "grant_held_already", f"{user.username} holds {right} on {dataset.slug} already."
    if held is not None and (held.expires_at is None or (end is not None and end <= held.expires_at)):
        raise Refused(code, f"{words} Take it away first, or give a later end.")


def check_gives(by: Person, user: User, reason: str) -> None:
    """Whether *by* may give *user* anything at all, or take it."""
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin assigns roles and grants.")
    if by.principal == user.username:
        raise Refused("own_roles", "You can't change your own roles; ask another admin.")
    if user.username in RESERVED_PRINCIPALS:
        raise Refused("name_reserved", f"{user.username} is the console's own name for itself, not an account's.")
    if not reason.strip():
        raise Refused("reason_missing", "Say why: the reason is kept with the assignment.")


def check_end(expires_at: datetime | None, at: datetime) -> None:
    """An end lies in the future, or there is none."""
    if expires_at is not None and expires_at <= at:
        raise Refused("end_past", "The end lies in the past; choose a later day, or none.")


def check_second(second: Person | None, *, by: Person, user: User, what: str) -> str:
    """The second person's principal, looked at as they are now. Raises ``Refused`` unless they may confirm."""
    if second is None:
        message = f"{what} opens much, so two people give it: another admin, or a council member, must confirm it."
        raise Refused("second_missing", message)
    if second.principal == by.principal:
        raise Refused("own_request", "You asked for this, so another admin or a council member must confirm it.")
    if second.principal == user.username:
        raise Refused("own_gain", "This would be yours, so another admin or a council member must confirm it.")
    if not person_named(second.principal).roles & CONFIRMS:
        raise Refused("may_not_confirm", "Only an admin or a council member confirms what opens much.")
    return second.principal


def _lock(user: User) -> None:
    """One change of a person's rights at a time. Raises ``Refused`` for an account that is closed."""
    if not User.objects.select_for_update(of=("self",)).filter(pk=user.pk, is_active=True).exists():
        raise Refused("account_closed", f"{user.username} is no active account.")


def close_assignment(assignment: RoleAssignment, by: str, at: datetime, why: str) -> None:
    """Ends a role's row; the caller makes the ledger's entry."""
    ended = {"revoked_at": at}
    if not change_row(assignment, was={"revoked_at": None}, changes=ended, at=at, by=by, reason=why):
        last = assignment.history.select_related("history_user").order_by("-history_id").first()
        by_whom = f" by {last.history_user}" if last.history_user else ""
        raise Refused("taken_already", f"Already taken{by_whom} at {last.revoked_at:%Y-%m-%d %H:%M} UTC.")


def follow_ledger_group(user: User, at: datetime) -> None:
    """The ledger pages ask one Django permission; the group that carries it follows the roles that read it."""
    group, _ = Group.objects.get_or_create(name="ledger readers")
    permission = Permission.objects.get(content_type__app_label="audit", codename="read_ledger")
    group.permissions.add(permission)
    if roles_in_force(at).filter(user=user, role__in=[r.value for r in LEDGER_READERS]).exists():
        user.groups.add(group)
    else:
        user.groups.remove(group)


def ledger_lapsed(user: User) -> bool:
    """Whether *user* held a role that reads the ledger, and holds none now: ended by the clock, not yet taken from the
    group.
    """
    reads = [r.value for r in LEDGER_READERS]
    given = RoleAssignment.objects.filter(user=user, role__in=reads, revoked_at__isnull=True).values_list("expires_at")
    now = timezone.now()
    ends = [end for (end,) in given]
    return bool(ends) and all(end is not None and end <= now for end in ends)


def _record(  # noqa: PLR0913 - the entry's own fields
    event: Event,
    by: Person,
    user: User,
    what: str,
    reason: str,
    at: datetime,
    dataset: Dataset | None = None,
    *,
    end: datetime | None = None,
    second: str = "",
) -> None:
    references = {
        "principal": user.username,
        "granted": what,
        "reason_digest": str(digest_bytes(reason.encode())),
    }
    if dataset is not None:
        references["dataset"] = f"kfm://dataset/{dataset.slug}"
    if end is not None:
        references["expires"] = instant(end)
    if second:
        references["confirmed_by"] = second
    ledger.append(
        event=event,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"user/{user.username}",
        references=references,
        at=at,
    )
