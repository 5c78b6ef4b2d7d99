"""What the page of running again shows: the four modes side by side, and what each would do to this version's id.

Decides nothing: ``modes`` foretells the ids and says why not; the writers in ``jobs`` ask the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from datasets.models import DatasetVersion, Source
from datasets.people import Person, names_of
from datasets.policy.roles import Role
from promotions import permissions, requests
from promotions.models import Job, Mode
from promotions.readers import modes
from promotions.readers.people import holders, who_can
from promotions.readers.run_list import visible_jobs


@dataclass(frozen=True, slots=True)
class Words:
    """What a mode is called, and what it changes: the bytes, the spec, and what is derived from both."""

    title: str
    bytes: str
    spec: str
    derived: str


MODES: Mapping[str, Words] = {
    Mode.RETRY: Words("Retry", "the same", "the same", "only what is still missing"),
    Mode.REPROCESS: Words("Reprocess", "the same", "the current one", "all made anew"),
    Mode.BACKFILL: Words("Backfill", "fetched anew, for this slice", "the current one", "all made anew"),
    Mode.REBUILD: Words("Rebuild", "the same", "the same", "map and catalogs, only to compare"),
}
ASKERS: Mapping[str, frozenset[Role]] = {
    Mode.RETRY: frozenset({Role.OPERATOR}),
    Mode.REPROCESS: requests.PROMOTES,
    Mode.BACKFILL: requests.FETCHES,
    Mode.REBUILD: requests.REBUILDS,
}


@dataclass(frozen=True, slots=True)
class Card:
    """One mode: its words, its consequence, who may when the viewer may not, and a run under way in its place.

    ``linked``: the viewer may open that run.
    """

    words: Words
    consequence: modes.Consequence
    who_can: str
    under_way: Job | None
    asked_by: str
    linked: bool


def cards(version: DatasetVersion, person: Person, source: Source | None, now: datetime) -> list[Card]:
    """The four modes, in the order of how much they change; *source* is the backfill's."""
    held = holders(version.dataset_id)
    live = under_way(version, source)
    names = names_of({job.requested_by for job in live.values()})
    seen = set(visible_jobs(person).filter(pk__in=[job.pk for job in live.values()]).values_list("pk", flat=True))
    found: dict[str, modes.Consequence] = {
        c.mode: c for c in modes.consequences(version=version, person=person, now=now, source=source)
    }
    made = []
    for mode, words in MODES.items():
        outside = not found[mode].possible and permissions.role_for(person, ASKERS[mode], version) is None
        job = live.get(mode)
        made.append(
            Card(
                words,
                found[mode],
                who_can(held, ASKERS[mode]) if outside else "",
                job,
                names[job.requested_by] if job else "",
                job is not None and job.pk in seen,
            )
        )
    return made


def sources_of(version: DatasetVersion) -> list[Source]:
    """The sources that a backfill may fetch from: the version's own first, then those switched on."""
    own = version.acquisition.upstream_id
    found = Source.objects.filter(dataset=version.dataset_id).select_related("dataset")
    return sorted(found, key=lambda s: (s.pk != own, not s.active, s.name))


def under_way(version: DatasetVersion, source: Source | None) -> dict[str, Job]:
    """By mode, the run under way that a click would ask for again, or that stands in its way."""
    on_version = Job.objects.filter(version=version, state__in=requests.LIVE).order_by("pk").first()
    anew = Job.objects.filter(
        acquisition=version.acquisition_id, spec=version.dataset.current_spec_id, state__in=requests.LIVE
    ).exclude(spec=None)
    found = {
        Mode.RETRY: on_version,
        Mode.REPROCESS: anew.order_by("pk").first(),
        Mode.BACKFILL: requests.open_fetch(source) if source else None,
        Mode.REBUILD: on_version,
    }
    return {mode: job for mode, job in found.items() if job is not None}
