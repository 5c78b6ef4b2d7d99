"""A failed run's page: the cause first, what changed since the last good run, three next steps, run again there."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from datasets.models import Acquisition, Artifact, DatasetSpec
from promotions.models import Job, JobLine, JobState
from promotions.readers import failure
from promotions.states import State
from tests.world import wells

SPEC = {"title": "Wells", "validation": {"checks": [{"name": "row_count", "threshold": 5}]}, "themes": ["water"]}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def run_of(digest="a", size=10, spec=None, commit="c1", environment="sha256:e1", *, acquired=True) -> Job:
    """A run that is in no database: the comparison reads facts only."""
    document = DatasetSpec(spec_hash=f"sha256:{json.dumps(spec or SPEC)}", canonical=json.dumps(spec or SPEC))
    source = Artifact(digest=f"sha256:{digest}", size_bytes=size)
    acquisition = Acquisition(source=source, spec=document) if acquired else None
    return Job(acquisition=acquisition, git_commit=commit, container_digest=environment)


def states(found):
    return {difference.what: difference.state for difference in found}


def test_two_runs_alike_differ_in_nothing():
    found = failure.differences(run_of(), run_of())
    assert set(states(found).values()) == {"same"}
    assert "Nothing that a run depends on changed" in failure.sentence(found)


@pytest.mark.parametrize(
    ("changes", "what", "words"),
    [
        ({"digest": "b", "size": 11}, "Bytes", "Bytes changed."),
        ({"commit": "c2"}, "Code", "Code changed."),
        ({"environment": "sha256:e2"}, "Environment", "Environment changed."),
        ({"spec": SPEC | {"title": "Deep wells"}}, "Spec", "Spec changed."),
    ],
)
def test_the_one_thing_that_changed_is_named(changes, what, words):
    found = failure.differences(run_of(**changes), run_of())
    assert states(found)[what] == "changed"
    assert (
        sum(s == "changed" for name, s in states(found).items() if name in {"Bytes", "Spec", "Code", "Environment"})
        == 1
    )
    assert failure.sentence(found) == words


def test_the_fields_of_the_spec_are_named_by_their_path():
    after = {"title": "Wells", "validation": {"checks": [{"name": "row_count", "threshold": 6}]}, "keywords": ["x"]}
    found = {d.what: (d.before, d.after, d.state) for d in failure.spec_fields(SPEC, after)}
    assert found == {
        "Spec: validation.checks[row_count].threshold": ("5", "6", "changed"),
        "Spec: keywords": ("", '["x"]', "added"),
        "Spec: themes": ('["water"]', "", "removed"),
    }


def test_what_was_not_recorded_is_unknown_and_never_the_same():
    found = failure.differences(run_of(commit="", acquired=False), run_of())
    assert states(found) == {
        "Bytes": "unknown",
        "Size": "unknown",
        "Spec": "unknown",
        "Code": "unknown",
        "Environment": "same",
    }
    assert "Not known of one of the two: bytes, spec and code." in failure.sentence(found)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_a_spec_does_not_differ_from_itself(spec):
    assert list(failure.spec_fields(spec, spec)) == []


def test_a_spec_that_differs_everywhere_stays_short():
    found = list(failure.spec_fields({}, {f"f{n:02}": n for n in range(40)}))
    assert len(found) == failure.MOST_FIELDS + 1
    assert found[-1].after == str(40 - failure.MOST_FIELDS)


@pytest.fixture
def failed(world, version):
    """``failed("store_failed")``: the next run of the version, stopped at its checks."""

    def make(code="store_failed", **facts):
        now = timezone.now()
        usual = {
            "kind": "intake",
            "dataset": world.dataset,
            "acquisition": version.acquisition,
            "version": version,
            "propose": True,
            "state": JobState.FAILED,
            "requested_by": "contributor",
            "requested_at": now,
            "started_at": now,
            "finished_at": now,
            "step": "check",
            "failure_code": code,
            "failure": "The store could not be written.",
            "failure_fix": "Ask an operator.",
            "git_commit": "f" * 40,
        }
        job = Job.objects.create(**{**usual, **facts})
        JobLine.objects.create(job=job, at=now, step="check", text="Running the checks.")
        return job

    return make


def page_of(client, job) -> str:
    return client.get(reverse("promotions:job", args=[job.pk])).content.decode()


def test_the_cause_comes_first_with_the_stage_of_how_many(as_, failed):
    page = page_of(as_("operator"), failed())
    assert "at step 3 of 5: Run the declared checks" in page
    order = [
        page.index(words)
        for words in ("The store could not be written.", "How to mend it:", "<h3>Next</h3>", "What changed since")
    ]
    assert order == sorted(order)
    assert "Running the checks." in page


@pytest.mark.parametrize(
    "code",
    [
        "cancelled",
        "worker_died",
        "store_failed",
        "crashed",
        "gates_failed",
        "projection_drift",
        "never_seen",
        "timed_out",
    ],
)
def test_each_failure_has_three_steps_and_each_leads_somewhere(as_, failed, code):
    client, job = as_("operator"), failed(code)
    page = page_of(client, job)
    steps = page.split("<h3>Next</h3>")[1].split("</ol>")[0]
    assert steps.count("<li>") == 3
    addresses = [part.split('"')[0] for part in steps.split('href="')[1:]]
    assert len(addresses) == 3
    for address in addresses:
        if address.startswith("#"):
            assert f'id="{address[1:]}"' in page
        else:
            assert client.get(address.split("#")[0]).status_code == 200, address


def test_a_fetch_that_took_nothing_in_leads_to_its_source(as_, failed, source_of):
    source = source_of()
    job = failed(
        "timed_out", kind="fetch", source=source, acquisition=None, version=None, step="fetch", requested_by="pipeline"
    )
    page = page_of(as_("operator"), job)
    assert reverse("promotions:source", args=[source.pk]) in page
    assert "No earlier run of this kind" in page
    assert "at step 1 of 6: Fetch from the upstream" in page


def test_who_may_not_do_a_step_is_told_who_does(as_, failed):
    page = page_of(as_("auditor"), failed("never_seen"))
    assert "a contributor or operator uploads" in page
    assert reverse("promotions:upload", args=["test_ks_wells"]) not in page
    assert "Only an operator, or who asked for it, runs it again." in page
    assert reverse("promotions:job_retry", args=[Job.objects.first().pk]) not in page


def test_it_is_compared_with_the_last_good_run_that_the_viewer_may_see(as_, world, failed, version):
    good = version.jobs.filter(state=JobState.DONE).get()
    job = failed()
    assert f'against <a href="{reverse("promotions:job", args=[good.pk])}"' in page_of(as_("reviewer"), job)
    restricted = world.version_in(State.RAW, content=wells(start=50), slice_="2024")
    type(restricted).objects.filter(pk=restricted.pk).update(policy_label="restricted")
    later = failed()
    hidden = restricted.jobs.get()
    assert hidden.pk > good.pk
    assert reverse("promotions:job", args=[hidden.pk]) in page_of(as_("steward"), later)
    assert reverse("promotions:job", args=[hidden.pk]) not in page_of(as_("reviewer"), later)


def test_run_again_is_right_there_and_a_second_click_names_who_asked(as_, failed, woken):
    job = failed()
    page = page_of(as_("operator"), job)
    retry = reverse("promotions:job_retry", args=[job.pk])
    assert f'action="{retry}"' in page
    first = as_("operator").post(retry)
    second = as_("contributor").post(retry, follow=True)
    assert len(woken) == 1
    assert second.request["PATH_INFO"] in {first["Location"], reverse("promotions:job", args=[job.pk])}
    assert "Already asked for by Operator Test" in second.content.decode()
    assert "Already asked for by Operator Test" in page_of(as_("operator"), job)


def test_the_number_of_queries_does_not_grow(as_, failed, django_assert_num_queries):
    client, job = as_("operator"), failed()
    page_of(client, job)
    with CaptureQueriesContext(connection) as one:
        page_of(client, job)
    for n in range(30):
        JobLine.objects.create(job=job, at=timezone.now(), step="check", text=f"Line {n}.")
        Job.objects.filter(pk=failed().pk).update(state=JobState.DONE, failure="")
    last = failed()
    with django_assert_num_queries(len(one)):
        page_of(client, last)
