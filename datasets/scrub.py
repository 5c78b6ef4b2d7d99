"""Writer: hashes all that the store should hold again, as streams, and records in the ledger what is gone or changed.

Repairs nothing and deletes nothing: the damage shows in gates G and F, and an operator restores the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit import ledger
from audit.events import Event
from datasets.models import Artifact
from datasets.people import PIPELINE
from datasets.stores import measure


@dataclass(frozen=True, slots=True)
class Scrub:
    """``checked``: artifacts read; ``damaged``: digests whose bytes are gone or not what their name says."""

    checked: int
    damaged: tuple[str, ...]


def scrub(*, at: datetime) -> Scrub:
    """Reads every artifact once. One ledger entry says how it went, and one each names a damaged artifact."""
    checked = 0
    damaged: list[str] = []
    for digest in Artifact.objects.order_by("digest").values_list("digest", flat=True).iterator(chunk_size=500):
        checked += 1
        if measure(digest, fresh=True) != digest:
            damaged.append(digest)
    with transaction.atomic():
        for digest in damaged:
            _record(Event.STORE_DAMAGED, f"kfm://artifact/{digest}", {"artifact": digest}, at)
        _record(Event.STORE_SCRUBBED, "store/artifacts", {"checked": str(checked), "damaged": str(len(damaged))}, at)
    return Scrub(checked, tuple(damaged))


def _record(event: Event, subject: str, references: dict[str, str], at: datetime) -> None:
    ledger.append(event=event, actor=PIPELINE.principal, role="pipeline", subject=subject, references=references, at=at)
