"""Celery's edge for the store: the periodic scrub."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from datasets import scrub


@shared_task(name="datasets.tasks.scrub_store")
def scrub_store() -> None:
    """Hashes stored artifacts again and records damage in the ledger."""
    scrub.scrub(at=timezone.now())
