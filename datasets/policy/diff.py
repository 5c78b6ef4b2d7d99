"""Which decisions a change of labels or policies would turn, in which direction, and for whom (the decision diff).

Decides nothing of its own: every answer is the engine's, asked under the facts and policies before and after. Asked
once a pair of label and standing that occurs, for each role alone, a partner with a grant, and each question; no row.
Assumes for ``assess`` and ``publish`` that exactly the label's obligations of *before* were applied and verified.
Two answers that the engine failed to give are no agreement: nothing is compared then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from datasets.policy import bundle
from datasets.policy.engine import NotAnswered, check_answered, decide
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import Obligation
from datasets.policy.reasons import NO_ANSWER
from datasets.policy.requests import READING_ACTIONS, PolicyDecision, PolicyRequest, ResourceFacts
from datasets.policy.roles import READ_RESTRICTED, Role

__all__ = ["NotAnswered", "Turned", "World", "engine_faults", "grouped", "turned"]

#: Someone without a role who holds ``read_restricted`` on the dataset.
PARTNER = "partner"
RELEASING: tuple[str, ...] = ("assess", "publish")
ACTIONS: tuple[str, ...] = (*READING_ACTIONS, *RELEASING)
WHO: tuple[str, ...] = (*(role.value for role in Role), PARTNER)
_ANY_INSTANT = "2000-01-01T00:00:00Z"

OPENS = "opens"
CLOSES = "closes"
REASONS = "reasons"


@dataclass(frozen=True, slots=True)
class World:
    """Label facts and, where they are not the shipped ones, policies to ask under."""

    labels: Mapping[str, LabelFacts]
    evaluator: bundle.Evaluator | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """One answer that differs. ``direction``: opens, closes, or reasons (or obligations alone)."""

    label: str
    standing: str
    who: str
    action: str
    direction: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def turned(pairs: Iterable[tuple[str, str]], before: World, after: World) -> tuple[Turned, ...]:
    """Every answer on *pairs* of (label, standing) that *after* gives otherwise than *before*, in a stable order.

    Raises :class:`NotAnswered` when the engine fails on one of the questions.
    """
    found = []
    for label, standing in sorted(set(pairs)):
        for action in ACTIONS:
            for who in _askers(action):
                change = _compare(label, standing, who, action, before, after)
                if change is not None:
                    found.append(change)
    return tuple(found)


def engine_faults(world: World, label: str = "public") -> tuple[str, ...]:
    """Reason codes that say the engine could not answer at all, from one question; empty when it answered."""
    said = _ask(_request(label, "PUBLISHED", Role.STEWARD.value, "read", ()), world).reason_codes
    return tuple(sorted(NO_ANSWER & set(said)))


def _askers(action: str) -> tuple[str, ...]:
    return (Role.OPERATOR.value,) if action in RELEASING else WHO


_Answer = tuple[bool, tuple[str, ...]]


def _compare(label: str, standing: str, who: str, action: str, before: World, after: World) -> Turned | None:  # noqa: PLR0913 - one cell, asked twice
    applied = before.labels[label].default_obligations if label in before.labels else ()
    cell = (label, standing, who, action, applied)
    (was_allowed, was_said), (is_allowed, is_said) = _answer(before, *cell), _answer(after, *cell)
    if was_allowed == is_allowed and was_said == is_said:
        return None
    direction = REASONS if was_allowed == is_allowed else OPENS if is_allowed else CLOSES
    return Turned(label, standing, who, action, direction, was_said, is_said)


def _answer(  # noqa: PLR0913 - the facts of one cell
    world: World, label: str, standing: str, who: str, action: str, applied: tuple[Obligation, ...]
) -> _Answer:
    facts = world.labels.get(label)
    if world.evaluator is None and facts is not None:
        return _shipped(facts, standing, who, action, applied)
    return _allowed_and_said(_ask(_request(label, standing, who, action, applied), world))


@lru_cache(maxsize=65536)
def _shipped(facts: LabelFacts, standing: str, who: str, action: str, applied: tuple[Obligation, ...]) -> _Answer:
    """An answer of the shipped policies, asked once a process: it depends on nothing but these."""
    request = _request(facts.name, standing, who, action, applied)
    return _allowed_and_said(_ask(request, World({facts.name: facts})))


def _allowed_and_said(decision: PolicyDecision) -> _Answer:
    check_answered(decision)
    return decision.allowed, _said(decision)


def _request(  # the facts of one cell
    label: str, standing: str, who: str, action: str, applied: tuple[Obligation, ...]
) -> PolicyRequest:
    role = Role.PUBLIC.value if who == PARTNER else who
    return PolicyRequest(
        principal_ref="diff",
        roles=frozenset({role}),
        role=role,
        action=action,
        resource=ResourceFacts(
            dataset_slug="any",
            dataset_version_id="any",
            policy_label=label,
            standing=standing,
            has_bytes=True,
            grants=frozenset({READ_RESTRICTED}) if who == PARTNER else frozenset(),
            applied_obligations=tuple(item.as_json() for item in applied) if action in RELEASING else (),
        ),
    )


def _ask(request: PolicyRequest, world: World) -> PolicyDecision:
    return decide(
        request, labels=world.labels, decision_id="diff", evaluated_at=_ANY_INSTANT, evaluator=world.evaluator
    )


def _said(decision: PolicyDecision) -> tuple[str, ...]:
    """The reasons, and what an allowed reader or release is bound to."""
    obliged = sorted(f"{name}={value}" for item in decision.obligations for name, value in item.items())
    return (*decision.reason_codes, *obliged)


@dataclass(frozen=True, slots=True)
class Direction:
    """One line of the diff for a reader: under a label and standing, what opens or closes to whom."""

    label: str
    standing: str
    direction: str
    action: str
    who: tuple[str, ...]


def grouped(found: Iterable[Turned]) -> tuple[Direction, ...]:
    """The same, with everyone for whom one action turns in one direction on one line; reasons are left out."""
    lines: dict[tuple[str, str, str, str], list[str]] = {}
    for change in found:
        if change.direction != REASONS:
            key = (change.label, change.standing, change.direction, change.action)
            lines.setdefault(key, []).append(change.who)
    return tuple(Direction(*key, _named(who)) for key, who in lines.items())


def _named(who: list[str]) -> tuple[str, ...]:
    """A partner reads what the public reads, too: named only where the public is not."""
    return tuple(name for name in who if name != PARTNER or Role.PUBLIC.value not in who)
