"""KFM's own guide denies the public what ``public_generalized`` is for; our policies must not (a regression)."""

from __future__ import annotations

import pytest

from datasets.policy import bundle
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS

#: What the guide's illustrative policy decides, said for our decision document: a steward may do all, the public reads
#: what is labelled ``public``; for ``public_generalized`` there is an obligation, but no rule that allows.
GUIDE = """package kfm.policy

import rego.v1

allow if input.role == "steward"

allow if {
	input.role == "public"
	input.action == "read"
	input.resource.policy_label == "public"
}

default decision := {"decision": "deny", "reason_codes": ["no_rule_allows"], "rule_id": "guide"}

decision := {"decision": "allow", "reason_codes": ["label_open_to_role"], "rule_id": "guide"} if allow
"""


def reads(label, role="public", evaluator=None):
    resource = ResourceFacts("ks", "v", label, "PUBLISHED", has_bytes=True)
    request = PolicyRequest("p", frozenset({role}), role, "read", resource)
    when = "2026-01-01T00:00:00Z"
    return decide(request, labels=BUILT_IN_LABELS, decision_id="1", evaluated_at=when, evaluator=evaluator)


def test_regression_the_guides_own_policy_denies_the_public_public_generalized():
    guide = bundle.evaluator_of({"guide.rego": GUIDE})
    assert not reads("public_generalized", evaluator=guide).allowed
    assert reads("public", evaluator=guide).allowed
    assert reads("restricted", "steward", evaluator=guide).allowed


def test_regression_the_public_reads_public_generalized_under_its_obligations():
    decision = reads("public_generalized")
    assert decision.allowed
    assert {item["type"] for item in decision.obligations} == {"generalize_geometry", "require_attribution"}


@pytest.mark.parametrize(("label", "allowed"), [("public", True), ("public_generalized", True), ("restricted", False)])
def test_the_guides_fixtures_for_the_public_hold(label, allowed):
    assert reads(label).allowed is allowed
