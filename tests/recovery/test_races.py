"""A recovery beside a publication, a withdrawal, a second one and scheduled checks: real threads and transactions.

On SQLite in a file, and on PostgreSQL (``DATABASE_URL``).
"""

from __future__ import annotations

import json

import pytest
from django.utils import timezone

from datasets.errors import Refused
from datasets.models import DriftCheck, RunReceipt
from datasets.runs import current_files
from datasets.stores import read_document
from promotions import jobs, pipeline, transitions, upkeep
from promotions.models import Job, JobState, Standing
from promotions.releases import latest_release
from promotions.states import State
from tests.promotions import part, spoil_byte
from tests.promotions.test_races import assert_unbroken, publisher, together
from tests.world import World

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed"), pytest.mark.slow]


@pytest.fixture
def committed(transactional_db: None) -> None:
    """Real transactions."""


def owed_recovery(world, version) -> Job:
    job = jobs.request_recovery(version=version, by=world.person("operator2"), at=timezone.now())
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    return claimed


def ended(job: Job) -> Job:
    job.refresh_from_db()
    return job


def served_is_what_was_signed(version) -> None:
    """Every file the manifest lists lies in the store, whole."""
    for row in json.loads(latest_release(version).manifest)["catalogs"]:
        assert read_document(row["digest"])


def test_a_recovery_beside_a_publication_never_swaps_what_is_served(settings):
    world = World.build()
    version = world.version_in(State.CATALOG)
    world.sign_all(version)
    publish, job = publisher(world, version), owed_recovery(world, version)
    settings.KFM_PUBLIC_URL = "https://console.example.org"  # the facts give other bytes now
    answers = together([publish, lambda: pipeline.run(job)])
    standing, found = Standing.objects.get(version=version), ended(job)
    if standing.state == State.PUBLISHED:
        assert found.failure_code in {"moved_meanwhile", "projection_drift"}, found.failure
        listed = {row["digest"] for row in json.loads(latest_release(version).manifest)["catalogs"]}
        assert part(version, "dcat") in listed
        served_is_what_was_signed(version)
    else:
        assert found.state == JobState.DONE, found.failure
        assert isinstance(answers[0], Refused)
        assert latest_release(version) is None
    assert_unbroken()


def test_a_recovery_beside_a_withdrawal_ends_one_way_or_the_other():
    world = World.build()
    version = world.version_in(State.PUBLISHED)
    spoil_byte(part(version, "dcat"))
    job, by = owed_recovery(world, version), world.person("steward")

    def withdraw():
        return transitions.withdraw(version_pk=version.pk, by=by, reason="Bad.", incident="", at=timezone.now())

    together([withdraw, lambda: pipeline.run(job)])
    assert Standing.objects.get(version=version).state == State.WITHDRAWN
    assert ended(job).state == JobState.DONE or job.failure_code == "moved_meanwhile", job.failure
    recorded = RunReceipt.objects.filter(version=version, operation="rebuild").count()
    assert recorded == (1 if job.state == JobState.DONE else 0)
    assert_unbroken()


def test_of_many_who_ask_one_recovery_is_owed():
    world = World.build()
    version = world.version_in(State.CATALOG)
    people = [world.person(name) for name in ("operator", "operator2")] * 3

    def asker(by):
        return lambda: jobs.request_recovery(version=version, by=by, at=timezone.now())

    answers = together([asker(by) for by in people])
    assert sum(isinstance(a, Job) for a in answers) == 1
    assert all(isinstance(a, Job) or (isinstance(a, Refused) and a.code == "run_already") for a in answers), answers
    assert_unbroken()


def test_scheduled_checks_at_once_tell_the_ledger_of_one_turn():
    world = World.build()
    version = world.version_in(State.CATALOG)
    spoil_byte(part(version, "dcat"))
    answers = together([lambda: upkeep.check_catalogs(version.pk, timezone.now())] * 4)
    assert not [a for a in answers if isinstance(a, Exception)], answers
    from audit import ledger

    assert ledger.entries().filter(event="catalog.drifted").count() == 1
    assert DriftCheck.objects.filter(version=version).count() >= 1
    together([lambda: upkeep.tell_drifted(timezone.now())] * 3)
    assert_unbroken()


def test_a_check_beside_a_recovery_never_leaves_a_mended_version_drifted():
    world = World.build()
    version = world.version_in(State.PUBLISHED)
    spoil_byte(part(version, "dcat"))
    job = owed_recovery(world, version)
    Job.objects.filter(pk=job.pk).update(version=None)  # so that the check does not wait for the run
    together([lambda: pipeline.run(job), lambda: upkeep.check_catalogs(version.pk, timezone.now())])
    assert all(read_document(f.artifact_id) for f in current_files(version) if f.zone == "catalog")
    last = DriftCheck.objects.filter(version=version).order_by("-at").first()
    assert last.outcome == "same" or upkeep.check_catalogs(version.pk, timezone.now()).outcome == "same"
    assert_unbroken()
