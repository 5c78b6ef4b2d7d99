"""The History tab: moves, proposal, signatures, label changes and ledger entries of one version, newest first.

For people who hold a role on the dataset only; the view asks before it reads.
"""

from __future__ import annotations

from typing import Any

from audit import ledger, presenters
from datasets.people import names_of
from promotions.models import Proposal, Release, SignOff, Transition
from promotions.readers.run_list import visible_jobs
from promotions.readers.version_page import Opened
from promotions.shelf import Shelf
from promotions.states import RULES, Verb

SHOWN = 200


def history(opened: Opened, shelf: Shelf) -> dict[str, Any]:  # noqa: ARG001 - every tab is read alike
    """The values of ``versions/history.html``."""
    version = opened.version
    moves = list(Transition.objects.filter(version=version).order_by("-ledger_index")[:SHOWN])
    signatures = list(SignOff.objects.filter(version=version).select_related("dossier").order_by("-pk")[:SHOWN])
    proposal = Proposal.objects.filter(version=version).first()
    labels = list(version.history.order_by("history_date").values_list("history_date", "policy_label_id")[:SHOWN])
    entries = ledger.entries_about(version.reference).filter(subject=version.reference).order_by("-index")[:SHOWN]
    releases = list(Release.objects.filter(version=version)[:SHOWN])
    people = {m.actor for m in moves} | {s.principal for s in signatures} | {r.released_by for r in releases}
    people |= {proposal.proposer, proposal.changes_requested_by} if proposal else set()
    return {
        "names": names_of(people - {""}),
        "moves": [{"move": m, "past": RULES[Verb(m.verb)].past} for m in moves],
        "signatures": signatures,
        "proposal": proposal,
        "releases": releases,
        "labels": _changes(labels),
        "entries": presenters.lines(entries),
        "jobs": list(visible_jobs(opened.person).filter(version=version)[:SHOWN]),
    }


def _changes(labels: list[tuple[Any, str | None]]) -> list[dict[str, Any]]:
    """Only the moments at which the label became another."""
    found: list[dict[str, Any]] = []
    for at, label in labels:
        if not found or found[-1]["label"] != label:
            found.append({"at": at, "label": label})
    return found[::-1]
