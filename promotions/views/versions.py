"""A version's page: one address, its tabs in the query, and its tombstone where it was served."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from datasets.people import Person
from promotions.readers import quality_runs
from promotions.readers import version_page as reader
from promotions.readers.provenance import provenance
from promotions.readers.triplet import triplet
from promotions.readers.version_history import history
from promotions.readers.version_policy import policy
from promotions.shelf import Shelf
from promotions.states import State

GONE = 410

READERS: dict[str, reader.Tab] = {
    "overview": reader.overview,
    "files": reader.files,
    "qa": quality_runs.tab,
    "policy": policy,
    "catalogs": triplet,
    "provenance": provenance,
    "receipts": reader.receipts,
    "history": history,
}


@require_GET
def version_page(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """One version; ``tab`` comes from the address. A tab that is not open to the reader is not there."""
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware puts it there
    opened = reader.open_version(person, slug, version_id, timezone.now())
    if opened is None:
        return _tombstone(request, person, slug, version_id)
    open_tabs = opened.tabs()
    tab = request.GET.get("tab") or open_tabs[0]
    if tab not in open_tabs:
        raise Http404
    shelf = Shelf.open(opened.version, fresh=False)
    context: dict[str, Any] = {
        **reader.heading(opened),
        **READERS[tab](opened, shelf),
        "tab": tab,
        "tab_template": f"versions/{tab}.html",
        "tabs": [{"label": reader.TABS[name], "href": f"?tab={name}", "current": name == tab} for name in open_tabs],
        "crumbs": _crumbs(slug, version_id),
    }
    return render(request, "versions/version_page.html", context)


def _tombstone(request: HttpRequest, person: Person, slug: str, version_id: str) -> HttpResponse:
    tombstone = reader.tombstone_of(person, slug, version_id)
    if tombstone is None:
        raise Http404
    context = {**reader.tombstone_context(person, tombstone), "crumbs": _crumbs(slug, version_id)}
    status = GONE if tombstone.state == State.WITHDRAWN else 200
    return render(request, "versions/tombstone.html", context, status=status)


def _crumbs(slug: str, version_id: str) -> list[dict[str, str]]:
    return [
        {"label": "Datasets", "href": reverse("datasets:list")},
        {"label": slug, "href": reverse("datasets:detail", args=[slug])},
        {"label": version_id},
    ]
