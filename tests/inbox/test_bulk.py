"""The same act on many cases: the preview says beforehand what each outcome then is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit import ledger
from datasets.errors import Refused
from datasets.models import PolicyLabel
from promotions import bulk, cases
from promotions.models import Job, QuarantineCase, Standing
from tests.inbox.many import more_cases
from tests.promotions import changed, rows

AT = timezone.now()
PARAMETERS: dict[str, dict[str, str]] = {
    "claim": {},
    "assign": {"owner": "operator"},
    "comment": {"text": "Seen."},
    "due": {"due": f"{(AT + timedelta(days=30)).date().isoformat()}"},
    "deny": {"reason": "Never."},
    "run": {},
}
BY_ACTION = pytest.mark.parametrize("action", PARAMETERS)


@pytest.fixture
def mixed(world, case) -> list[int]:
    """An open case, one held by another, one ended, one already as asked for, one hidden, one that is not there."""
    held, ended, same, hidden = more_cases(case, 4)
    cases.claim(case_pk=held.pk, by=world.person("reviewer2"), at=AT)
    QuarantineCase.objects.filter(pk=ended.pk).update(resolution="denied", resolved_by="steward", resolved_at=AT)
    QuarantineCase.objects.filter(pk=same.pk).update(owner="operator", due=(AT + timedelta(days=30)).date())
    Job.objects.create(
        kind="promotion", dataset=same.version.dataset, version=same.version, requested_by="operator", requested_at=AT
    )
    secret = PolicyLabel.objects.get(name="restricted_sensitive_location")
    type(hidden.version).objects.filter(pk=hidden.version_id).update(policy_label=secret)
    return [case.pk, held.pk, ended.pk, same.pk, hidden.pk, 10**9]


def test_every_action_has_parameters_here():
    assert set(bulk.ACTS) == set(PARAMETERS)


@BY_ACTION
@pytest.mark.parametrize("name", ["reviewer", "steward", "operator", "contributor", "auditor"])
def test_the_preview_foretells_each_outcome(world, mixed, action, name):
    person = world.person(name)
    foretold = bulk.preview(action, mixed, person, PARAMETERS[action], AT)
    done = bulk.apply(action, mixed, person, PARAMETERS[action], AT)
    assert [e.case_pk for e in foretold] == [o.case_pk for o in done] == mixed
    assert [(e.possible, e.sentence or e.why_not) for e in foretold] == [(o.done, o.message) for o in done]
    assert all(o.message for o in done)


@BY_ACTION
def test_something_is_possible_and_something_is_not(world, mixed, action):
    """Else the test above would prove nothing."""
    name = "steward" if action == "deny" else "reviewer"
    found = bulk.preview(action, mixed, world.person(name), PARAMETERS[action], AT)
    assert {e.possible for e in found} == {True, False}
    assert found[0].possible


@BY_ACTION
def test_a_preview_changes_nothing(world, mixed, action):
    before = rows()
    bulk.preview(action, mixed, world.person("reviewer"), PARAMETERS[action], AT)
    assert changed(before) == set()


def test_hidden_and_absent_are_the_same_answer(world, mixed):
    hidden, absent = bulk.preview("claim", mixed[-2:], world.person("operator"), {}, AT)
    assert (hidden.case, hidden.possible, hidden.why_not) == (None, False, absent.why_not)


def test_one_that_is_refused_stops_no_other_and_its_refusal_is_in_the_ledger(world, mixed):
    size = ledger.size()
    outcomes = bulk.apply("deny", mixed[:3], world.person("steward"), {"reason": "Never."}, AT)
    assert [o.done for o in outcomes] == [True, True, False]
    assert Standing.objects.filter(state="DENIED").count() == 2
    events = [e.event for e in ledger.entries()[: ledger.size() - size]]
    assert events.count("action.refused") == 1


def test_a_case_chosen_twice_is_worked_once(world, case):
    assert len(bulk.apply("claim", [case.pk, case.pk], world.person("reviewer"), {}, AT)) == 1


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("comment", {}),
        ("comment", {"text": "x" * 4001}),
        ("due", {"due": "soon"}),
        ("due", {}),
        ("due", {"due": "2001-01-01"}),
        ("deny", {"reason": " "}),
        ("assign", {"owner": "ghost"}),
        ("assign", {}),
    ],
)
def test_a_faulty_parameter_is_said_for_each_row_and_nothing_is_done(world, case, action, parameters):
    person: Any = world.person("steward")
    (effect,) = bulk.preview(action, [case.pk], person, parameters, AT)
    (outcome,) = bulk.apply(action, [case.pk], person, parameters, AT)
    assert (effect.possible, outcome.done) == (False, False)
    assert effect.why_not == outcome.message


@pytest.mark.parametrize(("action", "pks"), [("release", [1]), ("claim", []), ("claim", list(range(201)))])
def test_an_unknown_action_none_or_too_many_are_refused_as_a_whole(world, action, pks):
    for call in (bulk.preview, bulk.apply):
        with pytest.raises(Refused):
            call(action, pks, world.person("reviewer"), {}, AT)
