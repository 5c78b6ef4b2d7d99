"""Many at once: one fetch of a source at a time, one acceptance of a wording, one acquisition of what was fetched."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from datasets.models import Acquisition, TermsAcceptance, TermsObservation
from datasets.sources import record_source
from datasets.terms import accept
from promotions import jobs
from promotions.models import Job
from tests.ingest.conftest import FIELDS, PLAIN
from tests.ingest.test_fetch import ok
from tests.promotions.conftest import committed  # noqa: F401 - a fixture
from tests.promotions.test_races import assert_unbroken, settled, together
from tests.world import TERMS, World, wells

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("committed"), pytest.mark.slow]


@pytest.fixture
def world(committed) -> World:  # noqa: F811 - the fixture
    return World.build()


def a_source(world, **changes):
    fields = replace(FIELDS, location=PLAIN, propose=False, **changes)
    return record_source(dataset=world.dataset, fields=fields, by=world.person("operator"), at=timezone.now())


def test_eight_ask_for_a_fetch_and_one_is_owed(world):
    source, at = a_source(world), timezone.now()
    people = [world.person("operator"), world.person("contributor")] * 4
    calls = [lambda by=by: jobs.request_fetch(source=source, by=by, at=at) for by in people]
    made, others = settled(together(calls))
    assert len(made) == 1
    assert {refusal.code for refusal in others} == {"fetch_already"}
    assert_unbroken()


def test_eight_schedulers_see_the_same_hour_and_one_fetch_is_owed(world):
    source = a_source(world, cadence="hourly")
    at = source.next_due_at + timedelta(minutes=1)
    made, others = settled(together([lambda: jobs.request_due(source_pk=source.pk, at=at)] * 8))
    assert (len([job for job in made if job is not None]), others) == (1, [])
    assert Job.objects.filter(source=source).count() == 1
    source.refresh_from_db()
    assert source.next_due_at > at
    assert_unbroken()


def test_two_workers_wake_for_one_fetch_and_one_acquisition_is_made(world, serve):
    serve(ok())
    source = a_source(world)
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())

    def worker():
        claimed = jobs.claim(job.pk, timezone.now())
        return claimed is not None and work_of(claimed)

    assert sorted(settled(together([worker] * 4))[0]) == [False, False, False, True]
    assert Acquisition.objects.filter(upstream=source).count() == 1


def work_of(claimed: Job) -> bool:
    from promotions import pipeline

    pipeline.run(claimed)
    return Job.objects.get(pk=claimed.pk).state == "done"


def test_two_stewards_accept_at_once_and_one_acceptance_stands(world):
    world.acquire(wells())
    world.acquire(wells(start=9), terms=replace(TERMS, text="Other terms."))
    seen, at = TermsObservation.objects.order_by("-pk").first(), timezone.now()
    people = [world.person("steward"), world.person("steward2")] * 2
    calls = [lambda by=by: accept(observation_pk=seen.pk, reason="Read.", by=by, at=at) for by in people]
    made, others = settled(together(calls))
    assert (len(made), {refusal.code for refusal in others}) == (1, {"accepted_already"})
    assert TermsAcceptance.objects.count() == 1
    assert_unbroken()
