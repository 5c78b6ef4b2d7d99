"""Asks the policies whether a request may be granted, and records the answer (C1; design §5, §6).

Decides allow only when the request is well formed, every word in it is known, and the engine says allow in a
well-formed answer. Everything else is a denial with its own reason code: it never raises for bad evidence, knows no
clock (``evaluated_at`` comes in), no rows, no superuser.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from datasets.policy import bundle
from datasets.policy.labels import LabelFacts, is_tightening, looser_than_built_in
from datasets.policy.obligations import Obligation, ObligationError, parse_obligations, union
from datasets.policy.reasons import ALLOW_REASONS, DENY_REASONS, NO_ANSWER
from datasets.policy.requests import (
    READING_ACTIONS,
    STANDINGS,
    Action,
    Outcome,
    PolicyDecision,
    PolicyRequest,
    ResourceFacts,
    request_from_json,
)
from datasets.policy.roles import GRANTABLE_PER_DATASET, GRANTS, Role

__all__ = ["Action", "PolicyDecision", "PolicyRequest", "Replay", "ResourceFacts", "decide", "replay"]

logger = logging.getLogger(__name__)

DECISION_PREFIX = "kfm://policy_decision/"
PREFLIGHT_RULE = "kfm.preflight"
ENGINE_RULE = "kfm.engine"
_INSTANT = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?Z")
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")

#: What each action needs to know beyond who asks.
_NEEDS_VERSION: frozenset[str] = frozenset({*READING_ACTIONS, "assign_label", "publish", "assess"})
_NEEDS_BYTES_FACT: frozenset[str] = frozenset({"download", "publish", "assess"})
_NEEDS_NO_DATASET: frozenset[str] = frozenset({"register", "read_ledger", "manage_labels", "manage_roles"})


#: What no rule is shown: like versions are decided alike, whatever their names. The hour, only under an embargo.
_UNSEEN = frozenset({"dataset_slug", "dataset_version_id"})


@dataclass(frozen=True, slots=True)
class _Answer:
    decision: Outcome
    reason_codes: tuple[str, ...]
    rule_id: str
    obligations: tuple[Obligation, ...] = ()


class NotAnswered(Exception):  # noqa: N818 - it is what a failing engine says to whoever compares answers
    """The engine gave no answer, so nothing follows from its denial. ``codes``: its own reasons."""

    def __init__(self, codes: Iterable[str]) -> None:
        self.codes = tuple(sorted(codes))
        super().__init__(*self.codes)


def check_answered(decision: PolicyDecision) -> None:
    """Raises :class:`NotAnswered` when the engine failed: a denial that says nothing of the policies."""
    failed = NO_ANSWER & set(decision.reason_codes)
    if failed:
        raise NotAnswered(failed)


def decide(
    request: PolicyRequest,
    *,
    labels: Mapping[str, LabelFacts],
    decision_id: str,
    evaluated_at: str,
    evaluator: bundle.Evaluator | None = None,
) -> PolicyDecision:
    """The decision on ``request``. ``decision_id``: the part after ``kfm://policy_decision/`` (a full
    reference is kept); ``evaluated_at``: RFC 3339 UTC; ``evaluator``: other policies than the shipped ones, such as
    kept or proposed ones. Never raises for a bad request or a failing engine: that is a denial.
    """
    answer = _answer(request, labels, evaluated_at, evaluator)
    reference = decision_id if decision_id.startswith(DECISION_PREFIX) else f"{DECISION_PREFIX}{decision_id}"
    return PolicyDecision(
        decision_id=reference,
        policy_label=request.resource.policy_label,
        decision=answer.decision,
        reason_codes=answer.reason_codes,
        obligations=tuple(item.as_json() for item in answer.obligations),
        evaluated_at=evaluated_at,
        rule_id=answer.rule_id,
        policy_bundle_digest=bundle.policy_bundle_digest(labels, evaluator.sources if evaluator else None),
        request=request.as_json(),
    )


def _answer(
    request: PolicyRequest,
    labels: Mapping[str, LabelFacts],
    evaluated_at: str,
    evaluator: bundle.Evaluator | None,
) -> _Answer:
    refusals = _refusals(request, labels, evaluated_at)
    if refusals:
        return _Answer("deny", tuple(sorted(refusals)), PREFLIGHT_RULE)
    required = _required(request.resource, labels)
    document = _input_document(request, labels, required, evaluated_at)
    try:
        return _read_answer((evaluator or bundle.evaluator())(document), required)
    except bundle.PolicyTimeout as error:
        logger.error("The policy engine was too slow; request denied: %s", error)  # noqa: TRY400 - no fault of ours
        return _Answer("deny", ("engine_timeout",), ENGINE_RULE)
    except bundle.PolicyUndefined:
        return _Answer("deny", ("engine_undefined",), ENGINE_RULE)
    except bundle.PolicyMalformed:
        return _Answer("deny", ("engine_malformed",), ENGINE_RULE)
    except (KeyboardInterrupt, GeneratorExit):  # of this thread, not of the engine: the request itself ends
        raise
    except BaseException:  # the engine is foreign code: whatever it raises is a denial, and is logged
        logger.exception("The policy engine failed; request denied.")
        return _Answer("deny", ("engine_error",), ENGINE_RULE)


def _refusals(request: PolicyRequest, labels: Mapping[str, LabelFacts], evaluated_at: str) -> set[str]:
    """Reason codes for which the engine is not even asked; empty when every word of the request is known."""
    resource = request.resource
    roles = effective_roles(request)
    refusals: set[str] = set()
    if not request.principal_ref or not roles:
        refusals.add("missing_attribute")
    if not {*roles, request.role} <= set(Role):
        refusals.add("unknown_role")
    if request.role not in roles:
        refusals.add("role_not_held")
    if request.action not in set(Action):
        refusals.add("unknown_action")
    if not set(resource.grants) <= GRANTS:
        refusals.add("unknown_grant")
    if not _well_formed_times(resource.embargo_until, evaluated_at) or not isinstance(resource.is_proposer, bool):
        refusals.add("malformed_request")
    return refusals | _missing(request) | _label_refusals(resource, labels) | _obligation_refusals(resource)


def effective_roles(request: PolicyRequest) -> frozenset[str]:
    """Roles held, with those granted on the dataset itself (a grant ``steward`` is the role steward there)."""
    return request.roles | (request.resource.grants & {role.value for role in GRANTABLE_PER_DATASET})


def _missing(request: PolicyRequest) -> set[str]:
    resource, action = request.resource, request.action
    lacks_dataset = action not in _NEEDS_NO_DATASET and not resource.dataset_slug
    lacks_version = action in _NEEDS_VERSION and (resource.policy_label is None or resource.standing is None)
    lacks_bytes = action in _NEEDS_BYTES_FACT and not isinstance(resource.has_bytes, bool)
    return {"missing_attribute"} if lacks_dataset or lacks_version or lacks_bytes else set()


def _label_refusals(resource: ResourceFacts, labels: Mapping[str, LabelFacts]) -> set[str]:
    refusals: set[str] = set()
    for name in (resource.policy_label, resource.current_label):
        if name is None:
            continue
        facts = labels.get(name)
        if facts is None or facts.name != name:
            refusals.add("unknown_label")
        elif looser_than_built_in(facts):
            refusals.add("label_looser_than_built_in")
    if resource.standing is not None and resource.standing not in STANDINGS:
        refusals.add("unknown_standing")
    return refusals


def _obligation_refusals(resource: ResourceFacts) -> set[str]:
    try:
        parse_obligations([*resource.obligations, *resource.applied_obligations])
    except ObligationError as error:
        return {finding.code for finding in error.findings}
    return set()


def _well_formed_times(embargo_until: str | None, evaluated_at: str) -> bool:
    embargo_good = embargo_until is None or any(form.fullmatch(embargo_until) for form in (_INSTANT, _DATE))
    return embargo_good and _INSTANT.fullmatch(evaluated_at) is not None


def _required(resource: ResourceFacts, labels: Mapping[str, LabelFacts]) -> tuple[Obligation, ...]:
    of_label = labels[resource.policy_label].default_obligations if resource.policy_label is not None else ()
    return union(of_label, parse_obligations(resource.obligations))


def _input_document(
    request: PolicyRequest, labels: Mapping[str, LabelFacts], required: tuple[Obligation, ...], evaluated_at: str
) -> dict[str, Any]:
    resource = request.resource
    new = labels[resource.policy_label] if resource.policy_label is not None else None
    old = labels[resource.current_label] if resource.current_label is not None else None
    return {
        "action": request.action,
        "role": request.role,
        "roles": sorted(effective_roles(request)),
        "resource": {name: fact for name, fact in resource.as_json().items() if name not in _UNSEEN},
        "label": new.as_json() if new is not None else None,
        "current_label": old.as_json() if old is not None else None,
        "tightening": old is not None and new is not None and is_tightening(old, new),
        "required_obligations": [item.as_json() for item in required],
        "applied_obligations": [item.as_json() for item in parse_obligations(resource.applied_obligations)],
        "evaluated_at": evaluated_at if resource.embargo_until is not None else None,
    }


def _read_answer(document: Mapping[str, Any], required: tuple[Obligation, ...]) -> _Answer:
    """The engine's answer, or :class:`PolicyMalformed` when any part of it is not what it should be."""
    outcome, codes, rule_id = document.get("decision"), document.get("reason_codes"), document.get("rule_id")
    if outcome not in ("allow", "deny") or not isinstance(codes, list) or not codes or not isinstance(rule_id, str):
        raise bundle.PolicyMalformed("the decision lacks an outcome, reason codes or a rule")
    known = ALLOW_REASONS if outcome == "allow" else DENY_REASONS
    if not all(isinstance(code, str) and code in known for code in codes):
        raise bundle.PolicyMalformed("the decision has an unknown reason code")
    obliged = required if outcome == "allow" else ()
    return _Answer(cast("Outcome", outcome), tuple(sorted(codes)), rule_id, obliged)


Verdict = Literal["same", "differs", "not_kept", "bundle_differs", "no_answer", "unreadable"]


@dataclass(frozen=True, slots=True)
class Replay:
    """``same``: the stored answer came out again; ``differs``: another answer under the same bundle.

    The others say why it could not be replayed: ``not_kept``: no bundle was given; ``bundle_differs``: the one given is
    not the one that decided; ``no_answer``: the engine had failed then, or fails now; ``unreadable``: no decision.
    """

    verdict: Verdict
    decision: PolicyDecision | None
    message: str


def replay(document: Mapping[str, Any], *, policies: bundle.Policies | None) -> Replay:
    """Decides the request inside a stored decision again, with its own id, time and *policies*, and compares."""
    if policies is None:
        return Replay("not_kept", None, "The policies that made this decision were not kept.")
    try:
        if policies.digest != document["policy_bundle_digest"]:
            return Replay("bundle_differs", None, "These are not the policies that made this decision.")
        again = decide(
            request_from_json(document["request"]),
            labels=policies.labels,
            decision_id=document["decision_id"],
            evaluated_at=document["evaluated_at"],
            evaluator=bundle.evaluator_of(policies.sources),
        )
        failed = NO_ANSWER & {*document["reason_codes"], *again.reason_codes}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Replay("unreadable", None, f"This is no stored policy decision: {error}.")
    if failed:
        return Replay("no_answer", again, "The engine gave no answer, then or now, so there is nothing to compare.")
    if _said(again.as_json()) != _said(document):
        return Replay("differs", again, "The same policies give another answer than the one stored.")
    return Replay("same", again, "The same policies give the same answer.")


def _said(document: Mapping[str, Any]) -> dict[str, Any]:
    """What was answered. The request is what was asked: a fact that later code adds to it is not another answer."""
    return {name: value for name, value in document.items() if name != "request"}
