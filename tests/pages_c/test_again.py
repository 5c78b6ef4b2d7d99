"""Running again: each way says the version id before the click, one POST asks for it, a second click finds it."""

from __future__ import annotations

import re
from copy import deepcopy

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.registry import record_spec
from promotions import jobs, pipeline
from promotions.models import Job, JobState
from promotions.states import State
from tests.world import SPEC


@pytest.fixture
def address(version):
    return reverse("promotions:again", args=[version.dataset.slug, version.version_id])


@pytest.fixture
def respecified(world):
    """The dataset under a new spec."""
    world.dataset.refresh_from_db()
    spec = deepcopy(SPEC) | {"title": "Test wells, once more"}
    record_spec(dataset=world.dataset, spec=spec, by=world.person("contributor"), at=timezone.now())


def card(page: str, mode: str) -> str:
    """The part of the page that is about *mode*."""
    return re.split(r'<div class="mode(?: mode-closed)?" id="', page.split(f'" id="{mode}">')[1])[0]


def test_four_ways_stand_side_by_side_each_with_its_id(as_, address, version, source_of, respecified):
    source_of()
    page = as_("operator").get(address).content.decode()
    assert [mode for mode in ("retry", "reprocess", "backfill", "rebuild") if f'id="{mode}"' in page] == [
        "retry",
        "reprocess",
        "backfill",
        "rebuild",
    ]
    for mode in ("retry", "rebuild"):
        assert "The same id" in card(page, mode)
        assert f"<code>{version.version_id}</code>" in card(page, mode)
    for mode in ("reprocess", "backfill"):
        assert "A new id" in card(page, mode)


def test_the_id_that_is_shown_is_the_id_that_is_made(as_, address, version, respecified, woken):
    page = as_("operator").get(address).content.decode()
    shown = card(page, "reprocess").split("<code>")[1].split("</code>")[0]
    as_("operator").post(address, {"mode": "reprocess"})
    pipeline.run(jobs.claim(woken[0], timezone.now()))
    made = Job.objects.get(pk=woken[0])
    assert made.state == JobState.DONE, made.failure
    assert made.version.version_id == shown != version.version_id


def test_a_second_click_finds_the_first_ones_run(as_, address, respecified):
    first = as_("operator").post(address, {"mode": "reprocess"})
    second = as_("operator2").post(address, {"mode": "reprocess"}, follow=True)
    assert second.redirect_chain[-1][0] == first["Location"]
    assert "Already asked for by Operator Test: this is that run." in second.content.decode()
    assert "A run asked for by Operator Test is under way already." in card(
        as_("operator").get(address).content.decode(), "reprocess"
    )


def test_a_rebuild_and_a_backfill_are_asked_for_once(as_, address, version, source_of):
    source = source_of()
    as_("operator").post(address, {"mode": "rebuild"})
    as_("operator").post(address, {"mode": "rebuild"})
    as_("operator").post(address, {"mode": "backfill", "source": source.pk})
    as_("operator").post(address, {"mode": "backfill", "source": source.pk})
    assert sorted(Job.objects.exclude(kind="intake").values_list("mode", "slice")) == [
        ("backfill", version.slice),
        ("rebuild", ""),
    ]


def test_of_several_sources_the_chosen_one_is_fetched(as_, address, source_of):
    source_of(name="a-first")
    second = source_of(name="b-second")
    page = as_("operator").get(address, {"source": second.pk}).content.decode()
    assert "from b-second" in card(page, "backfill")
    as_("operator").post(address, {"mode": "backfill", "source": second.pk})
    assert Job.objects.get(kind="fetch").source == second
    assert as_("operator").get(address, {"source": second.pk + 9}).status_code == 404


@pytest.mark.parametrize("name", ["auditor", "council"])
def test_who_may_not_is_told_why_and_who_can_and_a_try_is_kept(as_, address, version, source_of, name):
    source_of()
    page = as_(name).get(address).content.decode()
    for mode in ("reprocess", "backfill", "rebuild"):
        assert 'type="submit"' not in card(page, mode)
        assert "Who can: " in card(page, mode)
        assert "Operator Test (operator)" in card(page, mode)
    answer = as_(name).post(address, {"mode": "rebuild"})
    assert answer.status_code == 409
    assert Job.objects.count() == 1
    entry = ledger.entries()[0]
    assert (entry.event, entry.actor, entry.references["code"]) == (Event.ACTION_REFUSED, name, "role_missing")


def test_an_impossible_way_says_why_not(as_, address):
    page = as_("operator").get(address).content.decode()
    assert "The version was made under that very spec." in card(page, "reprocess")
    assert "no source" in card(page, "backfill").lower() or "Name the source" in card(page, "backfill")


@pytest.mark.parametrize("name", ["nobody", "superuser"])
def test_hidden_and_absent_are_alike(as_, address, version, name):
    absent = reverse("promotions:again", args=[version.dataset.slug, "1999.00000000"])
    assert as_(name).get(address).status_code == as_(name).get(absent).status_code == 404
    assert as_(name).post(address, {"mode": "retry"}).status_code == 404
    assert ledger.entries()[0].references["code"] == "not_found"


def test_a_way_that_is_none_is_absent(as_, address):
    assert as_("operator").post(address, {"mode": "delete"}).status_code == 404
    assert as_("operator").post(address, {"mode": "backfill", "source": "x'--"}).status_code == 404


def test_a_published_version_offers_the_public_nothing(as_, world, version, address):
    world.sign_all(version)
    world.publish(version)
    assert as_("").get(address)["Location"].startswith("/login/")
    assert as_("nobody").get(address).status_code == 404


def test_a_version_in_raw_whose_run_failed_says_so_and_is_retried_from_here(as_, world):
    job = world.run(world.acquire(b'{"type": "FeatureCollection", "features": [{"type"', slice_="2023"))
    version = job.version
    assert job.state == JobState.FAILED
    assert version.standing.state == State.RAW
    args = [version.dataset.slug, version.version_id]
    page = as_("contributor").get(reverse("promotions:version", args=args)).content.decode()
    assert "The last run of this version failed." in page
    assert reverse("promotions:job", args=[job.pk]) in page
    as_("contributor").post(reverse("promotions:again", args=args), {"mode": "retry"})
    assert Job.objects.get(retry_of=job).requested_by == "contributor"
    after = as_("contributor").get(reverse("promotions:version", args=args)).content.decode()
    assert "The last run of this version failed." not in after


@pytest.mark.parametrize("name", ["operator", "auditor"])
def test_the_number_of_queries_does_not_grow(as_, address, source_of, name, django_assert_num_queries):
    source = source_of()
    client = as_(name)
    client.get(address, {"source": source.pk})
    with CaptureQueriesContext(connection) as one:
        client.get(address, {"source": source.pk})
    for n in range(6):
        source_of(name=f"other-{n}")
    with django_assert_num_queries(len(one)):
        client.get(address, {"source": source.pk})
