"""Bytes of a version: its small map, and its files. Both are asked for as ``download``, and hidden is absent.

A download is verified while it is streamed: its last bytes go out only when the whole has proved itself, so that a
damaged object ends as a broken download, never as a whole one.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_GET

from datasets.enforcement import enforce
from datasets.models import VersionArtifact
from datasets.people import Person
from datasets.runs import current_files
from datasets.stores import console_store
from datasets.zones.store import StoreError
from promotions.readers.version_page import Opened, action_for, open_version

NOT_NOW = 503


@require_GET
def preview(request: HttpRequest, slug: str, version_id: str) -> HttpResponseBase:
    """The simplified GeoJSON that the page's map draws."""
    opened = _opened_or_404(request, slug, version_id)
    file = next((f for f in reversed(current_files(opened.version)) if f.part == "preview"), None)
    if file is None or not _allowed(opened, file):
        raise Http404
    return _bytes(file, "application/geo+json")


@require_GET
def download(request: HttpRequest, slug: str, version_id: str, file_path: str) -> HttpResponseBase:
    """One file as an attachment; the decision that let it go is kept."""
    opened = _opened_or_404(request, slug, version_id)
    file = next((f for f in reversed(current_files(opened.version)) if f.path == file_path), None)
    if file is None or not opened.may_open(file) or not _allowed(opened, file):
        raise Http404
    response = _bytes(file, file.artifact.media_type)
    name = file_path.rsplit("/", 1)[-1]
    response["Content-Disposition"] = str(content_disposition_header(as_attachment=True, filename=name))
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _opened_or_404(request: HttpRequest, slug: str, version_id: str) -> Opened:
    person: Person = request.person  # type: ignore[attr-defined]  # PersonMiddleware puts it there
    opened = open_version(person, slug, version_id, timezone.now())
    if opened is None or not opened.download:
        raise Http404
    return opened


def _allowed(opened: Opened, file: VersionArtifact) -> bool:
    """The kept decision on the very file; what the label's own obligations let out is what the map draws too."""
    return enforce(opened.person, opened.version, action_for(file), at=timezone.now()).decision == "allow"


def _bytes(file: VersionArtifact, media_type: str) -> HttpResponseBase:
    try:
        chunks = console_store().open(file.artifact_id)
    except StoreError:
        words = "The store doesn't hold these bytes now. Nothing was sent. Ask an operator to look at the store."
        return HttpResponse(words, status=NOT_NOW, content_type="text/plain; charset=utf-8")
    response = StreamingHttpResponse(chunks, content_type=media_type)
    response["Content-Length"] = str(file.artifact.size_bytes)
    response["Cache-Control"] = "private, no-store"
    return response
