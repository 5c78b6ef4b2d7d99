"""Every refusal has a reference, and who may know is told the rule, the facts and what would have allowed it."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from audit import ledger
from datasets.models import PolicyDecision
from datasets.people import person_for
from datasets.policy import bundle
from datasets.policy.counterfactuals import what_would_allow
from datasets.policy.engine import decide
from datasets.policy.labels import BUILT_IN_LABELS
from datasets.policy.requests import PolicyRequest, ResourceFacts
from promotions.readers import why
from promotions.readers.why_words import sentences
from promotions.states import State

AT = "2026-01-01T00:00:00Z"


def refused(api, version, who="nobody"):
    answer = api.client(who).get(f"/datasets/{version.dataset.slug}/versions/{version.version_id}/")
    assert answer.status_code == 404
    return re.search(r"kfm://policy_decision/[0-9a-f]{32}", answer.content.decode())[0]


def test_a_steward_is_told_the_rule_the_facts_and_the_ways(api):
    reference = refused(api, api.restricted)
    answer = api.client("steward").get("/why/", {"ref": reference}, follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200
    for words in (
        "Why it was refused",
        "reading.rego",
        "deny contains",
        "restricted",
        "PUBLISHED",
        "read_restricted grant",
    ):
        assert words in page, words


@pytest.mark.parametrize("who", ["contributor", "operator", "reviewer", "admin", "superuser", None])
def test_who_may_not_know_is_answered_as_for_what_never_was(api, who):
    reference = refused(api, api.restricted).rsplit("/", 1)[1]
    never = "0" * 32
    there, absent = (api.client(who).get(f"/why/{ref}/") for ref in (reference, never))
    assert (there.status_code, absent.status_code) == (404, 404)
    assert _plain(there, reference) == _plain(absent, never)


def _plain(answer, reference):
    text = answer.content.decode().replace(reference, "REF").replace(reference[:12], "REF")
    return re.sub(r'(X-CSRFToken": |csrfmiddlewaretoken" value=)"\w+"', "", text)


def test_who_asked_is_told_no_more_of_hidden_than_of_absent(api):
    client = api.client("nobody")
    pages = []
    for number in (api.hidden[State.RAW].version_id, "2031.0123abcd"):
        answer = client.get(f"/datasets/{api.public.dataset.slug}/versions/{number}/")
        reference = re.search(r"policy_decision/([0-9a-f]{32})", answer.content.decode())[1]
        page = client.get(f"/why/{reference}/").content.decode()
        page = (
            re.sub(r"<time.*?</time>", "", page)
            .replace(number, "V")
            .replace(reference, "REF")
            .replace(reference[:12], "REF")
        )
        page = re.sub(r'<code title="[^"]*">[^<]*</code>', "", page)
        pages.append(re.sub(r'(X-CSRFToken": |csrfmiddlewaretoken" value=)"\w+"', "", page))
    assert pages[0] == pages[1]
    assert "Refused" in pages[0]
    assert "rego" not in pages[0]


def test_a_refused_action_shows_its_entry_and_can_be_looked_up(api):
    version = api.public
    path = f"/datasets/{version.dataset.slug}/versions/{version.version_id}/review/withdraw/"
    answer = api.client("operator").post(path, {"reason": "x", "incident": "INC-1"})
    number = ledger.size() - 1
    assert f"kfm://audit/entry/{number}" in answer.content.decode()
    for who, status in (("steward", 200), ("auditor", 200), ("operator", 200), ("contributor", 404), (None, 404)):
        assert api.client(who).get(f"/why/entry/{number}/").status_code == status, who


def test_an_entry_that_refused_nothing_is_not_looked_up_here(api):
    assert api.client("auditor").get("/why/entry/0/").status_code == 404


@pytest.mark.parametrize(
    "text", ["", "x", "../../etc", "kfm://policy_decision/" + "g" * 32, "entry/999999999999999", "\x00", "é" * 500]
)
def test_hostile_references_find_nothing(api, text):
    assert api.client("steward").get("/why/", {"ref": text}).status_code in {200, 302, 404}
    assert why.look_up(person_for(api.world.users["steward"]), text, timezone.now()) is None


def test_c1_every_way_that_is_named_does_allow():
    """Property over the matrix: each set of changes turns the answer, and none of its parts does."""
    asked = 0
    for label in BUILT_IN_LABELS:
        for standing in ("RAW", "CATALOG", "PUBLISHED", "QUARANTINE", "WITHDRAWN"):
            for role in ("public", "contributor", "operator"):
                facts = ResourceFacts("a", "2026.00000000", label, standing, has_bytes=True)
                request = PolicyRequest("x", frozenset({role}), role, "read", facts)
                if decide(request, labels=BUILT_IN_LABELS, decision_id="x", evaluated_at=AT).allowed:
                    continue
                asked += 1
                found = what_would_allow(request, labels=BUILT_IN_LABELS, evaluated_at=AT)
                assert found, (label, standing, role)
                keys = [frozenset(change.key for change in together) for together in found]
                assert not any(a < b for a in keys for b in keys)
                assert [len(key) for key in keys] == sorted(len(key) for key in keys)
                assert sentences(found)
    assert asked > 40


def test_c1_an_embargo_is_named_as_what_holds_it_back():
    facts = ResourceFacts("a", "2026.00000000", "public", "PUBLISHED", has_bytes=True, embargo_until="2030-01-01")
    request = PolicyRequest("x", frozenset({"public"}), "public", "read", facts)
    ways = sentences(what_would_allow(request, labels=BUILT_IN_LABELS, evaluated_at=AT))
    assert "Once a person has lifted the embargo." in ways


def test_looking_up_writes_no_value_and_keeps_the_decision_as_it_was(api):
    reference = refused(api, api.restricted)
    before = PolicyDecision.objects.get(pk=reference).canonical
    api.client("auditor").get(f"/why/{reference.rsplit('/', 1)[1]}/")
    assert PolicyDecision.objects.get(pk=reference).canonical == before


def test_what_the_engine_can_not_say_now_is_not_told_as_no_way(api, monkeypatch):
    class Late:
        sources: dict[str, str] = {}

        def __call__(self, _document):
            raise bundle.PolicyTimeout("late")

    reference = refused(api, api.restricted).rsplit("/", 1)[1]
    with monkeypatch.context() as broken:
        broken.setattr(
            why, "what_would_allow", lambda asked, **words: what_would_allow(asked, **words | {"evaluator": Late()})
        )
        page = api.client("steward").get(f"/why/{reference}/")
    assert page.status_code == 200
    assert "No one or two changes would have" not in page.content.decode()
    assert "What would have allowed it" in api.client("steward").get(f"/why/{reference}/").content.decode()
