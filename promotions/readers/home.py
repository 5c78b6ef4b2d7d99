"""Reads what the home page shows: the rail's counts, what waits for the viewer, cases, failed runs, the ledger's head.

Shows each viewer only what they may know of. Decides nothing; a fixed number of queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from audit import ledger
from datasets import enforcement
from datasets.people import PUBLIC, Person
from datasets.policy.requests import Action
from promotions import permissions
from promotions.models import Job, JobState, QuarantineCase, Release, Standing
from promotions.readers import inbox
from promotions.readers.queue import IN_FLIGHT, Row, rows_for, standings_for
from promotions.readers.run_list import visible_jobs
from promotions.states import State

#: A ledger whose newest entries are unsigned for longer than this is late: a checkpoint is due every minute.
LATE_SECONDS = 300
MOST = 200
SHOWN = 5
RECENT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Station:
    """How many versions stand at *state*, and since when the oldest (at PUBLISHED: the newest)."""

    state: State
    count: int
    since: datetime | None


def waiting_for(person: Person) -> list[Row]:
    """Versions on which *person* may act now: sign, publish, release, label, answer. At most ``MOST`` are looked at."""
    if not person.all_roles:
        return []
    at = (State.CATALOG.value, State.QUARANTINE.value)
    found = standings_for(person).filter(
        Q(state__in=at) | Q(version__policy_label__isnull=True, state__in=[s.value for s in IN_FLIGHT])
    )
    return [row for row in rows_for(person, found.order_by("since", "pk")[:MOST]) if row.mine]


def requests_of(person: Person) -> list[Row]:
    """Versions in flight that *person* proposed or brought in."""
    own = Q(version__proposal__proposer=person.principal) | Q(version__created_by=person.principal)
    found = standings_for(person).filter(own, state__in=[s.value for s in IN_FLIGHT])
    return rows_for(person, found.order_by("-since", "-pk")[:MOST])


def stations(person: Person) -> dict[State, Station]:
    """Counts and ageing by state, over what *person* may know of."""
    rows: Any = (
        standings_for(person)
        .order_by()
        .values("state")
        .annotate(n=Count("pk"), oldest=Min("since"), newest=Max("since"))
    )
    counted = {State(row["state"]): row for row in rows}
    return {
        state: Station(
            state,
            counted[state]["n"] if state in counted else 0,
            counted[state]["newest" if state is State.PUBLISHED else "oldest"] if state in counted else None,
        )
        for state in State
    }


def open_cases(person: Person) -> QuerySet[QuarantineCase]:
    """The open cases on versions that *person* may know of, the soonest due first."""
    return (
        permissions.cases_open_to(person, Action.DISCOVER)
        .filter(resolution="")
        .select_related("version__dataset", "version__policy_label", "version__proposal")
        .order_by("due", "pk")
    )


def case_ageing(person: Person, today: date, now: datetime | None = None) -> Mapping[str, Any]:
    """``count``, ``overdue``, ``mine`` (owned, or held *now*) and the first few open cases."""
    cases = open_cases(person)
    counted = cases.order_by().aggregate(
        count=Count("pk"),
        overdue=Count("pk", filter=Q(due__lt=today)),
        mine=Count("pk", filter=inbox.mine(person, now or timezone.now())),
    )
    return {**counted, "first": list(cases[:SHOWN]), "today": today}


def failed_runs(person: Person, now: datetime) -> list[Job]:
    """The latest runs that failed and were not tried again, of those that *person* may see."""
    return list(
        visible_jobs(person)
        .filter(state=JobState.FAILED, finished_at__gte=now - RECENT, retries__isnull=True)
        .select_related("dataset", "version")
        .order_by("-pk")[:SHOWN]
    )


def ledger_head() -> tuple[int, Any]:
    """How many entries there are, and the latest signed checkpoint (``None``: none yet)."""
    return ledger.size(), ledger.latest_checkpoint()


def uncovered_since(checkpoint: Any) -> datetime:
    """When the first entry after *checkpoint* was made; there is one, or ``NotInLedger`` is raised."""
    return ledger.entry(checkpoint.size).at


def published(person: Person = PUBLIC) -> list[tuple[Standing, Release | None]]:
    """What *person* may read of what is published now, newest first, each with the release that speaks for it."""
    visible = enforcement.visible_versions(person, Action.DISCOVER).values("pk")
    found = list(
        Standing.objects.filter(state=State.PUBLISHED.value, version__in=visible)
        .select_related("version__dataset", "version__policy_label", "version__acquisition")
        .order_by("-since", "-pk")[:MOST]
    )
    latest: dict[int, Release] = {}
    for released in Release.objects.filter(version_id__in=[s.version_id for s in found]).order_by("pk"):
        latest[released.version_id] = released
    return [(standing, latest.get(standing.version_id)) for standing in found]
