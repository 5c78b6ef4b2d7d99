"""Writer: work owed. A row promises it, a claim leases it, ``attempts`` fences off a worker that came back late.

The broker only wakes workers: whatever it loses, the sweep finds again. Every UPDATE names the state it expects.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.environment import container_digest, git_commit
from datasets.errors import Refused
from datasets.models import Acquisition, DatasetVersion
from datasets.people import PIPELINE, Person
from datasets.policy.roles import Role
from promotions import permissions, roles
from promotions.models import Job, JobKind, JobLine, JobState, Mode
from promotions.refusals import attempt

LEASE = timedelta(seconds=20)
RENEW_SECONDS = 5.0
MAX_ATTEMPTS = 5
_WITH = ("dataset", "acquisition__dataset", "acquisition__spec", "source__dataset", "spec", "version")
PROGRESS_EVERY = timedelta(milliseconds=500)


class LostClaim(Exception):  # noqa: N818 - another worker has the job, or a person cancelled it
    """This worker no longer holds the job; it must stop without writing."""


def request_intake(*, acquisition: Acquisition, propose: bool, note: str, by: Person, at: datetime) -> Job:
    """Owes the ingest of *acquisition*; with *propose*, the whole way to CATALOG."""
    with transaction.atomic():
        job = Job.objects.create(
            kind=JobKind.INTAKE,
            dataset=acquisition.dataset,
            acquisition=acquisition,
            propose=propose,
            note=note.strip(),
            requested_by=by.principal,
            requested_at=at,
        )
        _record(Event.RUN_REQUESTED, by, job, at)
    return job


def request_promotion(*, version: DatasetVersion, by: Person, at: datetime) -> Job:
    """Owes the steps from where *version* stands to CATALOG; one such job at a time."""
    with attempt(by=by, verb="run", subject=version.reference, at=at):
        if (
            permissions.role_for(by, roles.REQUESTS_RUNS | {Role.REVIEWER, Role.STEWARD, Role.PIPELINE}, version)
            is None
        ):
            raise Refused("role_missing", f"You have no role on {version.dataset.slug} that asks for runs.")
        DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        running = Job.objects.filter(version=version, state__in=[JobState.QUEUED, JobState.RUNNING]).first()
        if running is not None:
            raise Refused("run_already", f"A run asked for by {running.requested_by} is under way already.")
        job = Job.objects.create(
            kind=JobKind.PROMOTION,
            dataset=version.dataset,
            acquisition=version.acquisition,
            version=version,
            propose=True,
            requested_by=by.principal,
            requested_at=at,
        )
        _record(Event.RUN_REQUESTED, by, job, at)
        return job


def retry(*, job: Job, by: Person, at: datetime) -> Job:
    """A new job that does what a failed or cancelled one did not; one for each that ended so."""
    with attempt(by=by, verb="retry", subject=_subject(job), at=at):
        _check_own(job, by, "tries it again")
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
        _record(Event.RUN_REQUESTED, by, again, at)
        return again


def cancel(*, job: Job, by: Person, at: datetime) -> None:
    """Stops a job that waits or runs; what it has recorded stays."""
    with attempt(by=by, verb="cancel", subject=_subject(job), at=at):
        _check_own(job, by, "cancels it")
        changed = Job.objects.filter(pk=job.pk, state__in=[JobState.QUEUED, JobState.RUNNING]).update(
            state=JobState.CANCELLED,
            finished_at=at,
            lease_until=None,
            failure_code="cancelled",
            failure=f"Cancelled by {by.name}.",
        )
        if changed != 1:
            raise Refused("already_ended", "The run has ended already.")
        _record(Event.RUN_CANCELLED, by, job, at)


def _check_own(job: Job, by: Person, does: str) -> None:
    if Role.OPERATOR not in by.roles_on(job.dataset_id) and by.principal != job.requested_by:
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
        _record(Event.RUN_FAILED, PIPELINE, job, at, {"code": code[:60]})


class Reporter:
    """Tells the page how a claimed job goes, and notices when the claim is lost. Used from the job's own thread."""

    def __init__(self, job: Job, clock: Callable[[], datetime] = timezone.now) -> None:
        self.job = job
        self._clock = clock
        self._next = clock()

    def step(self, name: str, text: str) -> None:
        """Begins a step."""
        self._hold(step=name, done_units=None, total_units=None)
        self.line(text)

    def line(self, text: str) -> None:
        """Adds a line to the job's log, while the claim holds; ids, digests and counts only."""
        self._hold()
        JobLine.objects.create(job=self.job, at=self._clock(), step=self.job.step, text=text[:500])

    def progress(self, done: int, total: int | None) -> None:
        """Units done of *total*; written at most twice a second."""
        now = self._clock()
        if now >= self._next or done == total:
            self._next = now + PROGRESS_EVERY
            self._hold(done_units=done, total_units=total)

    def hold(self) -> None:
        """Renews the claim, or raises ``LostClaim``; inside a transaction the claim then stays put until it ends."""
        self._hold()

    def holds_version(self, version: DatasetVersion) -> None:
        """Files the job under the version it made."""
        self.job.version = version
        self._hold(version=version)

    def _hold(self, **changes: object) -> None:
        for name, value in changes.items():
            setattr(self.job, name, value)
        changed = Job.objects.filter(pk=self.job.pk, state=JobState.RUNNING, attempts=self.job.attempts).update(
            lease_until=self._clock() + LEASE, **changes
        )
        if changed != 1:
            raise LostClaim


class Heartbeat:
    """Renews a claimed job's lease from a thread of its own while a long step runs."""

    def __init__(self, job: Job) -> None:
        self._job_pk, self._attempts = job.pk, job.attempts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"lease-{job.pk}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._stop.wait(RENEW_SECONDS):
                Job.objects.filter(pk=self._job_pk, state=JobState.RUNNING, attempts=self._attempts).update(
                    lease_until=timezone.now() + LEASE
                )
        finally:
            connection.close()


def _record(event: Event, by: Person, job: Job, at: datetime, references: dict[str, str] | None = None) -> None:
    ledger.append(
        event=event,
        actor=by.principal,
        role=min((r.value for r in by.all_roles), default=Role.PIPELINE.value),
        subject=_subject(job),
        references={"job": str(job.pk)}
        | ({"acquisition": job.acquisition.acquisition_id} if job.acquisition else {})
        | (references or {}),
        at=at,
    )


def _subject(job: Job) -> str:
    return job.version.reference if job.version else f"kfm://dataset/{job.dataset.slug}"
