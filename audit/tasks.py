"""The ledger's one periodic job: load, call, done."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from audit import ledger


@shared_task(name="audit.tasks.sign_checkpoint")
def sign_checkpoint() -> None:
    """Signs the ledger as it is now, when it grew; safe to run twice."""
    ledger.checkpoint(timezone.now())
