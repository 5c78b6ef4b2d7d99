"""The upload page and the job it leads to (clause B2; style 13, 29)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import get_args

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from kombu.exceptions import OperationalError

from datasets.formats.errors import UnreadableSource
from datasets.formats.sniff import Format, sniff
from datasets.formats.taken import TAKEN, names
from datasets.models import Acquisition
from promotions import jobs, pipeline
from promotions.models import Job, JobState, QuarantineCase
from promotions.states import State
from promotions.views import uploads
from tests.world import wells

TERMS = {
    "license": "CC-BY-4.0",
    "rights_holder": "Test Survey",
    "attribution": "Wells by the Test Survey",
    "terms_uri": "https://example.invalid/terms",
    "terms_text": "CC BY 4.0 <as of today> Ω",
}


def _file(content=None, name="wells.geojson"):
    raw = content if content is not None else json.dumps(wells()).encode()
    return SimpleUploadedFile(name, raw, content_type="application/geo+json")


@pytest.fixture
def send(world, as_):
    address = reverse("promotions:upload", args=[world.dataset.slug])

    def post(name="contributor", **changes):
        return as_(name).post(address, {"file": _file(), "slice": "2026", **TERMS, **changes})

    return post


@pytest.fixture
def woken(monkeypatch):
    """The jobs the broker was asked to wake a worker for."""
    found = []
    monkeypatch.setattr(uploads.run_job, "delay", found.append)
    return found


def test_an_upload_is_kept_owed_and_shown(world, send, as_, woken, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        page = send(propose="on", note="Please.")
    job = Job.objects.get()
    assert page["Location"] == reverse("promotions:job", args=[job.pk])
    assert woken == [job.pk]
    assert job.propose
    waiting = as_("contributor").get(page["Location"]).content.decode()
    assert "Waiting for a worker" in waiting
    assert 'hx-trigger="every 1s"' in waiting
    claimed = jobs.claim(job.pk, timezone.now())
    pipeline.run(claimed)
    done = as_("contributor").get(reverse("promotions:job_panel", args=[job.pk])).content.decode()
    assert "every 1s" not in done
    assert "Every step that was asked for is done." in done
    assert "Open version 2026." in done


def test_a_broker_that_is_down_fails_nothing(send, monkeypatch, django_capture_on_commit_callbacks, caplog):
    def down(_pk):
        raise OperationalError("no broker")

    monkeypatch.setattr(uploads.run_job, "delay", down)
    with django_capture_on_commit_callbacks(execute=True):
        assert send().status_code == 302
    assert Job.objects.get().state == JobState.QUEUED
    assert "waits for the next sweep" in caplog.text


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"file": _file(b"")}, "file", "The file is empty"),
        ({"slice": "2026-13"}, "slice", "not in the calendar"),
        ({"slice": "last spring"}, "slice", "A slice is YYYY"),
        ({"license": ""}, "license", "No licence is stated"),
        ({"license": "public domain"}, "license", "is a claim, not a licence"),
        ({"rights_holder": " "}, "rights_holder", "the rights holder is empty"),
        ({"attribution": ""}, "attribution", "the attribution is empty"),
        ({"terms_text": "  "}, "terms_text", "Paste the upstream"),
        ({"file": ""}, "file", "This field is required"),
        ({"note": "a\x00b"}, "note", "Null characters"),
    ],
)
def test_each_fault_stands_beside_its_field_and_the_rest_is_kept(send, woken, changes, field, words):
    page = send(**changes)
    text = page.content.decode()
    assert page.status_code == 200
    assert words in text
    assert f'href="#id_{field}"' in text
    if field != "terms_text":
        assert "CC BY 4.0 &lt;as of today&gt; Ω" in text
    assert not Acquisition.objects.exists()
    assert not Job.objects.exists()
    assert woken == []


def test_a_file_too_large_is_said_in_a_sentence(send, settings):
    settings.KFM_UPLOAD_MAX_BYTES = 100
    page = send()
    assert page.status_code == 413
    assert "larger than this console takes" in page.content.decode()
    assert "CC BY 4.0 &lt;as of today&gt; Ω" in page.content.decode()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\windows\\x.geojson",
        "<script>alert(1)</script>.csv",
        "a\u202egnp.geojson",
        "Ω" * 300,
        "%00",
        "田中さん.geojson",
    ],
)
def test_hostile_file_names_are_only_words(send, as_, name):
    page = send(file=_file(name=name))
    assert page.status_code == 302
    kept = Acquisition.objects.get().file_name
    assert "/" not in kept
    assert "\\" not in kept
    assert len(kept) <= 120
    assert "<script>alert" not in as_("contributor").get(page["Location"]).content.decode()


@pytest.mark.parametrize(
    ("name", "status"), [("", 302), ("nobody", 404), ("superuser", 404), ("reviewer", 403), ("operator", 200)]
)
def test_who_uploads(world, as_, name, status):
    address = reverse("promotions:upload", args=[world.dataset.slug])
    assert as_(name).get(address).status_code == status
    if status == 200:
        assert 'value="Wells by the Test Survey"' in as_(name).get(address).content.decode()


def test_a_job_hidden_is_a_job_absent(world, as_):
    job = world.run(world.acquire(), propose=False)
    address = reverse("promotions:job", args=[job.pk])
    for name in ("", "nobody", "superuser", "contributor2"):
        for page in (address, reverse("promotions:job_panel", args=[job.pk])):
            assert as_(name).get(page).status_code == 404, name
        for verb in ("job_cancel", "job_retry"):
            assert as_(name).post(reverse(f"promotions:{verb}", args=[job.pk])).status_code == 404, name
    for name in ("contributor", "operator", "reviewer", "steward", "council", "auditor"):
        assert as_(name).get(address).status_code == 200, name


def test_a_run_that_works_shows_step_progress_and_estimate(world, as_, django_assert_max_num_queries):
    job = jobs.request_intake(
        acquisition=world.acquire(), propose=True, note="", by=world.person("contributor"), at=timezone.now()
    )
    claimed = jobs.claim(job.pk, timezone.now() - timedelta(seconds=10))
    reporter = jobs.Reporter(claimed)
    reporter.step("normalize", "Fetching <b>the source</b>.")
    Job.objects.filter(pk=job.pk).update(
        done_units=25, total_units=100, started_at=timezone.now() - timedelta(seconds=10)
    )
    client = as_("operator")
    client.get(reverse("promotions:job", args=[job.pk]))  # the first decision keeps its policies too
    with django_assert_max_num_queries(22):
        page = client.get(reverse("promotions:job", args=[job.pk])).content.decode()
    assert "Step 2 of 5: Normalize the source" in page
    assert '<progress max="100" value="25"' in page
    assert "10 s so far" in page
    assert "Fetching &lt;b&gt;the source&lt;/b&gt;." in page
    assert "Cancel the run" in page
    assert "Cancel the run" not in as_("reviewer").get(reverse("promotions:job", args=[job.pk])).content.decode()


def test_a_run_is_cancelled_and_tried_again_once(world, as_, woken):
    job = jobs.request_intake(
        acquisition=world.acquire(), propose=False, note="", by=world.person("contributor"), at=timezone.now()
    )
    client = as_("contributor")
    page = client.post(reverse("promotions:job_cancel", args=[job.pk]), follow=True).content.decode()
    assert "Cancelled by Contributor Test." in page
    assert (
        "The run has ended already."
        in client.post(reverse("promotions:job_cancel", args=[job.pk]), follow=True).content.decode()
    )
    first = client.post(reverse("promotions:job_retry", args=[job.pk]))
    again = client.post(reverse("promotions:job_retry", args=[job.pk]))
    assert first["Location"] == again["Location"] != reverse("promotions:job", args=[job.pk])
    assert Job.objects.count() == 2
    assert as_("steward").get(reverse("promotions:job_retry", args=[job.pk])).status_code == 405


def test_a_failure_says_cause_mend_and_three_next_steps(world, as_):
    job = world.run(world.acquire(b"\x00\x01 not a dataset", name="x.bin"))
    assert job.state == JobState.FAILED
    page = as_("contributor").get(reverse("promotions:job", args=[job.pk])).content.decode()
    assert job.failure in page.replace("&#x27;", "'").replace("&quot;", '"')
    assert "How to mend it:" in page
    assert page.split("<h3>Next</h3>")[1].split("</ol>")[0].count("<li>") == 3
    assert "Run again" in page


def test_a_spec_that_does_not_fit_the_file_is_mended_first(world, as_):
    job = world.run(world.acquire(b"name,depth\nA,12\n", name="wells.csv"))
    assert (job.state, job.failure_code) == (JobState.FAILED, "bad_normalization")
    page = as_("contributor").get(reverse("promotions:job", args=[job.pk])).content.decode()
    first = page.split("<h3>Next</h3>")[1].split("</li>")[0]
    assert "Record a spec that says how this file is to be read." in first
    assert reverse("datasets:record_spec", args=[job.dataset.slug]) in first


def test_a_run_that_ends_in_quarantine_says_so_and_leads_to_the_case(world, as_):
    job = world.run(world.acquire(wells(without_id=3)))
    case = QuarantineCase.objects.get(version=job.version)
    page = as_("steward").get(reverse("promotions:job", args=[job.pk])).content.decode()
    assert job.state == JobState.DONE
    assert "The version went to quarantine." in page
    assert "Every step that was asked for is done." not in page
    assert "held back here" in page
    assert "not needed" not in page
    assert reverse("promotions:case", args=[case.pk]) in page
    sound = as_("steward").get(reverse("promotions:job", args=[world.run(world.acquire(slice_="2025")).pk]))
    assert "Every step that was asked for is done." in sound.content.decode()


def test_a_job_of_a_version_one_may_not_know_of_is_absent(world, as_):
    version = world.version_in(State.CATALOG)
    address = reverse("promotions:job", args=[version.jobs.get().pk])
    assert as_("reviewer").get(address).status_code == 200
    type(version).objects.filter(pk=version.pk).update(policy_label="restricted")  # which a reviewer doesn't read
    assert as_("reviewer").get(address).status_code == 404
    for name in ("contributor", "steward"):
        assert as_(name).get(address).status_code == 200, name


class _NeverRead:
    """A body that fails the test when anyone reads it."""

    def read(self, *_size):
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize(("name", "status"), [("contributor", 413), ("reviewer", 403), ("nobody", 404), ("", 302)])
def test_what_is_announced_as_too_large_or_not_allowed_is_refused_unread(world, as_, settings, name, status):
    settings.KFM_UPLOAD_MAX_BYTES = 10_000_000
    client = as_(name)
    client.handler.enforce_csrf_checks = True
    page = client.request(
        REQUEST_METHOD="POST",
        PATH_INFO=reverse("promotions:upload", args=[world.dataset.slug]),
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(20_000_000),
        **{"wsgi.input": _NeverRead()},
    )
    assert page.status_code == status
    if status == 413:
        text = page.content.decode()
        assert "larger than this console takes" in text
        assert "at most 10.0 MB" in text
        assert "Nothing of it was read" in text
        assert 'value="Wells by the Test Survey"' in text


def test_an_upload_needs_its_token(world, as_, woken):
    address = reverse("promotions:upload", args=[world.dataset.slug])
    client = as_("contributor")
    client.handler.enforce_csrf_checks = True
    assert client.post(address, {"file": _file(), "slice": "2026", **TERMS}).status_code == 403
    assert not Acquisition.objects.exists()
    token = client.get(address).context["csrf_token"]
    sent = {"file": _file(), "slice": "2026", **TERMS, "csrfmiddlewaretoken": str(token)}
    assert client.post(address, sent).status_code == 302


def test_with_scripts_the_answer_leads_to_the_job(world, as_, woken):
    address = reverse("promotions:upload", args=[world.dataset.slug])
    sent = {"file": _file(), "slice": "2026", **TERMS}
    page = as_("contributor").post(address, sent, headers={"HX-Request": "true"})
    assert page.status_code == 200
    assert page["HX-Redirect"] == reverse("promotions:job", args=[Job.objects.get().pk])


@pytest.mark.parametrize(
    ("raw", "name", "media_type"),
    [
        (json.dumps(wells()).encode(), "wells.csv", "application/geo+json"),
        (b"id,lat,lon\n1,38,-98\n", "wells.geojson", "text/csv"),
        (b"PK\x03\x04rest", "wells.csv", "application/zip"),
        (b"PAR1rest", "", "application/vnd.apache.parquet"),
        (b"II*\x00rest", "wells.csv", "image/tiff"),
        (b"<html>Sign in</html>", "wells.csv", "application/octet-stream"),
        (b"\x00\x01", "wells.geojson", "application/octet-stream"),
    ],
)
def test_the_media_type_comes_from_the_bytes(send, woken, raw, name, media_type):
    assert send(file=_file(raw, name or "x")).status_code == 302
    assert Acquisition.objects.get().source.media_type == media_type


def test_the_page_names_every_format_that_is_taken(world, as_):
    page = as_("contributor").get(reverse("promotions:upload", args=[world.dataset.slug])).content.decode()
    assert all(taken.name in page for taken in TAKEN)
    assert {taken.format for taken in TAKEN} == set(get_args(Format))
    assert names() in sniff_refusal()


def sniff_refusal():
    with pytest.raises(UnreadableSource) as caught:
        sniff(b"%PDF-1.7")
    return caught.value.fix
