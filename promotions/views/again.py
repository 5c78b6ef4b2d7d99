"""Running again: four modes side by side, what each gives the version for an id, and one POST.

A second click answers with the run that the first one asked for. A refused try is in the ledger.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from datasets.errors import Refused
from datasets.models import DatasetVersion, Source
from datasets.people import Person, names_of
from promotions import jobs
from promotions.models import Job, Mode
from promotions.readers import again_page as reader
from promotions.readers import modes, run_list
from promotions.views.asking import crumbs, person_of, version_or_404, version_to_act_on
from promotions.views.uploads import wake

CONFLICT = 409


@login_required
@require_http_methods(["GET", "POST"])
def again(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:again``; ``source`` is the backfill's, in the address or posted with ``mode``."""
    person = person_of(request)
    if request.method == "POST":
        version = version_to_act_on(request, "run_again", slug, version_id)
    else:
        version = version_or_404(person, slug, version_id)
    if not person.roles_on(version.dataset_id):
        raise Http404
    offered = reader.sources_of(version)
    source = _chosen(request, offered, version)
    if request.method == "POST":
        return _ask(request, version, offered, source)
    return _show(request, version, offered, source)


def _chosen(request: HttpRequest, offered: list[Source], version: DatasetVersion) -> Source | None:
    """The source that was asked for; without one, the one that ``modes`` would take, or else the first."""
    asked = (request.POST if request.method == "POST" else request.GET).get("source", "")
    if asked:
        found = next((source for source in offered if str(source.pk) == asked), None)
        if found is None:
            raise Http404
        return found
    usual = modes.source_for(version)
    return next((source for source in offered if usual and source.pk == usual.pk), offered[0] if offered else None)


def _ask(request: HttpRequest, version: DatasetVersion, offered: list[Source], source: Source | None) -> HttpResponse:
    person, mode = person_of(request), request.POST.get("mode", "")
    if mode not in reader.MODES:
        raise Http404
    try:
        job = _request(version, mode, source, person)
    except Refused as refusal:
        running = reader.under_way(version, source).get(mode)
        if running is not None:
            return already(
                request, running, reverse("promotions:again", args=[version.dataset.slug, version.version_id])
            )
        return _show(request, version, offered, source, refused=refusal.message, status=CONFLICT)
    wake(job.pk)
    messages.success(request, f"{reader.MODES[mode].title}: the run waits for its turn; you may leave this page.")
    return redirect("promotions:job", job.pk)


def _request(version: DatasetVersion, mode: str, source: Source | None, person: Person) -> Job:
    now = timezone.now()
    if mode == Mode.REPROCESS:
        return jobs.request_reprocess(version=version, by=person, at=now)
    if mode == Mode.REBUILD:
        return jobs.request_rebuild(version=version, by=person, at=now)
    if mode == Mode.BACKFILL:
        if source is None:
            raise Refused(
                "no_source", f"No source of {version.dataset.slug} is recorded to fetch from. Record one first."
            )
        return jobs.request_fetch(source=source, by=person, at=now, slice_=version.slice)
    stopped = modes.retryable_job(version)
    if stopped is None:
        return jobs.request_promotion(version=version, by=person, at=now)
    return jobs.retry(job=stopped, by=person, at=now)


def already(request: HttpRequest, running: Job, here: str) -> HttpResponse:
    """The answer to a second click: the run of the first one, or *here* for someone who may not open that run."""
    asked_by = names_of({running.requested_by})[running.requested_by]
    if run_list.visible_jobs(person_of(request)).filter(pk=running.pk).exists():
        messages.info(request, f"Already asked for by {asked_by}: this is that run.")
        return redirect("promotions:job", running.pk)
    messages.info(request, f"Already asked for by {asked_by}; that run is under way.")
    return redirect(here)


def _show(  # noqa: PLR0913 - the page, and what was refused on it
    request: HttpRequest,
    version: DatasetVersion,
    offered: list[Source],
    source: Source | None,
    *,
    refused: str = "",
    status: int = 200,
) -> HttpResponse:
    here = reverse("promotions:version", args=[version.dataset.slug, version.version_id])
    context = {
        "version": version,
        "cards": reader.cards(version, person_of(request), source, timezone.now()),
        "sources": offered,
        "source": source,
        "refused": refused,
        "crumbs": crumbs(
            ("Datasets", reverse("datasets:list")),
            (version.dataset.slug, reverse("datasets:detail", args=[version.dataset.slug])),
            (version.version_id, here),
            ("Run again", ""),
        ),
    }
    return render(request, "again/again.html", context, status=status)
