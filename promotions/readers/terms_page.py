"""What the page of a dataset's terms shows: what is accepted, what the upstream says now, and what differs, by line.

Decides nothing: ``datasets.terms`` says what counts as accepted. Snapshots are read from the store; one that can't be
read is said so, and is never shown as unchanged.
"""

from __future__ import annotations

from itertools import groupby, zip_longest
from typing import Any

from datasets import terms
from datasets.errors import Refused
from datasets.models import Dataset, TermsAcceptance, TermsObservation
from datasets.people import Person, names_of
from datasets.policy.roles import Role
from datasets.terms_words import difference
from datasets.zones.store import StoreError
from promotions.readers.people import holders, who_can

OBSERVATIONS = 50


def terms_view(person: Person, dataset: Dataset) -> dict[str, Any]:
    """The values of ``terms/terms.html``."""
    standing = terms.standing_terms(dataset)
    observations = list(
        TermsObservation.objects.filter(dataset=dataset)
        .select_related("source")
        .order_by("-observed_at", "-pk")[:OBSERVATIONS]
    )
    acceptances = list(TermsAcceptance.objects.filter(dataset=dataset).order_by("-accepted_at", "-pk"))
    people = {o.observed_by for o in observations} | {a.accepted_by for a in acceptances}
    return {
        "standing": standing,
        "since": _since(standing),
        "lines": _lines(observations, acceptances, standing),
        "acceptances": acceptances,
        "names": names_of(people | _people_of(standing)),
        **_compared(standing),
        **(_offer(person, standing.latest) if standing.changed and standing.latest else {}),
    }


def rows_of(before: str, after: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The lines of two readings for ``components/diff.html``: those that changed, and those that stay the same."""
    changed: list[dict[str, Any]] = []
    same: list[dict[str, Any]] = []
    number = 0
    for equal, group in groupby(difference(before, after), key=lambda pair: pair[0] == " "):
        pairs = list(group)
        if equal:
            same += [_row(number + n, line, line, "same") for n, (_, line) in enumerate(pairs, start=1)]
            number += len(pairs)
            continue
        old, new = [line for sign, line in pairs if sign == "-"], [line for sign, line in pairs if sign == "+"]
        for place, (was, now) in enumerate(zip_longest(old, new), start=1):
            state = "added" if was is None else "removed" if now is None else "changed"
            changed.append(_row(number + min(place, len(new)), was, now, state))
        number += len(new)
    return changed, same


def _row(number: int, before: str | None, after: str | None, state: str) -> dict[str, Any]:
    return {"what": f"Line {max(number, 1)}", "before": before, "after": after, "state": state}


def _compared(standing: terms.TermsStanding) -> dict[str, Any]:
    """The difference when the terms changed, else the words as they stand."""
    latest, accepted = standing.latest, standing.accepted
    if latest is None:
        return {"words": ""}
    try:
        after = terms.words_of_observation(latest)
        if not standing.changed or accepted is None:
            return {"words": after}
        changed, same = rows_of(terms.words_of_observation(accepted), after)
    except StoreError:
        return {"unreadable": True}
    return {"diff": changed, "same": same, "unworded": after.startswith("sha256:") and "\n" not in after}


def _offer(person: Person, latest: TermsObservation) -> dict[str, Any]:
    """Whether *person* may accept; else why not, and who can."""
    try:
        terms.check_may_accept(person, latest)
    except Refused as refusal:
        own = frozenset({latest.observed_by, latest.source.recorded_by if latest.source else ""})
        can = who_can(holders(latest.dataset_id), {Role.STEWARD}, but=own)
        return {"may_accept": False, "why_not": refusal.message, "who_can": can}
    return {"may_accept": True}


def _since(standing: terms.TermsStanding) -> dict[str, Any] | None:
    """Since when the accepted words stand, and by whom; the first words stand by themselves."""
    if standing.acceptance is not None:
        row = standing.acceptance
        return {"at": row.accepted_at, "by": row.accepted_by, "reason": row.reason, "first": False}
    if standing.accepted is not None:
        return {"at": standing.accepted.observed_at, "by": standing.accepted.observed_by, "reason": "", "first": True}
    return None


def _people_of(standing: terms.TermsStanding) -> set[str]:
    found = {standing.acceptance.accepted_by} if standing.acceptance else set()
    return found | {o.observed_by for o in (standing.latest, standing.accepted) if o is not None}


def _lines(
    observations: list[TermsObservation], acceptances: list[TermsAcceptance], standing: terms.TermsStanding
) -> list[dict[str, Any]]:
    """Each observation with how its words stand, newest first."""
    accepted = {a.words_digest: a for a in acceptances}
    found = []
    for row in observations:
        acceptance = accepted.get(row.words_digest)
        if acceptance is not None:
            shape, word = "pass", "accepted"
        elif row.words_digest in standing.words:
            shape, word = "pass", "the first terms"
        elif row.words_digest in standing.observed:
            shape, word = "quarantine", "not accepted"
        else:
            shape, word = "not_run", "passed by"
        found.append({"row": row, "shape": shape, "word": word})
    return found
