"""Writer: changes one row by an UPDATE that names what was read of it, and writes its history (style rule 8).

Decides only whether the row still is what it was; who may change it, and what to tell who came second, is the caller's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model

LONGEST_CHANGE_REASON = 100


def change_row(  # noqa: PLR0913 - the row, what it was and will be, and what its history says
    row: Model, *, was: Mapping[str, Any], changes: Mapping[str, Any], at: datetime, by: str = "", reason: str = ""
) -> bool:
    """Writes *changes* over the row that still is as *was* says; ``False``, and nothing done, when it is no more.

    Inside the caller's transaction. *by*: the principal that the history names, the request's person if empty.
    """
    if type(row)._default_manager.filter(pk=row.pk, **was).update(**changes) != 1:  # noqa: SLF001 - Django's own name for it
        return False
    for name, value in changes.items():
        setattr(row, name, value)
    row.history.bulk_history_create(  # type: ignore[attr-defined]  # simple-history's manager
        [row],
        update=True,
        default_date=at,
        default_user=User.objects.filter(username=by).first() if by else None,
        default_change_reason=reason[:LONGEST_CHANGE_REASON],
    )
    return True
