"""The decision kept of a list: who asked for what, and every combination that was readable then (C1).

A list is filtered by the tables of ``predicate``; this says them as one document that can be replayed. Decides nothing
of its own, names no version and knows no rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.policy.bundle import Evaluator, Policies, evaluator_of, policy_bundle_digest
from datasets.policy.engine import DECISION_PREFIX, Replay, ResourceFacts
from datasets.policy.labels import LabelFacts
from datasets.policy.predicate import Rights, reach
from datasets.policy.reasons import NO_ANSWER

LIST_RULE = "kfm.predicate"
_NOTHING = ("no_rule_allows",)


@dataclass(frozen=True, slots=True)
class ListQuestion:
    """One list as asked. ``everywhere``: rights on datasets without a grant; ``granted``: the other kinds, how many."""

    principal_ref: str
    action: str
    everywhere: Rights
    granted: tuple[tuple[Rights, int], ...]
    embargoes: bool
    scope: Mapping[str, str]

    def as_json(self) -> dict[str, Any]:
        """The request of a stored decision, with a resource that names no version."""
        return {
            "principal_ref": self.principal_ref,
            "roles": sorted(self.everywhere.roles),
            "role": min(self.everywhere.roles, default=""),
            "action": self.action,
            "resource": ResourceFacts(dataset_slug=None).as_json(),
            "scope": dict(self.scope),
            "granted": [
                {"roles": sorted(rights.roles), "read_restricted": rights.granted, "datasets": count}
                for rights, count in self.granted
            ],
            "embargoes": self.embargoes,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ListQuestion:
        """Raises ``KeyError``, ``TypeError`` or ``ValueError`` when *document* is no list's request."""
        granted = [
            (Rights(frozenset(item["roles"]), bool(item["read_restricted"])), int(item["datasets"]))
            for item in document["granted"]
        ]
        everywhere = Rights(frozenset(document["roles"]), granted=False)
        return cls(
            document["principal_ref"],
            document["action"],
            everywhere,
            tuple(granted),
            bool(document["embargoes"]),
            dict(document["scope"]),
        )


def decide_list(
    question: ListQuestion,
    *,
    labels: Mapping[str, LabelFacts],
    decision_id: str,
    evaluated_at: str,
    evaluator: Evaluator | None = None,
) -> dict[str, Any]:
    """The document kept of a list: what was readable, kind of rights by kind. ``deny`` when nothing at all was."""
    reaches = [
        (rights, reach(rights, question.action, labels, embargoes=question.embargoes, evaluator=evaluator))
        for rights in (question.everywhere, *(rights for rights, _ in question.granted))
    ]
    allowed = any(found.groups for _, found in reaches)
    reasons = frozenset().union(*(found.reasons for _, found in reaches))
    sources = evaluator.sources if evaluator is not None else None
    return {
        "decision_id": decision_id if decision_id.startswith(DECISION_PREFIX) else f"{DECISION_PREFIX}{decision_id}",
        "policy_label": None,
        "decision": "allow" if allowed else "deny",
        "reason_codes": sorted(reasons) or list(_NOTHING),
        "obligations": [],
        "evaluated_at": evaluated_at,
        "rule_id": LIST_RULE,
        "policy_bundle_digest": policy_bundle_digest(labels, sources),
        "request": question.as_json(),
        "readable": [
            {
                "roles": sorted(rights.roles),
                "read_restricted": rights.granted,
                "groups": [group.as_json() for group in found.groups],
            }
            for rights, found in reaches
        ],
    }


def replay_list(document: Mapping[str, Any], *, policies: Policies | None) -> Replay:
    """Asks a kept list's question again and compares, as ``engine.replay`` does for one version."""
    if policies is None:
        return Replay("not_kept", None, "The policies that made this decision were not kept.")
    try:
        if policies.digest != document["policy_bundle_digest"]:
            return Replay("bundle_differs", None, "These are not the policies that made this decision.")
        again = decide_list(
            ListQuestion.from_json(document["request"]),
            labels=policies.labels,
            decision_id=document["decision_id"],
            evaluated_at=document["evaluated_at"],
            evaluator=evaluator_of(policies.sources),
        )
        failed = NO_ANSWER & {*document["reason_codes"], *again["reason_codes"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Replay("unreadable", None, f"This is no stored decision on a list: {error}.")
    if failed:
        return Replay("no_answer", None, "The engine gave no answer, then or now, so there is nothing to compare.")
    if again != dict(document):
        return Replay("differs", None, "The same policies give another answer than the one stored.")
    return Replay("same", None, "The same policies give the same answer.")
