"""A job's page, its panel for htmx, and the two things a person may do to it: cancel, and try again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from datasets.errors import Refused
from promotions import jobs
from promotions.models import Job
from promotions.readers import job_page as reader
from promotions.views.uploads import wake


@never_cache
@require_GET
def job_page(request: HttpRequest, job_pk: int) -> HttpResponse:
    """One run: steps, progress, log, and the way on when it failed."""
    job = _job_or_404(request, job_pk)
    slug = job.dataset.slug
    crumbs = [
        {"label": "Datasets", "href": reverse("datasets:list")},
        {"label": slug, "href": reverse("datasets:detail", args=[slug])},
        {"label": f"Run {job.pk}"},
    ]
    return render(request, "jobs/job_page.html", {**_panel(request, job), "crumbs": crumbs})


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
        messages.info(request, f"Already tried again by {again.requested_by}: this is that run.")
        return redirect("promotions:job", job_pk=again.pk)
    try:
        again = jobs.retry(job=job, by=request.person, at=timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("promotions:job", job_pk=job.pk)
    wake(again.pk)
    messages.success(request, "A new run is owed; it takes up what this one left.")
    return redirect("promotions:job", job_pk=again.pk)


def _job_or_404(request: HttpRequest, job_pk: int) -> Job:
    job = reader.find_job(request.person, job_pk, timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
    if job is None:
        raise Http404
    return job


def _panel(request: HttpRequest, job: Job) -> dict[str, Any]:
    return reader.panel(job, request.person, timezone.now())  # type: ignore[attr-defined]  # PersonMiddleware's
