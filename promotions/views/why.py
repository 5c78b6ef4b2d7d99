"""Why something was allowed or refused: a form for an audit reference, and the page of one. It writes nothing.

What is not open to the reader and what never was are the same answer.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from promotions.readers import why as reader
from promotions.views.asking import crumbs, person_of

NOT_FOUND = 404
SHORT = 16


@never_cache
@require_GET
def look_up_form(request: HttpRequest) -> HttpResponse:
    """``promotions:why``; a reference in ``ref`` leads to its own address."""
    given = request.GET.get("ref", "").replace("\x00", "").strip()[: reader.MOST]
    short = short_reference(given)
    if short:
        return redirect("promotions:why_of", short)
    context = {"given": given, "unread": bool(given), "crumbs": crumbs(("Why?", ""))}
    return render(request, "why/why.html", context, status=NOT_FOUND if given else 200)


@never_cache
@require_GET
def why_page(request: HttpRequest, reference: str) -> HttpResponse:
    """``promotions:why_of``; ``reference`` is a decision's number, or ``entry/<n>`` of the ledger."""
    found = reader.look_up(person_of(request), reference, timezone.now())
    trail = crumbs(
        ("Why?", reverse("promotions:why")), (f"{reference[:12]}…" if len(reference) > SHORT else reference, "")
    )
    context = {"why": found, "given": reference, "unread": found is None, "crumbs": trail}
    return render(request, "why/why.html", context, status=NOT_FOUND if found is None else 200)


def short_reference(given: str) -> str:
    """The reference as addresses hold it; ``""`` for what is none."""
    entry, decision = reader.ENTRY.fullmatch(given), reader.DECISION.fullmatch(given)
    if entry:
        return f"entry/{entry[1]}"
    return decision[1] if decision else ""
