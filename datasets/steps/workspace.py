"""What a step works with: a scratch directory, the clock reading of its start, and someone to tell how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from audit.canonical import canonical_bytes
from datasets.models import Artifact
from datasets.stores import keep


class Listener(Protocol):
    """Hears a step's progress; may raise to stop it."""

    def line(self, text: str) -> None:
        """One line for the log: ids, digests and counts, never values."""

    def hold(self) -> None:
        """Raises when this worker may not go on; called inside the transaction that records the run."""

    def progress(self, done: int, total: int | None) -> None:
        """Units done of *total* (``None``: not known)."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """``directory`` is the step's own and is removed after it; ``at``: when the step began, UTC."""

    directory: Path
    at: datetime
    listener: Listener


def keep_json(document: object, *, at: datetime) -> Artifact:
    """Stores a document as canonical JSON."""
    return keep(canonical_bytes(document), media_type="application/json", at=at)
