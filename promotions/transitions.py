"""The only code by which a version changes standing (design §2).

One transaction: lock the dataset and its Standing, look again, gather the dossier afresh, evaluate the gates, count the
quorum on that dossier's digest, write, append to the ledger, commit. An exception anywhere means nothing happened.
There is no force, skip or override, and a superuser passes no gate. A refused attempt is in the ledger too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import Acquisition, Dataset, DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import dossier as dossiers
from promotions import gates, openings, permissions, releases, resolutions, roles
from promotions.dossier import GatesFailed
from promotions.models import QuarantineCase, Resolution, Standing, Tombstone, Transition
from promotions.refusals import attempt
from promotions.states import RULES, ReasonCode, Rule, State, Verb

EVENTS: dict[Verb, Event] = {
    Verb.INGEST: Event.VERSION_INGESTED,
    Verb.NORMALIZE: Event.VERSION_NORMALIZED,
    Verb.PROCESS: Event.VERSION_PROCESSED,
    Verb.CATALOG: Event.VERSION_CATALOGED,
    Verb.PUBLISH: Event.VERSION_PUBLISHED,
    Verb.QUARANTINE: Event.VERSION_QUARANTINED,
    Verb.RELEASE: Event.VERSION_RELEASED,
    Verb.DENY: Event.VERSION_DENIED,
    Verb.SUPERSEDE: Event.VERSION_SUPERSEDED,
    Verb.WITHDRAW: Event.VERSION_WITHDRAWN,
    Verb.RESTORE: Event.VERSION_RESTORED,
}


@dataclass(slots=True)
class _Move:
    """One transition while it is being made."""

    rule: Rule
    standing: Standing
    by: Person
    role: Role
    at: datetime
    reason: str = ""
    reason_code: str = ""
    dossier: dossiers.Gathered | None = None

    @property
    def version(self) -> DatasetVersion:
        return self.standing.version


def begin(*, acquisition: Acquisition, version: DatasetVersion, by: Person, at: datetime) -> Transition:
    """``ingest``: gives a new version its first standing, RAW. Called inside the ingest run's transaction."""
    rule = RULES[Verb.INGEST]
    role = permissions.check_verb(by, Verb.INGEST, version)
    if acquisition.pk != version.acquisition_id:
        raise Refused("other_acquisition", "The version was not made from this acquisition.")
    standing = Standing.objects.create(version=version, dataset_id=version.dataset_id, state=State.RAW.value, since=at)
    return _write(_Move(rule, standing, by, role, at), from_state="")


def advance(*, version_pk: int, verb: Verb, by: Person, at: datetime) -> Transition:
    """``normalize``, ``process`` or ``catalog``: the pipeline's steps, each behind its gates."""
    if verb not in {Verb.NORMALIZE, Verb.PROCESS, Verb.CATALOG}:
        raise Refused("not_a_step", f"{verb} is not a step of the pipeline.")
    with _attempt(version_pk, verb, by, at) as move:
        return _write(move)


def publish(*, version_pk: int, by: Person, seen: str, at: datetime) -> Transition:
    """Publishes a cataloged version: gates A–G, quorum on the digest *seen*, manifest, standing, ledger, at once."""
    with _attempt(version_pk, Verb.PUBLISH, by, at, seen=seen) as move:
        return _release(move)


def restore(*, version_pk: int, by: Person, seen: str, reason: str, at: datetime) -> Transition:
    """Publishes a superseded or withdrawn version again; the gates and the signatures are asked for again."""
    with _attempt(version_pk, Verb.RESTORE, by, at, seen=seen, reason=reason) as move:
        return _release(move)


def withdraw(*, version_pk: int, by: Person, reason: str, incident: str, at: datetime) -> Transition:
    """Takes a published version back at once. *reason* is read by the public on the tombstone."""
    with _attempt(version_pk, Verb.WITHDRAW, by, at, reason=reason) as move:
        written = _write(move, next_round=True)
        Tombstone.objects.create(
            version=move.version,
            state=State.WITHDRAWN.value,
            round=written.round,
            reason=reason,
            incident=incident.strip() or f"INC-{at:%Y%m%d}-{written.ledger_index}",
            at=at,
        )
        return written


def quarantine(  # noqa: PLR0913 - the facts of a case
    *,
    version_pk: int,
    by: Person,
    reason_code: ReasonCode,
    reason: str,
    findings: list[dict[str, Any]],
    gate: str | None = None,
    at: datetime,
) -> Transition:
    """Puts a version on the siding and opens its case. Signatures made before the doubt count no more."""
    with _attempt(version_pk, Verb.QUARANTINE, by, at, reason=reason, reason_code=reason_code.value) as move:
        if gate is not None and gate not in gates.LETTERS:
            raise Refused("gate_unknown", f"There is no gate {gate!r}. Name one of A to G, or none.")
        came_from = move.standing.state
        written = _write(move, next_round=True)
        openings.open_case(
            version=move.version,
            reason_code=reason_code,
            gate=gate,
            from_state=came_from,
            findings=findings,
            reason=reason,
            by=by,
            role=move.role,
            at=at,
        )
        return written


def quarantine_again(*, released: QuarantineCase, by: Person, reason: str, at: datetime) -> QuarantineCase:
    """Reopens the *released* case: its version goes back to quarantine, with a case of its own (for ``cases``)."""
    with _attempt(
        released.version_id, Verb.QUARANTINE, by, at, reason=reason, reason_code=released.reason_code
    ) as move:
        came_from = move.standing.state
        _write(move, next_round=True)
        return openings.reopen_case(released, from_state=came_from, reason=reason, by=by, role=move.role, at=at)


def release(*, version_pk: int, by: Person, reason: str, at: datetime) -> Transition:
    """Back from quarantine to WORK: only when the gate that failed, evaluated anew, passes."""
    with _attempt(version_pk, Verb.RELEASE, by, at, reason=reason) as move:
        case = _open_case(move)
        permissions.check_release_case(by, case)
        permissions.check_not_held(by, case, at)
        _require_gates(move, case.gate)
        return _resolve(move, case, Resolution.RELEASED)


def deny(*, version_pk: int, by: Person, reason: str, at: datetime) -> Transition:
    """Ends a quarantined version for good; its record stays."""
    with _attempt(version_pk, Verb.DENY, by, at, reason=reason) as move:
        case = _open_case(move)
        permissions.check_not_held(by, case, at)
        return _resolve(move, case, Resolution.DENIED)


@contextmanager
def _attempt(  # noqa: PLR0913 - what an attempt is made of
    version_pk: int,
    verb: Verb,
    by: Person,
    at: datetime,
    *,
    seen: str | None = None,
    reason: str = "",
    reason_code: str = "",
) -> Iterator[_Move]:
    """The transaction around one transition; on a refusal it is undone, and the refusal is recorded in its own."""
    try:
        with attempt(by=by, verb=verb.value, subject=f"version/{version_pk}", at=at) as made:
            standing = _lock(version_pk)
            made.about(standing.version, roles.MAY[verb])
            move = _look_again(standing, verb, by, at, reason, reason_code)
            if seen is not None and seen != _digest(move):
                raise Refused(
                    "dossier_changed", "What you saw has changed since. Look at the board again before you go on."
                )
            yield move
    except GatesFailed as failed:
        dossiers.keep_evaluation(failed.dossier, failed.results, by=by, at=at)
        raise


def _lock(version_pk: int) -> Standing:
    """The dataset's row, then every standing a release may move, then (on appending) the ledger: always this order."""
    dataset_pk = Standing.objects.filter(version_id=version_pk).values_list("dataset_id", flat=True).first()
    if dataset_pk is None:
        raise Refused("no_such_version", "There is no such version.")
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset_pk)
    moving = Q(version_id=version_pk) | Q(dataset_id=dataset_pk, state=State.PUBLISHED.value)
    rows = (
        Standing.objects.select_for_update(of=("self",))
        .select_related("version__dataset", "version__spec", "version__acquisition", "version__policy_label")
        .filter(moving)
        .order_by("pk")
    )
    return next(row for row in rows if row.version_id == version_pk)


def _look_again(standing: Standing, verb: Verb, by: Person, at: datetime, reason: str, reason_code: str) -> _Move:  # noqa: PLR0913 - as above
    rule = RULES[verb]
    role = permissions.check_verb(by, verb, standing.version)
    state = State(standing.state)
    if state not in rule.sources:
        raise Refused("wrong_state", _already(standing, rule))
    if rule.reason and not reason.strip():
        raise Refused("reason_missing", f"Say why: a version is not {rule.past} without a written reason.")
    move = _Move(rule, standing, by, role, at, reason.strip(), reason_code)
    if rule.gates:
        _require_gates(move, rule.gates)
    if rule.quorum:
        releases.check_quorum(standing, _dossier(move))
    return move


def _already(standing: Standing, rule: Rule) -> str:
    last = Transition.objects.filter(version_id=standing.version_id).order_by("-ledger_index").first()
    if last is not None and last.to_state == rule.target:
        return f"Already {rule.past} by {last.actor} at {last.at:%Y-%m-%d %H:%M} UTC."
    sources = ", ".join(sorted(s for s in rule.sources if s))
    instead = (
        " A steward withdraws it instead." if rule.verb is Verb.QUARANTINE and standing.state == State.PUBLISHED else ""
    )
    return f"The version is in {standing.state}; only one in {sources} can be {rule.past}.{instead}"


def _require_gates(move: _Move, letters: str) -> None:
    gathered = dossiers.gather(move.standing, letters=letters)
    results = gates.evaluate_all(gathered.evidence, letters)
    if not all(result.passed for result in results.values()):
        raise GatesFailed(gathered, results)
    move.dossier = dossiers.keep_evaluation(gathered, results, by=move.by, role=move.role, at=move.at)


def _dossier(move: _Move) -> dossiers.Gathered:
    if move.dossier is None:
        raise Refused("no_dossier", f"{move.rule.verb} was tried without a dossier.")
    return move.dossier


def _digest(move: _Move) -> str:
    return _dossier(move).digest


def _write(move: _Move, *, from_state: str | None = None, next_round: bool = False) -> Transition:
    """Moves the Standing from exactly the state that was seen, and records the transition and its ledger entry."""
    standing, rule = move.standing, move.rule
    came_from = standing.state if from_state is None else from_state
    round_now = standing.round
    if from_state is None:
        moved = Standing.objects.filter(pk=standing.pk, state=came_from, round=round_now).update(
            state=rule.target.value, since=move.at, round=round_now + (1 if next_round else 0)
        )
        if moved != 1:
            raise Refused("moved_meanwhile", "Another decision moved this version meanwhile. Look again.")
    digest = move.dossier.digest if move.dossier else ""
    references = {"verb": rule.verb.value, "to": rule.target.value, "round": str(round_now)}
    references |= {"from": came_from} if came_from else {}
    references |= {"dossier": digest} if digest else {}
    references |= {"reason_code": move.reason_code} if move.reason_code else {}
    references |= {"reason_digest": str(digest_bytes(move.reason.encode()))} if move.reason else {}
    entry = _append(move, EVENTS[rule.verb], references)
    return Transition.objects.create(
        version_id=standing.version_id,
        verb=rule.verb.value,
        from_state=came_from,
        to_state=rule.target.value,
        round=round_now,
        actor=move.by.principal,
        role=move.role.value,
        at=move.at,
        reason_code=move.reason_code,
        reason=move.reason,
        dossier_digest=digest,
        ledger_index=entry.index,
    )


def _append(move: _Move, event: Event, references: dict[str, str]) -> Any:
    return ledger.append(
        event=event,
        actor=move.by.principal,
        role=move.role.value,
        subject=move.version.reference,
        references=references,
        at=move.at,
    )


def _release(move: _Move) -> Transition:
    """Supersedes the version that was published until now, moves this one, and writes the manifest."""
    for other in (
        Standing.objects.select_for_update(of=("self",))
        .filter(dataset_id=move.standing.dataset_id, state=State.PUBLISHED.value)
        .select_related("version__dataset")
    ):
        outgoing = _Move(RULES[Verb.SUPERSEDE], other, move.by, move.role, move.at)
        superseded = _write(outgoing, next_round=True)
        Tombstone.objects.create(
            version=other.version,
            state=State.SUPERSEDED.value,
            round=superseded.round,
            reason="Its successor was published.",
            successor=move.version,
            at=move.at,
        )
    written = _write(move)
    released = releases.write_release(
        standing=move.standing, verb=move.rule.verb, gathered=_dossier(move), by=move.by, at=move.at
    )
    _append(move, Event.MANIFEST_RELEASED, {"manifest": released.manifest_digest, "dossier": _digest(move)})
    return written


def _open_case(move: _Move) -> QuarantineCase:
    """Locked after the standing and before the ledger: whoever works the case takes the same order."""
    case = (
        QuarantineCase.objects.select_for_update(of=("self",))
        .select_related("version__dataset", "version__proposal", "version__acquisition__source")
        .filter(version=move.version, resolution="")
        .first()
    )
    if case is None:
        raise Refused("no_open_case", "This version has no open quarantine case.")
    return case


def _resolve(move: _Move, case: QuarantineCase, resolution: Resolution) -> Transition:
    written = _write(move)
    resolutions.resolve(
        case=case,
        resolution=resolution,
        reason=move.reason,
        by=move.by,
        role=move.role,
        at=move.at,
        dossier=move.dossier.digest if move.dossier else "",
    )
    return written


#: For pages and docs: the callable behind each verb a person may use on a version page.
CALLABLES: dict[Verb, Callable[..., Transition]] = {
    Verb.PUBLISH: publish,
    Verb.RESTORE: restore,
    Verb.WITHDRAW: withdraw,
    Verb.QUARANTINE: quarantine,
    Verb.RELEASE: release,
    Verb.DENY: deny,
}
