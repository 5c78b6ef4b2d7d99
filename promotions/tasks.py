"""Celery's edge: load, call, record. Tasks take ids, may run twice, and may be lost: the job rows remember."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from datasets import sources
from promotions import deliveries, embargo_reminders, expiring, jobs, overdue, pipeline, upkeep


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


@shared_task(name="promotions.tasks.fetch_due")
def fetch_due() -> None:
    """Asks for a fetch of every source whose time has come; the sweep wakes the workers."""
    now = timezone.now()
    for source_pk in sources.due(now):
        jobs.request_due(source_pk=source_pk, at=now)


@shared_task(name="promotions.tasks.check_catalogs")
def check_catalogs() -> None:
    """Compares a slice of catalogs with what their facts make, and tells of what drifted."""
    upkeep.check_due(timezone.now)


@shared_task(name="promotions.tasks.check_links")
def check_links() -> None:
    """Asks for runs over the outside links that are owed a look, and tells of those that fail; the sweep wakes."""
    now = timezone.now()
    upkeep.request_links_due(now)
    upkeep.tell_failing(now)


@shared_task(name="promotions.tasks.tell_overdue")
def tell_overdue() -> None:
    """Tells of overdue quarantine cases, once a day each."""
    overdue.tell_overdue(timezone.now())


@shared_task(name="promotions.tasks.tell_embargoes")
def tell_embargoes() -> None:
    """Reminds of embargoes whose day has come or is near, once a week each."""
    embargo_reminders.tell_embargoes(timezone.now())


@shared_task(name="promotions.tasks.end_and_remind")
def end_and_remind() -> None:
    """Ends roles and grants whose time is over, and reminds of those that end soon."""
    expiring.end_and_remind(timezone.now())


@shared_task(name="promotions.tasks.deliver_owed")
def deliver_owed() -> None:
    """Sends the e-mail and the webhooks that are due."""
    for delivery_pk in deliveries.owed(timezone.now()):
        deliveries.deliver(delivery_pk, timezone.now())
