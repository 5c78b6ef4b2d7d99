"""The ledger in Django's admin: to look at, by nobody to change, superusers included (style rule 17)."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from audit.models import Checkpoint, LedgerEntry, LedgerNode


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Rows to look at: no adding, changing or deleting, whoever asks; looking needs the ledger's own permission."""

    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        return False


class LedgerAdmin(ReadOnlyAdmin):
    """Read by those who read the ledger's pages; being a superuser is no reason."""

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:  # noqa: ARG002 - as above
        from audit.access import may_read_ledger

        return may_read_ledger(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(LedgerAdmin):
    list_display = ("index", "event", "actor", "role", "subject", "at")
    list_filter = ("event",)


@admin.register(Checkpoint)
class CheckpointAdmin(LedgerAdmin):
    list_display = ("size", "root", "at")


@admin.register(LedgerNode)
class LedgerNodeAdmin(LedgerAdmin):
    list_display = ("level", "position", "hash")
