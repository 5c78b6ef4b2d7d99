"""Writer: who sees to a quarantine case, by when, and how. It resolves no case: ``transitions`` does.

Atomic, with history and a ledger entry. Whoever writes the plan can't release the version (``permissions``).
"""

from __future__ import annotations

from datetime import date, datetime

from django.contrib.auth.models import User

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.people import Person
from promotions import permissions
from promotions.models import QuarantineCase
from promotions.refusals import attempt


def update_case(  # noqa: PLR0913 - the facts of a plan
    *, case_pk: int, owner: str, due: date, plan: str, by: Person, at: datetime
) -> QuarantineCase:
    """Sets owner, due date and plan of an open case. Raises ``Refused`` for an ended case and for who may not."""
    with attempt(by=by, verb="update_case", subject=f"case/{case_pk}", at=at) as made:
        case = (
            QuarantineCase.objects.select_for_update(of=("self",))
            .select_related("version__dataset")
            .filter(pk=case_pk)
            .first()
        )
        if case is None:
            raise Refused("no_such_case", "There is no such case.")
        made.subject = case.version.reference
        return _update(case, owner.strip(), due, plan.strip(), by, at)


def _update(case: QuarantineCase, owner: str, due: date, plan: str, by: Person, at: datetime) -> QuarantineCase:  # noqa: PLR0913 - as above
    role = permissions.check_work_case(by, case.version)
    if case.resolution:
        raise Refused(
            "case_ended", f"The case was {case.resolution} by {case.resolved_by} already; its plan is history now."
        )
    if owner and not User.objects.filter(username=owner, is_active=True).exists():
        raise Refused("owner_unknown", "There is no active account of that name. Choose the owner from the list.")
    if due < at.date() and due != case.due:
        raise Refused("due_past", "The due date is in the past. Choose today or a later day.")
    if (owner, due, plan) == (case.owner, case.due, case.plan):
        raise Refused("nothing_changed", "Nothing of the plan changed.")
    if plan != case.plan:
        case.plan_by = by.principal
    case.owner, case.due, case.plan = owner, due, plan
    case.save()
    ledger.append(
        event=Event.CASE_UPDATED,
        actor=by.principal,
        role=role.value,
        subject=case.version.reference,
        references={"case": str(case.pk), "due": due.isoformat(), "plan_digest": str(digest_bytes(plan.encode()))}
        | ({"owner": owner} if owner else {}),
        at=at,
    )
    return case
