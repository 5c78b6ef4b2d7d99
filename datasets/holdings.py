"""Rows of rights that count now: roles and grants that were neither taken back nor have ended by the clock.

Decides nothing about a request. A grant counts only where its row and django-guardian's permission both are there;
either alone counts for nothing (design §6: guardian holds the grant, the row says why and until when).
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from guardian.models import UserObjectPermission

from datasets.models import DatasetGrant, RoleAssignment
from datasets.policy.roles import READ_RESTRICTED, Role

#: django-guardian permission on a dataset → the role it gives there.
DATASET_ROLES: dict[str, Role] = {
    "contribute_dataset": Role.CONTRIBUTOR,
    "operate_dataset": Role.OPERATOR,
    "review_dataset": Role.REVIEWER,
    "steward_dataset": Role.STEWARD,
    "council_dataset": Role.COUNCIL,
}
GRANTS = frozenset({*DATASET_ROLES, READ_RESTRICTED})


def in_force(now: datetime) -> Q:
    """Not taken back, and not ended at *now*: on the instant of its end a role or grant is over."""
    return Q(revoked_at__isnull=True) & (Q(expires_at__isnull=True) | Q(expires_at__gt=now))


def roles_in_force(now: datetime) -> QuerySet[RoleAssignment]:
    """The assignments that count at *now*."""
    return RoleAssignment.objects.filter(in_force(now))


def grants_in_force(now: datetime) -> QuerySet[DatasetGrant]:
    """The grants that count at *now*: row and permission both."""
    permission = permissions().filter(
        user_id=OuterRef("user_id"),
        permission__codename=OuterRef("grant"),
        object_pk=Cast(OuterRef("dataset_id"), TextField()),
    )
    return DatasetGrant.objects.filter(in_force(now), Exists(permission), grant__in=sorted(GRANTS))


def permissions() -> QuerySet[UserObjectPermission]:
    """django-guardian's permissions on datasets."""
    rows: QuerySet[UserObjectPermission] = UserObjectPermission.objects.filter(
        content_type__app_label="datasets", content_type__model="dataset"
    )
    return rows
