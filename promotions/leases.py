"""The lease on a job that a worker has claimed: telling how it goes, renewing it, and noticing that it is lost.

Every UPDATE names the claim it expects (``attempts`` is its fencing token), so a worker that came back late writes
nothing. Used by the worker alone; claiming and ending a job is ``jobs``.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import OperationalError, connection
from django.utils import timezone

from datasets.models import Acquisition, DatasetVersion
from promotions.models import Job, JobLine, JobState

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=20)
RENEW_SECONDS = 5.0
PROGRESS_EVERY = timedelta(milliseconds=500)


class LostClaim(Exception):  # noqa: N818 - another worker has the job, or a person cancelled it
    """This worker no longer holds the job; it must stop without writing."""


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

    def holds_acquisition(self, acquisition: Acquisition) -> None:
        """Files under the job what it fetched; inside the transaction that records it, or it would be fetched twice."""
        self.job.acquisition = acquisition
        self._hold(acquisition=acquisition)

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
                try:
                    self._renew()
                except OperationalError as busy:  # the next beat still comes in time; a lease that runs out is no harm
                    logger.warning("job %s: the lease was not renewed this time (%s)", self._job_pk, busy)
                    connection.close()
        finally:
            connection.close()

    def _renew(self) -> None:
        Job.objects.filter(pk=self._job_pk, state=JobState.RUNNING, attempts=self._attempts).update(
            lease_until=timezone.now() + LEASE
        )
