"""Reader: asks stored decisions again, each under the policies and label facts that were kept beside it (C1).

Decides nothing and changes nothing: says of each whether the same answer comes out. A decision whose policies were not
kept, or whose row contradicts its document, is said to be so and never passed over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from datasets import decisions
from datasets.models import PolicyBundle, PolicyDecision
from datasets.policy import bundle, engine
from datasets.policy.lists import LIST_RULE, replay_list

#: Columns of the row that repeat what its document says.
_REPEATED = {"decision": "decision", "decision_id": "decision_id"}
_REPEATED_OF_REQUEST = {"action": "action", "principal": "principal_ref"}


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision asked again. ``was`` and ``now``: ``"allow: label_open_to_role"``, or ``""`` where unknown."""

    decision_id: str
    verdict: engine.Verdict
    was: str
    now: str
    message: str


def replay_all(rows: Iterable[PolicyDecision]) -> Iterator[Replayed]:
    """Asks each of *rows* again, one at a time; each bundle is read once."""
    bundles = _Bundles()
    for row in rows:
        yield replay(row, bundles)


def replay(row: PolicyDecision, bundles: _Bundles | None = None) -> Replayed:
    """Asks one stored decision again under its own bundle."""
    try:
        document = decisions.document_of(row)
        was = f"{document['decision']}: {', '.join(document['reason_codes'])}"
        policies = (bundles or _Bundles()).named(document["policy_bundle_digest"])
    except (KeyError, TypeError, ValueError) as error:
        return Replayed(row.decision_id, "unreadable", "", "", f"This is no stored policy decision: {error}.")
    if not _agrees(row, document):
        message = "The row says something else than the document in it."
        return Replayed(row.decision_id, "differs", was, "", message)
    of_list = document.get("rule_id") == LIST_RULE
    found = (replay_list if of_list else engine.replay)(document, policies=policies)
    again = found.decision
    now = f"{again.decision}: {', '.join(again.reason_codes)}" if again else ""
    return Replayed(row.decision_id, found.verdict, was, now, found.message)


def _agrees(row: PolicyDecision, document: dict[str, object]) -> bool:
    request = document.get("request")
    return all(getattr(row, column) == document.get(name) for column, name in _REPEATED.items()) and (
        isinstance(request, dict)
        and all(getattr(row, column) == request.get(name) for column, name in _REPEATED_OF_REQUEST.items())
    )


class _Bundles:
    """Kept bundles by digest, each read once. One whose text is not what its digest names counts as not kept."""

    def __init__(self) -> None:
        self._read: dict[str, bundle.Policies | None] = {}

    def named(self, digest: str) -> bundle.Policies | None:
        if digest not in self._read:
            row = PolicyBundle.objects.filter(digest=digest).first()
            self._read[digest] = whole_bundle(row) if row is not None else None
        return self._read[digest]


def whole_bundle(row: PolicyBundle) -> bundle.Policies | None:
    """The kept policies; ``None`` when the row's text is none, or not what its digest names."""
    try:
        policies = bundle.Policies.from_canonical(row.canonical)
    except (KeyError, TypeError, ValueError, AttributeError, json.JSONDecodeError):
        return None
    return policies if policies.digest == row.digest else None
