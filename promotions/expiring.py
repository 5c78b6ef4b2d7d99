"""Ends rights whose time is over, and tells of those that end soon: their holder, and every admin. Once each.

A notice names no dataset: it stays readable after the right is gone. Decides nothing; ``datasets.expiry`` does.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from datasets import expiry
from datasets.holdings import roles_in_force
from datasets.policy.roles import Role
from promotions import notices

KIND = "right.ending"


def end_and_remind(now: datetime) -> int:
    """Ends what is over; how many rights were ended. Reminders go out once a right, 14 days before."""
    ended = expiry.end_expired(now)
    held = roles_in_force(now).filter(role=Role.ADMIN.value, user__is_active=True)
    admins = sorted(held.values_list("user__username", flat=True))
    for ending in expiry.ending_soon(now):
        _remind(ending, admins, now)
    return ended


def _remind(ending: expiry.Ending, admins: list[str], now: datetime) -> None:
    day = f"{ending.at:%d %B %Y}"
    what = f"role {ending.what}" if not ending.dataset else "grant on a dataset"
    key = f"{KIND}:{ending.key}:{ending.at:%Y-%m-%d}"
    holder = ending.user.username
    page = reverse("promotions:person", args=[ending.user.pk])
    left = f" Then {len(ending.broken)} kind(s) of release have nobody left." if ending.broken else ""
    with transaction.atomic():
        mine = f"Your {what} ends on {day}. Ask an admin if you still need it."
        notices.tell(principals=[holder], kind=KIND, text=mine, path=reverse("home"), key=key, at=now)
        theirs = f"{holder}: a {what} ends on {day}.{left}"
        told = [admin for admin in admins if admin != holder]
        notices.tell(principals=told, kind=KIND, text=theirs, path=page, key=f"{key}:admin", at=now)
