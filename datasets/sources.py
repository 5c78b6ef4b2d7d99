"""Writer: records where a dataset's bytes are fetched from, how often, and under which terms. Reads how fresh each is.

A source holds no credential: it names one of KFM_SOURCE_CREDENTIALS, whose entry says which hosts or buckets may see
it. Nothing is fetched here. Ledger entries hold names and digests, never an address.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from audit import ledger
from audit.digests import digest_json
from audit.events import Event
from datasets.cadence import next_due, period_of
from datasets.errors import Refused
from datasets.models import Dataset, FetchAttempt, Source
from datasets.models.upstream import FetchOutcome
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.source_fields import SourceFields, check_source

__all__ = [
    "Freshness",
    "SourceFields",
    "change_source",
    "check_may_record",
    "check_source",
    "freshness",
    "record_source",
]

RECORDS = (Role.OPERATOR, Role.CONTRIBUTOR)
#: So many failed fetches in a row, and a source counts as unstable.
UNSTABLE = 3


@dataclass(frozen=True, slots=True)
class Freshness:
    """How a source keeps up. ``last_success``: fetched or found unchanged; ``last_change``: fetched new bytes."""

    last_attempt: FetchAttempt | None
    last_success: FetchAttempt | None
    last_change: FetchAttempt | None
    next_due: datetime | None
    stale: bool
    sentence: str


def check_may_record(person: Person, dataset: Dataset) -> Role:
    """The role in which *person* records and changes sources of *dataset*, or ``Refused``."""
    for role in RECORDS:
        if role in person.roles_on(dataset.pk):
            return role
    raise Refused(
        "may_not_record_source", f"Only an operator or contributor of {dataset.slug} records its sources. Ask an admin."
    )


@transaction.atomic
def record_source(*, dataset: Dataset, fields: SourceFields, by: Person, at: datetime) -> Source:
    """Records a new source. Raises ``Refused`` with findings per field, or when the dataset has one of that name."""
    role = check_may_record(by, dataset)
    _check(fields)
    try:
        with transaction.atomic():
            source = Source(dataset=dataset)
            _fill(source, fields, by, at)
            source.next_due_at = next_due(fields.cadence, at, at) if fields.active else None
            source.save()
    except IntegrityError as error:
        message = f"{dataset.slug} has a source named {fields.name} already. Change that one, or choose another name."
        raise Refused("source_name_taken", message) from error
    _record(Event.SOURCE_RECORDED, source, fields, by, role, at)
    return source


@transaction.atomic
def change_source(*, source_pk: int, fields: SourceFields, by: Person, at: datetime) -> Source:
    """Changes a source; its history keeps what it was. A new cadence counts from *at*, the same one goes on."""
    source = Source.objects.select_for_update().get(pk=source_pk)
    dataset = source.dataset
    role = check_may_record(by, dataset)
    _check(fields)
    if fields_of(source) == fields:
        raise Refused("source_same", "Nothing differs from what is recorded.")
    anchor = source.next_due_at if source.cadence == fields.cadence else None
    _fill(source, fields, by, at)
    following = anchor if anchor is not None and anchor > at else next_due(fields.cadence, anchor or at, at)
    source.next_due_at = following if fields.active else None
    try:
        with transaction.atomic():
            source.save()
    except IntegrityError as error:
        raise Refused("source_name_taken", f"{dataset.slug} has a source named {fields.name} already.") from error
    _record(Event.SOURCE_CHANGED, source, fields, by, role, at)
    return source


def fields_of(source: Source) -> SourceFields:
    """A recorded source as fields, for a form."""
    names = [name for name in SourceFields.__dataclass_fields__ if name != "allowed_hosts"]
    return SourceFields(**{name: getattr(source, name) for name in names}, allowed_hosts=tuple(source.allowed_hosts))


def due(now: datetime) -> list[int]:
    """The sources that should be fetched by themselves now, longest due first."""
    rows = Source.objects.filter(active=True, next_due_at__lte=now).order_by("next_due_at")
    return list(rows.values_list("pk", flat=True))


def advance_due(source: Source, now: datetime) -> bool:
    """Sets the next due instant of a source that is due; ``False`` when another worker did. Inside a transaction."""
    if source.next_due_at is None:
        return False
    following = next_due(source.cadence, source.next_due_at, now)
    held = Source.objects.filter(pk=source.pk, active=True, next_due_at=source.next_due_at)
    return held.update(next_due_at=following) == 1


def _check(fields: SourceFields) -> None:
    findings = check_source(fields)
    if findings:
        raise Refused("source_faulty", f"{len(findings)} thing(s) of the source must be mended.", findings)


def _fill(source: Source, fields: SourceFields, by: Person, at: datetime) -> None:
    for name, value in asdict(fields).items():
        setattr(source, name, list(value) if isinstance(value, tuple) else value)
    source.recorded_by, source.recorded_at = by.principal, at


def _record(event: Event, source: Source, fields: SourceFields, by: Person, role: Role, at: datetime) -> None:  # noqa: PLR0913 - the entry's own fields
    ledger.append(
        event=event,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{source.dataset.slug}",
        references={"source": source.name, "fields": str(digest_json(asdict(fields)))},
        at=at,
    )


def freshness(sources: Iterable[Source], now: datetime) -> dict[int, Freshness]:
    """By source, in three queries: when it was last tried, when that last went well, and whether it keeps up."""
    rows = list(sources)
    attempts = FetchAttempt.objects.filter(source__in=[s.pk for s in rows])
    good = attempts.filter(outcome__in=[FetchOutcome.FETCHED, FetchOutcome.UNCHANGED])
    tried = _latest(attempts, UNSTABLE)
    succeeded = _latest(good, 1)
    changed = _latest(attempts.filter(outcome=FetchOutcome.FETCHED), 1)
    return {
        source.pk: _freshness(
            source, tried.get(source.pk, []), succeeded.get(source.pk, []), changed.get(source.pk, []), now
        )
        for source in rows
    }


def _latest(attempts: QuerySet[FetchAttempt], count: int) -> dict[int, list[FetchAttempt]]:
    """The newest *count* attempts of each source, newest first."""
    place = Window(RowNumber(), partition_by=F("source"), order_by=F("pk").desc())
    found: dict[int, list[FetchAttempt]] = {}
    for attempt in attempts.annotate(place=place).filter(place__lte=count).order_by("source", "-pk"):
        found.setdefault(attempt.source_id, []).append(attempt)
    return found


def _freshness(
    source: Source, tried: list[FetchAttempt], good: list[FetchAttempt], changed: list[FetchAttempt], now: datetime
) -> Freshness:
    stale, sentence = _judged(source, tried, good[0] if good else None, now)
    return Freshness(
        last_attempt=tried[0] if tried else None,
        last_success=good[0] if good else None,
        last_change=changed[0] if changed else None,
        next_due=source.next_due_at if source.active else None,
        stale=stale,
        sentence=sentence,
    )


def _judged(source: Source, tried: list[FetchAttempt], success: FetchAttempt | None, now: datetime) -> tuple[bool, str]:
    """Stale: three failures in a row, or no success for two periods. A source that is switched off is never stale."""
    since = f"the last good one was on {success.finished_at:%Y-%m-%d}" if success else "none has succeeded yet"
    if not source.active:
        return False, "Switched off: nothing is fetched."
    failures = [a for a in tried if a.outcome in {FetchOutcome.FAILED, FetchOutcome.REFUSED}]
    if len(failures) >= UNSTABLE:
        return True, f"The last {UNSTABLE} fetches failed; {since}. {failures[0].fix}".strip()
    period = period_of(source.cadence)
    from_ = success.finished_at if success else source.recorded_at
    if period is not None and now - from_ > 2 * period:
        return True, f"It is due {source.get_cadence_display()}, but {since}."
    if not tried:
        return False, "Nothing was fetched yet."
    if failures and failures[0] is tried[0]:
        return False, f"The last fetch failed; {since}."
    return False, "The last fetch succeeded."
