"""One act on many: nothing before the confirmation, an effect and a result per row, the same rules as one by one."""

from __future__ import annotations

import pytest
from django.utils import timezone

from promotions import cases
from promotions.models import CaseComment, QuarantineCase
from tests.inbox.many import more_cases

WHERE = "/quarantine/bulk/"


@pytest.fixture
def many(world, case):
    """Three cases; the last is held by the steward."""
    found = [case, *more_cases(case, 2)]
    cases.claim(case_pk=found[-1].pk, by=world.person("steward"), at=timezone.now())
    return found


def pks(many) -> list[int]:
    return [case.pk for case in many]


def test_a_claim_is_previewed_at_once_and_changes_nothing(many, client_of, body):
    page = client_of("reviewer").get(WHERE, {"act": "claim", "pk": pks(many), "back": "?gate=E"})
    text = body(page)
    assert "Nothing has happened yet." in text
    assert "It is yours to work on until" in text
    assert "Steward Test holds this case until" in text
    assert "Claim: 2 cases" in text
    assert page.context["listed"] == "/quarantine/?gate=E"
    assert QuarantineCase.objects.filter(claimed_by="reviewer").count() == 0


def test_the_confirmation_does_it_with_a_result_per_row_and_only_once(many, client_of, body):
    client = client_of("reviewer")
    asked = {"act": "claim", "pk": pks(many), "step": "apply", "back": "?gate=E"}
    done = client.post(WHERE, asked, follow=True)
    assert done.redirect_chain[-1][0] == "/quarantine/bulk/done/"
    assert "Claim: 2 done, 1 not" in body(done)
    assert "Steward Test holds this case until" in body(done)
    assert set(QuarantineCase.objects.filter(claimed_by="reviewer").values_list("pk", flat=True)) == set(pks(many)[:2])
    assert "Claim: 2 done, 1 not" in body(client.get("/quarantine/bulk/done/"))


def test_a_comment_is_typed_previewed_and_confirmed(many, client_of, body):
    client = client_of("reviewer")
    assert "Show what it would do" in body(client.get(WHERE, {"act": "comment", "pk": pks(many)}))
    asked = {"act": "comment", "pk": pks(many), "text": 'Look "here".'}
    shown = body(client.post(WHERE, asked | {"step": "preview"}))
    assert 'value="Look &quot;here&quot;."' in shown
    assert CaseComment.objects.count() == 0
    client.post(WHERE, asked | {"step": "apply"})
    assert CaseComment.objects.count() == 3


def test_what_is_missing_is_asked_for_and_nothing_is_done(many, client_of, body):
    asked = {"act": "deny", "pk": pks(many), "reason": " ", "step": "apply"}
    assert "This field is required." in body(client_of("steward").post(WHERE, asked))
    assert QuarantineCase.objects.filter(resolution="").count() == 3


def test_no_one_may_more_by_many_than_by_one(many, client_of, body):
    asked = {"act": "deny", "pk": pks(many), "reason": "Not fit."}
    text = body(client_of("reviewer").post(WHERE, asked))
    assert "Only a steward of test_ks_wells may deny its versions" in text
    assert "It is possible for none of them" in text
    client_of("reviewer").post(WHERE, asked | {"step": "apply"})
    assert QuarantineCase.objects.filter(resolution="").count() == 3


def test_assign_offers_those_who_work_the_cases(many, client_of, body):
    text = body(client_of("steward").get(WHERE, {"act": "assign", "pk": pks(many)}))
    assert "Reviewer2 Test (reviewer)" in text
    assert "Council Test" not in text
    client_of("steward").post(WHERE, {"act": "assign", "pk": pks(many), "owner": "reviewer2", "step": "apply"})
    assert QuarantineCase.objects.filter(owner="reviewer2").count() == 3


def test_the_due_date_is_moved(many, client_of):
    client_of("steward").post(WHERE, {"act": "due", "pk": pks(many), "due": "2040-01-02", "step": "apply"})
    assert QuarantineCase.objects.filter(due="2040-01-02").count() == 3


def test_hidden_and_absent_cases_are_told_alike(many, client_of, main_of):
    for act in ("claim", "comment"):
        hidden = client_of("nobody").get(WHERE, {"act": act, "pk": [many[1].pk]})
        absent = client_of("nobody").get(WHERE, {"act": act, "pk": [10**6]})
        assert "There is no such case." in main_of(hidden, many[1].pk)
        assert main_of(hidden, many[1].pk) == main_of(absent, 10**6)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"act": "claim"}, "No case was chosen."),
        ({"act": "claim", "pk": ["x", "-1", ""]}, "No case was chosen."),
        ({"act": "claim", "pk": [str(n) for n in range(1, 400)]}, "At most 200 cases"),
    ],
)
def test_odd_choices_go_back_to_the_list_with_a_sentence(many, client_of, body, asked, says):
    assert says in body(client_of("reviewer").get(WHERE, asked, follow=True))


def test_there_is_no_other_act(many, client_of):
    assert client_of("steward").get(WHERE, {"act": "release", "pk": pks(many)}).status_code == 404
