"""The pages of sources: all of them, a dataset's, one with its attempts; recording, changing, and fetching now.

A refused try at any of it is in the ledger, as of every other action; a source that is hidden is absent.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from datasets import identity, rights, sources
from datasets.errors import Refused
from datasets.intake_terms import stated_terms
from datasets.models import Dataset, FetchAttempt, Source
from datasets.people import Person, names_of
from datasets.views import visible_datasets
from promotions import jobs, refusals, requests
from promotions.forms_sources import BackfillForm, SourceForm, as_typed
from promotions.readers import sources_page as reader
from promotions.readers.people import holders, who_can
from promotions.views.again import already
from promotions.views.asking import crumbs, person_of
from promotions.views.uploads import wake

PAGE = 50
ATTEMPTS = 20
CONFLICT = 409


@login_required
@require_GET
def all_sources(request: HttpRequest) -> HttpResponse:
    """``promotions:sources``; ``show`` and ``page`` come from the address."""
    person, now = person_of(request), timezone.now()
    found = reader.lines(person, reader.visible_sources(person), now)
    asked = request.GET.get("show", "")
    tab = asked if asked in reader.TABS else ""
    context = {
        "page": Paginator(reader.in_tab(found, tab), PAGE).get_page(request.GET.get("page")),
        "tabs": [
            {
                "label": label,
                "href": f"?show={name}" if name else "?",
                "current": name == tab,
                "count": len(reader.in_tab(found, name)),
            }
            for name, label in reader.TABS.items()
        ],
        "tab": tab,
        "with_dataset": True,
    }
    return render(request, "sources/sources.html", context)


@login_required
@require_GET
def dataset_sources(request: HttpRequest, slug: str) -> HttpResponse:
    """``promotions:dataset_sources``."""
    person = person_of(request)
    dataset = dataset_or_404(request, slug, "read")
    found = reader.lines(person, reader.visible_sources(person).filter(dataset=dataset), timezone.now())
    context = {
        "dataset": dataset,
        "page": Paginator(found, PAGE).get_page(request.GET.get("page")),
        "why_not": (why_not := reader.may_record(person, dataset)),
        "who_can": who_can(holders(dataset.pk), sources.RECORDS) if why_not else "",
        "crumbs": _crumbs(dataset),
    }
    return render(request, "sources/dataset_sources.html", context)


@login_required
@require_GET
def source_page(request: HttpRequest, source_pk: int) -> HttpResponse:
    """``promotions:source``: one source; ``page`` is of its attempts."""
    return _show(request, _source_or_404(request, source_pk, "read"), BackfillForm())


@login_required
@require_http_methods(["GET", "POST"])
def record(request: HttpRequest, slug: str) -> HttpResponse:
    """``promotions:record_source``."""
    person = person_of(request)
    dataset = dataset_or_404(request, slug, "record_source")
    _check(person, dataset, request)
    form = SourceForm(request.POST or None, credentials=_credentials(), initial=_begun(dataset))
    if request.method == "POST" and form.is_valid():
        try:
            source = sources.record_source(dataset=dataset, fields=form.source_fields(), by=person, at=timezone.now())
        except Refused as refusal:
            _place(form, refusal)
        else:
            messages.success(request, f"The source {source.name} is recorded.")
            return redirect("promotions:source", source.pk)
    return _form(request, form, dataset, None)


@login_required
@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, source_pk: int) -> HttpResponse:
    """``promotions:change_source``."""
    person = person_of(request)
    source = _source_or_404(request, source_pk, "record_source")
    _check(person, source.dataset, request)
    form = SourceForm(request.POST or None, credentials=_credentials(source), initial=as_typed(source))
    if request.method == "POST" and form.is_valid():
        try:
            sources.change_source(source_pk=source.pk, fields=form.source_fields(), by=person, at=timezone.now())
        except Refused as refusal:
            _place(form, refusal)
        else:
            messages.success(request, "The source is changed. Its history keeps what it was.")
            return redirect("promotions:source", source.pk)
    return _form(request, form, source.dataset, source)


@login_required
@require_POST
def fetch(request: HttpRequest, source_pk: int) -> HttpResponse:
    """``promotions:fetch_source``: owes a fetch now, or with a slice a backfill; a second click goes to the first's."""
    source = _source_or_404(request, source_pk, "fetch")
    backfill = "slice" in request.POST
    form = BackfillForm(request.POST if backfill else None)
    if backfill and not form.is_valid():
        return _show(request, source, form)
    slice_ = form.cleaned_data["slice"] if backfill else ""
    try:
        job = jobs.request_fetch(source=source, by=person_of(request), at=timezone.now(), slice_=slice_)
    except Refused as refusal:
        running = requests.open_fetch(source)
        if running is not None:
            return already(request, running, reverse("promotions:source", args=[source.pk]))
        if backfill:
            form.add_error("slice", refusal.message)
        else:
            messages.error(request, refusal.message)
        return _show(request, source, form, status=CONFLICT)
    wake(job.pk)
    messages.success(request, "The fetch waits for its turn; you may leave this page.")
    return redirect("promotions:job", job.pk)


def dataset_or_404(request: HttpRequest, slug: str, verb: str) -> Dataset:
    """The dataset, when the person holds a role on it; hidden and absent are the same 404, and a POST's try is kept."""
    person = person_of(request)
    dataset: Dataset | None = visible_datasets(person).filter(slug=slug).first()
    if dataset is None or not person.roles_on(dataset.pk):
        named = not identity.check_slug(slug)
        _absent(request, verb, f"kfm://dataset/{slug}" if named else "dataset/unnamed")
        raise Http404
    return dataset


def _source_or_404(request: HttpRequest, source_pk: int, verb: str) -> Source:
    source = reader.find_source(person_of(request), source_pk)
    if source is None:
        _absent(request, verb, "source/unnamed")
        raise Http404
    return source


def _absent(request: HttpRequest, verb: str, subject: str) -> None:
    """Keeps a try at what is hidden or absent, in the same words for both."""
    if request.method == "POST":
        refusals.keep(by=person_of(request), verb=verb, subject=subject, code="not_found", at=timezone.now())


def _check(person: Person, dataset: Dataset, request: HttpRequest) -> None:
    try:
        sources.check_may_record(person, dataset)
    except Refused as refusal:
        if request.method == "POST":
            _keep(person, "record_source", dataset, refusal.code)
        raise PermissionDenied(refusal.message) from refusal


def _keep(person: Person, verb: str, dataset: Dataset, code: str) -> None:
    refusals.keep(by=person, verb=verb, subject=f"kfm://dataset/{dataset.slug}", code=code, at=timezone.now())


def _credentials(source: Source | None = None) -> list[str]:
    """The names that are set up, and the one a source names although it is gone."""
    return sorted({*settings.KFM_SOURCE_CREDENTIALS, *([source.credential] if source and source.credential else [])})


def _begun(dataset: Dataset) -> dict[str, Any]:
    """A new source begins with the terms that the latest acquisition had, or else with those that the spec states."""
    begun: dict[str, Any] = {"kind": "http", "cadence": "manual", "slice_rule": "month", "active": True}
    latest = dataset.acquisitions.order_by("-acquired_at").first()
    if latest is not None:
        begun |= {n: getattr(latest, n) for n in ("license", "rights_holder", "attribution", "terms_uri")}
    elif dataset.current_spec is not None:
        begun |= stated_terms(dataset.current_spec.canonical)
    return begun


def _place(form: SourceForm, refusal: Refused) -> None:
    for finding in refusal.findings:
        name = finding.where if finding.where in form.fields else None
        form.add_error(name, f"{finding.message} {finding.fix}".strip())
    if not refusal.findings:
        form.add_error("name" if refusal.code == "source_name_taken" else None, refusal.message)


def _form(request: HttpRequest, form: SourceForm, dataset: Dataset, source: Source | None) -> HttpResponse:
    context = {
        "form": form,
        "dataset": dataset,
        "source": source,
        "licenses": rights.COMMON_LICENSES,
        "back": reverse("promotions:source", args=[source.pk])
        if source
        else reverse("promotions:dataset_sources", args=[dataset.slug]),
        "crumbs": _crumbs(dataset, source, "Change" if source else "Record a source"),
    }
    return render(request, "sources/source_form.html", context)


def _show(request: HttpRequest, source: Source, form: BackfillForm, *, status: int = 200) -> HttpResponse:
    attempts = FetchAttempt.objects.filter(source=source).order_by("-finished_at", "-pk")
    page = Paginator(attempts, ATTEMPTS).get_page(request.GET.get("page"))
    shown = reader.source_view(person_of(request), source, list(page.object_list), timezone.now())
    under_way = shown["under_way"]
    people = {source.recorded_by, *(change["who"] for change in shown["changes"])}
    context = {
        **shown,
        "page": page,
        "fetch_form": form,
        "names": names_of(people | ({under_way.requested_by} if under_way else set())),
        "crumbs": _crumbs(source.dataset, source),
    }
    return render(request, "sources/source.html", context, status=status)


def _crumbs(dataset: Dataset, source: Source | None = None, last: str = "") -> list[dict[str, Any]]:
    pairs = [
        ("Datasets", reverse("datasets:list")),
        (dataset.slug, reverse("datasets:detail", args=[dataset.slug])),
        ("Sources", reverse("promotions:dataset_sources", args=[dataset.slug]) if source or last else ""),
    ]
    if source is not None:
        pairs.append((source.name, reverse("promotions:source", args=[source.pk]) if last else ""))
    return crumbs(*pairs, *([(last, "")] if last else []))
