"""Recovery: which catalogs drifted, one version's comparison and its link report, and the button that mends.

A second click answers with the run of the first one. A refused try is in the ledger; what is hidden is absent.
"""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from datasets.enforcement import enforce
from datasets.errors import Refused
from datasets.models import DatasetVersion, DriftCheck
from datasets.policy.requests import Action
from datasets.stores import read_document
from datasets.zones.store import StoreError
from promotions import jobs
from promotions.readers import recovery_page as reader
from promotions.views.again import already
from promotions.views.asking import crumbs, person_of, version_or_404, version_to_act_on
from promotions.views.uploads import wake

PAGE = 50
CONFLICT, NOT_NOW = 409, 503


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """``promotions:recovery``; ``show`` and ``page`` come from the address."""
    person = person_of(request)
    if not person.all_roles:
        raise Http404
    show = "drifted" if request.GET.get("show") == "drifted" else ""
    fresh = reader.freshness(person, timezone.now())
    page = Paginator(reader.rows(person, show), PAGE).get_page(request.GET.get("page"))
    context = {
        "fresh": fresh,
        "page": page,
        "rows": [{"version": v, "shape": reader.WORDS[v.outcome or ""][0], "word": _word(v)} for v in page.object_list],
        "show": show,
        "tabs": [
            {"label": "All", "href": "?", "current": not show, "count": fresh["total"]},
            {
                "label": "Drifted or not checked",
                "href": "?show=drifted",
                "current": bool(show),
                "count": fresh["drifted"] + fresh["unchecked"],
            },
        ],
    }
    return render(request, "recovery/overview.html", context)


def _word(version: object) -> str:
    return reader.WORDS[getattr(version, "outcome", "") or ""][1]


@never_cache
@login_required
@require_http_methods(["GET", "POST"])
def version_recovery(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:version_recovery``: the comparison, and by POST the recovery."""
    person = person_of(request)
    if request.method == "POST":
        version = version_to_act_on(request, "recover", slug, version_id)
    else:
        version = version_or_404(person, slug, version_id)
    if not person.roles_on(version.dataset_id):
        raise Http404
    if request.method != "POST":
        return _show(request, version)
    try:
        job = jobs.request_recovery(version=version, by=person, at=timezone.now())
    except Refused as refusal:
        running = reader.page(version, person)["running"]
        if running is not None and refusal.code == "run_already":
            return already(request, running, reverse("promotions:version_recovery", args=[slug, version_id]))
        return _show(request, version, refused=refusal.message, status=CONFLICT)
    wake(job.pk)
    messages.success(request, "The recovery waits for its turn; you may leave this page.")
    return redirect("promotions:job", job.pk)


def _show(request: HttpRequest, version: DatasetVersion, *, refused: str = "", status: int = 200) -> HttpResponse:
    slug, version_id = version.dataset.slug, version.version_id
    context = {
        **reader.page(version, person_of(request)),
        "refused": refused,
        "crumbs": crumbs(
            ("Recovery", reverse("promotions:recovery")),
            (f"{slug} @ {version_id}", reverse("promotions:version", args=[slug, version_id])),
            ("Catalogs and their facts", ""),
        ),
    }
    return render(request, "recovery/version.html", context, status=status)


@login_required
@require_GET
def drift_check(request: HttpRequest, check_pk: int) -> HttpResponse:
    """``promotions:drift_check``: where a notice leads; to the version's page, for those who may read it."""
    check = DriftCheck.objects.select_related("version__dataset").filter(pk=check_pk).first()
    if check is None:
        raise Http404
    slug, version_id = check.version.dataset.slug, check.version.version_id
    version_or_404(person_of(request), slug, version_id)
    return redirect("promotions:version_recovery", slug, version_id)


@require_GET
def link_report(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:link_report``: the newest link-integrity report as it is stored; the decision is kept."""
    person = person_of(request)
    version = version_or_404(person, slug, version_id)
    file = reader.link_report_file(version)
    if file is None or enforce(person, version, Action.READ, at=timezone.now()).decision != "allow":
        raise Http404
    try:
        raw = read_document(file.artifact_id)
    except StoreError:
        words = "The store doesn't hold this report now. Nothing was sent. Ask an operator to recover the catalogs."
        return HttpResponse(words, status=NOT_NOW, content_type="text/plain; charset=utf-8")
    response = HttpResponse(raw, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{version_id}-link-report.json"'
    response["ETag"] = f'"{file.artifact_id}"'
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
