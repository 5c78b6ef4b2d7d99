"""Writer and reader of embargoes: until when nothing of a dataset goes to the outer circle, and who ended it (C1).

Decides nothing itself: the policies say who sets and who lifts, and that the day alone opens nothing. An embargo is
only moved to a later day; it ends when a person lifts it, on or after its day. One that runs holds back published
versions at once: ``decisions.resource_of`` and ``enforcement`` read it fresh each time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.decisions import decide, document_of, embargo_day, request_for
from datasets.errors import Refused
from datasets.models import Dataset, Embargo
from datasets.one_row import change_row
from datasets.people import Person
from datasets.policy.requests import Action, ResourceFacts
from datasets.policy.roles import Role

#: Who may be asked to act, in the order in which a person's roles are tried.
SETS = (Role.STEWARD, Role.COUNCIL)
#: The furthest day: later ones are slips of the keyboard.
MOST_YEARS = 100


def embargo_on(dataset_pk: int) -> Embargo | None:
    """The dataset's embargo that no person has lifted."""
    return Embargo.objects.filter(dataset=dataset_pk, lifted_at__isnull=True).first()


def embargoed_datasets() -> frozenset[int]:
    """Primary keys of the datasets under an embargo that no person has lifted."""
    return frozenset(Embargo.objects.filter(lifted_at__isnull=True).values_list("dataset", flat=True))


@transaction.atomic
def set_embargo(*, dataset: Dataset, until: date, reason: str, by: Person, at: datetime) -> Embargo:
    """Puts *dataset* under embargo, or moves its embargo to a later day. Raises ``Refused``."""
    _lock(dataset)
    role = _role(by, dataset)
    _check_reason(reason)
    row = embargo_on(dataset.pk)
    _check_day(until, at, row)
    _ask_policy(Action.SET_EMBARGO, dataset, by, role, at)
    if row is None:
        row = _begin(Embargo(dataset=dataset, until=until, reason=reason.strip(), set_by=by.principal, set_at=at))
        _record(Event.EMBARGO_SET, row, by, role, reason, at)
        return row
    was = row.until
    _change(row, by, at, until=until, reason=reason.strip())
    _record(Event.EMBARGO_MOVED, row, by, role, reason, at, was=was.isoformat())
    return row


@transaction.atomic
def lift_embargo(*, dataset: Dataset, reason: str, by: Person, at: datetime, seen: date | None = None) -> Embargo:
    """Ends the dataset's embargo. ``seen``: the day that *by* read. Raises ``Refused``, always before the day."""
    _lock(dataset)
    role = _role(by, dataset)
    _check_reason(reason)
    row = embargo_on(dataset.pk)
    if row is None:
        raise Refused("no_embargo", _no_embargo(dataset))
    if seen is not None and seen != row.until:
        raise Refused("embargo_moved", f"Meanwhile the embargo was moved to {row.until:%d %B %Y}. Look again.")
    _ask_policy(Action.LIFT_EMBARGO, dataset, by, role, at)
    _change(row, by, at, lifted_by=by.principal, lifted_at=at, lift_reason=reason.strip())
    _record(Event.EMBARGO_LIFTED, row, by, role, reason, at)
    return row


def _check_day(until: date, at: datetime, row: Embargo | None) -> None:
    today = at.astimezone(UTC).date()
    if until < today:
        raise Refused("embargo_in_the_past", f"{until:%d %B %Y} has passed. Choose today or a later day.")
    if until.year > today.year + MOST_YEARS:
        raise Refused("embargo_too_far", f"{until:%d %B %Y} is more than {MOST_YEARS} years away. Check the year.")
    if row is not None and until <= row.until:
        message = f"The embargo runs until {row.until:%d %B %Y}. It is only moved to a later day; to end it, lift it."
        raise Refused("embargo_not_later", message)


def _no_embargo(dataset: Dataset) -> str:
    last = Embargo.objects.filter(dataset=dataset).first()
    told = f" {last.lifted_by} lifted it at {last.lifted_at:%Y-%m-%d %H:%M} UTC already." if last else ""
    return f"{dataset.slug} is under no embargo.{told}"


def _begin(row: Embargo) -> Embargo:
    """Writes a new embargo; its history row says by whom and when."""
    row._history_user = User.objects.filter(username=row.set_by).first()  # type: ignore[attr-defined]  # noqa: SLF001 - simple-history's own door
    row._history_date = row.set_at  # type: ignore[attr-defined]  # noqa: SLF001 - as above
    row.save(force_insert=True)
    return row


def _change(row: Embargo, by: Person, at: datetime, **changes: date | datetime | str) -> None:
    """One step over exactly what was read. Raises ``Refused`` for who comes second, with who came first."""
    if change_row(row, was={"until": row.until, "lifted_at": None}, changes=changes, at=at, by=by.principal):
        return
    now = embargo_on(row.dataset_id)
    if now is None:
        raise Refused("no_embargo", _no_embargo(row.dataset))
    raise Refused("embargo_moved", f"Meanwhile the embargo was moved to {now.until:%d %B %Y}. Look again.")


def _lock(dataset: Dataset) -> None:
    """Two who act at once act one after the other, and the second sees what the first did."""
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)


def role_that_acts(by: Person, dataset: Dataset) -> Role | None:
    """The role in which *by* sets and lifts embargoes of *dataset*, if any."""
    return next((role for role in SETS if role in by.roles_on(dataset.pk)), None)


def _role(by: Person, dataset: Dataset) -> Role:
    role = role_that_acts(by, dataset)
    if role is None:
        raise Refused("role_missing", f"Only a steward of {dataset.slug} or the council sets and lifts embargoes.")
    return role


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Refused("reason_missing", "Say why: the reason is kept with the embargo.")


def _ask_policy(action: Action, dataset: Dataset, by: Person, role: Role, at: datetime) -> None:
    resource = ResourceFacts(dataset_slug=dataset.slug, embargo_until=embargo_day(dataset.pk))
    decision = decide(request_for(by, action, resource, dataset_pk=dataset.pk, role=role), version=None, at=at)
    if decision.decision == "allow":
        return
    codes = document_of(decision)["reason_codes"]
    if codes == ["embargo_day_not_come"]:
        day = date.fromisoformat(str(resource.embargo_until))
        raise Refused("embargo_day_not_come", f"The embargo can be lifted on or after {day:%d %B %Y}, and not before.")
    raise Refused("policy_denies", f"The policy does not allow this ({', '.join(codes)}).")


def _record(  # noqa: PLR0913 - the entry's own fields
    event: Event, row: Embargo, by: Person, role: Role, reason: str, at: datetime, **more: str
) -> None:
    ledger.append(
        event=event,
        actor=by.principal,
        role=role.value,
        subject=f"kfm://dataset/{row.dataset.slug}",
        references={"until": row.until.isoformat(), "reason_digest": str(digest_bytes(reason.encode())), **more},
        at=at,
    )
