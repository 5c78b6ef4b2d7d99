"""Many at once: one wins, the others are refused in words, and the ledger holds every one of them in an unbroken order.

Real threads and real transactions, on SQLite in a file and on PostgreSQL (``DATABASE_URL``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.models import Acquisition
from datasets.policy.roles import Role
from promotions import jobs, labels, pipeline, proposals, signoffs, transitions
from promotions.models import Job, Release, SignOff, Standing, Transition
from promotions.states import State
from tests.world import PASSWORD, World, wells

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed"), pytest.mark.slow]


def together(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Calls all at once, each in its own thread and connection; what each returned or raised, in order."""
    answers: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def call(place: int) -> None:
        try:
            start.wait()
            answers[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - every outcome is judged by the test
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def settled(answers: list[Any]) -> tuple[list[Any], list[Refused]]:
    """Those who won and those who were refused; anything else is a fault."""
    faults = [a for a in answers if isinstance(a, Exception) and not isinstance(a, Refused)]
    assert not faults, faults[:3]
    return [a for a in answers if not isinstance(a, Exception)], [a for a in answers if isinstance(a, Refused)]


def assert_unbroken() -> None:
    entries = list(reversed(ledger.entries()))
    assert [e.index for e in entries] == list(range(len(entries)))
    ledger.checkpoint(timezone.now())


def refusals() -> int:
    return ledger.entries().filter(event=Event.ACTION_REFUSED.value).count()


def publisher(world: World, version, name: str = "operator") -> Callable[[], Transition]:
    seen, by = world.digest(version), world.person(name)
    return lambda: transitions.publish(version_pk=version.pk, by=by, seen=seen, at=timezone.now())


def signer(world: World, version, name: str, role: Role) -> Callable[[], SignOff]:
    seen, by, user = world.digest(version), world.person(name), world.users[name]

    def sign() -> SignOff:
        at = timezone.now()
        proof = signoffs.reauthenticate(user=user, password=PASSWORD, at=at)
        return signoffs.sign(version_pk=version.pk, by=by, role=role, seen=seen, proof=proof, at=timezone.now())

    return sign


def signed_version(world: World, **upload):
    version = world.version_in(State.CATALOG, **upload)
    world.sign_all(version)
    return version


def test_fifty_publish_at_once_and_exactly_one_manifest_comes_of_it():
    world = World.build()
    version = signed_version(world)
    calls = [publisher(world, version, ("operator", "operator2")[n % 2]) for n in range(50)]
    won, lost = settled(together(calls))
    assert (len(won), len(lost)) == (1, 49)
    assert {r.code for r in lost} == {"wrong_state"}
    assert all(r.message.startswith("Already published by ") for r in lost)
    assert Release.objects.count() == 1
    assert Transition.objects.filter(verb="publish").count() == 1
    assert refusals() == 49
    assert_unbroken()


def test_two_versions_of_a_dataset_published_at_once_leave_one_published():
    world = World.build()
    versions = [signed_version(world), signed_version(world, content=wells(start=50))]
    won, lost = settled(together([publisher(world, v) for v in versions]))
    states = sorted(Standing.objects.values_list("state", flat=True))
    assert states in (["PUBLISHED", "SUPERSEDED"], ["CATALOG", "PUBLISHED"]), states
    assert len(won) + len(lost) == 2
    assert len(won) == Release.objects.count() == 1 + states.count("SUPERSEDED")
    assert_unbroken()


def test_one_person_signing_many_times_at_once_signs_once():
    world = World.build()
    version = world.version_in(State.CATALOG)
    ledger.checkpoint(timezone.now())
    won, lost = settled(together([signer(world, version, "steward", Role.STEWARD) for _ in range(6)]))
    assert (len(won), len(lost), SignOff.objects.count(), refusals()) == (1, 5, 1, 5)
    assert {r.code for r in lost} == {"signed_already"}
    assert_unbroken()


def test_two_stewards_signing_at_once_fill_the_role_once():
    world = World.build()
    version = world.version_in(State.CATALOG)
    ledger.checkpoint(timezone.now())
    calls = [signer(world, version, name, Role.STEWARD) for name in ("steward", "steward2")]
    won, lost = settled(together(calls))
    assert (len(won), [r.code for r in lost], SignOff.objects.count()) == (1, ["signed_already"], 1)


def test_publish_against_withdraw_sign_label_and_propose_ends_in_order():
    """Whatever the order: no deadlock, no database error, and each standing is what its last transition says."""
    world = World.build()
    first = signed_version(world)
    world.publish(first)
    second = signed_version(world, content=wells(start=50))
    steward, reviewer, contributor = (world.person(n) for n in ("steward", "reviewer", "contributor"))
    at = timezone.now()
    calls: list[Callable[[], Any]] = [
        publisher(world, second),
        publisher(world, second, "operator2"),
        lambda: transitions.withdraw(version_pk=first.pk, by=steward, reason="Bad.", incident="INC-1", at=at),
        lambda: labels.assign_label(version_pk=first.pk, label="internal", by=steward, reason="Tighter.", at=at),
        lambda: signoffs.request_changes(version_pk=second.pk, by=reviewer, note="Wait.", at=at),
        lambda: proposals.propose(version=second, by=contributor, note="Here.", at=at),
        lambda: jobs.request_promotion(version=second, by=contributor, at=at),
        signer(world, second, "reviewer2", Role.REVIEWER),
    ]
    settled(together(calls))
    for standing in Standing.objects.all():
        assert Transition.objects.filter(version=standing.version_id).last().to_state == standing.state
    assert Standing.objects.filter(state="PUBLISHED").count() <= 1
    assert Standing.objects.get(version=first).state in {"WITHDRAWN", "SUPERSEDED"}
    assert_unbroken()


def test_withdrawn_by_many_at_once_is_withdrawn_once():
    world = World.build()
    version = signed_version(world)
    world.publish(version)
    people = [world.person(n) for n in ("steward", "steward2")] * 4
    calls = [
        lambda by=by: transitions.withdraw(
            version_pk=version.pk, by=by, reason="Bad.", incident="INC-1", at=timezone.now()
        )
        for by in people
    ]
    won, lost = settled(together(calls))
    assert (len(won), len(lost), version.tombstones.count(), refusals()) == (1, 7, 1, 7)


def test_a_job_claimed_by_many_workers_goes_to_one():
    world = World.build()
    job = jobs.request_intake(
        acquisition=world.acquire(), propose=False, note="", by=world.person("contributor"), at=timezone.now()
    )
    answers = together([lambda: jobs.claim(job.pk, timezone.now()) for _ in range(8)])
    assert not [a for a in answers if isinstance(a, Exception)]
    assert len([a for a in answers if a is not None]) == 1
    assert Job.objects.get().attempts == 1


def test_the_same_bytes_ingested_twice_at_once_are_one_version():
    world = World.build()
    claimed = []
    for _ in range(2):
        job = jobs.request_intake(
            acquisition=distinct(world), propose=False, note="", by=world.person("contributor"), at=timezone.now()
        )
        claimed.append(jobs.claim(job.pk, timezone.now()))
    answers = together([lambda job=job: pipeline.run(job) for job in claimed])
    assert answers == [None, None]
    assert Standing.objects.count() == 1
    assert set(Job.objects.values_list("failure_code", flat=True)) <= {"", "made_meanwhile"}
    assert_unbroken()


def distinct(world: World):
    """An acquisition of the same bytes that is not refused for having been made in the same second."""
    offset = timedelta(seconds=Acquisition.objects.count())
    later = timezone.now() + offset
    with mock.patch("tests.world.timezone.now", return_value=later):
        return world.acquire()


def test_the_ledger_is_whole_after_a_race():
    world = World.build()
    version = signed_version(world)
    settled(together([publisher(world, version) for _ in range(4)]))
    ledger.checkpoint(timezone.now())
    call_command("verify_ledger", verbosity=0)
