"""One act on a quarantine case: the case locked, written over exactly what was read, entered in the ledger, and told.

For the writers of cases (``cases``, ``derivatives``); decides nothing about who may do what. Locks are taken in one
order: standing, case, ledger.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import notices, permissions
from promotions.models import QuarantineCase, Resolution, Standing
from promotions.refusals import attempt

LONGEST_COMMENT = 4_000
#: What an UPDATE expects to find as it was read.
_SEEN = ("resolution", "owner", "due", "plan", "claimed_by", "claim_until")


def lease() -> timedelta:
    """How long a claim lasts after its holder's last act."""
    return timedelta(hours=settings.KFM_CLAIM_HOURS)


@contextmanager
def acting(case_pk: int, verb: str, by: Person, at: datetime) -> Iterator[QuarantineCase]:
    """The transaction around one act on a case, with the case locked."""
    with attempt(by=by, verb=verb, subject=f"case/{case_pk}", at=at) as made:
        case = locked(case_pk)
        made.about(case.version)
        yield case


def rows() -> QuerySet[QuarantineCase]:
    """Cases, locked as they are read."""
    return QuarantineCase.objects.select_for_update(of=("self",)).select_related("version__dataset")


def locked(case_pk: int) -> QuarantineCase:
    """The case, locked; ``Refused`` when there is none."""
    case = rows().filter(pk=case_pk).first()
    if case is None:
        raise Refused("no_such_case", "There is no such case.")
    return case


def lock_standing(case_pk: int) -> Standing:
    """Before the case, as ``transitions`` does."""
    standing = Standing.objects.select_for_update(of=("self",)).filter(version__cases=case_pk).first()
    if standing is None:
        raise Refused("no_such_case", "There is no such case.")
    return standing


def check_open(case: QuarantineCase) -> None:
    """An ended case is history."""
    if case.resolution:
        how = Resolution(case.resolution).label
        raise Refused("case_ended", f"The case ended already ({how}, by {case.resolved_by}). Reopen it to go on.")


def renewed(case: QuarantineCase, by: Person, at: datetime) -> dict[str, Any]:
    """A holder's claim starts anew with each of their acts."""
    return {"claim_until": at + lease()} if permissions.holder_of(case, at) == by.principal else {}


def change(case: QuarantineCase, at: datetime, **changes: Any) -> None:
    """Writes *changes* over exactly the row that was read, and its history."""
    seen = {name: getattr(case, name) for name in _SEEN}
    if QuarantineCase.objects.filter(pk=case.pk, **seen).update(**changes) != 1:
        raise Refused("changed_meanwhile", "The case was changed by someone else just now. Look again.")
    for name, value in changes.items():
        setattr(case, name, value)
    case.history.bulk_history_create([case], update=True, default_date=at)


def enter(event: Event, case: QuarantineCase, by: Person, role: Role, at: datetime, **references: str) -> None:
    """Enters one act on the case in the ledger; references that name no one are left out."""
    ledger.append(
        event=event,
        actor=by.principal,
        role=role.value,
        subject=case.version.reference,
        references={"case": str(case.pk), **{name: value for name, value in references.items() if value}},
        at=at,
    )


def said(text: str, otherwise: str) -> str:
    """What someone wrote, or ``Refused`` with *otherwise* when it is nothing."""
    words = text.replace("\x00", "").strip()
    if not words:
        raise Refused("text_missing", otherwise)
    if len(words) > LONGEST_COMMENT:
        raise Refused("text_too_long", f"That is longer than {LONGEST_COMMENT} characters. Shorten it.")
    return words


def tell(principals: set[str], case: QuarantineCase, by: Person, at: datetime, *, kind: str, text: str) -> None:  # noqa: PLR0913 - a notice's own fields
    """Tells everyone of *principals* but who did it."""
    notices.tell(
        principals=principals - {by.principal},
        kind=kind,
        text=text,
        path=reverse("promotions:case", args=[case.pk]),
        key=f"{kind}:{case.pk}:{at.isoformat()}",
        at=at,
    )
