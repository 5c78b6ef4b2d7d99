"""The same act on many quarantine cases: what it would do to each, and then what it did to each.

The preview asks the very checks that the writers ask. Each case is its own transaction: one that is refused stops no
other. A case that the person may not see is answered like one that there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from datasets.errors import Refused
from datasets.people import Person
from datasets.policy.requests import Action
from promotions import cases, casework, permissions, refusals, transitions
from promotions.models import Job, JobState, QuarantineCase
from promotions.requests import PROMOTES, check_may_ask
from promotions.states import State, Verb

MOST = 200
ABSENT = "There is no such case."


@dataclass(frozen=True, slots=True)
class Effect:
    """What the act would do to one case. ``case``: ``None`` for one that is not there; ``sentence``: when possible."""

    case_pk: int
    case: QuarantineCase | None
    possible: bool
    why_not: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the act did to one case, or why it did nothing."""

    case_pk: int
    done: bool
    message: str


@dataclass(frozen=True, slots=True)
class _Act:
    """``check`` raises ``Refused``; ``write`` writes; ``tell`` says what it does, before and after alike."""

    check: Callable[[QuarantineCase, Person, Mapping[str, str], datetime], object]
    write: Callable[[QuarantineCase, Person, Mapping[str, str], datetime], object]
    tell: Callable[[QuarantineCase, Mapping[str, str], datetime], str]


def preview(
    action: str, case_pks: Sequence[int], person: Person, parameters: Mapping[str, str], now: datetime
) -> tuple[Effect, ...]:
    """What *action* would do to each of *case_pks* now. Raises ``Refused`` for an unknown action or too many cases.

    *parameters*: ``owner`` for assign, ``text`` for comment, ``due`` (ISO date) for due, ``reason`` for deny.
    """
    act, found = _act(action), _visible(case_pks, person)
    return tuple(_effect(act, pk, found.get(pk), person, parameters, now) for pk in _each(case_pks))


def apply(
    action: str, case_pks: Sequence[int], by: Person, parameters: Mapping[str, str], at: datetime
) -> tuple[Outcome, ...]:
    """Does *action* to each of *case_pks*, each in its own transaction; a refusal is that case's outcome."""
    _act(action)
    found = _visible(case_pks, by)
    return tuple(_outcome(action, pk, found.get(pk), by, parameters, at) for pk in _each(case_pks))


def _effect(  # noqa: PLR0913 - one row of a preview
    act: _Act, pk: int, case: QuarantineCase | None, person: Person, parameters: Mapping[str, str], now: datetime
) -> Effect:
    if case is None:
        return Effect(pk, None, possible=False, why_not=ABSENT, sentence="")
    try:
        act.check(case, person, parameters, now)
    except Refused as refusal:
        return Effect(pk, case, possible=False, why_not=refusal.message, sentence="")
    return Effect(pk, case, possible=True, why_not="", sentence=act.tell(case, parameters, now))


def _outcome(  # noqa: PLR0913 - one row of a result
    action: str, pk: int, case: QuarantineCase | None, by: Person, parameters: Mapping[str, str], at: datetime
) -> Outcome:
    if case is None:
        return Outcome(pk, done=False, message=ABSENT)
    act = _act(action)
    try:
        act.check(case, by, parameters, at)
    except Refused as refusal:  # the writer was not reached, so nobody has entered the attempt in the ledger
        role = by.role_told(case.version.dataset_id)
        refusals.keep(by=by, verb=action, subject=case.version.reference, code=refusal.code, at=at, role=role)
        return Outcome(pk, done=False, message=refusal.message)
    sentence = act.tell(case, parameters, at)
    try:
        act.write(case, by, parameters, at)
    except Refused as refusal:
        return Outcome(pk, done=False, message=refusal.message)
    return Outcome(pk, done=True, message=sentence)


def _act(action: str) -> _Act:
    if action not in ACTS:
        raise Refused("no_such_action", f"There is no act {action!r} on many cases. Choose one of: {', '.join(ACTS)}.")
    return ACTS[action]


def _each(case_pks: Sequence[int]) -> list[int]:
    """Each case once, in the order given."""
    each = list(dict.fromkeys(case_pks))
    if not each:
        raise Refused("none_chosen", "No case is chosen.")
    if len(each) > MOST:
        raise Refused("too_many", f"At most {MOST} cases are worked at once; {len(each)} are chosen.")
    return each


def _visible(case_pks: Sequence[int], person: Person) -> dict[int, QuarantineCase]:
    rows = permissions.cases_open_to(person, Action.DISCOVER).filter(pk__in=_each(case_pks))
    return rows.select_related("version__dataset", "version__standing", "version__acquisition").in_bulk()


def _due(parameters: Mapping[str, str]) -> date:
    try:
        return date.fromisoformat(parameters.get("due", ""))
    except ValueError as problem:
        raise Refused("due_unreadable", "Give the due date as a day, such as 2026-12-31.") from problem


def _text(parameters: Mapping[str, str]) -> str:
    return casework.said(parameters.get("text", ""), "Write something first.")


def _check_claim(case: QuarantineCase, by: Person, _: Mapping[str, str], at: datetime) -> None:
    permissions.check_claim(by, case, at)
    casework.check_open(case)


def _check_comment(case: QuarantineCase, by: Person, parameters: Mapping[str, str], _: datetime) -> None:
    cases.check_comment(case, by)
    _text(parameters)


def _check_deny(case: QuarantineCase, by: Person, parameters: Mapping[str, str], at: datetime) -> None:
    permissions.check_verb(by, Verb.DENY, case.version)
    casework.check_open(case)
    permissions.check_not_held(by, case, at)
    if case.version.standing.state != State.QUARANTINE:
        raise Refused(
            "wrong_state", f"The version is in {case.version.standing.state}; only a quarantined one is denied."
        )
    if not parameters.get("reason", "").strip():
        raise Refused("reason_missing", "Say why: a version is not denied without a written reason.")


def _check_run(case: QuarantineCase, by: Person, _: Mapping[str, str], __: datetime) -> None:
    check_may_ask(by, PROMOTES, case.version)
    casework.check_open(case)
    live = Job.objects.filter(version=case.version_id, state__in=[JobState.QUEUED, JobState.RUNNING]).first()
    if live is not None:
        raise Refused("run_already", f"A run asked for by {live.requested_by} is under way already.")


def _tell_assign(case: QuarantineCase, parameters: Mapping[str, str], _: datetime) -> str:
    owner = parameters.get("owner", "").strip()
    was = f" instead of {case.owner}" if case.owner else ""
    return f"{owner} sees to it{was}, and is told." if owner else f"Nobody sees to it any more{was}."


ACTS: dict[str, _Act] = {
    "claim": _Act(
        _check_claim,
        lambda case, by, _, at: cases.claim(case_pk=case.pk, by=by, at=at),
        lambda _, __, at: f"It is yours to work on until {at + casework.lease():%Y-%m-%d %H:%M} UTC.",
    ),
    "assign": _Act(
        lambda case, by, p, at: cases.check_assign(case, p.get("owner", "").strip(), by, at),
        lambda case, by, p, at: cases.assign(case_pk=case.pk, owner=p.get("owner", "").strip(), by=by, at=at),
        _tell_assign,
    ),
    "comment": _Act(
        _check_comment,
        lambda case, by, p, at: cases.comment(case_pk=case.pk, text=_text(p), by=by, at=at),
        lambda _, __, ___: "The comment is added; owner and holder are told.",
    ),
    "due": _Act(
        lambda case, by, p, at: cases.check_due(case, _due(p), by, at),
        lambda case, by, p, at: cases.set_due(case_pk=case.pk, due=_due(p), by=by, at=at),
        lambda case, p, _: f"Due on {_due(p):%d %B %Y} instead of {case.due:%d %B %Y}.",
    ),
    "deny": _Act(
        _check_deny,
        lambda case, by, p, at: transitions.deny(version_pk=case.version_id, by=by, reason=p["reason"], at=at),
        lambda case, _, __: (
            f"Version {case.version.version_id} is denied for good, and the case ends. Its record stays."
        ),
    ),
    "run": _Act(
        _check_run,
        lambda case, by, _, at: cases.run_again(case_pk=case.pk, by=by, at=at),
        lambda _, __, ___: "The checks are made anew in the background; the version stays in quarantine.",
    ),
}
