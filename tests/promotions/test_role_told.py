"""Design §5: a ledger entry names the role that somebody acted in, not one that comes first in the alphabet."""

from __future__ import annotations

import pytest
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.people import PIPELINE, PUBLIC, Person
from datasets.policy.roles import BRINGS_IN, RUNS, Role
from promotions import jobs, refusals, transitions
from promotions.models import JobKind
from promotions.requests import ASKS
from promotions.states import State
from tests.world import World


def person(*roles: Role, on: dict[int, str] | None = None) -> Person:
    return Person("ann", "Ann", frozenset(roles), {pk: frozenset({grant}) for pk, grant in (on or {}).items()})


def test_an_act_is_told_in_the_role_that_may_do_it():
    assert person(Role.ADMIN, Role.OPERATOR).role_told(7, RUNS) is Role.OPERATOR
    assert person(Role.AUDITOR, on={7: "operate_dataset"}).role_told(7, RUNS) is Role.OPERATOR
    assert PIPELINE.role_told(7, BRINGS_IN) is Role.PIPELINE


def test_a_role_on_another_dataset_is_not_told():
    assert person(on={8: "operate_dataset"}).role_told(7, RUNS) is Role.PUBLIC
    assert person(on={8: "operate_dataset"}).role_told(None) is Role.OPERATOR


def test_who_tries_in_vain_is_told_in_their_furthest_reaching_role():
    assert person(Role.CONTRIBUTOR, Role.STEWARD).role_told(7, RUNS) is Role.STEWARD
    assert PUBLIC.role_told(None) is Role.PUBLIC


def test_every_kind_of_job_says_who_asks_for_it():
    assert set(ASKS) == set(JobKind)


@pytest.fixture
def world(db) -> World:
    return World.build()


def refused_role(world: World, call) -> str:
    with pytest.raises(Refused):
        call()
    entry = ledger.entries().filter(event=Event.ACTION_REFUSED).order_by("-index").first()
    return entry.role


@pytest.mark.django_db(transaction=True)
def test_a_refusal_names_the_role_it_was_tried_in(world):
    version = world.version_in(State.RAW)
    both = Person("operator", "Operator", frozenset({Role.ADMIN, Role.OPERATOR}))
    call = lambda: transitions.publish(version_pk=version.pk, by=both, seen="sha256:0", at=timezone.now())  # noqa: E731
    assert refused_role(world, call) == "operator"


@pytest.mark.django_db(transaction=True)
def test_a_run_is_asked_for_in_the_role_that_asks_and_not_in_one_of_elsewhere(world):
    version = world.version_in(State.RAW)
    both = Person("operator", "Operator", frozenset({Role.ADMIN, Role.AUDITOR, Role.OPERATOR}))
    job = jobs.request_promotion(version=version, by=both, at=timezone.now())
    entry = ledger.entries_about(version.reference)[0]
    assert (entry.event, entry.role, entry.references["job"]) == (Event.RUN_REQUESTED, "operator", str(job.pk))


@pytest.mark.django_db(transaction=True)
def test_a_try_at_a_page_is_told_in_the_furthest_reaching_role(world):
    both = Person("ann", "Ann", frozenset({Role.CONTRIBUTOR, Role.REVIEWER}))
    refusals.keep(by=both, verb="look", subject="page/look", code="role_missing", at=timezone.now())
    assert ledger.entries_about("page/look")[0].role == "reviewer"
