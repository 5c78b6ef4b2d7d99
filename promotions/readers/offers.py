"""Reads the decision box's actions: each with whether the viewer may, why not, and who can.

Offers, never grants: the same rules are asked again by the writer behind each action (``permissions``, ``signoffs``,
``transitions``).
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.models import PolicyLabel
from datasets.policy.roles import Role
from promotions import labels, permissions, roles
from promotions.proposals import OPEN_STATES
from promotions.readers.deciding import Table
from promotions.readers.people import who_can
from promotions.states import PUBLISHING_VERB, RULES, State, Verb


@dataclass(frozen=True, slots=True)
class Offer:
    """One action. ``name``: its address; ``direct``: posted without a form; ``why_not`` when not allowed."""

    name: str
    label: str
    tone: str = ""
    allowed: bool = True
    why_not: str = ""
    who_can: str = ""
    direct: bool = False


def offers(found: Table) -> list[Offer]:
    """The actions of the version's state, those open to the viewer first."""
    state = found.state
    makers = {
        State.CATALOG: (_sign, _publish, _request_changes, _propose, _run, _label, _quarantine),
        State.SUPERSEDED: (_sign, _restore),
        State.WITHDRAWN: (_sign, _restore),
        State.PUBLISHED: (_withdraw, _label),
        State.QUARANTINE: (_run, _label),
        State.DENIED: (),
    }.get(state, (_propose, _run, _label, _quarantine))
    made = [offer for make in makers if (offer := make(found)) is not None]
    if state is not State.DENIED:
        made.append(_evaluate(found))
    ordered = sorted(made, key=lambda offer: not offer.allowed)
    first = next((o for o in ordered if o.allowed and not o.tone), None)
    return [_toned(o, primary=o is first) for o in ordered]


def roles_to_sign(found: Table) -> list[Role]:
    """The roles in which the viewer may sign now."""
    if found.state not in PUBLISHING_VERB or found.person.principal in {
        s.principal for s in found.signatures if s.dossier.digest == found.digest
    }:
        return []
    return [Role(role) for role in found.counted.missing if _may_sign(found, Role(role))[0]]


def tighter_labels(found: Table) -> list[PolicyLabel]:
    """The labels that the version may be given: all of them for a first label, only tighter ones after that."""
    current = found.version.policy_label
    return [label for label in found.labels if current is None or label.tightness > current.tightness]


def _toned(offer: Offer, *, primary: bool) -> Offer:
    tone = "primary" if primary else offer.tone or "plain"
    return Offer(offer.name, offer.label, tone, offer.allowed, offer.why_not, offer.who_can, offer.direct)


def _may_sign(found: Table, role: Role) -> tuple[bool, str]:
    proposer = found.proposal.proposer if found.proposal else None
    return permissions.can(
        permissions.check_sign, found.person, found.version, role, required=found.required, proposer=proposer
    )


def _sign(found: Table) -> Offer:
    outside = frozenset({found.proposer, found.version.created_by}) | {
        s.principal for s in found.signatures if s.dossier.digest == found.digest
    }
    missing = [Role(role) for role in found.counted.missing]
    may = roles_to_sign(found)
    label = f"Sign as {may[0].value}" if len(may) == 1 else "Sign"
    if found.seen.failed:
        return Offer(
            "sign", label, allowed=False, why_not=f"Gate {', '.join(found.seen.failed)} does not pass.", who_can=""
        )
    if may:
        return Offer("sign", label)
    if found.required and not missing:
        return Offer("sign", "Sign", allowed=False, why_not="Every signature the label asks for is there.")
    own = next(
        (s for s in found.signatures if s.principal == found.person.principal and s.dossier.digest == found.digest),
        None,
    )
    if own is not None:
        why = f"You signed as {own.role} already; one person fills one role."
    else:
        why = next(
            (_may_sign(found, role)[1] for role in missing if role in found.person.roles_on(found.version.dataset_id)),
            "",
        )
        why = why or (
            f"It needs {' and '.join(f'a {r.value}' for r in missing)}; you are none here."
            if missing
            else "No label says who signs."
        )
    return Offer(
        "sign", "Sign", allowed=False, why_not=why, who_can=who_can(found.held, missing, but=outside) if missing else ""
    )


def _verb(found: Table, verb: Verb, label: str, tone: str = "") -> Offer:
    may, why = permissions.can(permissions.check_verb, found.person, verb, found.version)
    but = found.signers if RULES[verb].quorum else frozenset()
    return Offer(verb.value, label, tone, may, why, "" if may else who_can(found.held, roles.MAY[verb], but=but))


def _released(found: Table, offer: Offer) -> Offer:
    """A release waits for gates, proposer and quorum; the sentence says for which."""
    waits = ""
    if found.seen.failed:
        waits = f"Gate {', '.join(found.seen.failed)} does not pass."
    elif found.proposal is not None and found.proposal.changes_requested:
        waits = "Changes were asked for; the proposer answers first."
    elif found.counted.missing or not found.required:
        waits = f"Signatures are missing: {', '.join(found.counted.missing) or 'the label names no role'}."
    if waits and offer.allowed:
        return Offer(offer.name, offer.label, offer.tone, allowed=False, why_not=waits)
    return offer


def _publish(found: Table) -> Offer:
    return _released(found, _verb(found, Verb.PUBLISH, "Publish"))


def _restore(found: Table) -> Offer:
    return _released(found, _verb(found, Verb.RESTORE, "Restore"))


def _withdraw(found: Table) -> Offer:
    return _verb(found, Verb.WITHDRAW, "Withdraw", "danger")


def _quarantine(found: Table) -> Offer:
    return _verb(found, Verb.QUARANTINE, "Quarantine", "danger")


def _request_changes(found: Table) -> Offer:
    may, why = permissions.can(permissions.check_request_changes, found.person, found.version)
    if may and found.proposal is None:
        may, why = False, "No one has proposed this version yet."
    return Offer(
        "request-changes", "Request changes", "plain", may, why, "" if may else who_can(found.held, roles.SIGNS)
    )


def _propose(found: Table) -> Offer | None:
    proposal = found.proposal
    if found.state not in OPEN_STATES or (proposal is not None and not proposal.changes_requested):
        return None
    may, why = permissions.can(permissions.check_propose, found.person, found.version)
    if may and proposal is not None and proposal.proposer != found.person.principal:
        may, why = False, "Only the proposer answers the changes asked for."
    by = found.names.get(found.proposer, found.proposer)
    label = "Propose again" if proposal else "Propose"
    return Offer("propose", label, "", may, why, "" if may else by or who_can(found.held, roles.PROPOSES))


def _run(found: Table) -> Offer | None:
    if found.state is State.CATALOG and not found.seen.failed:
        return None
    allowed = roles.REQUESTS_RUNS | {Role.REVIEWER, Role.STEWARD}
    may = permissions.role_for(found.person, allowed, found.version) is not None
    why = "" if may else "You have no role on this dataset that asks for runs."
    return Offer(
        "run",
        "Run the steps again",
        "plain",
        may,
        why,
        "" if may else who_can(found.held, roles.REQUESTS_RUNS),
        direct=True,
    )


def _label(found: Table) -> Offer | None:
    if not tighter_labels(found):
        return None
    first = found.version.policy_label is None
    allowed = frozenset({Role.STEWARD}) if first else labels.ASSIGNS
    may = permissions.role_for(found.person, allowed, found.version) is not None
    why = (
        ""
        if may
        else f"Only a {' or '.join(sorted(allowed))} of this dataset {'assigns' if first else 'tightens'} its label."
    )
    label, tone = ("Assign a label", "") if first else ("Tighten the label", "plain")
    return Offer("label", label, tone, may, why, "" if may else who_can(found.held, allowed))


def _evaluate(found: Table) -> Offer:
    may = bool(found.person.roles_on(found.version.dataset_id))
    return Offer(
        "evaluate", "Evaluate again", "plain", may, "" if may else "You hold no role on this dataset.", direct=True
    )
