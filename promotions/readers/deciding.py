"""Reads what the decision box says: one sentence of state, and the signatures (its actions: ``offers``).

A signature on another dossier than the one looked at is void, and what differs is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from datasets.models import DatasetVersion, PolicyLabel
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import dossier as dossiers
from promotions import quorum, releases
from promotions.models import Proposal, QuarantineCase, Release, SignOff, Transition
from promotions.readers.board import Look
from promotions.readers.people import holders
from promotions.states import PUBLISHING_VERB, State

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
