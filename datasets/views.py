"""The datasets' pages: the list, and one dataset.

Decides nothing but which page. A dataset is there for someone who sees one of its versions or works in the console; for
everyone else it is absent, in the same words as one that never was (design §6).
"""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from datasets import intake, registry
from datasets.enforcement import visible_versions
from datasets.errors import Refused
from datasets.holdings import grants_in_force
from datasets.models import Dataset, DatasetVersion, PolicyLabel
from datasets.people import Person, names_of
from datasets.policy.roles import Role

PAGE = 50
SORTS = {"slug": ("slug",), "title": ("title", "slug"), "-when": ("-latest_at", "slug"), "when": ("latest_at", "slug")}
GRANT_WORDS = dict(Dataset._meta.permissions)  # noqa: SLF001 - _meta is Django's documented interface


@require_GET
def dataset_list(request: HttpRequest) -> HttpResponse:
    """``q``, ``label``, ``standing``, ``sort`` and ``page`` come from the address."""
    person = person_of(request)
    asked = {name: request.GET.get(name, "").replace("\x00", "").strip() for name in ("q", "label", "standing", "sort")}
    found = _filtered(visible_datasets(person), asked)
    page = Paginator(found.order_by(*SORTS.get(asked["sort"], SORTS["slug"])), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    versions = DatasetVersion.objects.select_related("standing").in_bulk([d.latest_pk for d in rows if d.latest_pk])
    context = {
        "page": page,
        "rows": [_row(dataset, versions.get(dataset.latest_pk)) for dataset in rows],
        "asked": asked,
        "filters": _filters(asked),
        "may_register": why_not(registry.check_may_register, person) == "",
    }
    return render(request, "datasets/dataset_list.html", context)


@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One dataset: its spec, the versions that the reader may see, and what the reader may do."""
    person = person_of(request)
    dataset = dataset_or_404(person, slug)
    page = Paginator(visible_versions(person).filter(dataset=dataset).select_related("standing", "policy_label"), PAGE)
    versions = page.get_page(request.GET.get("page"))
    recorded = list(dataset.specs.all()[:PAGE])
    people = {v.created_by for v in versions.object_list} | {s.recorded_by for s in recorded} | {dataset.registered_by}
    spec = json.loads(dataset.current_spec.canonical) if dataset.current_spec else {}
    context = {
        "dataset": dataset,
        "spec": spec,
        "spec_text": json.dumps(spec, indent=2, ensure_ascii=False),
        "specs": recorded,
        "page": versions,
        "names": names_of(people),
        "works_here": bool(person.all_roles),
        "grants": _grants(dataset) if Role.ADMIN in person.roles else None,
        "why_not_upload": why_not(intake.check_may_upload, person, dataset),
        "why_not_edit": why_not(registry.check_may_edit, person, dataset),
        "crumbs": [{"label": "Datasets", "href": reverse("datasets:list")}, {"label": dataset.slug}],
    }
    return render(request, "datasets/dataset_page.html", context)


def visible_datasets(person: Person) -> QuerySet[Any]:
    """The datasets that are there for *person*, their latest visible version as ``latest_pk``, ``latest_at``."""
    seen = visible_versions(person).filter(dataset=OuterRef("pk")).order_by("-created_at", "-pk")
    found = Dataset.objects.select_related("current_spec").annotate(
        latest_pk=Subquery(seen.values("pk")[:1]), latest_at=Subquery(seen.values("created_at")[:1])
    )
    return found if person.all_roles else found.filter(Exists(seen))


def _filtered(found: QuerySet[Any], asked: dict[str, str]) -> QuerySet[Any]:
    if asked["q"]:
        words = asked["q"]
        authority = (
            f'"authority":"{json.dumps(words, ensure_ascii=False)[1:-1]}'  # as canonical JSON spells its beginning
        )
        found = found.filter(
            Q(slug__icontains=words) | Q(title__icontains=words) | Q(current_spec__canonical__icontains=authority)
        )
    wanted = {"policy_label_id": asked["label"], "standing__state": asked["standing"]}
    for name, value in wanted.items():
        if value:
            found = found.filter(latest_pk__in=DatasetVersion.objects.filter(**{name: value}).values("pk"))
    return found


def _filters(asked: dict[str, str]) -> list[dict[str, Any]]:
    # the states are promotions' words; they are read from the row that holds them, which datasets may not import
    standing: Any = DatasetVersion._meta.get_field("standing").related_model  # noqa: SLF001 - Django's documented interface
    states = [value for value, _ in standing._meta.get_field("state").choices]  # noqa: SLF001 - as above
    labels = [label.name for label in PolicyLabel.objects.all()]

    def options(values: list[str], chosen: str) -> list[dict[str, Any]]:
        return [{"value": "", "label": "any"}] + [
            {"value": v, "label": v.replace("_", " "), "selected": v == chosen} for v in values
        ]

    return [
        {"name": "q", "label": "Search", "kind": "search", "value": asked["q"]},
        {"name": "label", "label": "Label", "kind": "select", "options": options(labels, asked["label"])},
        {"name": "standing", "label": "Standing", "kind": "select", "options": options(states, asked["standing"])},
    ]


def _row(dataset: Any, version: DatasetVersion | None) -> dict[str, Any]:
    spec = json.loads(dataset.current_spec.canonical) if dataset.current_spec else {}
    return {"dataset": dataset, "authority": (spec.get("upstream") or {}).get("authority", ""), "version": version}


def dataset_or_404(person: Person, slug: str) -> Dataset:
    """The dataset, when *person* sees it. Raises ``Http404`` for a hidden and for an absent one alike."""
    dataset: Dataset | None = visible_datasets(person).filter(slug=slug).first()
    if dataset is None:
        raise Http404
    return dataset


def _grants(dataset: Dataset) -> list[dict[str, str]]:
    rows = grants_in_force(timezone.now()).filter(dataset=dataset).order_by().values_list("user_id", "grant")
    users = User.objects.in_bulk([user for user, _ in rows])
    found = [
        (users[user].get_full_name() or users[user].username, users[user].username, codename) for user, codename in rows
    ]
    return [
        {"name": name, "username": username, "grant": GRANT_WORDS.get(code, code)}
        for name, username, code in sorted(found)
    ]


def person_of(request: HttpRequest) -> Person:
    """Who asks."""
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware puts it there
    return person


def why_not(check: Any, *args: Any) -> str:
    """``""`` when *check* lets it be; otherwise its sentence."""
    try:
        check(*args)
    except Refused as refusal:
        return refusal.message
    return ""
