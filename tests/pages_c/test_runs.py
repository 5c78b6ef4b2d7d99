"""The list of runs: who sees which, filters in the address, failed ones with their cause."""

from __future__ import annotations

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from datasets.people import PUBLIC, person_named
from promotions.models import Job, JobState
from promotions.readers import job_page, run_list
from promotions.readers.run_list import Filters, visible_jobs

RUNS = "/runs/"


@pytest.fixture
def job_of(world, version):
    """``job_of(state="failed", …)``: a run that was asked for just now."""

    def make(**facts):
        now = timezone.now()
        ended = {"started_at": now, "finished_at": now} if facts.get("state") in {"failed", "done"} else {}
        usual = {"kind": "promotion", "dataset": world.dataset, "acquisition": version.acquisition, "version": version}
        asked = {"requested_by": "contributor", "requested_at": now}
        return Job.objects.create(**{**usual, **asked, **ended, **facts})

    return make


def test_the_list_shows_just_the_runs_whose_page_opens(world, version, job_of, granted):
    """``visible_jobs`` and ``find_job`` are two ways to the same answer, for everyone and every run."""
    job_of(kind="fetch", acquisition=None, version=None, requested_by="pipeline")
    job_of(requested_by="reviewer2")
    granted("nobody", world.dataset, "review_dataset")
    people = [person_named(name) for name in world.users] + [PUBLIC]
    found = 0
    for label in ("public", "restricted", "quarantine_pending_review"):
        type(version).objects.filter(pk=version.pk).update(policy_label=None if "pending" in label else label)
        for person in people:
            listed = set(visible_jobs(person).values_list("pk", flat=True))
            opened = {pk for pk in Job.objects.values_list("pk", flat=True) if job_page.find_job(person, pk)}
            assert listed == opened, (person.principal, label)
            found += len(listed)
    assert found > 0


def test_a_failed_run_stands_there_with_its_cause(as_, job_of):
    job = job_of(state=JobState.FAILED, failure="The store <is> full.", failure_code="store_failed")
    page = as_("operator").get(RUNS).content.decode()
    assert reverse("promotions:job", args=[job.pk]) in page
    assert "The store &lt;is&gt; full." in page
    assert "Run again since." not in page
    job_of(retry_of=job)
    assert "Run again since." in as_("operator").get(RUNS).content.decode()


def test_the_address_holds_the_filters(as_, job_of, world):
    failed = job_of(state=JobState.FAILED, failure="Full.", failure_code="store_failed")
    page = as_("operator").get(RUNS, {"state": "failed", "dataset": world.dataset.slug, "kind": "promotion"})
    assert [row["job"].pk for row in page.context["rows"]] == [failed.pk]
    tabs = {tab["name"]: tab for tab in page.context["tabs"]}
    assert tabs["failed"]["current"]
    assert tabs["failed"]["count"] == 1
    assert "kind=promotion" in tabs["done"]["href"]
    none = as_("operator").get(RUNS, {"dataset": "no_such", "state": "nonsense"}).content.decode()
    assert "No run answers to this." in none


def test_an_unknown_word_in_the_address_is_no_filter():
    query = QueryDict("state=x&kind=y&dataset=a%00b")
    assert Filters.of(query) == Filters("", "ab", "")


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_whatever_stands_in_the_address_the_filters_hold(state, dataset, kind):
    query = QueryDict(mutable=True)
    query.update({"state": state, "dataset": dataset, "kind": kind})
    filters = Filters.of(query)
    assert filters.state in run_list.TABS
    assert "\x00" not in filters.dataset


def test_the_public_signs_in_and_who_holds_no_role_sees_nothing(as_, job_of):
    job_of()
    assert as_("").get(RUNS)["Location"].startswith("/login/")
    assert "No run yet that you may see." in as_("nobody").get(RUNS).content.decode()


def test_the_number_of_queries_does_not_grow(as_, job_of, django_assert_num_queries):
    client = as_("auditor")
    job_of()
    client.get(RUNS)
    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(RUNS)
    for n in range(12):
        job_of(requested_by=("steward", "operator")[n % 2])
    with django_assert_num_queries(len(one)):
        client.get(RUNS)
