"""C1: ten thousand stored decisions replay to the same answer, after labels changed too; tampering is found."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from io import StringIO
from itertools import product

import pytest
from django.core.management import call_command
from django.db.models import QuerySet
from django.utils import timezone

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from datasets import decisions
from datasets.models import PolicyBundle, PolicyDecision, PolicyLabel
from datasets.policy import bundle, engine
from datasets.policy.requests import READING_ACTIONS, STANDINGS, Action, PolicyRequest, ResourceFacts
from datasets.policy.roles import Role
from datasets.replays import replay, replay_all
from tests.promotions import triggers_away

pytestmark = pytest.mark.django_db
MANY = 10_000
AT = "2026-03-01T12:00:00Z"


def questions():
    """Every role, action, label, standing, grant and proposer, in one fixed order that mixes them."""
    labels = [*sorted(decisions.label_facts()), "no_such_label"]
    whole = list(
        product(
            [role.value for role in Role],
            [action.value for action in Action],
            labels,
            STANDINGS,
            (False, True),
            (frozenset(), frozenset({"read_restricted"})),
            (None, "2026-02-01", "2026-04-01"),
        )
    )
    step = 7919  # a prime that does not divide their number, so that every 10,000 in a row are mixed
    assert len(whole) % step
    for n in range(MANY):
        yield n, whole[n * step % len(whole)]


def request_of(n, role, action, label, standing, own, grants, embargo):
    resource = ResourceFacts(
        dataset_slug="ks",
        dataset_version_id=f"v{n % 40}",
        policy_label=label,
        standing=standing,
        has_bytes=n % 5 != 0,
        is_proposer=own,
        embargo_until=embargo,
        grants=grants,
        current_label="internal" if action == "assign_label" and n % 2 else None,
    )
    return PolicyRequest(f"p{n % 25}", frozenset({role}), role, action, resource)


@pytest.fixture
def stored():
    """The rows of ten thousand answers of the real engine, and the bundle that made them."""
    labels, now = decisions.label_facts(), timezone.now()
    rows = []
    for n, question in questions():
        answer = engine.decide(request_of(n, *question), labels=labels, decision_id=f"{n:032x}", evaluated_at=AT)
        rows.append(decisions.row_of(answer.as_json(), version=None, at=now))
    decisions.keep(rows[0], labels)
    PolicyDecision.objects.bulk_create(rows[1:], batch_size=500)
    return rows


@pytest.mark.slow
def test_c1_ten_thousand_stored_decisions_replay_to_the_same_answer_before_and_after_a_label_edit(stored):
    said = Counter((row.action, row.decision) for row in stored)
    assert {action for action, _ in said} == set(Action)
    assert sum(count for (_, outcome), count in said.items() if outcome == "allow") > MANY / 20
    assert {action for action, outcome in said if outcome == "allow"} >= {*READING_ACTIONS, "publish", "assess"}
    first = stored[: MANY // 5]
    assert Counter(found.verdict for found in replay_all(first)) == {"same": len(first)}

    label = PolicyLabel.objects.get(name="internal")
    label.readers = [Role.STEWARD.value]
    label.save()
    rows = PolicyDecision.objects.order_by("pk").iterator(chunk_size=500)
    assert Counter(found.verdict for found in replay_all(rows)) == {"same": MANY}
    # the edit is real: asked under today's labels, some of the same questions have another answer
    reads = (row for row in stored if row.action == "read" and "internal" in row.canonical and row.decision == "allow")
    changed = [row for row in reads if decisions.ask_again(row)["decision"] != row.decision]
    assert changed


@pytest.fixture
def kept():
    request = PolicyRequest(
        "p", frozenset({"public"}), "public", "read", ResourceFacts("ks", "v", "public", "PUBLISHED")
    )
    return decisions.decide(request, version=None, at=timezone.now())


def rewritten(row, **columns):
    """The row as someone with the database's own password would leave it."""
    with triggers_away():
        PolicyDecision.objects.filter(pk=row.pk).update(**columns)
    return PolicyDecision.objects.get(pk=row.pk)


def command(*arguments):
    """Exit code and output of the command."""
    out = StringIO()
    try:
        call_command("replay_decisions", *arguments, stdout=out)
    except SystemExit as ended:
        return ended.code, out.getvalue()
    return 0, out.getvalue()


def test_the_command_says_when_all_are_the_same(kept):
    assert replay(kept).verdict == "same"
    code, told = command()
    assert (code, told.strip()) == (
        0,
        "1 decisions replayed: 1 gave the same answer, 0 another, 0 could not be replayed.",
    )


def test_an_answer_that_was_changed_is_found(kept):
    document = {**decisions.document_of(kept), "decision": "deny", "reason_codes": ["not_a_reader"]}
    changed = rewritten(kept, canonical=canonical_bytes(document).decode(), decision="deny")
    assert replay(changed).verdict == "differs"
    code, told = command()
    assert code == 1
    assert kept.decision_id in told
    assert "deny: not_a_reader → allow: label_open_to_role" in told


@pytest.mark.parametrize(
    "columns", [{"decision": "deny"}, {"action": "download"}, {"principal": "someone"}], ids=["answer", "action", "who"]
)
def test_a_row_that_contradicts_its_document_is_found(kept, columns):
    assert replay(rewritten(kept, **columns)).verdict == "differs"


@pytest.mark.parametrize("text", ["", "[]", "{}", '"x"', '{"decision": "allow"}', "not json", "null"])
def test_a_document_that_is_none_could_not_be_replayed(kept, text):
    assert replay(rewritten(kept, canonical=text)).verdict == "unreadable"
    assert command()[0] == 2


def test_a_decision_whose_policies_were_not_kept_could_not_be_replayed(kept):
    with triggers_away():
        PolicyBundle.objects.all().delete()
    assert replay(kept).verdict == "not_kept"
    code, told = command()
    assert (code, "1 could not be replayed" in told) == (2, True)


def test_kept_policies_that_were_changed_are_not_believed(kept):
    row = PolicyBundle.objects.get()
    looser = row.canonical.replace("count(deny) > 0", "count(deny) > 99")
    assert looser != row.canonical
    with triggers_away():
        PolicyBundle.objects.filter(pk=row.pk).update(canonical=looser)
    assert replay(kept).verdict == "not_kept"


def test_old_decisions_replay_under_policies_that_are_shipped_no_longer(kept, monkeypatch):
    sources = dict(bundle.policy_sources())
    sources["decision.rego"] = sources["decision.rego"].replace("no_rule_allows", "not_published")
    with monkeypatch.context() as newer:
        newer.setattr(bundle, "policy_sources", lambda: sources)
        request = PolicyRequest("p", frozenset({"pipeline"}), "pipeline", "publish", ResourceFacts("ks"))
        later = decisions.decide(request, version=None, at=timezone.now())
        assert replay(kept).verdict == "same"
        assert replay(later).verdict == "same"
    assert PolicyBundle.objects.count() == 2
    assert {found.verdict for found in replay_all(PolicyDecision.objects.all())} == {"same"}


def test_a_bundle_is_kept_once_and_is_what_its_digest_names(kept):
    request = PolicyRequest("q", frozenset({"public"}), "public", "read", ResourceFacts("ks", "v", "internal", "WORK"))
    again = decisions.decide(request, version=None, at=timezone.now())
    row = PolicyBundle.objects.get()
    assert row.digest == decisions.document_of(kept)["policy_bundle_digest"]
    assert row.digest == decisions.document_of(again)["policy_bundle_digest"]
    assert row.digest == str(digest_bytes(row.canonical.encode()))
    whole = json.loads(row.canonical)
    assert whole["policies"] == dict(bundle.policy_sources())
    assert [label["name"] for label in whole["labels"]] == sorted(decisions.label_facts())


def test_label_facts_come_back_out_of_a_kept_bundle():
    labels = decisions.label_facts()
    back = bundle.Policies.from_canonical(bundle.Policies(bundle.policy_sources(), labels).canonical)
    assert {name: facts.as_json() for name, facts in back.labels.items()} == {
        name: facts.as_json() for name, facts in labels.items()
    }
    assert back.digest == bundle.policy_bundle_digest(labels)
    assert replace(back.labels["public"], tightness=1).tightness == 1


def test_the_command_streams_the_newest_or_those_since(kept):
    code, told = command("--limit", "1", "--json")
    lines = [json.loads(line) for line in told.splitlines()]
    assert (code, lines[-1]) == (0, {"decisions": 1, "same": 1})
    assert lines[0]["decision_id"] == kept.decision_id
    assert command("--since", "2999-01-01")[1].startswith("0 decisions replayed")


@pytest.mark.parametrize("arguments", [["--limit", "0"], ["--limit", "x"], ["--since", "yesterday"]])
def test_the_command_refuses_what_it_does_not_understand(arguments):
    with pytest.raises(Exception, match="give a"):
        call_command("replay_decisions", *arguments)


def test_two_that_keep_the_same_bundle_leave_one(kept, monkeypatch):
    """The other one kept it between our look and our write."""
    monkeypatch.setattr(QuerySet, "exists", lambda _: False)
    request = PolicyRequest("q", frozenset({"public"}), "public", "read", ResourceFacts("ks", "v", "public", "WORK"))
    decisions.decide(request, version=None, at=timezone.now())
    assert PolicyBundle.objects.count() == 1
