"""Who someone is to the console: principal, name, roles everywhere, and grants on single datasets.

Roles come from active ``RoleAssignment`` rows and from django-guardian's grants on a dataset; ``is_superuser`` and
``is_staff`` are never asked (design §6: no admin bypass). Writers here assign and revoke, with reason and ledger entry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.db import IntegrityError, transaction
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import Dataset, RoleAssignment
from datasets.policy.roles import Role

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

#: django-guardian permission on a dataset → the role it gives there.
DATASET_ROLES: dict[str, Role] = {
    "contribute_dataset": Role.CONTRIBUTOR,
    "operate_dataset": Role.OPERATOR,
    "review_dataset": Role.REVIEWER,
    "steward_dataset": Role.STEWARD,
    "council_dataset": Role.COUNCIL,
}
GRANTS = frozenset({*DATASET_ROLES, "read_restricted"})
LEDGER_READERS = frozenset({Role.AUDITOR, Role.STEWARD, Role.ADMIN})


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

    @property
    def is_public(self) -> bool:
        return self.principal == PUBLIC.principal


PUBLIC = Person("public", "Public")
PIPELINE = Person("pipeline", "Pipeline", frozenset({Role.PIPELINE}))
#: Names that stand for no account: an account of such a name is nobody, or it could pass for them in the records.
RESERVED_PRINCIPALS = frozenset({PUBLIC.principal, PIPELINE.principal, "console"})


def person_for(user: AbstractBaseUser | AnonymousUser) -> Person:
    """The person behind a request's user, in two queries. Inactive, anonymous and reserved users are the public."""
    if not isinstance(user, User) or not user.is_active or user.username in RESERVED_PRINCIPALS:
        return PUBLIC
    roles = frozenset(
        Role(r)
        for r in RoleAssignment.objects.filter(user=user, revoked_at__isnull=True).values_list("role", flat=True)
    )
    grants: dict[int, set[str]] = {}
    rows = UserObjectPermission.objects.filter(
        user=user, content_type__app_label="datasets", content_type__model="dataset"
    ).values_list("object_pk", "permission__codename")
    for key, codename in rows:
        if codename in GRANTS:
            grants.setdefault(int(key), set()).add(codename)
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


@transaction.atomic
def appoint_first_admin(*, user: User, reason: str, at: datetime) -> RoleAssignment:
    """Makes *user* the first admin. Only while the console has none: after that, admins assign roles."""
    if RoleAssignment.objects.filter(role=Role.ADMIN.value, revoked_at__isnull=True).exists():
        raise Refused("admin_exists", "The console has an admin already; roles are assigned in the console.")
    return assign_role(
        user=user, role=Role.ADMIN, by=Person("console", "Console", frozenset({Role.ADMIN})), reason=reason, at=at
    )


@transaction.atomic
def assign_role(*, user: User, role: Role, by: Person, reason: str, at: datetime) -> RoleAssignment:
    """Gives *user* a role everywhere. Raises ``Refused`` unless *by* is an admin acting on someone else."""
    _check_admin(by, user, reason)
    if role is Role.PUBLIC:
        raise Refused("role_not_assignable", "Everyone is the public; that role is not assigned.")
    try:
        with transaction.atomic():
            assignment = RoleAssignment.objects.create(
                user=user, role=role.value, reason=reason, assigned_by=by.principal, assigned_at=at
            )
    except IntegrityError as error:
        raise Refused("role_held_already", f"{user.username} holds the role {role} already.") from error
    _follow_ledger_group(user)
    _record(Event.ROLE_ASSIGNED, by, user, role.value, reason, at)
    return assignment


@transaction.atomic
def revoke_role(*, user: User, role: Role, by: Person, reason: str, at: datetime) -> None:
    """Takes a role away; the assignment's row stays, with its end."""
    _check_admin(by, user, reason)
    changed = 0
    for assignment in RoleAssignment.objects.select_for_update().filter(
        user=user, role=role.value, revoked_at__isnull=True
    ):
        assignment.revoked_at = at
        assignment.save(update_fields=["revoked_at"])
        changed += 1
    if changed != 1:
        raise Refused("role_not_held", f"{user.username} does not hold the role {role}.")
    _follow_ledger_group(user)
    _record(Event.ROLE_REVOKED, by, user, role.value, reason, at)


@transaction.atomic
def give_grant(  # noqa: PLR0913 - who gives whom what, why, when
    *, user: User, dataset: Dataset, grant: str, by: Person, reason: str, at: datetime
) -> None:
    """Gives a per-dataset grant (django-guardian)."""
    _check_admin(by, user, reason)
    if grant not in GRANTS:
        raise Refused("grant_unknown", f"There is no grant {grant!r}. Use one of: {', '.join(sorted(GRANTS))}.")
    if _holds(user, dataset, grant):
        raise Refused("grant_held_already", f"{user.username} holds {grant} on {dataset.slug} already.")
    assign_perm(f"datasets.{grant}", user, dataset)
    _record(Event.GRANT_GIVEN, by, user, grant, reason, at, dataset)


@transaction.atomic
def take_grant(  # noqa: PLR0913 - who takes what from whom, why, when
    *, user: User, dataset: Dataset, grant: str, by: Person, reason: str, at: datetime
) -> None:
    """Takes a per-dataset grant away."""
    _check_admin(by, user, reason)
    if not _holds(user, dataset, grant):
        raise Refused("grant_not_held", f"{user.username} does not hold {grant} on {dataset.slug}.")
    remove_perm(f"datasets.{grant}", user, dataset)
    _record(Event.GRANT_REVOKED, by, user, grant, reason, at, dataset)


def _holds(user: User, dataset: Dataset, grant: str) -> bool:
    rows = UserObjectPermission.objects.filter(user=user, content_type__app_label="datasets", object_pk=str(dataset.pk))
    return rows.filter(content_type__model="dataset", permission__codename=grant).exists()


def _check_admin(by: Person, user: User, reason: str) -> None:
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin assigns roles and grants.")
    if by.principal == user.username:
        raise Refused("own_roles", "You can't change your own roles; ask another admin.")
    if user.username in RESERVED_PRINCIPALS:
        raise Refused("name_reserved", f"{user.username} is the console's own name for itself, not an account's.")
    if not reason.strip():
        raise Refused("reason_missing", "Say why: the reason is kept with the assignment.")


def _follow_ledger_group(user: User) -> None:
    """The ledger pages ask one Django permission; the group that carries it follows the roles that read it."""
    group, _ = Group.objects.get_or_create(name="ledger readers")
    permission = Permission.objects.get(content_type__app_label="audit", codename="read_ledger")
    group.permissions.add(permission)
    held = RoleAssignment.objects.filter(user=user, revoked_at__isnull=True, role__in=[r.value for r in LEDGER_READERS])
    if held.exists():
        user.groups.add(group)
    else:
        user.groups.remove(group)


def _record(  # noqa: PLR0913 - the entry's own fields
    event: Event, by: Person, user: User, what: str, reason: str, at: datetime, dataset: Dataset | None = None
) -> None:
    references: dict[str, Any] = {
        "principal": user.username,
        "granted": what,
        "reason_digest": str(digest_bytes(reason.encode())),
    }
    if dataset is not None:
        references["dataset"] = f"kfm://dataset/{dataset.slug}"
    ledger.append(
        event=event,
        actor=by.principal,
        role=Role.ADMIN.value,
        subject=f"user/{user.username}",
        references=references,
        at=at,
    )
