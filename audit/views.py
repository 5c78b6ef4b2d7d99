"""The ledger's pages: the list, one entry with its proof, the check, the export. They read; nothing here writes.

Decides nothing but which page: the reader is checked first, then rows are fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils.module_loading import import_string
from django.views.decorators.http import require_GET, require_POST

from audit import keys, ledger, notes, presenters
from audit.access import may_read_ledger
from audit.events import Event
from audit.verify import verify

_PAGE = 50
_EXPORT_CHUNK = 1_000


def readers_only(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Signed in and allowed to read the ledger, or the sign-in page, or 403.

    ``AUDIT_REFUSED`` names who is told of a refused look, and keeps it; this app does not know what policies are.
    """

    @login_required
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_read_ledger(request.user):
            import_string(settings.AUDIT_REFUSED)(request.user)
            raise PermissionDenied("The ledger is read by auditors, stewards and admins. Ask an admin for that role.")
        return view(request, *args, **kwargs)

    return checked


@require_GET
@readers_only
def entry_list(request: HttpRequest) -> HttpResponse:
    """Newest first; ``event``, ``actor`` (username or name), ``subject`` (starts with), ``page`` are in the address."""
    filters = {
        # PostgreSQL's text holds no NUL, so none can be looked for
        name: request.GET.get(name, "").replace("\x00", "").strip()
        for name in ("event", "actor", "subject")
    }
    found = ledger.entries_about(filters["subject"])
    if filters["event"]:
        found = found.filter(event=filters["event"])
    if filters["actor"]:
        found = found.filter(actor__in=presenters.usernames_like(filters["actor"]))
    page = Paginator(found, _PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": page,
        "days": presenters.by_day(page.object_list),
        "filters": filters,
        "events": list(Event),
        "query": query.urlencode(),
        "checkpoint": ledger.latest_checkpoint(),
        "size": ledger.size(),
    }
    return render(request, "audit/entry_list.html", context)


def _proof(index: int) -> dict[str, Any]:
    """The inclusion proof of entry *index*, checked now: path and signature each with its verdict."""
    try:
        proof = ledger.inclusion_proof(index)
    except ledger.LedgerError as error:
        return {"why_not": str(error)}
    try:
        head = notes.open_checkpoint(proof.checkpoint, keys.verifier_key())
    except (notes.InvalidNote, keys.LedgerKeyError) as error:
        return {"proof": proof, "path_holds": proof.holds(), "signature_holds": False, "why_not": str(error)}
    signed = (head.size, head.root) == (proof.size, proof.root)
    return {"proof": proof, "path_holds": proof.holds(), "signature_holds": signed}


@require_GET
@readers_only
def entry_page(request: HttpRequest, index: int) -> HttpResponse:
    """One entry: its words, its body, its leaf hash, and its inclusion proof as it stands this moment."""
    try:
        entry = ledger.entry(index)
    except ledger.NotInLedger as error:
        raise Http404(str(error)) from error
    context = {"line": presenters.lines([entry])[0], "entry": entry, **_proof(index)}
    if "proof" in context:
        # the leaf the proof speaks of is hashed from the body that this page shows
        context["leaf_holds"] = ledger.leaf_of(entry) == context["proof"].leaf_hash
        context["hashes"] = [found.hex() for found in context["proof"].hashes]
    return render(request, "audit/entry_page.html", context)


@require_POST
@readers_only
def verify_now(request: HttpRequest) -> HttpResponse:
    """Rebuilds every hash and shows the report."""
    return render(request, "audit/verified.html", {"report": verify()})


def _export_lines() -> Iterator[str]:
    """The latest checkpoint, then the body of every entry it covers, one JSON text a line."""
    signed = ledger.latest_checkpoint()
    covered = 0 if signed is None else signed.size
    yield json.dumps({"checkpoint": None if signed is None else signed.note, "size": covered}) + "\n"
    for begin in range(0, covered, _EXPORT_CHUNK):
        for body in ledger.bodies(begin, min(begin + _EXPORT_CHUNK, covered)):
            yield body + "\n"


@require_GET
@readers_only
def export(request: HttpRequest) -> StreamingHttpResponse:  # noqa: ARG001 - a view
    """A download of the signed part of the ledger; each line after the first hashes to its leaf."""
    response = StreamingHttpResponse(_export_lines(), content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="kfm-ledger.jsonl"'
    return response


@require_GET
@readers_only
def checkpoint_text(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - a view
    """The latest signed checkpoint as its note, for keeping elsewhere (``verify_ledger --checkpoint``)."""
    signed = ledger.latest_checkpoint()
    if signed is None:
        raise Http404("No checkpoint was signed yet.")
    response = HttpResponse(signed.note, content_type="text/plain; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="kfm-ledger-{signed.size}.checkpoint"'
    return response
