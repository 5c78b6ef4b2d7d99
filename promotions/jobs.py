"""Writer: work owed. A row promises it, a claim leases it, ``attempts`` fences off a worker that came back late.

The broker only wakes workers: whatever it loses, the sweep finds again. Every UPDATE names the state it expects. Who
may ask for which run is ``requests``; callers find all of it here.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q

from audit.events import Event
from datasets.environment import container_digest, git_commit
from datasets.errors import Refused
from datasets.people import PIPELINE, Person
from datasets.policy.roles import Role
from promotions.leases import LEASE, PROGRESS_EVERY, Heartbeat, LostClaim, Reporter
from promotions.models import Job, JobState, Mode
from promotions.refusals import attempt
from promotions.requests import (
    owe_reprocess,
    record_job,
    request_due,
    request_fetch,
    request_intake,
    request_links,
    request_promotion,
    request_rebuild,
    request_recovery,
    request_reprocess,
    subject_of,
)

__all__ = [
    "LEASE",
    "MAX_ATTEMPTS",
    "PROGRESS_EVERY",
    "Heartbeat",
    "LostClaim",
    "Reporter",
    "cancel",
    "check_own",
    "claim",
    "fail",
    "finish",
    "owe_reprocess",
    "owed",
    "request_due",
    "request_fetch",
    "request_intake",
    "request_links",
    "request_promotion",
    "request_rebuild",
    "request_recovery",
    "request_reprocess",
    "retry",
]

MAX_ATTEMPTS = 5
#: Who cancels any run of a dataset, or tries it again; who asked for one does that too.
CANCELS = frozenset({Role.OPERATOR})
_WITH = (
    "dataset__current_spec",
    "acquisition__dataset",
    "acquisition__spec",
    "acquisition__upstream",
    "source__dataset",
    "spec",
    "version",
    "retry_of",
)


def retry(*, job: Job, by: Person, at: datetime) -> Job:
    """A new job that does what a failed or cancelled one did not; one for each that ended so."""
    about: Any = {"subject": subject_of(job), "allowed": CANCELS, "dataset_pk": job.dataset_id}
    with attempt(by=by, verb="retry", at=at, **about):
        check_own(job, by, "tries it again")
        ended = Job.objects.select_for_update(of=("self",)).get(pk=job.pk)
        if ended.state not in {JobState.FAILED, JobState.CANCELLED}:
            message = f"Only a failed or cancelled run is tried again; this one is {ended.get_state_display()}."
            raise Refused("not_retryable", message)
        made = Job.objects.filter(retry_of=job).first()
        if made is not None:
            raise Refused("retried_already", f"Already tried again by {made.requested_by}.")
        again = Job.objects.create(
            kind=job.kind,
            mode=Mode.RETRY,
            dataset=job.dataset,
            source=job.source,
            acquisition=job.acquisition,
            version=job.version,
            spec=job.spec,
            slice=job.slice,
            propose=job.propose,
            note=job.note,
            requested_by=by.principal,
            requested_at=at,
            retry_of=job,
        )
        record_job(Event.RUN_REQUESTED, by, again, at)
        return again


def cancel(*, job: Job, by: Person, at: datetime) -> None:
    """Stops a job that waits or runs; what it has recorded stays."""
    about: Any = {"subject": subject_of(job), "allowed": CANCELS, "dataset_pk": job.dataset_id}
    with attempt(by=by, verb="cancel", at=at, **about):
        check_own(job, by, "cancels it")
        changed = Job.objects.filter(pk=job.pk, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
            state=JobState.CANCELLED,
            finished_at=at,
            lease_until=None,
            failure_code="cancelled",
            failure=f"Cancelled by {by.name}.",
        )
        if changed != 1:
            raise Refused("already_ended", "The run has ended already.")
        record_job(Event.RUN_CANCELLED, by, job, at)


def check_own(job: Job, by: Person, does: str) -> None:
    """An operator, or who asked for the run, cancels it or tries it again."""
    if by.role_among(CANCELS, job.dataset_id) is None and by.principal != job.requested_by:
        raise Refused("role_missing", f"Only an operator, or who asked for the run, {does}.")


def owed(now: datetime) -> list[int]:
    """Jobs that no live worker holds, oldest first."""
    return list(Job.objects.filter(_claimable(now)).order_by("pk").values_list("pk", flat=True)[:50])


def claim(job_pk: int, now: datetime) -> Job | None:
    """Takes the job if it is free; ``None`` when another worker has it or it has ended."""
    taken = Job.objects.filter(_claimable(now), pk=job_pk, attempts__lt=MAX_ATTEMPTS).update(
        state=JobState.RUNNING,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        git_commit=git_commit(),
        container_digest=container_digest(),
    )
    if taken:
        Job.objects.filter(pk=job_pk, started_at__isnull=True).update(started_at=now)
        return Job.objects.select_related(*_WITH).get(pk=job_pk)
    given_up = Job.objects.filter(_claimable(now), pk=job_pk, attempts__gte=MAX_ATTEMPTS).first()
    if given_up is not None:
        with suppress(LostClaim):  # another worker gave it up first
            fail(
                given_up,
                code="worker_died",
                message=f"The worker died {MAX_ATTEMPTS} times over this run.",
                fix="Ask an operator to look at the worker's log, then try again.",
                at=now,
            )
    return None


def _claimable(now: datetime) -> Q:
    return Q(state=JobState.QUEUED) | Q(state=JobState.RUNNING, lease_until__lt=now)


def finish(job: Job, at: datetime) -> None:
    """Ends the job well, if the claim is still this worker's."""
    changed = Job.objects.filter(pk=job.pk, state=JobState.RUNNING, attempts=job.attempts).update(
        state=JobState.DONE, finished_at=at, lease_until=None, step=""
    )
    if changed != 1:
        raise LostClaim


def fail(job: Job, *, code: str, message: str, fix: str, at: datetime) -> None:
    """Ends the job as failed, with its cause in plain words, and enters it in the ledger."""
    with transaction.atomic():
        changed = Job.objects.filter(pk=job.pk, state=JobState.RUNNING, attempts=job.attempts).update(
            state=JobState.FAILED,
            finished_at=at,
            lease_until=None,
            failure_code=code[:60],
            failure=message,
            failure_fix=fix,
        )
        if changed != 1:
            raise LostClaim
        record_job(Event.RUN_FAILED, PIPELINE, job, at, {"code": code[:60]})
