"""Writer: who sees to a quarantine case, by when, and how. It resolves no case: ``transitions`` and ``derivatives`` do.

A claim is a lease: its holder is at work on the case until it runs out, and every act of theirs renews it. Another's
live claim is respected. Atomic, with history and a ledger entry. Whoever writes the plan can't release the version
(``permissions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from audit.digests import digest_bytes, digest_json
from audit.events import Event
from datasets import enforcement
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person, person_for
from datasets.policy.requests import Action
from datasets.policy.roles import RUNS, Role
from promotions import casework, jobs, openings, permissions, roles, transitions
from promotions.models import CaseComment, Job, QuarantineCase, Resolution, Standing
from promotions.refusals import attempt
from promotions.states import ReasonCode, State


def claim(*, case_pk: int, by: Person, at: datetime) -> QuarantineCase:
    """Takes the case to work on, or renews one's own claim. Raises ``Refused`` with who holds it and until when."""
    with casework.acting(case_pk, "claim_case", by, at) as case:
        role = permissions.check_claim(by, case, at)
        casework.check_open(case)
        casework.change(case, at, claimed_by=by.principal, claim_until=at + casework.lease())
        casework.enter(Event.CASE_CLAIMED, case, by, role, at)
        return case


def unclaim(*, case_pk: int, by: Person, at: datetime) -> QuarantineCase:
    """Gives one's own claim up. Another's is not given up for them: it is handed over, or runs out."""
    with casework.acting(case_pk, "unclaim_case", by, at) as case:
        role = permissions.check_work_case(by, case.version)
        casework.check_open(case)
        if permissions.holder_of(case, at) != by.principal:
            raise Refused("not_yours", "You do not hold this case: your claim has run out, or it is another's.")
        casework.change(case, at, claimed_by="", claim_until=None)
        casework.enter(Event.CASE_UNCLAIMED, case, by, role, at)
        return case


def assign(*, case_pk: int, owner: str, by: Person, at: datetime) -> QuarantineCase:
    """Makes *owner* (``""``: no one) see to the case, and tells them."""
    with casework.acting(case_pk, "assign_case", by, at) as case:
        role = check_assign(case, owner, by, at)
        was = case.owner
        casework.change(case, at, owner=owner, **casework.renewed(case, by, at))
        casework.enter(Event.CASE_UPDATED, case, by, role, at, owner=owner, was=was)
        casework.tell({owner}, case, by, at, kind="case.assigned", text=f"{by.name} assigned case {case.pk} to you.")
        return case


def hand_over(*, case_pk: int, to: str, note: str, by: Person, at: datetime) -> QuarantineCase:
    """Gives case and claim to *to*, with a note that is kept as a comment. A steward may take it over so, too."""
    with casework.acting(case_pk, "hand_over_case", by, at) as case:
        role = permissions.check_hand_over(by, case, at)
        casework.check_open(case)
        check_worker(case.version, to)
        kept = casework.said(note, "Write a note: whoever takes over reads where you stopped.")
        holder = permissions.holder_of(case, at)
        if to == holder == case.owner:
            raise Refused("nothing_changed", f"{to} holds the case and owns it already.")
        before = {holder, case.owner}
        casework.change(case, at, owner=to, claimed_by=to, claim_until=at + casework.lease())
        CaseComment.objects.create(case=case, author=by.principal, role=role.value, text=kept, at=at)
        digest = str(digest_bytes(kept.encode()))
        casework.enter(Event.CASE_HANDED_OVER, case, by, role, at, owner=to, was=holder, note_digest=digest)
        text = f"{by.name} handed case {case.pk} over"
        casework.tell({to}, case, by, at, kind="case.handed_over", text=f"{text} to you.")
        casework.tell(before - {to}, case, by, at, kind="case.handed_over", text=f"{text} to someone else.")
        return case


def comment(*, case_pk: int, text: str, by: Person, at: datetime) -> CaseComment:
    """Adds a comment, to an ended case too, and tells its owner and holder. What was said is never changed."""
    with casework.acting(case_pk, "comment_case", by, at) as case:
        role = check_comment(case, by)
        words = casework.said(text, "Write something first.")
        kept = CaseComment.objects.create(case=case, author=by.principal, role=role.value, text=words, at=at)
        if claim_until := casework.renewed(case, by, at):
            casework.change(case, at, **claim_until)
        digest = str(digest_bytes(words.encode()))
        casework.enter(Event.CASE_COMMENTED, case, by, role, at, comment=str(kept.pk), text_digest=digest)
        told = {case.owner, permissions.holder_of(case, at)}
        casework.tell(told, case, by, at, kind="case.commented", text=f"{by.name} commented on case {case.pk}.")
        return kept


def set_due(*, case_pk: int, due: date, by: Person, at: datetime) -> QuarantineCase:
    """Moves the day by which the case should be ended; owner and plan stay as they are."""
    with casework.acting(case_pk, "update_case", by, at) as case:
        role = check_due(case, due, by, at)
        casework.change(case, at, due=due, **casework.renewed(case, by, at))
        casework.enter(Event.CASE_UPDATED, case, by, role, at, due=due.isoformat())
        return case


def update_case(  # noqa: PLR0913 - the facts of a plan
    *, case_pk: int, owner: str, due: date, plan: str, by: Person, at: datetime
) -> QuarantineCase:
    """Sets owner, due date and plan of an open case. Raises ``Refused`` for an ended case and for who may not."""
    with casework.acting(case_pk, "update_case", by, at) as case:
        owner, plan, was = owner.strip(), plan.strip(), case.owner
        role = check_plan(case, owner, due, by, at)
        if (owner, due, plan) == (case.owner, case.due, case.plan):
            raise Refused("nothing_changed", "Nothing of the plan changed.")
        author = by.principal if plan != case.plan else case.plan_by
        casework.change(case, at, owner=owner, due=due, plan=plan, plan_by=author, **casework.renewed(case, by, at))
        digest = str(digest_bytes(plan.encode()))
        casework.enter(
            Event.CASE_UPDATED,
            case,
            by,
            role,
            at,
            due=due.isoformat(),
            plan_digest=digest,
            owner=owner,
        )
        if owner != was:
            casework.tell(
                {owner}, case, by, at, kind="case.assigned", text=f"{by.name} assigned case {case.pk} to you."
            )
        return case


def reopen(*, case_pk: int, reason: str, by: Person, at: datetime) -> QuarantineCase:
    """Opens an ended case again, as a new case that names it. *reason* may be empty: the click is recorded anyway.

    A released version goes back to quarantine. Refused: a denied one is final, a published one is withdrawn instead.
    """
    why = reason.strip() or f"Reopened by {by.name}."
    ended = QuarantineCase.objects.select_related("version__dataset").filter(pk=case_pk).first()
    if ended is not None and ended.resolution == Resolution.RELEASED:
        return transitions.quarantine_again(released=ended, by=by, reason=why, at=at)
    with attempt(by=by, verb="reopen_case", subject=f"case/{case_pk}", at=at) as made:
        standing = casework.lock_standing(case_pk)
        ended = casework.locked(case_pk)
        made.about(ended.version, roles.DERIVES)
        role = permissions.check_derive(by, ended.version)
        _check_reopens(ended, standing)
        return openings.reopen_case(ended, from_state=standing.state, reason=why, by=by, role=role, at=at)


def run_again(*, case_pk: int, by: Person, at: datetime) -> Job:
    """Asks for the checks again, as ``jobs.request_promotion`` does; the version stays in quarantine."""
    case = QuarantineCase.objects.select_related("version__dataset", "version__acquisition").filter(pk=case_pk).first()
    if case is None:
        raise Refused("no_such_case", "There is no such case.")
    job = jobs.request_promotion(version=case.version, by=by, at=at)
    held = QuarantineCase.objects.filter(pk=case_pk, resolution="", claimed_by=by.principal, claim_until__gt=at)
    held.update(claim_until=at + casework.lease())
    return job


def record_findings(
    *, version_pk: int, findings: Sequence[dict[str, Any]], by: Person, at: datetime
) -> QuarantineCase | None:
    """Keeps what the gates say now on the open case of a quarantined version; the pipeline calls it after it ran again.

    *findings*: every failed gate's, as ``ClauseFinding.as_json``; none: the gates pass, and a reviewer may release.
    ``None`` when there is no open case. What they said before stays in the case's history.
    """
    with transaction.atomic():
        case = casework.rows().filter(version_id=version_pk, resolution="").first()
        told = list(findings)
        if case is None or case.findings == told:
            return case
        reason = ReasonCode(case.reason_code)
        cause = openings.root_cause(told, reason, case.gate) if told else case.root_cause
        casework.change(case, at, findings=told, root_cause=cause)
        role = by.role_told(case.version.dataset_id, RUNS)
        casework.enter(Event.CASE_UPDATED, case, by, role, at, findings_digest=str(digest_json(told)))
        return case


def check_plan(case: QuarantineCase, owner: str, due: date, by: Person, at: datetime) -> Role:
    """Whether *by* may give the case this owner and this due date now."""
    role = permissions.check_work_case(by, case.version)
    casework.check_open(case)
    permissions.check_not_held(by, case, at)
    if owner and owner != case.owner:
        check_worker(case.version, owner)
    if due < at.date() and due != case.due:
        raise Refused("due_past", "The due date is in the past. Choose today or a later day.")
    return role


def check_assign(case: QuarantineCase, owner: str, by: Person, at: datetime) -> Role:
    """Whether *by* may make *owner* see to the case now."""
    role = check_plan(case, owner, case.due, by, at)
    if owner == case.owner:
        raise Refused("nothing_changed", f"{owner or 'Nobody'} sees to the case already.")
    return role


def check_due(case: QuarantineCase, due: date, by: Person, at: datetime) -> Role:
    """Whether *by* may move the case's day to *due* now."""
    role = check_plan(case, case.owner, due, by, at)
    if due == case.due:
        raise Refused("nothing_changed", f"The case is due on {due:%d %B %Y} already.")
    return role


def check_comment(case: QuarantineCase, by: Person) -> Role:
    """Whoever works the cases of the dataset comments on them, ended ones too."""
    return permissions.check_work_case(by, case.version)


def check_worker(version: DatasetVersion, principal: str) -> None:
    """Whoever is given a case has an active account, works cases of the dataset, and may see this version."""
    account = User.objects.filter(username=principal, is_active=True).first()
    if account is None:
        raise Refused("owner_unknown", "There is no active account of that name. Choose the owner from the list.")
    person = person_for(account)
    works = permissions.can(permissions.check_work_case, person, version)[0]
    if not works or not enforcement.visible_versions(person, Action.DISCOVER).filter(pk=version.pk).exists():
        raise Refused("owner_unfit", f"{principal} may not see or work the quarantine cases of this version.")


def _check_reopens(ended: QuarantineCase, standing: Standing) -> None:
    if not ended.resolution:
        raise Refused("case_open", "The case is open already.")
    if ended.resolution == Resolution.DENIED:
        raise Refused(
            "denied_is_final",
            "A denied version is denied for good. Ingest its source under a mended spec: that makes a new version.",
        )
    open_case = QuarantineCase.objects.filter(version_id=ended.version_id, resolution="").first()
    if open_case is not None:
        raise Refused(
            "reopened_already", f"Already reopened by {open_case.opened_by} as case {open_case.pk}. Look there."
        )
    if standing.state != State.QUARANTINE:
        raise Refused("moved_meanwhile", f"The version is in {standing.state} now; only a quarantined one has a case.")
