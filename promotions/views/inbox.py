"""The quarantine inbox: cases by root cause beside the one that is open, and its sample rows. It writes nothing.

The address holds filters, page and case, so every view is a link.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from promotions import gates
from promotions.models import QuarantineCase, Severity
from promotions.readers import inbox, inbox_map
from promotions.readers.inbox import Filters
from promotions.readers.version_page import extent_words
from promotions.views.asking import crumbs, person_of
from promotions.views.bulk import LABELS
from promotions.views.inbox_place import Place, place_of
from promotions.views.quarantine import case_context, case_or_404, shape_of

_MOST_COLUMNS = 12
_STATES = [("open", "open"), ("ended", "ended"), ("all", "open and ended")]


@login_required
@require_GET
def quarantine_page(request: HttpRequest) -> HttpResponse:
    """``promotions:quarantine``; the filters, ``page`` and ``case`` come from the address."""
    person, place = person_of(request), place_of(request.GET)
    found = inbox.page(person, place.filters, place.page, timezone.now())
    place = Place(place.filters, found.page, place.case)
    context: dict[str, Any] = {
        "found": found,
        "groups": [(group, shape_of(group.severity)) for group in found.groups],
        "place": place,
        "address": request.build_absolute_uri(place.at(None).href),
        "links": {
            line.case.pk: place.at(line.case.pk).href.partition("?")[2]
            for group in found.groups
            for line in group.cases
        },
        "listed": place.at(None).href,
        "tabs": _views(found, place.filters),
        "filters": _filters(found, place.filters),
        "asked": place.filters != Filters(),
        "acts": LABELS,
    }
    if place.case:
        context |= case_context(person, case_or_404(person, place.case), place, {})
    return render(request, "quarantine/quarantine.html", context)


@login_required
@require_GET
def samples_page(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_samples``: rows and map of what failed, as the label lets them show."""
    person = person_of(request)
    case = case_or_404(person, case_pk)
    found = inbox.samples_of(person, case)
    columns = list(dict.fromkeys(name for row in found.rows for name in row["values"]))[:_MOST_COLUMNS]
    context = {
        "case": case,
        "version": case.version,
        "why_not": found.why_not,
        "columns": columns,
        "rows": [(row, [row["values"].get(name) for name in columns]) for row in found.rows],
        "withheld": next((row["withheld"] for row in found.rows if row["withheld"]), ""),
        "map": _map(case, found),
        "crumbs": crumbs(
            ("Quarantine", reverse("promotions:quarantine")),
            (f"Case {case.pk}", reverse("promotions:case", args=[case.pk])),
            ("Rows that failed", ""),
        ),
    }
    return render(request, "quarantine/samples.html", context)


@login_required
@require_GET
def failing_geometries(request: HttpRequest, case_pk: int) -> HttpResponse:
    """``promotions:case_failing``: the map's GeoJSON; 404 when there is none to show."""
    person = person_of(request)
    found = inbox.samples_of(person, case_or_404(person, case_pk)).geometries
    if found is None or not found["features"]:
        raise Http404
    return JsonResponse(inbox_map.outlined(found["features"]), content_type="application/geo+json")


def _map(case: QuarantineCase, found: inbox.Samples) -> dict[str, Any] | None:
    features = list((found.geometries or {}).get("features", ()))
    box = inbox_map.extent(features)
    if box is None:
        return None
    rows = [(f["properties"]["row"], f["geometry"]["type"]) for f in features]
    return {
        "src": reverse("promotions:case_failing", args=[case.pk]),
        "title": "Where the rows that failed lie",
        "count": len(features),
        "extent": extent_words(box),
        "table": {"columns": ["Row", "Geometry"], "rows": rows},
    }


def _views(found: inbox.InboxPage, filters: Filters) -> list[dict[str, Any]]:
    """The views that have a name; each is nothing but its address."""
    counts, where = found.counts, reverse("promotions:quarantine")
    named = [
        ("All open", Filters(), counts.open),
        ("Mine", Filters(mine=True), counts.mine),
        ("Without an owner", Filters(owner=inbox.NOBODY), counts.unowned),
        ("Overdue", Filters(overdue=True), counts.overdue),
        ("High severity", Filters(severity=Severity.HIGH.label), counts.high),
        ("Ended", Filters(state="ended"), None),
    ]
    return [
        {
            "label": label,
            "href": f"{where}?{view.query()}" if view.query() else where,
            "current": view == filters,
            "count": count,
        }
        for label, view, count in named
    ]


def _filters(found: inbox.InboxPage, filters: Filters) -> list[dict[str, Any]]:
    severities = [(s.label, s.label) for s in Severity]
    letters = [(letter, f"{letter}, {name}") for letter, name in gates.NAMES.items()]
    return [
        {"name": "text", "label": "Find", "kind": "search", "value": filters.text},
        _select("state", "State", filters.state, _STATES),
        _select("severity", "Severity", filters.severity, [("", "any"), *severities]),
        _select("reason", "Reason", filters.reason, [("", "any"), *((c, f"{w} ({n})") for c, w, n in found.reasons)]),
        _select("gate", "Gate", filters.gate, [("", "any"), *letters]),
        _select("owner", "Owner", filters.owner, [("", "anyone"), *((p, f"{w} ({n})") for p, w, n in found.owners)]),
        _select("dataset", "Dataset", filters.dataset, [("", "any"), *((s, f"{s} ({n})") for s, n in found.datasets)]),
    ]


def _select(name: str, label: str, asked: str, options: list[tuple[str, str]]) -> dict[str, Any]:
    """A list to choose from; what was asked for stands in it even when nothing has it, or it would be lost."""
    if asked not in {value for value, _ in options}:
        options = [*options, (asked, asked)]
    shown = [{"value": value, "label": words, "selected": value == asked} for value, words in options]
    return {"name": name, "label": label, "kind": "select", "options": shown}
