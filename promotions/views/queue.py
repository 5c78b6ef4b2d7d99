"""The queue: every version in flight that the viewer may know of; the address holds the filters."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from datasets.models import Dataset, PolicyLabel
from datasets.people import Person
from promotions.readers import queue
from promotions.states import State
from promotions.views.asking import person_of

_PAGE = 25


@login_required
@require_GET
def queue_page(request: HttpRequest) -> HttpResponse:
    """``promotions:queue``; ``state``, ``label``, ``dataset``, ``mine``, ``q`` and ``page`` come from the address."""
    person = person_of(request)
    asked = {
        # PostgreSQL's text holds no NUL, so none can be looked for
        name: request.GET.get(name, "").replace("\x00", "").strip()[:100]
        for name in ("state", "label", "dataset", "mine", "q")
    }
    found = queue.filtered(
        person,
        state=asked["state"],
        label=asked["label"],
        dataset=asked["dataset"],
        mine=asked["mine"] == "1",
        text=asked["q"],
    )
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": queue.rows_for(person, page.object_list),
        "filters": _filters(person, asked),
        "asked": any(asked.values()),
        "clear_href": reverse("promotions:queue") if any(asked.values()) else "",
    }
    return render(request, "queue/queue.html", context)


def _filters(person: Person, asked: dict[str, str]) -> list[dict[str, Any]]:
    slugs = Dataset.objects.filter(pk__in=queue.standings_for(person).order_by().values("dataset_id")).values_list(
        "slug", flat=True
    )
    label_names = [label.name for label in PolicyLabel.objects.all()]
    return [
        {"name": "q", "label": "Find", "kind": "search", "value": asked["q"]},
        _select("state", "Standing", asked, [("", "in flight"), *((s.value, s.value) for s in State)]),
        _select(
            "label",
            "Label",
            asked,
            [("", "any"), ("none", "no label"), *((n, n.replace("_", " ")) for n in label_names)],
        ),
        _select("dataset", "Dataset", asked, [("", "any"), *((slug, slug) for slug in slugs)]),
        _select("mine", "Whose", asked, [("", "everyone's"), ("1", "mine")]),
    ]


def _select(name: str, label: str, asked: dict[str, str], options: list[tuple[str, str]]) -> dict[str, Any]:
    shown = [{"value": value, "label": words, "selected": value == asked[name]} for value, words in options]
    return {"name": name, "label": label, "kind": "select", "options": shown}
