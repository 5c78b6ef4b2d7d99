"""The truth path as one table: where a version may stand, and which verb moves it from where to where.

Code, pages and docs all read this table; nothing else in the project names a transition. It decides nothing
about people or evidence: who may act is in ``roles``, what must hold is in ``gates``. (Design §2.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a version stands. Stored values; never renamed."""

    RAW = "RAW"
    WORK = "WORK"
    PROCESSED = "PROCESSED"
    CATALOG = "CATALOG"
    PUBLISHED = "PUBLISHED"
    QUARANTINE = "QUARANTINE"
    DENIED = "DENIED"
    SUPERSEDED = "SUPERSEDED"
    WITHDRAWN = "WITHDRAWN"


class Verb(StrEnum):
    """What moves a version. Stored values; never renamed."""

    INGEST = "ingest"
    NORMALIZE = "normalize"
    PROCESS = "process"
    CATALOG = "catalog"
    PUBLISH = "publish"
    QUARANTINE = "quarantine"
    RELEASE = "release"
    DENY = "deny"
    SUPERSEDE = "supersede"
    WITHDRAW = "withdraw"
    RESTORE = "restore"


class ReasonCode(StrEnum):
    """Why a version is in quarantine (design §2)."""

    VALIDATION_FAILED = "VALIDATION_FAILED"
    LICENSE_UNCLEAR = "LICENSE_UNCLEAR"
    SENSITIVITY_UNCLEAR = "SENSITIVITY_UNCLEAR"
    REDACTION_REQUIRED = "REDACTION_REQUIRED"
    UPSTREAM_UNSTABLE = "UPSTREAM_UNSTABLE"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``gates``: letters that must pass on a fresh dossier. ``quorum``: the sign-offs must be complete.
    ``reason``: a written reason is required. ``past``: the verb in the past, for sentences.
    """

    verb: Verb
    sources: frozenset[State | None]
    target: State
    gates: str
    quorum: bool
    reason: bool
    past: str


def _rule(  # noqa: PLR0913 - one keyword per column of the table
    verb: Verb,
    sources: set[State | None],
    target: State,
    *,
    gates: str = "",
    quorum: bool = False,
    reason: bool = False,
    past: str,
) -> tuple[Verb, Rule]:
    return verb, Rule(verb, frozenset(sources), target, gates, quorum, reason, past)


RULES: dict[Verb, Rule] = dict(
    [
        _rule(Verb.INGEST, {None}, State.RAW, past="ingested"),
        _rule(Verb.NORMALIZE, {State.RAW}, State.WORK, gates="A", past="normalized"),
        _rule(Verb.PROCESS, {State.WORK}, State.PROCESSED, gates="ABCE", past="processed"),
        _rule(Verb.CATALOG, {State.PROCESSED}, State.CATALOG, gates="ABCDE", past="cataloged"),
        _rule(Verb.PUBLISH, {State.CATALOG}, State.PUBLISHED, gates="ABCDEFG", quorum=True, past="published"),
        _rule(
            Verb.QUARANTINE,
            {State.RAW, State.WORK, State.PROCESSED, State.CATALOG},
            State.QUARANTINE,
            reason=True,
            past="quarantined",
        ),
        # The gate that failed is named by the case; transitions.py adds it.
        _rule(Verb.RELEASE, {State.QUARANTINE}, State.WORK, reason=True, past="released from quarantine"),
        _rule(Verb.DENY, {State.QUARANTINE}, State.DENIED, reason=True, past="denied"),
        _rule(Verb.SUPERSEDE, {State.PUBLISHED}, State.SUPERSEDED, past="superseded"),
        _rule(Verb.WITHDRAW, {State.PUBLISHED}, State.WITHDRAWN, reason=True, past="withdrawn"),
        _rule(
            Verb.RESTORE,
            {State.SUPERSEDED, State.WITHDRAWN},
            State.PUBLISHED,
            gates="ABCDEFG",
            quorum=True,
            reason=True,
            past="restored",
        ),
    ]
)

#: The stations of the rail, in order; QUARANTINE is the siding below WORK.
STATIONS = (State.RAW, State.WORK, State.PROCESSED, State.CATALOG, State.PUBLISHED)

#: A version here waits for signatures: the verb that would publish it.
PUBLISHING_VERB: dict[State, Verb] = {
    State.CATALOG: Verb.PUBLISH,
    State.SUPERSEDED: Verb.RESTORE,
    State.WITHDRAWN: Verb.RESTORE,
}


def verbs_from(state: State | None) -> tuple[Verb, ...]:
    """The verbs whose row starts at *state* (``None``: no version yet), in table order."""
    return tuple(rule.verb for rule in RULES.values() if state in rule.sources)
