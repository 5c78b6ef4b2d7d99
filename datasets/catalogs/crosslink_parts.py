"""What every check of the links between the catalogs shares: stored artifacts, receipts as read, how a fault is told.

Decides only whether a receipt can be read at all; the rules of clause D2 are in the ``crosslink_…`` modules, and
``crosslinks`` asks them all. Never looks anything up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding, Kind
from datasets.catalogs.triplet import mapping

ARTIFACT: Final = "kfm://artifact/"
REBUILD: Final = "Rebuild the catalog from the recorded facts."


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """What the store holds under a digest: its size in bytes, and its role in the version (``data``, ``qa``, …)."""

    size_bytes: int
    role: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A run receipt, read: ``inputs`` and ``outputs`` are sets of digests; ``digest`` is of its bytes."""

    body: Mapping[str, Any]
    digest: str
    inputs: frozenset[str]
    outputs: frozenset[str]

    def named(self, digest: str, side: str) -> set[str]:
        """The uris under which the receipt lists a digest; ``side``: ``inputs`` or ``outputs``."""
        listed = [mapping(item) for item in self.body[side]]
        return {str(item.get("uri")) for item in listed if item.get("digest") == digest}


def broken(code: str, where: str, message: str, kind: Kind = "violated") -> Finding:
    return Finding(code, where, message[:500], REBUILD, kind)


def digest_of(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def single(values: Iterable[str]) -> str:
    """The one value; empty when there is none or several."""
    found = set(values)
    return found.pop() if len(found) == 1 else ""


def shown(values: Iterable[object]) -> str:
    """Values for a message, sorted and cut short; a word where there is none."""
    return ", ".join(sorted(str(value)[:120] for value in values)) or "nothing"


def read_receipt(raw: bytes) -> Receipt | Finding:
    digest = digest_of(raw)
    try:
        body = parse_strict(raw)
    except StrictJsonError as error:
        return broken("receipt_unread", digest, f"A run receipt is not strict JSON: {error}", "error")
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("inputs"), list)
        or not isinstance(body.get("outputs"), list)
    ):
        return broken("receipt_unread", digest, "A run receipt has no lists of inputs and outputs.", "error")
    sides = [frozenset(str(mapping(item).get("digest")) for item in body[side]) for side in ("inputs", "outputs")]
    return Receipt(body, digest, sides[0], sides[1])
