"""Runbooks as pages: the list, and one with its sections."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from promotions import library
from promotions.views.asking import crumbs


@login_required
@require_GET
def runbook_list(request: HttpRequest) -> HttpResponse:
    """``promotions:runbooks``."""
    return render(request, "runbooks/list.html", {"shelf": library.shelf()})


@login_required
@require_GET
def runbook_page(request: HttpRequest, runbook_id: str) -> HttpResponse:
    """``promotions:runbook``."""
    entry = library.by_id(runbook_id)
    if entry is None:
        raise Http404
    context = {
        "entry": entry,
        "sections": library.rendered(entry),
        "crumbs": crumbs(("Runbooks", reverse("promotions:runbooks")), (entry.runbook_id, "")),
    }
    return render(request, "runbooks/runbook.html", context)
