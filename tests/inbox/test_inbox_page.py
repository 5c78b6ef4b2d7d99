"""The inbox as it is read: what is shown and counted to whom, filters in the URL, groups, pages, queries."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from datasets.models import PolicyLabel
from promotions import cases, derivatives, transitions
from promotions.gates import e_quality
from promotions.models import QuarantineCase, Severity
from promotions.readers import home, inbox
from promotions.readers.inbox import Filters, filters_from
from promotions.shelf import Shelf
from tests.inbox.many import more_cases
from tests.promotions import overwrite

AT = timezone.now()
EVERYBODY = (
    "contributor", "contributor2", "operator", "reviewer", "steward", "council", "auditor", "admin", "nobody",
    "superuser",
)  # fmt: skip


def page(world: Any, name: str = "reviewer", number: int = 1, **asked: str) -> inbox.InboxPage:
    query = QueryDict(mutable=True)
    query.update(asked)
    return inbox.page(world.person(name), filters_from(query), number, AT)


def shown(found: inbox.InboxPage) -> list[int]:
    return [line.case.pk for group in found.groups for line in group.cases]


# --- who sees what ---


@pytest.mark.parametrize("name", EVERYBODY)
def test_the_inbox_shows_exactly_what_home_shows(world, case, name):
    hidden = more_cases(case, 3)[0]
    secret = PolicyLabel.objects.get(name="restricted_sensitive_location")
    type(hidden.version).objects.filter(pk=hidden.version_id).update(policy_label=secret)
    expected = {c.pk for c in home.open_cases(world.person(name))}
    found = page(world, name)
    assert set(shown(found)) == expected
    assert found.counts.open == found.found == len(expected) == sum(g.total for g in found.groups)
    assert sum(n for _, n in found.datasets) == sum(n for *_, n in found.reasons) == len(expected)
    assert sum(n for *_, n in found.owners) == len(expected)


def test_hidden_and_absent_count_alike(world, case):
    """Whoever may see nothing is told the same before and after a case is hidden from them."""
    before = page(world, "operator")
    hidden = more_cases(case, 1)[0]
    secret = PolicyLabel.objects.get(name="restricted_sensitive_location")
    type(hidden.version).objects.filter(pk=hidden.version_id).update(policy_label=secret)
    after = page(world, "operator")
    assert (after.counts, after.found, after.datasets, after.owners) == (
        before.counts, before.found, before.datasets, before.owners,
    )  # fmt: skip
    sought = page(world, "operator", text=str(hidden.pk))
    assert hidden.pk not in shown(sought)
    assert sought.found == len(shown(sought))


# --- filters ---

WORDS = st.text(max_size=60)
ASKED = st.fixed_dictionaries(
    {},
    optional={
        **{f.name: WORDS for f in fields(Filters) if f.name not in {"mine", "overdue", "state"}},
        "state": st.sampled_from(["open", "ended", "all", "", "OPEN"]),
        "mine": st.sampled_from(["1", "0", "", "yes"]),
        "overdue": st.sampled_from(["1", "0", ""]),
    },
)


@given(ASKED)
def test_filters_come_back_from_their_own_query(asked):
    filters = filters_from(asked)
    assert filters_from(QueryDict(filters.query())) == filters
    assert filters_from(QueryDict(filters.but())) == filters


def test_no_filter_is_no_query_and_links_change_one_thing():
    assert Filters().query() == ""
    assert Filters(gate="E").but(overdue=True) == "overdue=1&gate=E"
    assert Filters(gate="E", mine=True).but(gate="") == "mine=1"


@pytest.mark.parametrize(
    ("asked", "finds"),
    [
        ({}, ["first", "late", "owned", "held", "grave"]),
        ({"overdue": "1"}, ["late"]),
        ({"mine": "1"}, ["owned", "held"]),
        ({"owner": "reviewer"}, ["owned"]),
        ({"owner": "-"}, ["first", "late", "held", "grave"]),
        ({"severity": "high"}, ["grave"]),
        ({"severity": "huge"}, []),
        ({"reason": "SENSITIVITY_UNCLEAR"}, ["grave"]),
        ({"reason": "' OR 1=1"}, []),
        ({"gate": "C"}, ["grave"]),
        ({"dataset": "test_ks_wells", "gate": "C"}, ["grave"]),
        ({"dataset": "other"}, []),
        ({"text": "C1:label_missing"}, ["grave"]),
        ({"text": "WELLS", "overdue": "1"}, ["late"]),
        ({"text": "\x00\ud7ff%"}, []),
        ({"state": "ended"}, ["ended"]),
        ({"state": "all", "overdue": "1"}, ["late"]),
    ],
)
def test_each_filter_finds_what_it_names(world, case, asked, finds):
    late, owned, held, grave, ended = more_cases(case, 5)
    rows = {"first": case, "late": late, "owned": owned, "held": held, "grave": grave, "ended": ended}
    change = QuarantineCase.objects.filter
    change(pk=late.pk).update(due=AT.date() - timedelta(days=1))
    change(pk=owned.pk).update(owner="reviewer")
    cases.claim(case_pk=held.pk, by=world.person("reviewer"), at=AT)
    change(pk=grave.pk).update(
        reason_code="SENSITIVITY_UNCLEAR", gate="C", root_cause="C1:label_missing", severity=Severity.HIGH
    )
    change(pk=ended.pk).update(
        resolution="denied", resolved_by="steward", resolved_at=AT, due=AT.date() - timedelta(days=9)
    )
    found = page(world, **asked)
    assert set(shown(found)) == {rows[name].pk for name in finds}
    assert found.found == len(finds)
    assert (found.counts.open, found.counts.overdue, found.counts.mine, found.counts.high) == (5, 1, 2, 1)


def test_a_cases_number_finds_it(world, case):
    more_cases(case, 2)
    assert case.pk in shown(page(world, text=str(case.pk)))
    assert page(world, text="9" * 60).found == 0


# --- groups and pages ---


def test_the_gravest_group_is_first_and_inside_a_group_the_soonest_due(world, case):
    normal = more_cases(case, 3)
    grave = more_cases(case, 2, severity=Severity.HIGH, root_cause="C1:x", due=case.due + timedelta(days=99))
    soon = more_cases(case, 1, root_cause="E2:zz", due=case.due - timedelta(days=5))
    found = page(world)
    assert [g.root_cause for g in found.groups] == ["C1:x", "E2:zz", case.root_cause]
    assert shown(found) == [c.pk for c in [*grave, *soon, *sorted([case, *normal], key=lambda c: (c.due, c.pk))]]
    assert found.groups[-1].total == 4
    assert found.groups[-1].runbook_title
    assert found.groups[-1].sentence == "Required fields are filled: threshold missed"  # each case has its own figure
    assert found.groups[0].sentence == case.findings[0]["message"]


def test_pages_hold_each_case_once_and_groups_say_their_whole_size(world, case):
    more_cases(case, 119)
    first = page(world)
    numbers = [pk for n in (1, 2, 3) for pk in shown(page(world, number=n))]
    assert (first.pages, first.found, first.previous, first.next) == (3, 120, None, 2)
    assert sorted(numbers) == sorted(QuarantineCase.objects.values_list("pk", flat=True))
    assert len(set(numbers)) == 120
    assert {g.total for n in (1, 2, 3) for g in page(world, number=n).groups} == {120}
    assert page(world, number=99).page == 3
    assert page(world, number=-1).page == 1


def test_the_number_of_queries_does_not_grow_with_the_cases(world, case):
    person = world.person("reviewer")

    def queries(number: int = 1) -> int:
        with CaptureQueriesContext(connection) as caught:
            inbox.page(person, Filters(), number, AT)
            home.case_ageing(person, AT.date())
        return len(caught)

    few = queries()
    for n, more in enumerate(more_cases(case, 200)):
        QuarantineCase.objects.filter(pk=more.pk).update(
            owner=("", "reviewer", "operator")[n % 3], root_cause=f"E2:{n}"
        )
    assert queries() == queries(3) == few


def test_home_counts_every_overdue_case_and_mine(world, case):
    more_cases(case, 210, due=AT.date() - timedelta(days=1), owner="reviewer")
    found = home.case_ageing(world.person("reviewer"), AT.date())
    assert (found["count"], found["overdue"], found["mine"], len(found["first"])) == (211, 210, 210, home.SHOWN)


# --- one case ---


def view(world: Any, case: QuarantineCase, name: str = "reviewer") -> inbox.CaseView:
    read = QuarantineCase.objects.select_related(
        "version__dataset", "version__policy_label", "version__proposal", "version__acquisition", "version__standing"
    ).get(pk=case.pk)
    return inbox.case_view(world.person(name), read, AT)


def ways(seen: inbox.CaseView) -> dict[str, bool]:
    return {offer.name: offer.allowed for offer in seen.ways}


def test_all_reasons_are_told_by_gate_the_one_that_decides_first(world, case):
    told = [
        {"clause": "B2", "code": "x", "message": "m", "where": "", "fix": "", "kind": "violated"},
        *case.findings,
    ]
    QuarantineCase.objects.filter(pk=case.pk).update(findings=told)
    seen = view(world, case)
    assert [(r.gate, r.name, r.decides) for r in seen.reasons] == [("E", "Quality", True), ("B", "Rights", False)]
    assert sum(len(r.findings) for r in seen.reasons) == len(told)


def test_a_live_claim_disables_the_decisions_of_others_and_says_who_holds_it(world, case):
    cases.claim(case_pk=case.pk, by=world.person("reviewer"), at=AT)
    mine, theirs = view(world, case), view(world, case, "reviewer2")
    assert mine.claim is not None
    assert mine.claim.mine
    assert ways(mine) == {"release": True, "derive": True, "metadata-only": True, "deny": False, "run": True}
    assert ways(theirs) == {"release": False, "derive": False, "metadata-only": False, "deny": False, "run": True}
    assert "Reviewer Test holds this case until" in next(o for o in theirs.ways if o.name == "release").why_not
    assert [theirs.may[n][0] for n in ("claim", "assign", "hand_over", "comment")] == [False, False, False, True]
    assert [mine.may[n][0] for n in ("claim", "unclaim", "assign", "hand_over")] == [True, True, True, True]


def test_an_ended_case_offers_the_way_back_its_receipt_and_what_was_made(world, case, monkeypatch):
    derivatives.open_metadata_only(case_pk=case.pk, reason="Only so.", by=world.person("steward"), at=AT)
    seen = view(world, case)
    assert ways(seen) == {"reopen": True}
    assert seen.receipt is not None
    assert (seen.made, seen.reopened_as) == (None, None)
    new = cases.reopen(case_pk=case.pk, reason="", by=world.person("reviewer"), at=AT)
    assert view(world, case).reopened_as == new.pk


def test_a_denied_case_offers_no_way_back_and_says_what_instead(world, case):
    transitions.deny(version_pk=case.version_id, by=world.person("steward"), reason="Never.", at=AT)
    (offer,) = view(world, case).ways
    assert (offer.name, offer.allowed) == ("reopen", False)
    assert "makes a new version" in offer.why_not


def test_what_is_offered_is_what_the_writers_allow(world, case, monkeypatch):
    monkeypatch.setattr(e_quality, "evaluate", lambda _: [])
    for name in ("reviewer", "steward", "operator", "contributor"):
        offered = ways(view(world, case, name))
        assert offered["release"] == (name == "reviewer")
        assert offered["deny"] == (name == "steward")
        assert offered["derive"] == offered["metadata-only"] == (name in {"reviewer", "steward"})


def test_the_queries_of_one_case_do_not_grow_with_its_comments(world, case):
    with CaptureQueriesContext(connection) as few:
        view(world, case)
    for n in range(20):
        cases.comment(case_pk=case.pk, text=f"No. {n}", by=world.person(("reviewer", "steward")[n % 2]), at=AT)
    with CaptureQueriesContext(connection) as many:
        seen = view(world, case)
    assert len(many) == len(few)
    assert [name for _, name in seen.comments][:2] == ["Reviewer Test", "Steward Test"]


# --- sample rows ---


def test_failing_rows_are_shown_to_who_may_have_the_bytes(world, case):
    found = inbox.samples_of(world.person("reviewer"), view(world, case).case)
    assert (found.why_not, len(found.rows) > 0) == ("", True)
    assert {row["row"] for row in found.rows} == {1, 2, 3}


def test_failing_rows_are_not_shown_to_others(world, case):
    for name in ("contributor2", "operator", "auditor", "nobody"):
        found = inbox.samples_of(world.person(name), view(world, case).case)
        assert (found.rows, found.geometries) == ((), None)
        assert found.why_not


def test_c2_the_places_of_a_sensitive_version_are_withheld_from_its_reviewers_too(world, case):
    secret = PolicyLabel.objects.get(name="quarantine")
    type(case.version).objects.filter(pk=case.version_id).update(policy_label=secret)
    found = inbox.samples_of(world.person("reviewer"), view(world, case).case)
    assert found.rows
    assert all(row["geometry"] is None for row in found.rows)


@pytest.mark.parametrize("content", [b"no parquet", None], ids=["spoiled", "gone"])
def test_a_measured_file_that_is_gone_or_spoiled_is_said_so(world, case, version, content):
    shelf = Shelf.open(version, fresh=False)
    report = shelf.json(shelf.digest_of("qa_report"))
    assert report is not None
    overwrite(report["measured_digest"], content)
    found = inbox.samples_of(world.person("reviewer"), view(world, case).case)
    assert (found.rows, bool(found.why_not)) == ((), True)


def test_home_says_how_many_are_overdue_and_how_many_are_mine(world, case, client):
    more_cases(case, 2, due=AT.date() - timedelta(days=1), owner="reviewer")
    client.force_login(world.users["reviewer"])
    shown_home = client.get(reverse("home")).content.decode()
    assert "2 overdue</a>" in shown_home
    assert "2 yours</a>" in shown_home
    client.force_login(world.users["operator"])
    assert "yours</a>" not in client.get(reverse("home")).content.decode()
