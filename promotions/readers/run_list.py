"""The runs that a person may see, as a list: what each was for, how it ended, and which need someone.

Decides who may see a run, for lists; ``job_page.find_job`` decides the same for one. Reads only: a fixed number of
queries whatever the number of runs. What the filters say stands in the address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from datasets.enforcement import visible_versions
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions.models import Job, JobKind, JobState, Mode

WATCHERS = frozenset({Role.OPERATOR, Role.REVIEWER, Role.STEWARD, Role.COUNCIL, Role.AUDITOR})
#: A tab's name in the address, its words, and the states it shows.
TABS: dict[str, tuple[str, tuple[JobState, ...]]] = {
    "": ("All", tuple(JobState)),
    "failed": ("Failed", (JobState.FAILED,)),
    "live": ("Under way", (JobState.QUEUED, JobState.RUNNING)),
    "done": ("Done", (JobState.DONE,)),
    "cancelled": ("Cancelled", (JobState.CANCELLED,)),
}
SHAPES: dict[str, str] = {
    JobState.DONE: "pass",
    JobState.FAILED: "block",
    JobState.CANCELLED: "error",
    JobState.RUNNING: "waived",
    JobState.QUEUED: "not_run",
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; a word it does not know counts as not said."""

    state: str = ""
    dataset: str = ""
    kind: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Filters:
        said = {name: query.get(name, "").replace("\x00", "").strip() for name in ("state", "dataset", "kind")}
        return cls(
            state=said["state"] if said["state"] in TABS else "",
            dataset=said["dataset"][:100],
            kind=said["kind"] if said["kind"] in JobKind.values else "",
        )

    @property
    def narrows(self) -> bool:
        return bool(self.state or self.dataset or self.kind)


def visible_jobs(person: Person) -> QuerySet[Job]:
    """The runs that *person* asked for, and those of datasets they watch on versions that they may know of."""
    if person.is_public:
        return Job.objects.none()
    watched = Q() if WATCHERS & person.roles else Q(dataset_id__in=_watched(person))
    seen = Q(version__isnull=True) | Q(version__in=visible_versions(person, Action.DISCOVER).values("pk"))
    return Job.objects.filter(Q(requested_by=person.principal) | (watched & seen))


def _watched(person: Person) -> list[int]:
    return [key for key in person.grants if WATCHERS & person.roles_on(key)]


def listed(person: Person, filters: Filters) -> QuerySet[Any]:
    """The runs that *filters* leave, newest first; ``tried_again`` says whether another run took it up."""
    found = _narrowed(person, filters).filter(state__in=TABS[filters.state][1])
    again = Job.objects.filter(retry_of=OuterRef("pk"))
    related = found.select_related("dataset", "source", "acquisition", "version")
    return related.annotate(tried_again=Exists(again)).order_by("-pk")


def tabs(person: Person, filters: Filters) -> list[dict[str, Any]]:
    """The tabs with how many runs each holds under the other filters; one query."""
    rows = _narrowed(person, filters).order_by().values("state").annotate(n=Count("pk"))
    counted = {row["state"]: row["n"] for row in rows}
    return [
        {"name": name, "label": label, "count": sum(counted.get(state, 0) for state in states)}
        for name, (label, states) in TABS.items()
    ]


def datasets(person: Person) -> list[str]:
    """The slugs of the datasets whose runs *person* may see."""
    return list(visible_jobs(person).order_by("dataset__slug").values_list("dataset__slug", flat=True).distinct())


def purpose(job: Job) -> str:
    """What the run is for: its kind, or the mode in which something is run again."""
    if job.mode in {Mode.REPROCESS, Mode.BACKFILL}:
        return f"{job.mode}" + (f" of slice {job.slice}" if job.slice else "")
    return job.get_kind_display() + (", again" if job.mode == Mode.RETRY else "")


def _narrowed(person: Person, filters: Filters) -> QuerySet[Job]:
    found = visible_jobs(person)
    if filters.dataset:
        found = found.filter(dataset__slug=filters.dataset)
    if filters.kind:
        found = found.filter(kind=filters.kind)
    return found
