"""The evidence drawer: a document that was judged, as it is now, hashed again. A page without JavaScript.

Whoever reads the version opens its catalogs, receipts, terms and QA report; the workflow's documents, and the people in
them, are shown to those who hold a role on the dataset.
"""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from datasets import enforcement
from datasets.people import names_of
from promotions.readers import documents
from promotions.readers.documents import Document, Shown
from promotions.readers.version_page import open_version
from promotions.views.asking import crumbs, person_of, version_or_404

MAX_WHERE = 300


@require_GET
def document_page(request: HttpRequest, slug: str, version_id: str, digest: str) -> HttpResponse:
    """``promotions:evidence_document``; ``?where=`` marks the line a finding points at."""
    person = person_of(request)
    version = version_or_404(person, slug, version_id)
    works = bool(person.roles_on(version.dataset_id))
    document = documents.find(version, digest)
    if document is None or not (works or document.part in documents.OPEN_PARTS):
        raise Http404
    if enforcement.enforce(person, version, document.action, at=timezone.now()).decision != "allow":
        raise Http404
    opened = open_version(person, slug, version_id, timezone.now())
    if opened is None or not documents.is_theirs(document, opened):
        raise Http404
    where = request.GET.get("where", "")[:MAX_WHERE]
    shown = documents.read(document)
    address = reverse("promotions:version", args=[slug, version_id])
    context = {
        "crumbs": crumbs((f"{slug} @ {version_id}", address), ("Evidence", "")),
        "drawer": _drawer(document, shown, where, request.path, named=works),
        "shown": shown,
        "holds": shown.measured == digest,
        "where": where,
        "marked": documents.line_of(shown.lines, where) if where else None,
        "board_url": reverse("promotions:board", args=[slug, version_id]) if works else "",
        "version_url": address,
    }
    return render(request, "evidence/document.html", context)


def _drawer(document: Document, shown: Shown, where: str, path: str, *, named: bool) -> dict[str, Any]:
    marked = documents.line_of(shown.lines, where) if where else None
    name = names_of({document.made_by})[document.made_by] if named and document.made_by else ""
    return {
        "kind": "Evidence",
        "title": document.title,
        "digest": document.digest,
        "made_by": {"name": name, "username": document.made_by} if name else None,
        "made_at": document.made_at,
        "run": {"label": document.run} if document.run else None,
        "rule": document.rule,
        "path": document.path,
        "lines": [{"number": n, "text": text, "marked": n == marked} for n, text in enumerate(shown.lines, start=1)],
        "href": path,
    }
