"""Writer: proposes a version for promotion, and answers requested changes by proposing it again."""

from __future__ import annotations

from datetime import datetime

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from promotions import permissions, roles
from promotions.models import Proposal, Standing
from promotions.refusals import attempt
from promotions.states import PUBLISHING_VERB, State

OPEN_STATES = frozenset({State.RAW, State.WORK, State.PROCESSED, State.CATALOG})


def propose(*, version: DatasetVersion, by: Person, note: str, at: datetime) -> Proposal:
    """Records that *by* wants *version* published. The first proposer stays the proposer; only they propose again."""
    with attempt(by=by, verb="propose", subject=version.reference, at=at) as made:
        made.about(version, roles.PROPOSES)
        return _propose(version, by, note, at)


def _propose(version: DatasetVersion, by: Person, note: str, at: datetime) -> Proposal:
    role = permissions.check_propose(by, version)
    standing = Standing.objects.select_for_update().get(version=version)
    proposal = Proposal.objects.select_for_update().filter(version=version).first()
    answers = proposal is not None and proposal.changes_requested and State(standing.state) in PUBLISHING_VERB
    if State(standing.state) not in OPEN_STATES and not answers:
        raise Refused("not_proposable", f"A version in {standing.state} can't be proposed.")
    event = Event.VERSION_PROPOSED
    if proposal is None:
        proposal = Proposal(version=version, proposer=by.principal, proposed_at=at)
    elif proposal.proposer != by.principal:
        raise Refused(
            "proposed_already", f"Already proposed by {proposal.proposer} at {proposal.proposed_at:%Y-%m-%d %H:%M} UTC."
        )
    elif not proposal.changes_requested:
        raise Refused(
            "proposed_already", f"You proposed this version at {proposal.proposed_at:%Y-%m-%d %H:%M} UTC already."
        )
    else:
        event = Event.VERSION_PROPOSAL_CHANGED
        proposal.changes_requested = proposal.changes_requested_by = ""
    proposal.note = note.strip()
    proposal.save()
    ledger.append(
        event=event,
        actor=by.principal,
        role=role.value,
        subject=version.reference,
        references={"note_digest": str(digest_bytes(proposal.note.encode()))},
        at=at,
    )
    return proposal
