"""Celery's edge: load, call, record. Tasks take ids, may run twice, and may be lost: the job rows remember."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from promotions import jobs, pipeline


@shared_task(name="promotions.tasks.run_job")
def run_job(job_pk: int) -> None:
    """Claims and runs one job; does nothing when it is taken or over."""
    job = jobs.claim(job_pk, timezone.now())
    if job is not None:
        pipeline.run(job)


@shared_task(name="promotions.tasks.sweep_owed_work")
def sweep_owed_work() -> None:
    """Wakes a worker for every job that no live worker holds."""
    for job_pk in jobs.owed(timezone.now()):
        run_job.apply_async(args=(job_pk,), expires=60)
