"""What the pages of sources show: each with where it leads, how fresh it is, and what became of every attempt.

Decides who may know of a source: those who hold a role on its dataset. The whole location, the hosts and the
credential's name are for those who may change it; everyone else reads the host. A fixed number of queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import QuerySet

from datasets import sources
from datasets.enforcement import visible_versions
from datasets.errors import Refused
from datasets.models import Dataset, FetchAttempt, Source
from datasets.people import Person
from promotions import requests
from promotions.readers.people import holders, who_can
from promotions.readers.run_list import visible_jobs

STRIP = 20
HISTORY = 30
#: Outcome of an attempt → shape, word.
OUTCOMES: dict[str, tuple[str, str]] = {
    "fetched": ("pass", "fetched"),
    "unchanged": ("not_run", "unchanged"),
    "refused": ("quarantine", "refused"),
    "failed": ("block", "failed"),
}
#: A tab's name in the address, and its words.
TABS: dict[str, str] = {"": "All", "stale": "Stale", "off": "Switched off"}
#: A source's state → shape, word.
STATES: dict[str, tuple[str, str]] = {
    "stale": ("block", "stale"),
    "off": ("not_run", "switched off"),
    "fresh": ("pass", "fresh"),
    "failing": ("block", "no fetch succeeded yet"),
    "new": ("not_run", "not fetched yet"),
}
_WORDS: dict[str, str] = {
    "name": "its name",
    "kind": "its kind",
    "location": "where it is",
    "pattern": "which files",
    "allowed_hosts": "the hosts",
    "credential": "the credential",
    "license": "the licence",
    "rights_holder": "the rights holder",
    "attribution": "the attribution",
    "terms_uri": "the page of the terms",
    "terms_text": "the terms",
    "cadence": "how often",
    "slice_rule": "which slice",
    "propose": "whether it proposes",
    "active": "whether it is fetched by itself",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One source in a list. ``state``: stale, off, fresh or new, with shape and word; ``due_now``: its time came."""

    source: Source
    where: str
    fresh: sources.Freshness
    state: str
    shape: str
    word: str
    due_now: bool


@dataclass(frozen=True, slots=True)
class Tile:
    """One attempt in the strip: where it is drawn, its shape, and its words."""

    x: int
    shape: str
    words: str


def visible_sources(person: Person) -> QuerySet[Source]:
    """The sources of every dataset on which *person* holds a role."""
    found = Source.objects.select_related("dataset")
    if person.is_public:
        return found.none()
    return found if person.roles else found.filter(dataset_id__in=[pk for pk in person.grants if person.roles_on(pk)])


def find_source(person: Person, source_pk: int) -> Source | None:
    """The source, when it exists and *person* may know of it; ``None`` otherwise, whichever of the two it was."""
    return visible_sources(person).filter(pk=source_pk).first()


def may_record(person: Person, dataset: Dataset) -> str:
    """``""``, or why *person* may not record or change sources of *dataset*."""
    try:
        sources.check_may_record(person, dataset)
    except Refused as refusal:
        return refusal.message
    return ""


def lines(person: Person, found: Iterable[Source], now: datetime) -> list[Line]:
    """Each source with its freshness, the stale ones first, then by name."""
    held = list(found)
    fresh = sources.freshness(held, now)
    made = [_line(person, source, fresh[source.pk], now) for source in held]
    return sorted(made, key=lambda line: (line.state != "stale", line.source.dataset.slug, line.source.name))


def in_tab(found: Sequence[Line], tab: str) -> list[Line]:
    """The lines that *tab* shows."""
    return [line for line in found if not tab or line.state == tab]


def stale(person: Person, now: datetime) -> list[Line]:
    """The stale sources that *person* may know of."""
    return in_tab(lines(person, visible_sources(person), now), "stale")


def _line(person: Person, source: Source, fresh: sources.Freshness, now: datetime) -> Line:
    begun = "failing" if fresh.last_attempt else "new"
    state = "off" if not source.active else "stale" if fresh.stale else "fresh" if fresh.last_success else begun
    whole = may_record(person, source.dataset) == ""
    due_now = fresh.next_due is not None and fresh.next_due <= now
    return Line(source, where(source, whole=whole), fresh, state, *STATES[state], due_now)


def where(source: Source, *, whole: bool) -> str:
    """The location for those who may see it; for everyone else the host, or what kind of place it is."""
    if whole:
        return source.location
    try:
        parts = urlsplit(source.location)
    except ValueError:
        return "an address"
    if parts.scheme in {"http", "https"}:
        return parts.hostname or "a web address"
    return "a bucket" if parts.scheme in {"s3", "s3a", "gs", "az"} else "a directory"


def source_view(person: Person, source: Source, attempts: Sequence[FetchAttempt], now: datetime) -> dict[str, Any]:
    """The values of ``sources/source.html`` for one page of *attempts*."""
    why_not = may_record(person, source.dataset)
    line = lines(person, [source], now)[0]
    recent = list(FetchAttempt.objects.filter(source=source).order_by("-finished_at", "-pk")[:STRIP])
    under_way = requests.open_fetch(source)
    return {
        "source": source,
        "line": line,
        "why_not": why_not,
        "why_not_fetch": why_not or ("" if source.active else "The source is switched off. Switch it on first."),
        "who_can": who_can(holders(source.dataset_id), sources.RECORDS) if why_not else "",
        "tiles": tiles(recent),
        "tally": tally(recent),
        "attempts": _attempt_lines(person, attempts),
        "under_way": under_way,
        "linked": under_way is not None and visible_jobs(person).filter(pk=under_way.pk).exists(),
        "changes": _changes(source),
    }


def tiles(recent: Sequence[FetchAttempt]) -> list[Tile]:
    """The strip of the latest attempts, oldest left; 18 px from one to the next."""
    ordered = list(reversed(recent))
    return [
        Tile(18 * place, OUTCOMES[attempt.outcome][0], f"{attempt.finished_at:%Y-%m-%d %H:%M} UTC {attempt.outcome}")
        for place, attempt in enumerate(ordered)
    ]


def tally(recent: Sequence[FetchAttempt]) -> str:
    """``Of the last 20 attempts, 15 fetched, 3 unchanged, 2 failed.``"""
    if not recent:
        return ""
    counted = Counter(attempt.outcome for attempt in recent)
    parts = ", ".join(f"{counted[name]} {word}" for name, (_, word) in OUTCOMES.items() if counted[name])
    return (
        f"The only attempt: {recent[0].outcome}." if len(recent) == 1 else f"The last {len(recent)} attempts: {parts}."
    )


def _attempt_lines(person: Person, attempts: Sequence[FetchAttempt]) -> list[dict[str, Any]]:
    """Each attempt with its run and version, where *person* may know of them; two queries."""
    jobs = {a.job for a in attempts if a.job is not None}
    runs = set(visible_jobs(person).filter(pk__in=jobs).values_list("pk", flat=True))
    taken = [a.acquisition_id for a in attempts if a.acquisition_id is not None]
    versions = {v.acquisition_id: v for v in visible_versions(person).filter(acquisition__in=taken).order_by("pk")}
    return [
        {
            "attempt": attempt,
            "shape": OUTCOMES[attempt.outcome][0],
            "word": OUTCOMES[attempt.outcome][1],
            "run": attempt.job if attempt.job in runs else None,
            "version": versions.get(attempt.acquisition_id) if attempt.acquisition_id else None,
            "took": (attempt.finished_at - attempt.started_at).total_seconds(),
        }
        for attempt in attempts
    ]


def _changes(source: Source) -> list[dict[str, Any]]:
    """What was kept of the source, newest first: who changed what, never the values."""
    rows = list(source.history.order_by("history_date", "history_id")[:HISTORY])
    told: list[dict[str, Any]] = []
    for before, row in zip([None, *rows], rows, strict=False):
        changed = [words for name, words in _WORDS.items() if before and getattr(row, name) != getattr(before, name)]
        words = "recorded it" if before is None else f"changed {', '.join(changed)}" if changed else "kept it as it was"
        told.append({"at": row.history_date, "who": row.recorded_by, "words": words})
    return told[::-1]
