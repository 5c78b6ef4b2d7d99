"""Reads the decision box: one sentence of state, the signatures, and each action with why not and who can.

Offers, never grants: the same rules are asked again by the writer behind each action (``permissions``, ``signoffs``,
``transitions``). A signature on another dossier than the one looked at is void, and what differs is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from datasets.models import DatasetVersion, PolicyLabel
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import dossier as dossiers
from promotions import labels, permissions, quorum, releases, roles
from promotions.models import Proposal, QuarantineCase, Release, SignOff, Transition
from promotions.proposals import OPEN_STATES
from promotions.readers.board import Look
from promotions.readers.people import holders, who_can
from promotions.states import PUBLISHING_VERB, RULES, State, Verb

NUMBERS = ("none", "one", "two", "three", "four", "five", "six", "seven")
ALL_OF = {2: "Both"}
MOST_DIFFERENCES = 12


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """A signature as shown. ``differences``: for a void one, what changed since it was given; ``more``: the rest."""

    person: dict[str, str]
    role: str
    meaning: str
    at: datetime
    digest: str
    void: bool
    differences: Sequence[dossiers.Difference] = ()
    more: int = 0


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


@dataclass(slots=True)
class Table:
    """Everything the decision box needs, read once."""

    person: Person
    seen: Look
    proposal: Proposal | None
    signatures: list[SignOff]
    counted: quorum.Quorum
    release: Release | None
    case: QuarantineCase | None
    last: Transition | None
    names: Mapping[str, str]
    held: Mapping[Role, Mapping[str, str]]
    labels: list[PolicyLabel] = field(default_factory=list)

    @property
    def version(self) -> DatasetVersion:
        return self.seen.standing.version

    @property
    def state(self) -> State:
        return State(self.seen.standing.state)

    @property
    def proposer(self) -> str:
        return self.proposal.proposer if self.proposal else ""

    @property
    def required(self) -> tuple[str, ...]:
        label = self.version.policy_label
        return tuple(label.sign_off_roles) if label else ()

    @property
    def digest(self) -> str:
        """What signatures are held against: the dossier at this look, or, once published, the one that was released."""
        if self.state is State.PUBLISHED and self.release is not None:
            return self.release.dossier.digest
        return self.seen.gathered.digest

    @property
    def signers(self) -> frozenset[str]:
        return frozenset(s.principal for s in self.signatures)


def table(person: Person, seen: Look, moves: Sequence[Transition], names: Mapping[str, str]) -> Table:
    """Reads the rows of the decision."""
    version, standing = seen.standing.version, seen.standing
    signatures = releases.sign_offs_of(version, standing.round)
    proposal = Proposal.objects.filter(version=version).first()
    release = Release.objects.filter(version=version).select_related("dossier").first()
    case = QuarantineCase.objects.filter(version=version).order_by("-pk").first()
    found = Table(
        person,
        seen,
        proposal,
        signatures,
        quorum.Quorum({}, (), (), ()),
        release,
        case,
        moves[-1] if moves else None,
        names,
        holders(version.dataset_id),
        list(PolicyLabel.objects.all()),
    )
    found.counted = quorum.count(
        [quorum.Signature(s.principal, s.role, s.dossier.digest) for s in signatures],
        required=found.required,
        dossier_digest=found.digest,
        proposer=proposal.proposer if proposal else None,
    )
    return found


def signature_lines(found: Table) -> list[SignatureLine]:
    """Each signature of this round, valid or void."""
    return [_line(found, signature) for signature in found.signatures]


def _line(found: Table, signature: SignOff) -> SignatureLine:
    void = signature.dossier.digest != found.digest
    now = (
        found.release.dossier.canonical
        if found.state is State.PUBLISHED and found.release
        else found.seen.gathered.canonical.decode()
    )
    differ = dossiers.differences(signature.dossier.canonical, now) if void else []
    return SignatureLine(
        {
            "name": found.names.get(signature.principal, signature.principal),
            "role": signature.role,
            "username": signature.principal,
        },
        signature.role,
        signature.meaning,
        signature.signed_at,
        signature.dossier.digest,
        void,
        differ[:MOST_DIFFERENCES],
        max(0, len(differ) - MOST_DIFFERENCES),
    )


def sentence(found: Table) -> tuple[str, str, str]:
    """``(tone, sentence, detail)``: what the decision stands at."""
    if found.state in PUBLISHING_VERB:
        return _for_its_state(found, *_waiting(found))
    if found.state is State.PUBLISHED and found.release is not None:
        by = found.names.get(found.release.released_by, found.release.released_by)
        return "pass", f"Published by {by}.", "The signatures below are on the dossier that was released."
    if found.state is State.QUARANTINE and found.case is not None:
        return (
            "quarantine",
            "In quarantine; served to nobody.",
            f"{found.case.reason_code.replace('_', ' ').capitalize()}: {_first_finding(found.case)}",
        )
    if found.state is State.DENIED:
        return "block", "Denied; this version goes no further.", found.case.resolution_reason if found.case else ""
    if found.seen.failed:
        return _mend(found)
    steps = {State.RAW: "normalized", State.WORK: "checked and protected", State.PROCESSED: "cataloged"}
    return (
        "idle",
        f"On its way: it is {steps[found.state]} next.",
        "Signatures are asked for when it is in the catalog.",
    )


def _first_finding(case: QuarantineCase) -> str:
    """What the case was opened for: the first finding, and how many more there are; a person's reason when none."""
    if not case.findings:
        return case.reason
    more = len(case.findings) - 1
    rest = f" And {more} more finding{'s' if more > 1 else ''}." if more else ""
    return f"{case.findings[0].get('message', case.reason)}{rest}"


def _mend(found: Table) -> tuple[str, str, str]:
    letters = ", ".join(found.seen.failed)
    count = sum(len(result.findings) for result in found.seen.results.values())
    plural = "s" if len(found.seen.failed) > 1 else ""
    verb = "do" if plural else "does"
    return (
        "block",
        f"Gate{plural} {letters} {verb} not pass; nothing can be signed until mended.",
        f"{count} finding{'s' if count != 1 else ''}, each with how to mend it, beside the gates.",
    )


def _for_its_state(found: Table, tone: str, words: str, detail: str) -> tuple[str, str, str]:
    """What waits, said of a version that is no longer published as what its restoring waits for."""
    if found.state is State.CATALOG:
        return tone, words, detail
    return tone, f"{found.state.capitalize()}. To restore it: {words[0].lower()}{words[1:]}", detail


def _waiting(found: Table) -> tuple[str, str, str]:
    if found.seen.failed:
        return _mend(found)
    if found.proposal is None:
        return (
            "idle",
            "All seven gates pass; nobody has proposed it yet.",
            "A contributor or operator proposes it, then others sign.",
        )
    if found.proposal.changes_requested:
        by = found.names.get(found.proposal.changes_requested_by, found.proposal.changes_requested_by)
        return (
            "quarantine",
            f"{by} asked for changes; the proposer answers first.",
            f"“{found.proposal.changes_requested}”",
        )
    if not found.required:
        return "block", "The version has no label, so no one can sign.", "A steward assigns a policy label."
    total, missing = len(found.required), found.counted.missing
    verb = PUBLISHING_VERB[found.state].value
    void = len(found.counted.void)
    detail = (
        f"{void} signature{'s are' if void > 1 else ' is'} void: what was signed has changed since. See below what did."
        if void
        else ""
    )
    if not missing:
        return (
            "pass",
            (
                f"{ALL_OF.get(total, f'All {NUMBERS[total]}')} signatures are there; "
                f"an operator who signed nothing may {verb} it."
            ),
            detail,
        )
    need = " and ".join(f"a {role}" for role in missing)
    given = f"{NUMBERS[total - len(missing)].capitalize()} of {NUMBERS[total]} signatures"
    return "quarantine" if void else "idle", f"{given}; needs {need} who did not propose it.", detail


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


def looser_or_none(found: Table) -> list[PolicyLabel]:
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
    if not looser_or_none(found):
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
