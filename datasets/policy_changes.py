"""Writer: changes of policy that someone asks for (ADR 0025). What closes is applied at once; what opens waits.

Keeps: who asks does not confirm; nobody confirms their own gain; a change is applied only to what it was asked against.
Labels are never deleted. Each step is history, and a ledger entry in the same transaction.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.contrib.auth.models import User
from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from audit.events import Event
from datasets import label_writing, people, rights_wanted
from datasets.errors import Refused
from datasets.models import Dataset, PolicyChange, PolicyChangeKind, PolicyChangeState
from datasets.one_row import change_row
from datasets.persons import Person, person_named
from datasets.policy.labels import LabelFacts
from datasets.policy.roles import Role

FRESH = timedelta(minutes=2)
LONGEST_REASON = 400
State = PolicyChangeState
Kind = PolicyChangeKind
_LABELS = frozenset({Kind.LABEL_CREATE, Kind.LABEL_EDIT})


class Proof(Protocol):
    """That *principal* gave their password again at *at* (``promotions.signoffs.reauthenticate`` makes it)."""

    @property
    def principal(self) -> str: ...
    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is wanted, against what, and whether it opens."""

    kind: PolicyChangeKind
    subject: str
    document: dict[str, Any]
    basis: str
    opens: bool


@transaction.atomic
def ask_label(*, facts: LabelFacts, by: Person, reason: str, at: datetime, new: bool = False) -> PolicyChange:
    """Asks for a label to be as *facts* say (``new``: for one that is not there). Raises ``Refused``, by field."""
    _check_asks(by, reason)
    before = label_writing.lock(facts.name)
    label_writing.check(before, facts, new=new, at=at)
    opens = bool(label_writing.openings_of(before, facts))
    kind = Kind.LABEL_CREATE if before is None else Kind.LABEL_EDIT
    document = label_writing.document_of(facts)
    asked = _Asked(kind, f"label/{facts.name}", document, label_writing.basis_of(facts.name), opens)
    return _ask(asked, by, reason, at)


@transaction.atomic
def ask_role(  # noqa: PLR0913 - who asks for which role for whom, until when, why
    *, user: User, role: Role, expires_at: datetime | None, by: Person, reason: str, at: datetime
) -> PolicyChange:
    """Asks for *user* to hold *role*. A contributor's is given at once."""
    _check_asks(by, reason)
    wanted = rights_wanted.Wanted(user, role.value, None, expires_at)
    rights_wanted.check(wanted, by, reason, at)
    return _ask(_of_right(Kind.ROLE_ASSIGN, wanted), by, reason, at)


@transaction.atomic
def ask_grant(  # noqa: PLR0913 - as above
    *, user: User, dataset: Dataset, grant: str, expires_at: datetime | None, by: Person, reason: str, at: datetime
) -> PolicyChange:
    """Asks for *user* to hold *grant* on *dataset*. A grant to contribute is given at once."""
    _check_asks(by, reason)
    wanted = rights_wanted.Wanted(user, grant, dataset, expires_at)
    rights_wanted.check(wanted, by, reason, at)
    return _ask(_of_right(Kind.GRANT_GIVE, wanted), by, reason, at)


def _of_right(kind: PolicyChangeKind, wanted: rights_wanted.Wanted) -> _Asked:
    opens = people.needs_second(wanted.right)
    return _Asked(kind, f"user/{wanted.user.username}", wanted.document, wanted.basis(), opens)


def _ask(asked: _Asked, by: Person, reason: str, at: datetime) -> PolicyChange:
    document = canonical_bytes(asked.document).decode()
    same = PolicyChange.objects.filter(state=State.PENDING, kind=asked.kind, subject=asked.subject, document=document)
    if (pending := same.filter(basis_digest=asked.basis).first()) is not None:
        when = f"{pending.asked_at:%Y-%m-%d %H:%M} UTC"
        message = f"{pending.asked_by} asked for exactly this at {when}; it waits for a second person."
        raise Refused("asked_already", message)
    change = PolicyChange.objects.create(
        kind=asked.kind,
        subject=asked.subject,
        document=document,
        basis_digest=asked.basis,
        needs_second=asked.opens,
        reason=reason.strip(),
        asked_by=by.principal,
        asked_at=at,
    )
    _record(Event.POLICY_CHANGE_ASKED, change, by, Role.ADMIN, reason, at)
    if not asked.opens:
        _apply(change, by, by, None, at)
        _decide(change, State.APPLIED, by, Role.ADMIN, "", at)
        _record(Event.POLICY_CHANGE_APPLIED, change, by, Role.ADMIN, reason, at)
    return change


@transaction.atomic
def confirm(*, change_pk: int, by: Person, proof: Proof, at: datetime) -> PolicyChange:
    """Puts a pending change into force. *by*: another admin or a council member, who gave their password again."""
    change = _pending(change_pk)
    role = check_confirms(change, by)
    if proof.principal != by.principal or not timedelta(0) <= at - proof.at <= FRESH:
        raise Refused("not_reauthenticated", "Give your password again to confirm.")
    asker = person_named(change.asked_by)
    if Role.ADMIN not in asker.roles:
        message = f"{change.asked_by} asked for this and is no admin any more. Refuse it, and let an admin ask anew."
        raise Refused("asker_left", message)
    _apply(change, asker, by, by, at)
    _decide(change, State.APPLIED, by, role, "", at)
    _record(Event.POLICY_CHANGE_APPLIED, change, by, role, change.reason, at)
    return change


@transaction.atomic
def refuse(*, change_pk: int, by: Person, reason: str, at: datetime) -> PolicyChange:
    """Ends a pending change without effect. *by*: whoever could confirm it."""
    change = _pending(change_pk)
    role = check_confirms(change, by)
    _check_reason(reason)
    _decide(change, State.REFUSED, by, role, reason, at)
    _record(Event.POLICY_CHANGE_REFUSED, change, by, role, reason, at)
    return change


@transaction.atomic
def take_back(*, change_pk: int, by: Person, reason: str, at: datetime) -> PolicyChange:
    """Ends one's own pending change."""
    change = _pending(change_pk)
    if by.principal != change.asked_by:
        raise Refused("not_the_asker", f"Only {change.asked_by}, who asked, takes this back.")
    _check_reason(reason)
    role = by.role_told(None, {Role.ADMIN})
    _decide(change, State.TAKEN_BACK, by, role, reason, at)
    _record(Event.POLICY_CHANGE_TAKEN_BACK, change, by, role, reason, at)
    return change


def check_confirms(change: PolicyChange, by: Person) -> Role:
    """The role in which *by* may confirm or refuse *change*. Raises ``Refused``."""
    role = next((r for r in (Role.ADMIN, Role.COUNCIL) if r in by.roles), None)
    if role is None:
        raise Refused("may_not_confirm", "Only an admin or a council member confirms what opens much.")
    if by.principal == change.asked_by:
        raise Refused("own_request", "You asked for this, so another admin or a council member must decide.")
    if change.subject == f"user/{by.principal}":
        raise Refused("own_gain", "This would be yours, so another admin or a council member must decide.")
    return role


def check_current(change: PolicyChange) -> None:
    """Raises ``Refused`` when what *change* was asked against is not what is there now."""
    document = json.loads(change.document)
    if change.kind in _LABELS:
        now, what = label_writing.basis_of(document["name"]), "The label"
    else:
        now, what = rights_wanted.of_document(document).basis(), "What the person holds"
    if now != change.basis_digest:
        message = f"{what} was changed meanwhile, so this can't be put into force. Refuse it, and let it be asked anew."
        raise Refused("overtaken", message)


def _apply(change: PolicyChange, asker: Person, by: Person, second: Person | None, at: datetime) -> None:
    """Does what *change* says, under its own rules again: as asked by *asker*, confirmed by *second*."""
    document = json.loads(change.document)
    if change.kind in _LABELS:
        label_writing.lock(document["name"])
        check_current(change)
        label_writing.write(document, by=by, confirmed=second is not None, change=change, at=at)
        return
    wanted = rights_wanted.of_document(document)
    check_current(change)
    facts: Any = {"by": asker, "confirmed_by": second, "reason": change.reason, "at": at}
    facts["expires_at"] = wanted.expires_at
    if wanted.dataset is None:
        people.assign_role(user=wanted.user, role=Role(wanted.right), **facts)
    else:
        people.give_grant(user=wanted.user, dataset=wanted.dataset, grant=wanted.right, **facts)


def _pending(change_pk: int) -> PolicyChange:
    change = PolicyChange.objects.select_for_update(of=("self",)).filter(pk=change_pk).first()
    if change is None:
        raise Refused("no_such_change", "There is no such change.")
    _check_pending(change)
    return change


def _check_pending(change: PolicyChange) -> None:
    if change.state != State.PENDING:
        when = f"{change.decided_at:%Y-%m-%d %H:%M} UTC"
        done = State(change.state).label
        raise Refused("decided_already", f"Already {done} by {change.decided_by} at {when}.")


def _decide(  # noqa: PLR0913 - the decision's own fields
    change: PolicyChange, state: PolicyChangeState, by: Person, role: Role, reason: str, at: datetime
) -> None:
    decision = {
        "state": state,
        "decided_by": by.principal,
        "decided_role": role.value,
        "decided_at": at,
        "decision_reason": reason.strip(),
    }
    if not change_row(change, was={"state": State.PENDING}, changes=decision, at=at, by=by.principal):
        _check_pending(PolicyChange.objects.get(pk=change.pk))
        raise Refused("changed_meanwhile", "The change was decided by someone else just now. Look again.")


def _check_asks(by: Person, reason: str) -> None:
    if Role.ADMIN not in by.roles:
        raise Refused("not_an_admin", "Only an admin asks for changes of labels, roles and grants.")
    _check_reason(reason)


def _check_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= LONGEST_REASON:
        message = f"Say why, in at most {LONGEST_REASON} characters; the reason is kept with the change."
        raise Refused("reason_missing", message)


def _record(event: Event, change: PolicyChange, by: Person, role: Role, reason: str, at: datetime) -> None:  # noqa: PLR0913 - the entry's own fields
    ledger.append(
        event=event,
        actor=by.principal,
        role=role.value,
        subject=change.subject,
        references={
            "change": str(change.pk),
            "kind": change.kind,
            "document": str(digest_bytes(change.document.encode())),
            "reason_digest": str(digest_bytes(reason.strip().encode())),
        },
        at=at,
    )
