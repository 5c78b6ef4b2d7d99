"""The promotion board: one look at a version, and what can be decided on it. It writes nothing."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from datasets import enforcement
from datasets.models import DatasetVersion
from datasets.people import Person, names_of
from datasets.policy.requests import Action
from promotions.models import Job, JobState, Standing
from promotions.readers import board, changes, deciding, offers
from promotions.readers.version_page import extent_words
from promotions.shelf import Shelf
from promotions.states import PUBLISHING_VERB, State
from promotions.views.asking import crumbs, moves_and_names, person_of, version_or_404


@login_required
@require_GET
def board_page(request: HttpRequest, slug: str, version_id: str) -> HttpResponse:
    """``promotions:board``: for those who hold a role on the dataset, also once the version is everyone's to read."""
    person = person_of(request)
    version = version_or_404(person, slug, version_id)
    if not person.roles_on(version.dataset_id):
        raise Http404
    return render(request, "board/board.html", board_context(person, version))


def board_context(person: Person, version: DatasetVersion) -> dict[str, Any]:
    """Everything the board shows; the number of queries does not depend on the version."""
    seen = board.look(version)
    version = seen.standing.version
    moves, names = moves_and_names(version)
    found = deciding.table(person, seen, moves, names)
    names |= names_of(
        {*found.signers, found.proposer, *((found.proposal.changes_requested_by,) if found.proposal else ())}
        - {""}
        - set(names)
    )
    found.names = names
    shelf = Shelf.open(version, fresh=False)
    after = changes.facts_of(shelf)
    published = _published(person, version)
    before = changes.facts_of(Shelf.open(published, fresh=False)) if published else None
    compared = changes.compare(before, after)
    tone, sentence, detail = deciding.sentence(found)
    offered = offers.offers(found)
    return {
        "version": version,
        "standing": seen.standing,
        "table": found,
        "seen": seen,
        "crumbs": _crumbs(version),
        "rail": board.rail(seen.standing, moves, names),
        "strip": board.strip(seen),
        "gates": board.gate_panels(seen, board.documents_at(shelf)),
        "changes": [row for row in compared if row["state"] != "same"],
        "unchanged": [row for row in compared if row["state"] == "same"],
        "published": published,
        "map": _map(version, after, person),
        "state_shape": {"idle": "not_run"}.get(tone, tone),
        "decision": {"tone": tone, "sentence": sentence, "detail": detail},
        "signatures": deciding.signature_lines(found),
        "offers": offered,
        "withheld": [offer for offer in offered if not offer.allowed],
        "signable": found.state in PUBLISHING_VERB,
        "running": Job.objects.filter(version=version, state__in=[JobState.QUEUED, JobState.RUNNING]).first(),
        "proposer": names.get(found.proposer, found.proposer),
    }


def _published(person: Person, version: DatasetVersion) -> DatasetVersion | None:
    """The dataset's published version, when it is another one that the viewer may read too."""
    visible = enforcement.visible_versions(person, Action.READ).values("pk")
    standing = (
        Standing.objects.filter(dataset_id=version.dataset_id, state=State.PUBLISHED.value, version__in=visible)
        .exclude(version=version)
        .select_related("version__dataset", "version__spec", "version__acquisition__terms", "version__policy_label")
        .first()
    )
    return standing.version if standing else None


def _map(version: DatasetVersion, facts: changes.Facts, person: Person) -> dict[str, Any] | None:
    """The preview's map for those who may download; the text twin stands for the others."""
    if not any(name.endswith("preview.geojson") for name in facts.files) or facts.bbox is None:
        return None
    if not enforcement.visible_versions(person, Action.DOWNLOAD).filter(pk=version.pk).exists():
        return None
    try:
        src = reverse("promotions:version_preview", args=[version.dataset.slug, version.version_id])
    except NoReverseMatch:
        return None
    west, south, east, north = (facts.bbox[0], facts.bbox[1], facts.bbox[-2], facts.bbox[-1])
    return {
        "src": src,
        "bbox": f"{west},{south},{east},{north}",
        "title": "What is served" if version.standing.state == State.PUBLISHED else "What would go out",
        "count": facts.rows,
        "extent": extent_words((west, south, east, north)),
    }


def _crumbs(version: DatasetVersion) -> list[dict[str, Any]]:
    slug, version_id = version.dataset.slug, version.version_id
    return crumbs(
        ("Queue", reverse("promotions:queue")),
        (f"{slug} @ {version_id}", reverse("promotions:version", args=[slug, version_id])),
        ("Review", ""),
    )
