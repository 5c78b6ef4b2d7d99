"""The list of runs, a run's page, its panel for htmx, and what a person may do to it: cancel, and run it again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from datasets.errors import Refused
from datasets.people import names_of
from promotions import jobs
from promotions.models import Job, JobKind
from promotions.readers import job_page as reader
from promotions.readers import run_list
from promotions.views.again import already
from promotions.views.asking import crumbs, person_of
from promotions.views.uploads import wake

PAGE = 50


@login_required
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """``promotions:runs``; ``state``, ``dataset``, ``kind`` and ``page`` come from the address."""
    person, filters = person_of(request), run_list.Filters.of(request.GET)
    page = Paginator(run_list.listed(person, filters), PAGE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    context = {
        "page": page,
        "rows": [
            {"job": job, "purpose": run_list.purpose(job), "shape": run_list.SHAPES[job.state], "took": _took(job)}
            for job in rows
        ],
        "names": names_of({job.requested_by for job in rows}),
        "tabs": [_tab(request, tab, current=tab["name"] == filters.state) for tab in run_list.tabs(person, filters)],
        "filters": _filters(filters, run_list.datasets(person)),
        "asked": filters,
    }
    return render(request, "runs/runs.html", context)


def _tab(request: HttpRequest, tab: dict[str, Any], *, current: bool) -> dict[str, Any]:
    query = request.GET.copy()
    query.pop("page", None)
    query.pop("state", None)
    if tab["name"]:
        query["state"] = tab["name"]
    return {**tab, "href": f"?{query.urlencode()}", "current": current}


def _filters(asked: run_list.Filters, slugs: list[str]) -> list[dict[str, Any]]:
    def choice(name: str, label: str, options: list[tuple[str, str]]) -> dict[str, Any]:
        held = getattr(asked, name)
        shown = [{"value": value, "label": words, "selected": value == held} for value, words in options]
        return {"name": name, "label": label, "kind": "select", "options": shown}

    return [
        choice("dataset", "Dataset", [("", "any"), *((slug, slug) for slug in slugs)]),
        choice("kind", "Kind", [("", "any"), *((str(value), str(words)) for value, words in JobKind.choices)]),
    ]


def _took(job: Job) -> float | None:
    if job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


@never_cache
@require_GET
def job_page(request: HttpRequest, job_pk: int) -> HttpResponse:
    """One run: steps, progress, log, and the way on when it failed."""
    job = _job_or_404(request, job_pk)
    slug = job.dataset.slug
    trail = crumbs(
        ("Datasets", reverse("datasets:list")),
        (slug, reverse("datasets:detail", args=[slug])),
        ("Runs", f"{reverse('promotions:runs')}?dataset={slug}"),
        (f"Run {job.pk}", ""),
    )
    return render(request, "jobs/job_page.html", {**_panel(request, job), "crumbs": trail})


@never_cache
@require_GET
def job_panel(request: HttpRequest, job_pk: int) -> HttpResponse:
    """The part of the page that changes; asked for each second until the run has ended."""
    return render(request, "jobs/panel.html", _panel(request, _job_or_404(request, job_pk)))


@require_POST
def cancel(request: HttpRequest, job_pk: int) -> HttpResponse:
    """Stops a run that waits or runs."""
    job = _job_or_404(request, job_pk)
    try:
        jobs.cancel(job=job, by=request.person, at=timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The run is cancelled. What it had recorded stays.")
    return redirect("promotions:job", job_pk=job.pk)


@require_POST
def retry(request: HttpRequest, job_pk: int) -> HttpResponse:
    """Owes a new run that does what this one did not; a second click goes to the run that the first one made."""
    job = _job_or_404(request, job_pk)
    again = job.retries.order_by("pk").first()
    if again is not None:
        return already(request, again, reverse("promotions:job", args=[job.pk]))
    try:
        again = jobs.retry(job=job, by=request.person, at=timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
    except Refused as refusal:
        made = job.retries.order_by("pk").first()  # by someone else, in the same moment
        if made is not None:
            return already(request, made, reverse("promotions:job", args=[job.pk]))
        messages.error(request, refusal.message)
        return redirect("promotions:job", job_pk=job.pk)
    wake(again.pk)
    messages.success(request, "A new run waits for its turn; it takes up what this one left.")
    return redirect("promotions:job", job_pk=again.pk)


def _job_or_404(request: HttpRequest, job_pk: int) -> Job:
    job = reader.find_job(request.person, job_pk)  # type: ignore[attr-defined]  # PersonMiddleware's
    if job is None:
        raise Http404
    return job


def _panel(request: HttpRequest, job: Job) -> dict[str, Any]:
    return reader.panel(job, request.person, timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
