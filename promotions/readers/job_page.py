"""What a job's page shows: its steps, what it does now, how far it is, its log, and on failure the way on.

Decides who may see a job: who asked for it, and who works on its dataset and may know of its version. Everyone else
finds nothing there, in the same words as for a job that never was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from datasets.enforcement import may
from datasets.people import Person, names_of
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions.models import Job, JobKind, JobLine, JobState, QuarantineCase
from promotions.pipeline import STEPS
from promotions.readers import failure, run_list
from promotions.readers.people import holders, who_can

LOG_LINES = 200
LIVE = frozenset({JobState.QUEUED, JobState.RUNNING})
STOPPED = frozenset({JobState.FAILED, JobState.CANCELLED})
_HERE: dict[str, tuple[str, str]] = {
    JobState.RUNNING: ("waived", "under way"),
    JobState.FAILED: ("block", "failed here"),
    JobState.CANCELLED: ("error", "cancelled here"),
}
#: The steps of each kind of upkeep, in order, those of the way to CATALOG, and those that take the bytes in.
_UPKEEP: dict[str, tuple[str, ...]] = {
    JobKind.REBUILD: ("rebuild",),
    JobKind.RECOVERY: ("compare", "mend", "evaluate"),
    JobKind.LINKS: ("name_links", "ask_links"),
}
_WAY = ("ingest", "normalize", "check", "catalog", "evaluate")
_TAKES_IN = frozenset({"fetch", "ingest"})

_SHOWN_WITH = (
    "dataset",
    "source",
    "spec",
    "acquisition__source",
    "acquisition__spec",
    "version__dataset",
    "version__spec",
    "version__acquisition__source",
    "version__standing",
    "version__policy_label",
)


def find_job(person: Person, job_pk: int) -> Job | None:
    """The job, when it exists and *person* may see it; ``None`` otherwise, whichever of the two it was."""
    return run_list.visible_jobs(person).select_related(*_SHOWN_WITH).filter(pk=job_pk).first()


def panel(job: Job, person: Person, now: datetime) -> dict[str, Any]:
    """The values of ``jobs/panel.html``."""
    newest = list(JobLine.objects.filter(job=job).order_by("-pk")[:LOG_LINES])
    lines = newest[::-1]
    begun = next((line.at for line in lines if line.step == job.step), job.started_at)
    holds = job.requested_by == person.principal or Role.OPERATOR in person.roles_on(job.dataset_id)
    asked = steps_of(job)
    held = held_back(job)
    return {
        "job": job,
        "live": job.state in LIVE,
        "state": "quarantine" if held else job.get_state_display(),
        "held": held,
        "may_open_case": held is not None and may(person, held.version, Action.DISCOVER, now),
        "purpose": run_list.purpose(job),
        "of_catalogs": job.kind in {JobKind.RECOVERY, JobKind.LINKS},
        "steps": _steps(job, lines, held=held is not None),
        "number": next((n for n, (name, _) in enumerate(asked, start=1) if name == job.step), None),
        "count": len(asked),
        "doing": "The version went to quarantine." if held else _doing(job),
        "elapsed": _elapsed(job, now),
        "estimate": _estimate(job, begun, now),
        "lines": lines,
        "requested_by": names_of({job.requested_by})[job.requested_by],
        "may_cancel": holds and job.state in LIVE,
        "may_retry": holds and job.state in STOPPED,
        **(_stopped(job, person, may_retry=holds) if job.state in STOPPED else {}),
    }


def steps_of(job: Job) -> tuple[tuple[str, str], ...]:
    """Name and sentence of the steps that *job* was asked to go through."""
    sentences = dict(STEPS)
    if job.kind in _UPKEEP:
        return tuple((name, sentences[name]) for name in _UPKEEP[job.kind])
    way = ("fetch", *_WAY) if job.kind == JobKind.FETCH else _WAY
    return tuple((name, sentences[name]) for name in way if job.propose or name in _TAKES_IN)


def held_back(job: Job) -> QuarantineCase | None:
    """The case that *job* opened: a run that ends with its version in quarantine is done, and went no further."""
    if job.state != JobState.DONE or job.version is None or job.started_at is None or job.finished_at is None:
        return None
    during = (job.started_at, job.finished_at)
    found = QuarantineCase.objects.filter(version=job.version, opened_at__range=during, reopens__isnull=True)
    return found.select_related("version__dataset", "version__policy_label").order_by("-pk").first()


def _stopped(job: Job, person: Person, *, may_retry: bool) -> dict[str, Any]:
    """Where the run stopped, what changed since a good one, and what to do."""
    good = failure.last_good(job, person)
    found = failure.differences(job, good) if good else []
    again = job.retries.order_by("pk").first()
    return {
        "stage": dict(STEPS).get(job.step, ""),
        "good": good,
        "differences": found,
        "difference": failure.sentence(found) if good else "",
        "next_steps": failure.next_steps(job, person, may_retry=may_retry),
        "who_can": "" if may_retry else who_can(holders(job.dataset_id), {Role.OPERATOR}),
        "again": again,
        "again_by": names_of({again.requested_by})[again.requested_by] if again else "",
    }


def _steps(job: Job, lines: list[JobLine], *, held: bool) -> list[dict[str, str]]:
    """Each step as done, here, stopped, or ahead. A step that was passed left a line in the log."""
    asked = steps_of(job)
    said = {line.step for line in lines}
    names = [name for name, _ in asked]
    last = max((names.index(name) for name in said & set(names)), default=-1)
    at = names.index(job.step) if job.step in names else last
    found = []
    for place, (name, sentence) in enumerate(asked):
        if held and place >= last:
            state, word = ("quarantine", "held back here") if place == last else ("not_run", "not reached")
        elif job.state == JobState.DONE or place < at:
            state, word = ("pass", "done") if name in said else ("not_run", "not needed")
        elif place == at:
            state, word = _HERE.get(job.state, ("not_run", "waiting"))
        elif name in said and job.state in STOPPED:
            state, word = "pass", "done"
        else:
            state, word = "not_run", "not reached" if job.state in STOPPED else "waiting"
        found.append({"name": name, "sentence": sentence, "state": state, "word": word})
    return found


def _doing(job: Job) -> str:
    if job.state == JobState.QUEUED:
        return "Waiting for a worker. The run is promised; you may leave this page."
    if job.state == JobState.RUNNING:
        return dict(STEPS).get(job.step, "Beginning")
    if job.state == JobState.DONE and job.kind == JobKind.FETCH and job.acquisition_id is None:
        return "Unchanged: the source holds what was fetched before, so nothing is made anew."
    if job.state == JobState.DONE:
        return "Every step that was asked for is done."
    return "The run has stopped."


def _elapsed(job: Job, now: datetime) -> float | None:
    if job.started_at is None:
        return None
    return max(0.0, ((job.finished_at or now) - job.started_at).total_seconds())


def _estimate(job: Job, begun: datetime | None, now: datetime) -> float | None:
    """Seconds left in this step at the pace so far; ``None`` while too little is known."""
    if job.state != JobState.RUNNING or begun is None or not job.total_units or not job.done_units:
        return None
    spent = (now - begun).total_seconds()
    if spent < 1 or job.done_units >= job.total_units:
        return None
    return spent * (job.total_units - job.done_units) / job.done_units
