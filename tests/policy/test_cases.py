"""The policies' own table of cases (``datasets/policy/rego/cases``): request in, decision and reason codes out."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from datasets.policy import bundle
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.obligations import parse_obligation, satisfies
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


def ask(roles, action, role=None, labels=BUILT_IN_LABELS, evaluator=None, **facts):
    facts = {"dataset_slug": "ks", "dataset_version_id": "v", "has_bytes": True, **facts}
    facts |= {name: tuple(facts[name]) for name in ("obligations", "applied_obligations") if name in facts}
    resource = ResourceFacts(**{**facts, "grants": frozenset(facts.get("grants", ()))})
    request = PolicyRequest("p", frozenset(roles), role or roles[0], action, resource)
    return decide(request, labels=labels, decision_id="1", evaluated_at="2026-01-01T00:00:00Z", evaluator=evaluator)


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
    told = {code for _, case in CASES for code in case["reason_codes"]}
    assert told | {"role_may_act", *NO_TABLE} == {*ALLOW_REASONS, *DENY_REASONS}
    assert not told & set(NO_TABLE)


class Engine:
    """An engine that answers as told, or raises."""

    sources = bundle.policy_sources()

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, document):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def failing(answer):
    return lambda: ask(["public"], "read", policy_label="public", standing="PUBLISHED", evaluator=Engine(answer))


def silent():
    """Policies that have no rule for the action."""
    sources = {
        "decision.rego": bundle.policy_sources()["decision.rego"]
        + "allow contains 1 if false\ndeny contains 1 if false\n"
    }
    evaluator = bundle.evaluator_of(sources)
    return ask(["public"], "read", policy_label="public", standing="PUBLISHED", evaluator=evaluator)


def loose():
    labels = {**BUILT_IN_LABELS, "internal": replace(BUILT_IN_LABELS["internal"], readers=tuple(Role))}
    return ask(["public"], "read", labels=labels, policy_label="internal", standing="PUBLISHED")


#: Codes that no table can show, because the facts or the engine must be at fault, each with what gives it.
NO_TABLE = {
    "engine_error": failing(RuntimeError("boom")),
    "engine_timeout": failing(bundle.PolicyTimeout("late")),
    "engine_undefined": failing(bundle.PolicyUndefined()),
    "engine_malformed": failing({"decision": "allow"}),
    "no_rule_allows": silent,
    "label_looser_than_built_in": loose,
    "role_not_held": lambda: ask(
        ["contributor"], "publish", role="operator", policy_label="public", standing="CATALOG"
    ),
}


@pytest.mark.parametrize("code", NO_TABLE)
def test_c1_every_other_reason_code_can_be_given(code):
    decision = NO_TABLE[code]()
    assert (decision.decision, decision.reason_codes) == ("deny", (code,))


def test_the_bundle_digest_changes_with_a_policy_or_a_label():
    before = bundle.policy_bundle_digest(BUILT_IN_LABELS)
    looser = {**BUILT_IN_LABELS, "internal": replace(BUILT_IN_LABELS["internal"], tightness=21)}
    assert bundle.policy_bundle_digest(looser) != before
    assert bundle.policy_bundle_digest(dict(reversed(BUILT_IN_LABELS.items()))) == before


STRENGTHS = [
    {"type": "generalize_geometry", "min_cell_size_m": 1000},
    {"type": "generalize_geometry", "min_cell_size_m": 5000},
    {"type": "generalize_geometry", "min_cell_size_m": 5000, "grid": "h3"},
    {"type": "generalize_geometry", "min_cell_size_m": 5000, "shape": "cell"},
    {"type": "generalize_geometry", "preset": "1_degree", "grid": "h3", "shape": "cell"},
    {"type": "remove_attributes", "fields": ["a"]},
    {"type": "remove_attributes", "fields": ["a", "b"]},
    {"type": "generalize_time", "resolution": "day"},
    {"type": "generalize_time", "resolution": "month"},
    {"type": "generalize_time", "resolution": "year"},
    {"type": "suppress_small_counts", "k": 3},
    {"type": "suppress_small_counts", "k": 10},
    {"type": "show_notice", "message": "Handle with care"},
    {"type": "show_notice", "message": "Do not handle"},
    {"type": "require_attribution"},
]


@pytest.mark.parametrize("owed", STRENGTHS, ids=json.dumps)
def test_c2_the_policies_and_the_words_agree_on_what_meets_an_obligation(owed):
    """``obligations.rego`` and ``obligations.satisfies`` say the same, pair by pair."""
    facts = {"policy_label": "internal", "standing": "CATALOG", "obligations": [owed]}
    for applied in STRENGTHS:
        decision = ask(["pipeline"], "assess", applied_obligations=[applied], **facts)
        assert decision.allowed is satisfies(parse_obligation(applied), parse_obligation(owed)), applied
