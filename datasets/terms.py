"""Writer and reader of the terms watch: what the upstream's terms said each time, and which wording was accepted.

A dataset's first observed wording stands by itself; every other one waits until a steward accepts it, and until then
clause B2 fails for each version under way (``promotions.gates.b_rights``). Observed per channel: each source, and
uploads. Nothing observed or accepted is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import Acquisition, Artifact, Dataset, Source, TermsAcceptance, TermsObservation
from datasets.people import Person
from datasets.policy.roles import BRINGS_IN, Role
from datasets.stores import read_document
from datasets.terms_words import words_digest, words_of


@dataclass(frozen=True, slots=True)
class TermsStanding:
    """How a dataset's terms stand.

    ``latest``: the observation to read: the newest that is not accepted, or else the newest; ``accepted``: the newest
    one before it whose words are accepted; ``acceptance``: the steward's row for those, ``None``: they were the first;
    ``observed``: the words digest that each channel shows now; ``words``: every accepted words digest.
    """

    latest: TermsObservation | None
    accepted: TermsObservation | None
    acceptance: TermsAcceptance | None
    observed: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def changed(self) -> bool:
        """Whether a channel shows words that no one accepted."""
        return not set(self.observed) <= set(self.words)


def observe(  # noqa: PLR0913 - what was seen, where, by whom, when
    *, dataset: Dataset, source: Source | None, snapshot: Artifact, words_digest: str, by: Person, at: datetime
) -> TermsObservation:
    """Records what the terms said at *at*, inside the caller's transaction; a new wording is told in the ledger."""
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    _begin(dataset)
    held = _accepted_words(dataset)
    before = TermsObservation.objects.filter(dataset=dataset, source=source).order_by("-pk").first()
    row = TermsObservation.objects.create(
        dataset=dataset,
        source=source,
        snapshot=snapshot,
        words_digest=words_digest,
        observed_by=by.principal,
        observed_at=at,
    )
    new = bool(held) and words_digest not in held and (before is None or before.words_digest != words_digest)
    ledger.append(
        event=Event.TERMS_CHANGED if new else Event.TERMS_OBSERVED,
        actor=by.principal,
        role=by.role_told(dataset.pk, BRINGS_IN).value,
        subject=f"kfm://dataset/{dataset.slug}",
        references={"snapshot": snapshot.digest, "words": words_digest} | ({"source": source.name} if source else {}),
        at=at,
    )
    return row


def _begin(dataset: Dataset) -> None:
    """A dataset from before the watch: the terms of its first acquisition are its first observation."""
    if TermsObservation.objects.filter(dataset=dataset).exists():
        return
    first = Acquisition.objects.filter(dataset=dataset).select_related("terms").order_by("acquired_at", "pk").first()
    if first is not None:
        words = words_of(read_document(first.terms_id), first.terms.media_type)
        TermsObservation.objects.create(
            dataset=dataset,
            source=first.upstream,
            snapshot=first.terms,
            words_digest=words_digest(words),
            observed_by=first.acquired_by,
            observed_at=first.acquired_at,
        )


def standing_terms(dataset: Dataset, *, source_pk: int | None = None) -> TermsStanding:
    """How the terms stand, in three queries. Channels: uploads, the active sources, and *source_pk* in any case."""
    channels = list(
        TermsObservation.objects.filter(dataset=dataset)
        .filter(Q(source__isnull=True) | Q(source__active=True) | Q(source=source_pk))
        .annotate(place=Window(RowNumber(), partition_by=F("source"), order_by=F("pk").desc()))
        .filter(place=1)
        .select_related("snapshot", "source")
        .order_by("-pk")
    )
    acceptances = {a.words_digest: a for a in TermsAcceptance.objects.filter(dataset=dataset).order_by("accepted_at")}
    first = TermsObservation.objects.filter(dataset=dataset).order_by("pk").first()
    words = {*acceptances, *([first.words_digest] if first else [])}
    unread = [row for row in channels if row.words_digest not in words]
    latest = next(iter(unread or channels), None)
    accepted = _accepted_before(latest, words) if unread and latest else latest
    return TermsStanding(
        latest=latest,
        accepted=accepted,
        acceptance=acceptances.get(accepted.words_digest) if accepted else None,
        observed=tuple(sorted({row.words_digest for row in channels})),
        words=tuple(sorted(words)),
    )


def _accepted_before(latest: TermsObservation, words: set[str]) -> TermsObservation | None:
    """What *latest* is compared with: accepted words of its own channel, or else of any."""
    rows = TermsObservation.objects.filter(dataset=latest.dataset_id, words_digest__in=words, pk__lt=latest.pk)
    rows = rows.select_related("snapshot", "source").order_by("-pk")
    return rows.filter(source=latest.source_id).first() or rows.first()


def _accepted_words(dataset: Dataset) -> set[str]:
    first = TermsObservation.objects.filter(dataset=dataset).order_by("pk").values_list("words_digest", flat=True)[:1]
    return {*first, *TermsAcceptance.objects.filter(dataset=dataset).values_list("words_digest", flat=True)}


def words_captured(acquisition: Acquisition) -> str:
    """The words digest of the terms that *acquisition* came under; ``""``: recorded before terms were watched."""
    looks = TermsObservation.objects.filter(dataset=acquisition.dataset_id, snapshot=acquisition.terms_id)
    return looks.order_by("pk").values_list("words_digest", flat=True).first() or ""


def words_of_observation(observation: TermsObservation) -> str:
    """The words as observed, read from the stored snapshot; the store's own errors say when it is gone."""
    return words_of(read_document(observation.snapshot_id), observation.snapshot.media_type)


def check_may_accept(person: Person, observation: TermsObservation) -> Role:
    """A steward of the dataset accepts, but not who captured the terms, nor who recorded their source last."""
    if Role.STEWARD not in person.roles_on(observation.dataset_id):
        raise Refused("role_missing", f"Only a steward of {observation.dataset.slug} accepts changed terms.")
    source = observation.source
    if person.principal in {observation.observed_by, source.recorded_by if source else ""}:
        message = "You brought these terms in or recorded their source, so another steward must accept them."
        raise Refused("own_terms", message)
    return Role.STEWARD


@transaction.atomic
def accept(*, observation_pk: int, reason: str, by: Person, at: datetime) -> TermsAcceptance:
    """Records that *by* read the observed wording and found that the dataset may go on under it.

    Raises ``Refused`` when *by* may not, the reason is empty, the words are accepted already, or others came since.
    """
    rows = TermsObservation.objects.select_related("dataset", "source")
    observation = rows.get(pk=observation_pk)
    role = check_may_accept(by, observation)
    if not reason.strip():
        raise Refused("reason_missing", "Say why the dataset may go on under these terms: the reason is kept.")
    Dataset.objects.select_for_update(no_key=True).get(pk=observation.dataset_id)
    held = TermsAcceptance.objects.filter(dataset=observation.dataset, words_digest=observation.words_digest).first()
    if held is not None:
        message = f"These terms were accepted already by {held.accepted_by} at {held.accepted_at:%Y-%m-%d %H:%M} UTC."
        raise Refused("accepted_already", message)
    standing = standing_terms(observation.dataset, source_pk=observation.source_id)
    if observation.words_digest in standing.words:
        raise Refused("nothing_to_accept", "These are the dataset's first terms; they need no acceptance.")
    if observation.words_digest not in standing.observed:
        raise Refused("observed_since", "The upstream shows other terms by now. Read those instead.")
    return _record_acceptance(observation, reason.strip(), by, role, at)


def _record_acceptance(
    observation: TermsObservation, reason: str, by: Person, role: Role, at: datetime
) -> TermsAcceptance:
    row = TermsAcceptance.objects.create(
        dataset=observation.dataset,
        observation=observation,
        words_digest=observation.words_digest,
        accepted_by=by.principal,
        role=role.value,
        reason=reason,
        accepted_at=at,
    )
    references: Mapping[str, str] = {
        "snapshot": observation.snapshot_id,
        "words": observation.words_digest,
        "reason_digest": str(digest_bytes(reason.encode("utf-8", "surrogatepass"))),
    }
    ledger.append(
        event=Event.TERMS_ACCEPTED,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{observation.dataset.slug}",
        references=references,
        at=at,
    )
    return row
