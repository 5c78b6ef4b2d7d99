"""The fetch step: asks a source's upstream for its bytes and its terms, and leaves one attempt, however it ends.

New bytes become an acquisition, recorded in the transaction that files the attempt: a worker killed before it leaves
nothing, one killed after it is not followed by a second. Unchanged bytes make none; the terms are looked at in either
case. Keeps clause B2 at each ingest. Log lines and ledger entries hold names, counts and digests, never an address.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.intake import (
    DeclaredTerms,
    Origin,
    Prepared,
    Snapshot,
    check_may_upload,
    prepare_acquisition,
    record_prepared,
)
from datasets.models import Acquisition, FetchAttempt, Source, TermsObservation
from datasets.models.upstream import FetchOutcome, SourceKind
from datasets.people import Person
from datasets.policy.roles import BRINGS_IN
from datasets.steps.getting import Got, Seen, get_bytes, get_terms, shown_address
from datasets.steps.workspace import Workspace
from datasets.stores import keep
from datasets.terms import observe
from datasets.terms_words import words_digest, words_of
from datasets.upstream.errors import UpstreamFailed, UpstreamRefused
from datasets.zones.store import StoreError

GOOD = (FetchOutcome.FETCHED, FetchOutcome.UNCHANGED)
EVENTS = {
    FetchOutcome.FETCHED: Event.SOURCE_FETCHED,
    FetchOutcome.UNCHANGED: Event.SOURCE_UNCHANGED,
    FetchOutcome.REFUSED: Event.SOURCE_FAILED,
    FetchOutcome.FAILED: Event.SOURCE_FAILED,
}


class SourceNotFetched(Exception):  # noqa: N818 - an answer with its cause, as ``UnreadableSource`` is
    """The attempt is recorded; nothing came. ``message``: the cause in plain words; ``fix``: the next step."""

    def __init__(self, code: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fix = code, message, fix


@dataclass(frozen=True, slots=True)
class Order:
    """One fetch as asked for. ``backfill``: *slice* was named by a person; ``job``: the run's number.

    ``kept`` is called with the acquisition inside the transaction that records it; ``clock`` gives the end's time.
    """

    source: Source
    slice: str
    backfill: bool
    by: Person
    requested_by: str
    job: int
    kept: Callable[[Acquisition], None]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Before:
    """The bytes that the source gave last, and the validators under which they may be asked for again."""

    source_digest: str = ""
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True, slots=True)
class _Ended:
    """What an attempt's row says of its end."""

    outcome: FetchOutcome
    acquisition: Acquisition | None = None
    terms: TermsObservation | None = None
    code: str = ""
    message: str = ""
    fix: str = ""


def fetch_source(order: Order, work: Workspace) -> Acquisition | None:
    """Fetches, and records the attempt; ``None``: the upstream has nothing new. Raises ``SourceNotFetched``."""
    seen = Seen()
    try:
        return _fetch(order, work, seen)
    except UpstreamRefused as refusal:
        ended = _Ended(FetchOutcome.REFUSED, code=refusal.code, message=refusal.message, fix=refusal.fix)
    except UpstreamFailed as failure:
        seen.http_status = failure.status or seen.http_status
        ended = _Ended(FetchOutcome.FAILED, code=failure.code, message=failure.message, fix=failure.fix)
    except Refused as refusal:
        said = " ".join([refusal.message, *(f.message for f in refusal.findings)])
        fix = next((f.fix for f in refusal.findings if f.fix), "Mend what the message names, then fetch again.")
        ended = _Ended(FetchOutcome.REFUSED, code=refusal.code, message=said, fix=fix)
    except StoreError as problem:
        fix = "Ask an operator to look at the store, then fetch again."
        ended = _Ended(FetchOutcome.FAILED, code="store_failed", message=str(problem), fix=fix)
    except Exception as crash:
        message = f"The fetch stopped on an error no one foresaw ({type(crash).__name__})."
        fix = "Tell an operator; the worker's log has the details."
        _conclude(order, work, seen, _Ended(FetchOutcome.FAILED, code="crashed", message=message, fix=fix))
        raise
    _conclude(order, work, seen, ended)
    raise SourceNotFetched(ended.code, ended.message, ended.fix)


def _conclude(order: Order, work: Workspace, seen: Seen, ended: _Ended) -> None:
    """Files an attempt that brought nothing, if this worker still holds the run."""
    with transaction.atomic():
        work.listener.hold()
        _file(order, work, seen, ended)


def _fetch(order: Order, work: Workspace, seen: Seen) -> Acquisition | None:
    """Terms first: bytes whose terms can't be captured are not asked for, nor for one who may not bring them in."""
    source = order.source
    check_may_upload(order.by, source.dataset)
    snapshot = get_terms(source, work.directory)
    before = last_bytes(source, order.slice if order.backfill else None)
    got = get_bytes(source, before.seen, seen, work.directory, work.listener.progress)
    if got is None or f"sha256:{got.sha256}" == before.source_digest:
        _unchanged(order, work, seen, snapshot)
        return None
    prepared = _prepare(order, work, got, snapshot)
    try:
        with transaction.atomic():
            work.listener.hold()
            acquisition = record_prepared(prepared)
            _file(order, work, seen, _Ended(FetchOutcome.FETCHED, acquisition, _newest_look(source)))
            order.kept(acquisition)
    except IntegrityError as error:
        message = "These very bytes were recorded already, this same second."
        raise Refused("acquired_already", message) from error
    work.listener.line(f"{got.sha256[:12]}…: {seen.size_bytes} bytes in {seen.requests} request(s), kept as RAW.")
    return acquisition


def last_bytes(source: Source, slice_: str | None) -> Before:
    """What the source gave last, if it was not changed since; with *slice_*, only if it was for that slice."""
    attempts = FetchAttempt.objects.filter(source=source, started_at__gte=source.recorded_at).order_by("-pk")
    fetched = attempts.filter(outcome=FetchOutcome.FETCHED).select_related("acquisition").first()
    newest = attempts.filter(outcome__in=GOOD).first()
    if fetched is None or newest is None or fetched.acquisition is None:
        return Before()
    if slice_ is not None and fetched.acquisition.slice != slice_:
        return Before()
    seen = Seen(etag=newest.etag, last_modified=newest.last_modified, listing_digest=newest.listing_digest)
    return Before(fetched.acquisition.source_id, seen)


def _prepare(order: Order, work: Workspace, got: Got, snapshot: Snapshot) -> Prepared:
    source = order.source
    words = words_of(snapshot.raw, snapshot.media_type)
    return prepare_acquisition(
        dataset=source.dataset,
        file=got.path,
        file_name=got.file_name,
        media_type=got.media_type,
        slice_=order.slice,
        terms=DeclaredTerms(source.license, source.rights_holder, source.attribution, source.terms_uri, words),
        by=order.by,
        at=work.at,
        origin=Origin(
            type=source.kind,
            retrieval_method="http_get" if source.kind == SourceKind.HTTP else "fsspec",
            uri=shown_address(source),
            source=source,
        ),
        members=got.members,
        snapshot=snapshot,
    )


def _unchanged(order: Order, work: Workspace, seen: Seen, snapshot: Snapshot) -> None:
    kept = keep(snapshot.raw, media_type=snapshot.media_type, at=work.at)
    with transaction.atomic():
        work.listener.hold()
        look = observe(
            dataset=order.source.dataset,
            source=order.source,
            snapshot=kept,
            words_digest=words_digest(words_of(snapshot.raw, snapshot.media_type)),
            by=order.by,
            at=work.at,
        )
        _file(order, work, seen, _Ended(FetchOutcome.UNCHANGED, terms=look))
    work.listener.line("The upstream has the same bytes as before, so nothing new was made. The terms were looked at.")


def _newest_look(source: Source) -> TermsObservation | None:
    return TermsObservation.objects.filter(source=source).order_by("-pk").first()


def _file(order: Order, work: Workspace, seen: Seen, ended: _Ended) -> None:
    """One row and one ledger entry an attempt; inside the caller's transaction."""
    source = order.source
    FetchAttempt.objects.create(
        source=source,
        job=order.job,
        requested_by=order.requested_by,
        started_at=work.at,
        finished_at=order.clock(),
        outcome=ended.outcome,
        code=ended.code[:60],
        message=ended.message,
        fix=ended.fix,
        acquisition=ended.acquisition,
        terms=ended.terms,
        **asdict(seen),
    )
    references = {"source": source.name, "job": str(order.job)}
    if ended.acquisition is not None:
        references |= {"acquisition": ended.acquisition.acquisition_id, "bytes": ended.acquisition.source_id}
    if ended.code:
        references["code"] = ended.code[:60]
    ledger.append(
        event=EVENTS[ended.outcome],
        actor=order.by.principal,
        role=order.by.role_told(source.dataset_id, BRINGS_IN).value,
        subject=f"kfm://dataset/{source.dataset.slug}",
        references=references,
        at=work.at,
    )
