"""The page of a version's QA report, its threshold preview, its map of failing geometries, and the report as JSON.

Each asks for ``read_qa`` first; hidden and absent are the same 404. It writes nothing.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import replace_url

from datasets.stores import read_document
from datasets.zones.store import StoreError
from promotions.readers import quality_page as reader
from promotions.readers.quality_preview import asked_of, preview_of
from promotions.readers.quality_rows import drawable, rows_of
from promotions.readers.quality_runs import Past, past_runs
from promotions.readers.quality_words import OPERATOR_WORDS
from promotions.readers.version_page import TABS, open_version
from promotions.views.asking import crumbs, person_of

NOT_NOW = 503
KEPT = ("run", "check", "for", "operator", "threshold")


@require_GET
def quality_page(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:quality``; ``run`` names another run's report, the rest of the query is the preview's."""
    seen = _look_or_404(request, slug, version_id)
    past = past_runs(seen.opened) if seen.opened.works else []
    heading = _heading(seen)
    context = {
        **heading,
        **reader.report_context(seen, map_src=heading["map_src"]),
        **_runs(seen, past),
        **(_preview(request, seen, past) if seen.opened.works else {}),
    }
    return render(request, "quality/page.html", context)


@require_GET
def quality_preview(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """The preview alone, for htmx; the page's address follows what was asked."""
    seen = _look_or_404(request, slug, version_id)
    if not seen.opened.works or not (seen.report and seen.report["checks"]):
        raise Http404
    context = {**_heading(seen), **_preview(request, seen, past_runs(seen.opened)), "report": seen.report}
    context |= {"chosen_run": request.GET.get("run", ""), "live": True}
    kept = {name: request.GET[name] for name in KEPT if request.GET.get(name)}
    if context["asked"].reset:
        kept = {name: value for name, value in kept.items() if name in {"run", "check"}}
    response = render(request, "quality/preview.html", context)
    return replace_url(response, f"{context['here']}?{urlencode(kept)}" if kept else context["here"])


@require_GET
def quality_json(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """The very document that the digest names, where the reader may have all of it."""
    copy = _look_or_404(request, slug, version_id).copy
    if copy is None or (copy.document is not None and not copy.exact):
        raise Http404
    try:
        raw = read_document(copy.digest)
    except StoreError:
        words = "The store doesn't hold this report whole now. Ask an operator to look at the store."
        return HttpResponse(words, status=NOT_NOW, content_type="text/plain; charset=utf-8")
    response = HttpResponse(raw, content_type="application/json")
    response["ETag"] = f'"{copy.digest}"'
    return _unshared(response)


@require_GET
def failing_geojson(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """The failing geometries as the label lets them be seen, for the page's map."""
    seen = _look_or_404(request, slug, version_id)
    if seen.run is None or seen.copy is None or not seen.copy.whole:
        raise Http404
    rows = rows_of(seen.opened, seen.run, seen.report, seen.mask)
    if rows.geometries is None:
        raise Http404
    return _unshared(JsonResponse(drawable(rows.geometries), content_type="application/geo+json"))


def _look_or_404(request: HttpRequest, slug: str, version_id: str) -> reader.Look:
    opened = open_version(person_of(request), slug, version_id, timezone.now())
    seen = reader.look(opened, request.GET.get("run", "")) if opened is not None and opened.read_qa else None
    if seen is None:
        raise Http404
    return seen


def _unshared(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _heading(seen: reader.Look) -> dict[str, Any]:
    version = seen.opened.version
    names = [version.dataset.slug, version.version_id]
    page, here = reverse("promotions:version", args=names), reverse("promotions:quality", args=names)
    chosen = "" if seen.run is None or seen.run.counts else f"?run={seen.run.number}"
    hrefs = {name: f"{page}?tab={name}" for name in TABS} | {"qa": here}
    return {
        "version": version,
        "opened": seen.opened,
        "standing": version.standing,
        "here": here,
        "run_query": chosen,
        "map_src": reverse("promotions:quality_failing", args=names) + chosen,
        "json_href": reverse("promotions:quality_json", args=names) + chosen,
        "tabs": [{"label": TABS[n], "href": hrefs[n], "current": n == "qa"} for n in seen.opened.tabs()],
        "crumbs": crumbs(
            ("Datasets", reverse("datasets:list")),
            (names[0], reverse("datasets:detail", args=names[:1])),
            (names[1], page if seen.opened.read else ""),
            ("QA report", ""),
        ),
    }


def _runs(seen: reader.Look, past: list[Past]) -> dict[str, Any]:
    """The other runs of this version that the reader may look at; only the one that counts for who is not inside."""
    status = {one.run.receipt.run_id: (one.report or {}).get("status", "unreadable") for one in past}
    inside = seen.opened.inside and seen.opened.download
    listed = [run for run in seen.runs if inside or run.counts] if seen.opened.works else []
    return {
        "run": seen.run,
        "chosen_run": "" if seen.run is None or seen.run.counts else str(seen.run.number),
        "runs": [
            {"run": run, "status": status.get(run.receipt.run_id, ""), "chosen": run == seen.run} for run in listed
        ],
        "earlier_hidden": seen.opened.works and len(seen.runs) > len(listed),
    }


def _preview(request: HttpRequest, seen: reader.Look, past: list[Past]) -> dict[str, Any]:
    if not (seen.report and seen.report["checks"]):
        return {}
    asked = asked_of(request.GET, seen.report["checks"])
    operators = [{"value": sign, "label": words} for sign, words in OPERATOR_WORDS.items()]
    return {
        "asked": asked,
        "operators": operators,
        "options": reader.options_of(seen, seen.report),
        "preview": preview_of(past, seen.report["checks"], asked),
    }
