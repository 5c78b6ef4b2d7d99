"""C2 after an upgrade: catalogs that were built before there was a leak check get one, and are signed anew."""

from __future__ import annotations

import pytest
from django.utils import timezone

from datasets.runs import current_files
from datasets.steps import catalog, leak_check
from promotions import dossier, gates, jobs, pipeline, recovery, transitions
from promotions.models import Job
from promotions.states import State
from tests.leaks.test_end_to_end import run, spec
from tests.promotions import part
from tests.world import World

pytestmark = pytest.mark.django_db


def codes(world, version):
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    return {finding.code for result in results.values() for finding in result.findings}


def ran(job: Job) -> Job:
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    pipeline.run(claimed)
    return Job.objects.get(pk=job.pk)


@pytest.fixture
def earlier(tmp_path):
    """``earlier()``: a world and a version in CATALOG, whose catalog run left no leak report."""

    def make():
        world = World.build(spec=spec())
        version = run(world)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leak_check, "report_on", lambda *_: [])
            work = catalog.Workspace(tmp_path, timezone.now(), jobs.Reporter(Job.objects.get(version=version)))
            patch.setattr(jobs.Reporter, "_hold", lambda *_, **__: None)
            catalog.build_catalogs(version, proposer="contributor", work=work)
        assert leak_check.PART not in {file.part for file in current_files(version)}
        return world, version

    return make


def test_c2_run_again_makes_the_leak_check_that_catalogs_of_an_earlier_console_miss(earlier):
    world, version = earlier()
    assert "leak_check_missing" in codes(world, version)
    job = ran(jobs.request_promotion(version=version, by=world.person("operator"), at=timezone.now()))
    assert (job.failure, codes(world, version)) == ("", set())
    world.sign_all(version)
    world.publish(version)
    assert world.standing(version).state == State.PUBLISHED


def test_c2_run_again_builds_nothing_anew_where_no_leak_check_is_owed():
    world = World.build(spec=spec())
    version = run(world)
    world.sign_all(version)
    built = part(version, "dcat")
    ran(jobs.request_promotion(version=version, by=world.person("operator"), at=timezone.now()))
    assert part(version, "dcat") == built
    world.publish(version)


def test_c2_a_withdrawn_version_of_an_earlier_console_is_recovered_signed_and_restored(earlier, monkeypatch):
    world, version = earlier()
    with monkeypatch.context() as patch:
        patch.setattr("promotions.gates.c_sensitivity._leaks", lambda *_: [])
        world.sign_all(version)
        world.publish(version)
    assert recovery.leak_check_owed(world.standing(version))
    by, at = world.person("steward"), timezone.now()
    transitions.withdraw(version_pk=version.pk, by=by, reason="Not looked through.", incident="INC-2", at=at)
    job = ran(jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now()))
    assert (job.failure, codes(world, version)) == ("", set())
    world.sign_all(version)
    digest = world.digest(version)
    transitions.restore(
        version_pk=version.pk, by=world.person("operator"), reason="Looked through.", seen=digest, at=at
    )
    assert world.standing(version).state == State.PUBLISHED


def test_c2_a_published_version_of_an_earlier_console_stays_as_it_was_signed(earlier, monkeypatch):
    world, version = earlier()
    with monkeypatch.context() as patch:
        patch.setattr("promotions.gates.c_sensitivity._leaks", lambda *_: [])
        world.sign_all(version)
        world.publish(version)
    before = {file.pk for file in current_files(version) if file.part in {"dcat", "prov"}}
    ran(jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now()))
    assert {file.pk for file in current_files(version) if file.part in {"dcat", "prov"}} == before
