"""Who sees to a case: claims that run out, owners, hand-overs, comments, the plan, and what the gates say now."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.people import PIPELINE
from datasets.policy.roles import Role
from promotions import cases, permissions
from promotions.models import CaseComment, Delivery, Notice, QuarantineCase
from tests.inbox import acts
from tests.promotions import LEDGER, changed, refused, rows

AT = timezone.now()
HOUR = timedelta(hours=1)


def fresh(case: QuarantineCase) -> QuarantineCase:
    return QuarantineCase.objects.select_related("version__dataset").get(pk=case.pk)


def claim(world, case, name: str, at=AT) -> QuarantineCase:
    return cases.claim(case_pk=case.pk, by=world.person(name), at=at)


def last_event() -> tuple[str, dict[str, Any]]:
    entry = ledger.entries()[0]
    return entry.event, entry.references


def test_a_claim_is_a_lease_of_four_hours(world, case):
    held = claim(world, case, "reviewer")
    assert (held.claimed_by, held.claim_until) == ("reviewer", AT + 4 * HOUR)
    assert last_event() == ("case.claimed", {"case": str(case.pk)})
    assert permissions.holder_of(held, AT + 4 * HOUR - timedelta(seconds=1)) == "reviewer"
    assert permissions.holder_of(held, AT + 4 * HOUR) == ""


def test_anothers_live_claim_is_refused_with_who_and_until_when(world, case):
    claim(world, case, "reviewer")
    with refused("claimed_by_other") as told:
        claim(world, case, "reviewer2", AT + HOUR)
    assert "Reviewer Test holds this case until" in told.value.message
    assert f"{AT + 4 * HOUR:%Y-%m-%d %H:%M} UTC" in told.value.message


def test_a_claim_that_ran_out_is_free_without_anyone_sweeping(world, case):
    claim(world, case, "reviewer")
    assert claim(world, case, "reviewer2", AT + 4 * HOUR).claimed_by == "reviewer2"


@pytest.mark.parametrize(
    "act",
    [
        lambda world, case, at: claim(world, case, "reviewer", at),
        lambda world, case, at: cases.comment(case_pk=case.pk, text="Looking.", by=world.person("reviewer"), at=at),
        lambda world, case, at: cases.assign(case_pk=case.pk, owner="contributor", by=world.person("reviewer"), at=at),
        lambda world, case, at: cases.update_case(
            case_pk=case.pk, owner="", due=at.date(), plan="Ask.", by=world.person("reviewer"), at=at
        ),
        lambda world, case, at: cases.run_again(case_pk=case.pk, by=world.person("reviewer"), at=at),
    ],
    ids=["claim", "comment", "assign", "plan", "run"],
)
def test_every_act_of_the_holder_renews_the_claim(world, case, act):
    claim(world, case, "reviewer")
    act(world, case, AT + 3 * HOUR)
    assert fresh(case).claim_until == AT + 7 * HOUR


def test_anothers_comment_does_not_renew_it(world, case):
    claim(world, case, "reviewer")
    cases.comment(case_pk=case.pk, text="Hello?", by=world.person("reviewer2"), at=AT + HOUR)
    assert fresh(case).claim_until == AT + 4 * HOUR


def test_a_steward_too_claims_only_what_is_free_and_takes_over_by_handing_over(world, case):
    claim(world, case, "reviewer")
    with refused("claimed_by_other"):
        claim(world, case, "steward", AT)
    cases.hand_over(case_pk=case.pk, to="steward", note="I take it.", by=world.person("steward"), at=AT)
    held = fresh(case)
    assert (held.claimed_by, held.owner) == ("steward", "steward")
    assert [n.text for n in Notice.objects.filter(principal="reviewer")] == [
        f"Steward Test handed case {case.pk} over to someone else."
    ]


def test_only_the_holder_gives_a_claim_up(world, case):
    claim(world, case, "reviewer")
    with refused("not_yours"):
        cases.unclaim(case_pk=case.pk, by=world.person("reviewer2"), at=AT)
    cases.unclaim(case_pk=case.pk, by=world.person("reviewer"), at=AT)
    assert (fresh(case).claimed_by, fresh(case).claim_until) == ("", None)
    with refused("not_yours"):
        cases.unclaim(case_pk=case.pk, by=world.person("reviewer"), at=AT)


def test_while_another_holds_it_nobody_changes_owner_or_plan_but_a_steward(world, case):
    claim(world, case, "reviewer")
    with refused("claimed_by_other"):
        cases.assign(case_pk=case.pk, owner="operator", by=world.person("reviewer2"), at=AT)
    with refused("claimed_by_other"):
        cases.update_case(case_pk=case.pk, owner="", due=AT.date(), plan="Mine.", by=world.person("operator"), at=AT)
    cases.assign(case_pk=case.pk, owner="operator", by=world.person("steward"), at=AT)
    assert (fresh(case).owner, fresh(case).claimed_by) == ("operator", "reviewer")


def test_the_holder_hands_over_case_claim_and_a_note(world, case):
    claim(world, case, "reviewer")
    cases.hand_over(
        case_pk=case.pk, to="reviewer2", note="I stopped at the ids.", by=world.person("reviewer"), at=AT + HOUR
    )
    held = fresh(case)
    assert (held.claimed_by, held.owner, held.claim_until) == ("reviewer2", "reviewer2", AT + 5 * HOUR)
    assert [(c.author, c.role, c.text) for c in held.comments.all()] == [
        ("reviewer", "reviewer", "I stopped at the ids.")
    ]
    event, references = last_event()
    assert (event, references["owner"], references["was"]) == ("case.handed_over", "reviewer2", "reviewer")
    assert "I stopped" not in str(references)
    assert Notice.objects.get(principal="reviewer2").text == f"Reviewer Test handed case {case.pk} over to you."


def test_who_neither_holds_nor_owns_it_hands_nothing_over(world, case):
    with refused("not_yours"):
        cases.hand_over(case_pk=case.pk, to="reviewer2", note="You.", by=world.person("reviewer"), at=AT)
    cases.assign(case_pk=case.pk, owner="reviewer", by=world.person("steward"), at=AT)
    cases.hand_over(case_pk=case.pk, to="reviewer2", note="You.", by=world.person("reviewer"), at=AT)
    with refused("not_yours"):
        cases.hand_over(case_pk=case.pk, to="operator", note="No, you.", by=world.person("reviewer"), at=AT)


@pytest.mark.parametrize("note", ["", "  \n", "\x00"])
def test_a_hand_over_without_a_note_is_refused(world, case, note):
    claim(world, case, "reviewer")
    with refused("text_missing"):
        cases.hand_over(case_pk=case.pk, to="reviewer2", note=note, by=world.person("reviewer"), at=AT)


@pytest.mark.parametrize(
    ("name", "code"),
    [("nobody", "owner_unfit"), ("auditor", "owner_unfit"), ("superuser", "owner_unfit"), ("ghost", "owner_unknown")],
)
def test_a_case_is_given_only_to_who_works_it_and_may_see_it(world, case, name, code):
    with refused(code):
        cases.assign(case_pk=case.pk, owner=name, by=world.person("steward"), at=AT)


def test_a_contributor_who_may_not_see_the_version_is_given_no_case(world, case):
    """Contributor made it and sees it; contributor2 has the same role and does not."""
    cases.assign(case_pk=case.pk, owner="contributor", by=world.person("steward"), at=AT)
    with refused("owner_unfit"):
        cases.assign(case_pk=case.pk, owner="contributor2", by=world.person("steward"), at=AT)


def test_an_inactive_account_is_no_owner(world, case):
    world.users["reviewer2"].is_active = False
    world.users["reviewer2"].save()
    with refused("owner_unknown"):
        cases.assign(case_pk=case.pk, owner="reviewer2", by=world.person("steward"), at=AT)


def test_being_assigned_is_told_once_and_not_to_oneself(world, case):
    cases.assign(case_pk=case.pk, owner="reviewer", by=world.person("steward"), at=AT)
    notice = Notice.objects.get()
    assert (notice.principal, notice.kind, notice.path) == ("reviewer", "case.assigned", f"/quarantine/{case.pk}/")
    cases.assign(case_pk=case.pk, owner="steward", by=world.person("steward"), at=AT + HOUR)
    assert Notice.objects.count() == 1


def test_a_comment_is_told_to_owner_and_holder_and_says_nothing_of_itself(world, case):
    cases.assign(case_pk=case.pk, owner="operator", by=world.person("steward"), at=AT)
    claim(world, case, "reviewer")
    Notice.objects.all().delete()
    cases.comment(case_pk=case.pk, text="Row 3 says Atchison.", by=world.person("steward"), at=AT)
    assert {n.principal for n in Notice.objects.all()} == {"operator", "reviewer"}
    assert "Atchison" not in str(list(Notice.objects.values()))
    assert "Atchison" not in str([e.references for e in ledger.entries()[:3]])
    assert Delivery.objects.count() == 0


def test_an_ended_case_takes_comments_and_nothing_else(world, case):
    QuarantineCase.objects.filter(pk=case.pk).update(resolution="denied", resolved_by="steward", resolved_at=AT)
    cases.comment(case_pk=case.pk, text="For the record.", by=world.person("reviewer"), at=AT)
    for act in acts.ON_OPEN_CASES.values():
        with refused("case_ended"):
            act(world, case)


@pytest.mark.parametrize("name", ["nobody", "auditor", "council", "admin", "superuser"])
def test_without_a_working_role_there_is_no_act_on_a_case(world, case, name):
    for act in acts.ALL.values():
        with refused("role_missing"):
            act(world, case, by=name)


@pytest.mark.parametrize("act", acts.ALL.values(), ids=acts.ALL.keys())
def test_no_ledger_entry_no_change(world, case, act, monkeypatch):
    acts.prepare(world, case)
    before = rows()

    def broken(**_: Any) -> None:
        raise ledger.LedgerError("full")

    monkeypatch.setattr(ledger, "append", broken)
    with pytest.raises(ledger.LedgerError):
        act(world, case)
    assert changed(before) == set()


@pytest.mark.parametrize("act", acts.ALL.values(), ids=acts.ALL.keys())
def test_an_act_is_one_entry_and_touches_only_the_case_and_who_is_told(world, case, act):
    acts.prepare(world, case)
    before, size = rows(), ledger.size()
    act(world, case)
    assert ledger.size() == size + 1
    assert changed(before) - LEDGER <= {
        "promotions.QuarantineCase", "promotions.HistoricalQuarantineCase", "promotions.CaseComment",
        "promotions.Notice",
    }  # fmt: skip


def test_what_changed_of_the_case_is_in_its_history(world, case):
    claim(world, case, "reviewer")
    cases.assign(case_pk=case.pk, owner="operator", by=world.person("steward"), at=AT)
    told = list(fresh(case).history.order_by("history_id").values_list("owner", "claimed_by"))
    assert told[-2:] == [("", "reviewer"), ("operator", "reviewer")]


def test_an_update_over_a_row_that_changed_meanwhile_is_refused(world, case, monkeypatch):
    """The row is written only over what was read: here someone claims it between the reading and the writing."""
    from promotions import casework

    real = permissions.check_claim

    def slow(person: Any, seen: QuarantineCase, at: Any) -> Role:
        role = real(person, seen, at)
        QuarantineCase.objects.filter(pk=seen.pk).update(claimed_by="reviewer2", claim_until=AT + HOUR)
        return role

    monkeypatch.setattr(casework.permissions, "check_claim", slow)
    with refused("changed_meanwhile"):
        claim(world, case, "reviewer")


def finding(clause: str, code: str) -> dict[str, Any]:
    return {"clause": clause, "code": code, "where": "checks", "message": "m", "fix": "f", "kind": "violated"}


def test_what_the_gates_say_after_a_new_run_is_kept_and_what_they_said_before_stays_in_history(world, case):
    before = case.findings
    told = [finding("B2", "terms_reopened"), finding("E2", "threshold_missed")]
    kept = cases.record_findings(version_pk=case.version_id, findings=told, by=PIPELINE, at=AT)
    assert kept is not None
    assert (fresh(case).findings, fresh(case).root_cause) == (told, "E2:threshold_missed")
    assert last_event()[0] == Event.CASE_UPDATED
    assert before in list(fresh(case).history.values_list("findings", flat=True))


def test_the_same_findings_again_are_not_entered_again(world, case):
    size = ledger.size()
    cases.record_findings(version_pk=case.version_id, findings=case.findings, by=PIPELINE, at=AT)
    assert ledger.size() == size


def test_when_nothing_fails_any_more_the_root_cause_stays(world, case):
    cases.record_findings(version_pk=case.version_id, findings=[], by=PIPELINE, at=AT)
    assert (fresh(case).findings, fresh(case).root_cause) == ([], case.root_cause)


def test_a_version_without_an_open_case_keeps_no_findings(world, case):
    QuarantineCase.objects.filter(pk=case.pk).update(resolution="denied", resolved_by="steward", resolved_at=AT)
    before = rows()
    assert cases.record_findings(version_pk=case.version_id, findings=[], by=PIPELINE, at=AT) is None
    assert changed(before) == set()


def test_findings_that_the_ledger_does_not_take_are_not_kept(world, case, monkeypatch):
    def broken(**_: Any) -> None:
        raise ledger.LedgerError("full")

    monkeypatch.setattr(ledger, "append", broken)
    before = rows()
    with pytest.raises(ledger.LedgerError):
        cases.record_findings(version_pk=case.version_id, findings=[], by=PIPELINE, at=AT)
    assert changed(before) == set()


def test_comments_are_append_only_in_the_database_itself(world, case):
    from django.db import DatabaseError, transaction

    said = cases.comment(case_pk=case.pk, text="I said so.", by=world.person("reviewer"), at=AT)
    for spoil in (lambda: CaseComment.objects.filter(pk=said.pk).update(text="I did not."), said.delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            spoil()
