"""Reader: which published versions and tombstones a person gets, each with the release that speaks for it.

Asks ``datasets.enforcement`` before it fetches anything. What is hidden and what is absent take the same steps here and
end in the same ``Absent``, with one stored denial (design §6, §8).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from audit.digests import digest_bytes
from datasets import decisions, enforcement
from datasets.models import DatasetVersion, PolicyDecision
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.receipts import instant
from promotions.api.answers import Absent, Gone, NotServable
from promotions.models import Release, Tombstone
from promotions.readers.as_owed import made_as_owed
from promotions.states import State

SLUG = re.compile(r"[a-z0-9_]{1,100}")
VERSION_ID = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}\.[0-9a-f]{8}(?:\.[0-9a-f]{8})?")
GONE_STATES = (State.SUPERSEDED.value, State.WITHDRAWN.value)


@dataclass(frozen=True, slots=True)
class Released:
    """A published version with its promotion manifest, as released and verified against its digest."""

    version: DatasetVersion
    release: Release
    manifest: Mapping[str, Any]

    @property
    def slug(self) -> str:
        return self.version.dataset.slug

    @property
    def version_id(self) -> str:
        return self.version.version_id


def released(version: DatasetVersion) -> Released:
    """*version* (published, with ``releases`` fetched) and its release. Raises ``NotServable`` when they disagree."""
    standing = version.standing
    release = next((r for r in version.releases.all() if r.round == standing.round), None)
    if release is None:
        raise NotServable("This version has no promotion manifest, so nothing of it is served.")
    if str(digest_bytes(release.manifest.encode())) != release.manifest_digest:
        raise NotServable("The promotion manifest is not the one that was released; nothing is served.")
    manifest = json.loads(release.manifest)
    if (manifest["dataset_slug"], manifest["dataset_version_id"]) != (version.dataset.slug, version.version_id):
        raise NotServable("The promotion manifest speaks of another version; nothing is served.")
    return Released(version, release, manifest)


class Reader:
    """One person's reading in one request, at one time."""

    def __init__(self, person: Person, at: datetime) -> None:
        self.person = person
        self.at = at
        self._visible: dict[Action, QuerySet[DatasetVersion]] = {}

    def published(self, action: Action) -> QuerySet[DatasetVersion]:
        """Published versions that the person may *action*, by slug, with everything an answer needs."""
        return (
            self._readable(action)
            .filter(standing__state=State.PUBLISHED.value)
            .select_related("dataset", "spec", "acquisition", "policy_label", "standing")
            .prefetch_related(Prefetch("releases", Release.objects.order_by("-pk")))
            .order_by("dataset__slug")
        )

    def tombstoned(self) -> QuerySet[DatasetVersion]:
        """Withdrawn and superseded versions whose tombstone the person may read, newest first."""
        return (
            self._readable(Action.READ_TOMBSTONE)
            .filter(standing__state__in=GONE_STATES)
            .select_related("dataset", "spec", "policy_label", "standing")
            .prefetch_related(
                Prefetch("tombstones", Tombstone.objects.select_related("successor__dataset").order_by("-pk"))
            )
            .order_by("-created_at", "-pk")
        )

    def get(self, slug: str, version_id: str | None = None, action: Action = Action.READ) -> Released:
        """The published version (``None``: the dataset's), not yet decided on: call ``decide`` before showing it.

        Raises ``Gone`` with the tombstone, or ``Absent``.
        """
        names = {"dataset__slug": slug} | ({"version_id": version_id} if version_id else {})
        version = self.published(action).filter(**names).first()
        if version is not None:
            return released(version)
        dead = self.tombstoned().filter(**names).first()
        if dead is not None:
            decision = enforcement.enforce(self.person, dead, Action.READ_TOMBSTONE, at=self.at)
            if decision.decision == "allow":
                raise Gone(self.tombstone(dead), decision.decision_id)
        raise self.absent(slug, version_id, action)

    def decide(self, found: Released, action: Action) -> PolicyDecision:
        """The stored decision that allows *action*; raises ``Absent`` for a denial."""
        decision = enforcement.enforce(self.person, found.version, action, at=self.at)
        if decision.decision != "allow":
            raise Absent(decision.decision_id)
        return decision

    def absent(self, slug: str | None, version_id: str | None, action: Action) -> Absent:
        """The refusal for what is hidden or not there: its denial is stored, and names no version either way."""
        return Absent(enforcement.deny_unseen(self.person, slug, version_id, action, at=self.at))

    def tombstone(self, version: DatasetVersion) -> dict[str, Any]:
        """What the public reads of a version that is gone; a successor is named only when it may be read."""
        stone = next(iter(version.tombstones.all()), None)
        if stone is None:
            raise NotServable("This version is no longer served, and has no tombstone.")
        successor = stone.successor
        if successor is not None and not self.published(Action.DISCOVER).filter(pk=successor.pk).exists():
            successor = None
        return {
            **identity_of(version),
            "standing": stone.state,
            "reason": stone.reason,
            "at": instant(stone.at),
            "successor": None
            if successor is None
            else {"dataset_id": successor.dataset.slug, "dataset_version_id": successor.version_id},
        }

    def _readable(self, action: Action) -> QuerySet[DatasetVersion]:
        if action not in self._visible:
            self._visible[action] = enforcement.visible_versions(self.person, action)
        return self._visible[action]


def identity_of(version: DatasetVersion) -> dict[str, Any]:
    """What every answer about a version carries: ids, digests, label (design §8)."""
    return {
        "dataset_id": version.dataset.slug,
        "dataset_version_id": version.version_id,
        "title": version.dataset.title,
        "policy_label": version.policy_label_id,
        "spec_hash": version.spec.spec_hash,
        "inputs_digest": version.inputs_digest,
    }


def recorded_obligations(found: Released) -> list[dict[str, Any]]:
    """The obligations of the decision under which the version was released. Raises ``NotServable`` when it is lost."""
    row = PolicyDecision.objects.filter(pk=found.manifest["policy"]["decision_id"]).first()
    if row is None:
        raise NotServable("The decision under which this version was released is not on record; nothing is served.")
    obligations: list[dict[str, Any]] = decisions.document_of(row)["obligations"]
    return obligations


def check_bytes_may_go(decision: PolicyDecision, recorded: Iterable[Mapping[str, Any]]) -> None:
    """Raises ``Absent`` when the data must not go out as released.

    The label may have been tightened since: bytes that lack a transform which it now requires stay in, as do those of a
    version that is metadata only (C2).
    """
    if not made_as_owed(recorded, decisions.document_of(decision)["obligations"]):
        raise Absent(decision.decision_id)
