"""The policies' own table of cases (``datasets/policy/rego/cases``): request in, decision and reason codes out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from datasets.policy import bundle
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.reasons import ALLOW_REASONS, DENY_REASONS
from datasets.policy.requests import Action
from datasets.policy.roles import Role

DIRECTORY = bundle.POLICY_DIRECTORY / "cases"
CASES = [
    (path.stem, case)
    for path in sorted(DIRECTORY.glob("*.json"))
    for case in json.loads(path.read_text())
    .get("cases", [])
]  # fmt: skip
MATRIX = json.loads((DIRECTORY / "roles_that_act.json").read_text())["matrix"]
#: Given by the engine when it fails (test_decisions), by facts no row can hold, or by rules no request reaches.
ELSEWHERE = {
    "engine_error",
    "engine_timeout",
    "engine_undefined",
    "engine_malformed",
    "label_looser_than_built_in",
    "role_not_held",
    "role_may_act",
    "no_rule_allows",
}


def ask(roles, action, role=None, labels=BUILT_IN_LABELS, **facts):
    facts = {"dataset_slug": "ks", "dataset_version_id": "v", "has_bytes": True, **facts}
    facts |= {name: tuple(facts[name]) for name in ("obligations", "applied_obligations") if name in facts}
    resource = ResourceFacts(**{**facts, "grants": frozenset(facts.get("grants", ()))})
    request = PolicyRequest("p", frozenset(roles), role or roles[0], action, resource)
    return decide(request, labels=labels, decision_id="1", evaluated_at="2026-01-01T00:00:00Z")


@pytest.mark.parametrize(("table", "case"), CASES, ids=[f"{table}: {case['name']}" for table, case in CASES])
def test_c1_the_decision_is_the_tables(table, case):
    decision = ask(case["roles"], case["action"], **case["facts"])
    assert (decision.decision, list(decision.reason_codes)) == (case["decision"], case["reason_codes"])


@pytest.mark.parametrize("action", MATRIX)
def test_c1_only_the_roles_of_the_table_act(action):
    for role in Role:
        decision = ask([role.value], action, policy_label="internal", standing="WORK")
        wanted = ("allow", ("role_may_act",)) if role.value in MATRIX[action] else ("deny", ("role_may_not",))
        assert (decision.decision, decision.reason_codes) == wanted, role


@pytest.mark.parametrize("action", MATRIX)
def test_c1_only_the_role_acted_in_counts(action):
    everything = [role.value for role in Role]
    for role in set(Role) - set(MATRIX[action]):
        assert not ask(everything, action, role=str(role), policy_label="internal", standing="WORK").allowed


def test_the_tables_name_every_action_role_and_reason_code():
    decided = [(case["action"], case["decision"]) for _, case in CASES]
    decided += [(action, outcome) for action in MATRIX for outcome in ("allow", "deny")]
    assert {(action.value, outcome) for action in Action for outcome in ("allow", "deny")} <= set(decided)
    assert {role for _, case in CASES for role in case["roles"]} >= set(Role)
    assert {code for _, case in CASES for code in case["reason_codes"]} | ELSEWHERE == {*ALLOW_REASONS, *DENY_REASONS}


def test_regression_public_generalized_is_read_by_the_public_under_its_obligations():
    """KFM's own guide denied it: ``public_generalized`` is for the public, with what it obliges."""
    decision = ask(["public"], "read", policy_label="public_generalized", standing="PUBLISHED")
    assert decision.allowed
    assert {item["type"] for item in decision.obligations} == {"generalize_geometry", "require_attribution"}


def test_c1_a_role_that_is_not_held_does_not_act():
    assert ask(["contributor"], "publish", role="operator", policy_label="public", standing="CATALOG").reason_codes == (
        "role_not_held",
    )


def test_c1_facts_looser_than_a_built_in_label_are_refused():
    loose = {**BUILT_IN_LABELS, "internal": replace(BUILT_IN_LABELS["internal"], readers=tuple(Role))}
    answer = ask(["public"], "read", labels=loose, policy_label="internal", standing="PUBLISHED")
    assert answer.reason_codes == ("label_looser_than_built_in",)


def test_the_bundle_digest_changes_with_a_policy_or_a_label():
    before = bundle.policy_bundle_digest(BUILT_IN_LABELS)
    looser = {**BUILT_IN_LABELS, "internal": replace(BUILT_IN_LABELS["internal"], tightness=21)}
    assert bundle.policy_bundle_digest(looser) != before
    assert bundle.policy_bundle_digest(dict(reversed(BUILT_IN_LABELS.items()))) == before
