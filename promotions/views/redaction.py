"""The redaction plan's page, and the picture of what was there before, for those who may open those very bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from datasets.enforcement import enforce
from datasets.formats.errors import UnreadableSource
from datasets.formats.preview import draw
from datasets.models import VersionArtifact
from datasets.policy.requests import Action
from datasets.runs import current_files
from datasets.stores import console_store
from datasets.zones.store import StoreError
from promotions.readers import redaction
from promotions.readers import version_page as reader
from promotions.readers.version_page import Opened
from promotions.shelf import Shelf
from promotions.views.asking import crumbs, person_of

#: A larger file is not drawn for a page.
MOST_BYTES = 64 * 1024 * 1024
NOT_NOW, TOO_LARGE, NOT_DRAWN = 503, 413, 422


@require_GET
def plan_page(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:redaction``: each obligation as planned, applied and verified, before and after."""
    opened = reader.open_version(person_of(request), slug, version_id, timezone.now())
    if opened is None or not opened.read:
        raise Http404
    shelf = Shelf.open(opened.version, fresh=False)
    address = reverse("promotions:version", args=[slug, version_id])
    context: dict[str, Any] = {
        **reader.heading(opened),
        **redaction.page(opened, shelf),
        "tab_template": "redaction/plan.html",
        "tabs": [
            {"label": reader.TABS[name], "href": f"{address}?tab={name}", "current": name == "policy"}
            for name in opened.tabs()
        ],
        "crumbs": crumbs(
            ("Datasets", reverse("datasets:list")),
            (slug, reverse("datasets:detail", args=[slug])),
            (version_id, address),
            ("Redaction plan", ""),
        ),
    }
    return render(request, "versions/version_page.html", context)


@require_GET
def before_map(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:redaction_before``: a small picture of the data before obligations, drawn from those bytes now."""
    opened = reader.open_version(person_of(request), slug, version_id, timezone.now())
    file = _before(opened)
    if opened is None or file is None or not opened.may_open(file):
        raise Http404
    if enforce(opened.person, opened.version, Action.DOWNLOAD, at=timezone.now()).decision != "allow":
        raise Http404
    return _unshared(_picture(file))


def _before(opened: Opened | None) -> VersionArtifact | None:
    if opened is None or not opened.download:
        return None
    return next((f for f in reversed(current_files(opened.version)) if f.part == "normalized"), None)


def _picture(file: VersionArtifact) -> HttpResponse:
    if file.artifact.size_bytes > MOST_BYTES:
        return _said("These data are too large to be drawn here. The figures beside the map hold.", TOO_LARGE)
    with tempfile.TemporaryDirectory(prefix="kfm-before-", dir=settings.FILE_UPLOAD_TEMP_DIR) as name:
        path = Path(name) / "before.parquet"
        try:
            console_store().fetch_to(file.artifact_id, path)
            return HttpResponse(draw(path), content_type="application/geo+json")
        except StoreError:
            return _said("The store doesn't hold these bytes now. Ask an operator to look at the store.", NOT_NOW)
        except (UnreadableSource, pa.ArrowInvalid):
            return _said("These data can't be drawn as a map.", NOT_DRAWN)


def _said(words: str, status: int) -> HttpResponse:
    return HttpResponse(words, status=status, content_type="text/plain; charset=utf-8")


def _unshared(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
