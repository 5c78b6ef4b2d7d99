"""Reminds of embargoes: the stewards of the dataset, a week before its day, and from its day on once a week.

Decides nothing and lifts nothing: the clock only reminds. A notice names no dataset: it stays readable to someone who
left. Where a dataset has no steward, the council is told.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.urls import reverse

from datasets.models import Embargo
from datasets.policy.roles import Role
from promotions import notices
from promotions.readers.people import holders

KIND = "embargo.due"
BEFORE = timedelta(days=7)
WEEK = 7


def tell_embargoes(now: datetime) -> int:
    """Tells of every embargo whose day has come or is near; how many there are. Told this week: not told again."""
    today = now.astimezone(UTC).date()
    rows = list(Embargo.objects.filter(lifted_at__isnull=True, until__lte=today + BEFORE).order_by("pk"))
    for row in rows:
        week = (today - row.until).days // WEEK
        held = holders(row.dataset_id)
        told = sorted(held[Role.STEWARD] or held[Role.COUNCIL])
        path = reverse("promotions:embargo_by_number", args=[row.pk])
        key = f"{KIND}:{row.pk}:{row.until:%Y-%m-%d}:{week}"
        with transaction.atomic():
            notices.tell(principals=told, kind=KIND, text=_text(row, due=week >= 0), path=path, key=key, at=now)
    return len(rows)


def _text(row: Embargo, *, due: bool) -> str:
    if due:
        return f"Embargo {row.pk} reached its day, {row.until:%d %B %Y}. It runs until a person lifts it."
    return f"Embargo {row.pk} can be lifted from {row.until:%d %B %Y} on. It ends only when a person lifts it."
