"""The decision point: who reads and releases what, and every way it refuses."""

import pytest

from datasets.policy import bundle
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide, replay
from datasets.policy.labels import BUILT_IN_LABELS, is_tightening

GRID = {"type": "generalize_geometry", "min_cell_size_m": 5000}
CREDIT = {"type": "require_attribution"}


def ask(role, action, label, standing="PUBLISHED", labels=BUILT_IN_LABELS, **facts):
    resource = ResourceFacts("ks", "v", label, standing, **{"has_bytes": True, **facts})
    request = PolicyRequest("p", frozenset({role}), role, action, resource)
    return decide(request, labels=labels, decision_id="1", evaluated_at="2026-01-01T00:00:00Z")


READERS = {
    "public": "public contributor operator reviewer steward council auditor admin pipeline",
    "public_generalized": "public contributor operator reviewer steward council auditor admin pipeline",
    "internal": "contributor operator reviewer steward council auditor admin pipeline",
    "embargoed": "reviewer steward council",
    "restricted": "steward council",
    "restricted_sensitive_location": "steward council",
    "quarantine": "reviewer steward council",
}


@pytest.mark.parametrize("label", READERS)
def test_downloads_of_published_versions_follow_the_label(label):
    every = READERS["public"].split()
    assert {r for r in every if ask(r, "download", label).allowed} == set(READERS[label].split())


def test_regression_the_public_reads_public_generalized_with_its_obligations():
    decision = ask("public", "read", "public_generalized")
    assert decision.allowed
    assert {item["type"] for item in decision.obligations} == {"generalize_geometry", "require_attribution"}


@pytest.mark.parametrize("standing", ["RAW", "WORK", "PROCESSED", "CATALOG", "QUARANTINE", "DENIED", "WITHDRAWN"])
def test_the_public_never_reads_what_is_not_published(standing):
    assert not ask("public", "read", "public", standing, is_proposer=True).allowed


@pytest.mark.parametrize(
    ("role", "action", "label", "facts", "code"),
    [
        ("root", "read", "public", {}, "unknown_role"),
        ("public", "peek", "public", {}, "unknown_action"),
        ("public", "read", "secret", {}, "unknown_label"),
        ("public", "read", None, {}, "missing_attribute"),
        ("public", "download", "public", {"has_bytes": None}, "missing_attribute"),
        ("public", "download", "public", {"has_bytes": False}, "no_bytes"),
        ("public", "read", "public", {"obligations": ({"type": "blur"},)}, "unknown_obligation"),
        ("public", "read", "public", {"standing": "LIMBO"}, "unknown_standing"),
        ("contributor", "read", "restricted", {}, "grant_required"),
        ("operator", "publish", "public_generalized", {"standing": "CATALOG"}, "obligation_unmet"),
        ("steward", "assign_label", "public", {"current_label": "internal"}, "loosening_needs_new_version"),
        ("admin", "publish", "public", {"standing": "CATALOG"}, "role_may_not"),
    ],
)
def test_c1_refusals_say_why(role, action, label, facts, code):
    decision = ask(role, action, label, **facts)
    assert not decision.allowed
    assert code in decision.reason_codes


def test_c2_release_is_allowed_when_obligations_are_met():
    assert ask("operator", "publish", "public_generalized", "CATALOG", applied_obligations=(GRID, CREDIT)).allowed


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (RuntimeError("boom"), "engine_error"),
        (bundle.PolicyUndefined(), "engine_undefined"),
        ({"decision": "allow"}, "engine_malformed"),
        ({"decision": "allow", "reason_codes": ["because"], "rule_id": "x"}, "engine_malformed"),
    ],
)
def test_c1_a_failing_engine_denies(monkeypatch, answer, code):
    def broken(document):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(bundle, "evaluator", lambda: broken)
    assert ask("public", "read", "public").reason_codes == (code,)


SHIPPED = bundle.Policies(bundle.policy_sources(), BUILT_IN_LABELS)


def test_a_stored_decision_replays_and_a_forged_one_does_not():
    stored = ask("public", "read", "internal").as_json()
    assert replay(stored, policies=SHIPPED).verdict == "same"
    assert replay({**stored, "decision": "allow"}, policies=SHIPPED).verdict == "differs"
    assert replay({**stored, "policy_bundle_digest": "sha256:0"}, policies=SHIPPED).verdict == "bundle_differs"
    assert replay(stored, policies=None).verdict == "not_kept"
    assert replay({}, policies=SHIPPED).verdict == "unreadable"


def test_a_decision_that_the_engine_failed_to_make_is_not_said_to_replay(monkeypatch):
    with monkeypatch.context() as failing:
        failing.setattr(bundle, "evaluator", lambda: {}["no engine"])
        stored = ask("public", "read", "public").as_json()
    assert stored["reason_codes"] == ["engine_error"]
    assert replay(stored, policies=SHIPPED).verdict == "no_answer"


def test_quarantine_tightens_every_other_label():
    last = BUILT_IN_LABELS["quarantine"]
    assert all(is_tightening(old, last) for name, old in BUILT_IN_LABELS.items() if name != "quarantine")
