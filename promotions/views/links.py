"""The outside links of a dataset: what answers, since when, each one's history, and asking them now.

A refused try to ask is in the ledger; a link that is hidden is absent.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from datasets import identity
from datasets.errors import Refused
from datasets.models import Dataset
from datasets.views import visible_datasets
from promotions import jobs, refusals
from promotions.models import Job, JobKind
from promotions.readers import links_page as reader
from promotions.requests import LIVE
from promotions.views.again import already
from promotions.views.asking import crumbs, person_of
from promotions.views.uploads import wake

CONFLICT = 409


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def dataset_links(request: HttpRequest, slug: str) -> HttpResponse:
    """``promotions:links``: the dataset's links, and by POST a run that asks all of them."""
    dataset = _dataset_or_404(request, slug)
    if request.method != "POST":
        return _show(request, dataset)
    try:
        job = jobs.request_links(dataset=dataset, by=person_of(request), at=timezone.now())
    except Refused as refusal:
        running = Job.objects.filter(dataset=dataset, kind=JobKind.LINKS, state__in=LIVE).first()
        if refusal.code == "run_already" and running is not None:
            return already(request, running, reverse("promotions:links", args=[slug]))
        return _show(request, dataset, refused=refusal.message, status=CONFLICT)
    wake(job.pk)
    messages.success(request, "The check waits for its turn; you may leave this page.")
    return redirect("promotions:job", job.pk)


def _dataset_or_404(request: HttpRequest, slug: str) -> Dataset:
    person = person_of(request)
    dataset = visible_datasets(person).filter(slug=slug).first()
    if dataset is None or not reader.may_watch(person, dataset):
        if request.method == "POST":
            subject = f"kfm://dataset/{slug}" if not identity.check_slug(slug) else "dataset/unnamed"
            refusals.keep(by=person, verb="check_links", subject=subject, code="not_found", at=timezone.now())
        raise Http404
    found: Dataset = dataset
    return found


def _show(request: HttpRequest, dataset: Dataset, *, refused: str = "", status: int = 200) -> HttpResponse:
    context = {
        **reader.dataset_page(person_of(request), dataset),
        "refused": refused,
        "crumbs": _crumbs(dataset, ("Outside links", "")),
    }
    return render(request, "links/dataset.html", context, status=status)


@login_required
@require_GET
def link_page(request: HttpRequest, link_pk: int) -> HttpResponse:
    """``promotions:link``: one link and what it answered each time."""
    link = reader.find_link(person_of(request), link_pk)
    if link is None:
        raise Http404
    context = {
        "line": reader.lines([link])[0],
        "history": reader.history(link),
        "crumbs": _crumbs(
            link.dataset,
            ("Outside links", reverse("promotions:links", args=[link.dataset.slug])),
            (f"Link {link.pk}", ""),
        ),
    }
    return render(request, "links/link.html", context)


def _crumbs(dataset: Dataset, *more: tuple[str, str]) -> list[dict[str, str]]:
    slug = dataset.slug
    return crumbs(("Datasets", reverse("datasets:list")), (slug, reverse("datasets:detail", args=[slug])), *more)
