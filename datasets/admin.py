"""Datasets in Django's admin: to look at only. Every change goes through a writer, which asks the rules.

PolicyLabel and RoleAssignment are read-only here too: admins assign roles by ``datasets.people``. Accounts, roles and
labels are shown to admins and auditors, what is about versions to auditors alone, and only as far as ``enforcement``
lets them read it: neither being a superuser nor the role admin opens data (design §6).
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as _accounts  # noqa: F401 - registers before us
from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from guardian.models import GroupObjectPermission, UserObjectPermission

from datasets import models
from datasets.enforcement import visible_versions
from datasets.people import person_for
from datasets.policy.requests import Action
from datasets.policy.roles import Role

LOOKS = frozenset({Role.ADMIN, Role.AUDITOR})


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows to look at: no adding, changing or deleting, whoever asks."""

    actions = None
    list_display = ("__str__",)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return bool(person_for(request.user).roles & LOOKS)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


class RecordAdmin(ReadOnlyAdmin):
    """Rows about versions: for auditors, of the versions that they may read."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return Role.AUDITOR in person_for(request.user).roles

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request)
        names = {field.name for field in self.model._meta.concrete_fields}  # noqa: SLF001 - Django's documented interface
        path = "pk" if self.model is models.DatasetVersion else "version" if "version" in names else ""
        if not path:
            return found
        seen = visible_versions(person_for(request.user), Action.READ).values("pk")
        return found.filter(Q(**{f"{path}__in": seen}) | Q(**{f"{path}__isnull": True}))


for given in (models.PolicyLabel, models.RoleAssignment):
    admin.site.register(given, ReadOnlyAdmin)

for row in (
    models.Dataset,
    models.DatasetSpec,
    models.Artifact,
    models.Acquisition,
    models.DatasetVersion,
    models.PolicyDecision,
    models.RunReceipt,
    models.VersionArtifact,
):
    admin.site.register(row, RecordAdmin)

# Accounts, groups and grants give rights: they are changed by ``datasets.people`` alone, never here.
for account in (User, Group):
    admin.site.unregister(account)
admin.site.register(Group, ReadOnlyAdmin)


@admin.register(User)
class AccountAdmin(ReadOnlyAdmin):
    """Accounts without the password's hash: who reads that could try passwords on it, and sign as someone else."""

    exclude = ("password",)


for grant in (UserObjectPermission, GroupObjectPermission):
    admin.site.register(grant, ReadOnlyAdmin)
