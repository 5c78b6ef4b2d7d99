"""What the frame of every page shows of the viewer and of the ledger. Nothing for the public; a fixed count of queries.

Lazy: a page that does not draw the frame (a drawer, a download) pays nothing.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from datasets.people import LEDGER_READERS, Person
from kfm_console.templatetags.console import relative
from promotions import notices
from promotions.readers import home
from promotions.readers.administration import pending_for


def console(request: HttpRequest) -> dict[str, Any]:
    """``viewer_roles``, ``waiting_count``, ``notice_count`` and ``ledger_state`` for signed-in viewers."""
    user = getattr(request, "user", None)
    person = getattr(request, "person", None)
    if user is None or person is None or not user.is_authenticated:
        return {}
    return {
        "viewer_roles": SimpleLazyObject(lambda: sorted(role.value for role in person.all_roles)),
        "waiting_count": SimpleLazyObject(lambda: len(home.waiting_for(person)) + pending_for(person).count()),
        "notice_count": SimpleLazyObject(lambda: notices.unread(person.principal).count()),
        "ledger_state": SimpleLazyObject(lambda: ledger_state(person) if person.all_roles else {}),
    }


def ledger_state(person: Person) -> dict[str, str]:
    """How far the ledger is signed: a tone, a sentence, and the ledger's address for those who may read it.

    Late is an entry that waits for its checkpoint, not a checkpoint that is old because nothing happened since.
    """
    now = timezone.now()
    size, checkpoint = home.ledger_head()
    href = reverse("audit:entry_list") if person.roles & LEDGER_READERS else ""
    if size == 0:
        return {"tone": "not_run", "sentence": "ledger: no entry yet", "href": href}
    if checkpoint is None:
        return {"tone": "quarantine", "sentence": f"ledger: {size} entries, no checkpoint signed yet", "href": href}
    open_entries = size - checkpoint.size
    late = open_entries > 0 and (now - home.uncovered_since(checkpoint)).total_seconds() > home.LATE_SECONDS
    rest = f", {open_entries} newer" if open_entries else ""
    sentence = f"ledger: {size} entries; checkpoint signed {relative(checkpoint.at, now)}{rest}"
    return {"tone": "quarantine" if late else "pass", "sentence": sentence, "href": href}
