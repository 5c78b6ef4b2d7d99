"""Datasets in Django's admin: to look at only. Every change goes through a writer, which asks the rules.

PolicyLabel and RoleAssignment are read-only here too: admins assign roles by ``datasets.people``. Rows are shown only
to people with the admin or auditor role: being a superuser opens nothing (design §6).
"""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import admin as _accounts  # noqa: F401 - registers before us
from django.contrib.auth.models import Group, User
from django.http import HttpRequest
from guardian.models import GroupObjectPermission, UserObjectPermission

from datasets import models
from datasets.people import person_for
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


for row in (
    models.PolicyLabel,
    models.RoleAssignment,
    models.Dataset,
    models.DatasetSpec,
    models.Artifact,
    models.Acquisition,
    models.DatasetVersion,
    models.PolicyDecision,
    models.RunReceipt,
    models.VersionArtifact,
):
    admin.site.register(row, ReadOnlyAdmin)

# Accounts, groups and grants give rights: they are changed by ``datasets.people`` alone, never here.
for given in (User, Group):
    admin.site.unregister(given)
    admin.site.register(given, ReadOnlyAdmin)
for grant in (UserObjectPermission, GroupObjectPermission):
    admin.site.register(grant, ReadOnlyAdmin)
