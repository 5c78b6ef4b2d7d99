"""What a job's page shows: its steps, what it does now, how far it is, its log, and on failure the way on.

Decides who may see a job: who asked for it, and who works on its dataset and may know of its version. Everyone else
finds nothing there, in the same words as for a job that never was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from datasets.people import Person, names_of
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions.models import Job, JobLine, JobState
from promotions.pipeline import STEPS
from promotions.readers.version_page import may

WATCHERS = frozenset({Role.OPERATOR, Role.REVIEWER, Role.STEWARD, Role.COUNCIL, Role.AUDITOR})
LOG_LINES = 200
LIVE = frozenset({JobState.QUEUED, JobState.RUNNING})
#: What to do next, by the failure's code; the fix itself stands before them.
NEXT_STEPS: dict[str, tuple[str, ...]] = {
    "cancelled": (
        "What was recorded before the cancelling stays as it is.",
        "Try again: the run is taken up where it was left.",
        "If the file was the wrong one, upload the right one instead.",
    ),
    "worker_died": (
        "Ask an operator to look at the worker's log.",
        "Try again once the worker is sound.",
        "If it dies again on this file, split the file by slice.",
    ),
    "store_failed": (
        "Ask an operator to look at the store: space, rights, damaged objects.",
        "Try again: no bytes were lost, the upload is kept.",
        "If an object is damaged, upload the same file again; the store mends nothing by itself.",
    ),
    "crashed": (
        "Tell an operator the number of this run.",
        "Try again: a step that was recorded is not made twice.",
        "If it stops again at the same place, keep the file and report it.",
    ),
    "gates_failed": (
        "Open the version and look at its gates: each finding says how to mend it.",
        "If it stands in quarantine, a reviewer works its case.",
        "Try again when it is mended.",
    ),
}
DEFAULT_STEPS = (
    "Mend the file or the spec as said above.",
    "Upload the mended file: it becomes an acquisition of its own, and this one stays on record.",
    "If the file was right, record a spec that says what the file holds, then upload under it.",
)


_JOBS = Job.objects.select_related(
    "dataset",
    "source",
    "acquisition__source",
    "version__dataset",
    "version__standing",
    "version__policy_label",
)


def find_job(person: Person, job_pk: int, at: datetime) -> Job | None:
    """The job, when it exists and *person* may see it; ``None`` otherwise, whichever of the two it was."""
    job = _JOBS.filter(pk=job_pk).first()
    if job is None or person.is_public:
        return None
    if job.requested_by == person.principal:
        return job
    if not WATCHERS & person.roles_on(job.dataset_id):
        return None
    if job.version is not None and not may(person, job.version, Action.DISCOVER, at):
        return None
    return job


def panel(job: Job, person: Person, now: datetime) -> dict[str, Any]:
    """The values of ``jobs/panel.html``."""
    newest = list(JobLine.objects.filter(job=job).order_by("-pk")[:LOG_LINES])
    lines = newest[::-1]
    begun = next((line.at for line in lines if line.step == job.step), job.started_at)
    names = names_of({job.requested_by})
    holds = job.requested_by == person.principal or Role.OPERATOR in person.roles_on(job.dataset_id)
    return {
        "job": job,
        "live": job.state in LIVE,
        "state": job.get_state_display(),
        "steps": _steps(job, lines),
        "number": next((n for n, (name, _) in enumerate(STEPS, start=1) if name == job.step), None),
        "count": len(STEPS) if job.propose else 1,
        "doing": _doing(job),
        "elapsed": _elapsed(job, now),
        "estimate": _estimate(job, begun, now),
        "lines": lines,
        "requested_by": names[job.requested_by],
        "next_steps": NEXT_STEPS.get(job.failure_code, DEFAULT_STEPS)
        if job.state in {JobState.FAILED, JobState.CANCELLED}
        else (),
        "mend_by_upload": job.state == JobState.FAILED and job.failure_code not in NEXT_STEPS,
        "may_cancel": holds and job.state in LIVE,
        "may_retry": holds and job.state in {JobState.FAILED, JobState.CANCELLED},
    }


def _steps(job: Job, lines: list[JobLine]) -> list[dict[str, str]]:
    """Each step as done, here, stopped, or ahead. A step that was passed left a line in the log."""
    asked = STEPS if job.propose else STEPS[:1]
    said = {line.step for line in lines}
    names = [name for name, _ in asked]
    at = names.index(job.step) if job.step in names else max((names.index(n) for n in said & set(names)), default=-1)
    found = []
    for place, (name, sentence) in enumerate(asked):
        if job.state == JobState.DONE or place < at:
            state, word = ("pass", "done") if name in said else ("not_run", "not needed")
        elif place == at:
            state, word = {
                JobState.RUNNING: ("waived", "under way"),
                JobState.FAILED: ("block", "failed here"),
                JobState.CANCELLED: ("error", "cancelled here"),
            }.get(JobState(job.state), ("not_run", "waiting"))
        else:
            state, word = "not_run", "not reached" if job.state in {JobState.FAILED, JobState.CANCELLED} else "waiting"
        found.append({"name": name, "sentence": sentence, "state": state, "word": word})
    return found


def _doing(job: Job) -> str:
    if job.state == JobState.QUEUED:
        return "Waiting for a worker. The run is promised; you may leave this page."
    if job.state == JobState.RUNNING:
        return dict(STEPS).get(job.step, "Beginning")
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
