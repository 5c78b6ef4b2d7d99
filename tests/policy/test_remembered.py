"""What the policies answered is remembered: the engine is asked once for like questions, and again for what raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from datasets.policy import bundle, engine
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.requests import PolicyRequest, ResourceFacts


class Counting:
    """Stands in for the engine's thread: counts what reaches it; the first question fails."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(document)
        if len(self.asked) == 1:
            raise RuntimeError("once")
        return {"decision": "allow", "reason_codes": ["label_open_to_role"], "rule_id": "kfm.policy.read"}


def request(name: str, *, role: str = "steward", standing: str = "PUBLISHED") -> PolicyRequest:
    resource = ResourceFacts(name, "2026.00000000", "public", standing, has_bytes=True)
    return PolicyRequest("someone", frozenset({role}), role, "read", resource)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    monkeypatch.setattr(bundle, "TimeLimited", lambda *_, **__: counting)
    monkeypatch.setattr(bundle, "evaluator", lambda: evaluator)
    evaluator = bundle._TimeLimitedPolicies((("a.rego", "package a"),), 1.0)
    return counting


def decide(asked: PolicyRequest, at: str = "2026-01-01T00:00:00Z") -> engine.PolicyDecision:
    return engine.decide(asked, labels=BUILT_IN_LABELS, decision_id="x", evaluated_at=at, evaluator=bundle.evaluator())


def test_c1_like_questions_are_asked_once_and_a_failure_is_asked_again(counting: Counting) -> None:
    assert decide(request("a")).reason_codes == ("engine_error",)
    assert [decide(request(name), f"2026-01-0{n}T00:00:00Z").decision for n, name in enumerate("abcd", 1)] == [
        "allow"
    ] * 4
    assert len(counting.asked) == 2
    decide(request("a", standing="QUARANTINE"))
    decide(request("a", role="reviewer"))
    assert len(counting.asked) == 4


def test_c1_no_rule_is_shown_what_a_version_is_called(counting: Counting) -> None:
    decide(request("a"))
    assert not {"dataset_slug", "dataset_version_id"} & set(counting.asked[0]["resource"])
    assert counting.asked[0]["evaluated_at"] is None
