"""Who may read the ledger: members of a group that holds ``audit.read_ledger``, and nobody by another way.

Decides that only; a superuser has no way round it (design §6: there is no admin bypass). Whose right has ended by the
clock is no reader, though still in the group: ``AUDIT_LAPSED`` names the function that knows, since this app does not.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Permission
from django.utils.module_loading import import_string


def may_read_ledger(user: Any) -> bool:
    """Whether *user* is active and in a group that holds ``audit.read_ledger``; ``is_superuser`` is ignored."""
    if not user.is_authenticated or not user.is_active or import_string(settings.AUDIT_LAPSED)(user):
        return False
    return Permission.objects.filter(
        content_type__app_label="audit", codename="read_ledger", group__user__pk=user.pk
    ).exists()
