"""A fetch from end to end, against a server of our own: one acquisition for new bytes, none for old ones, or a cause.

No address and no secret is written anywhere but in the source's own row.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from audit import ledger
from datasets import intake
from datasets.models import Acquisition, Artifact, FetchAttempt, TermsObservation
from datasets.people import revoke_role
from datasets.policy.roles import Role
from datasets.sources import change_source, fields_of, freshness
from datasets.steps import fetch
from datasets.stores import read_document
from kfm_console.environment import Credential
from promotions import jobs, pipeline
from promotions.models import Job, JobKind, JobState, Mode, Proposal, Standing
from promotions.readers import job_page
from tests.promotions import changed, refused, rows
from tests.upstream.world import HOST
from tests.world import World, wells

DATA = json.dumps(wells(start=50)).encode()
OTHER = json.dumps(wells(start=70)).encode()


def ok(body=DATA, **headers):
    return lambda handler: handler.answer(200, body, content_type="application/geo+json", **headers)


def status(number):
    return lambda handler: handler.answer(number, b"")


def run(world: World, source, *, by="operator", slice_="") -> Job:
    job = jobs.request_fetch(source=source, by=world.person(by), at=timezone.now(), slice_=slice_)
    return work(job)


def work(job: Job) -> Job:
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    pipeline.run(claimed)
    return Job.objects.select_related("version__dataset", "acquisition").get(pk=job.pk)


def attempts(source):
    return list(FetchAttempt.objects.filter(source=source).order_by("pk"))


def written(job) -> str:
    """Everything that was said of the run: log, failure, attempts, ledger."""
    said = [*job.lines.values_list("text", flat=True), job.failure, job.failure_fix]
    said += [str(row) for row in FetchAttempt.objects.values_list()]
    return " ".join([*said, *(entry.body for entry in ledger.entries())])


def test_new_bytes_become_an_acquisition_and_go_the_whole_way(world, source_of, serve):
    server = serve(ok(etag='"one"', last_modified="Mon, 01 Jun 2026 00:00:00 GMT"))
    source = source_of()
    done = run(world, source)
    assert (done.state, done.failure, done.kind) == (JobState.DONE, "", JobKind.FETCH)
    acquisition = done.acquisition
    assert (acquisition.upstream, acquisition.acquired_by) == (source, "operator")
    assert acquisition.slice == f"{timezone.now():%Y}"
    assert Standing.objects.get(version=done.version).state == "CATALOG"
    assert Proposal.objects.get(version=done.version).proposer == "operator"
    (attempt,) = attempts(source)
    assert (attempt.outcome, attempt.http_status, attempt.etag, attempt.requests) == ("fetched", 200, '"one"', 1)
    assert (attempt.acquisition, attempt.size_bytes, attempt.job) == (acquisition, len(DATA), done.pk)
    assert attempt.terms.words_digest == TermsObservation.objects.order_by("pk").first().words_digest
    manifest = json.loads(read_document(acquisition.manifest_id))
    assert manifest["source"] == {
        "name": "wells-feed",
        "type": "http",
        "uri": f"http://{HOST}/wells.geojson",
        "retrieval_method": "http_get",
    }
    assert server.requests[0][1] == "/wells.geojson?year=2026&ticket=hush"
    assert "hush" not in written(done)
    events = [entry.event for entry in ledger.entries_about("kfm://dataset/test_ks_wells")]
    assert {"source.recorded", "source.fetched", "acquisition.recorded", "run.requested"} <= set(events)


def test_304_and_the_very_same_bytes_are_unchanged_and_the_terms_are_looked_at_again(world, source_of, serve):
    server = serve(ok(etag='"one"'), status(304), ok(etag='"two"'), ok(OTHER))
    source = source_of(propose=False)
    first = run(world, source)
    looks = TermsObservation.objects.filter(source=source).count()
    for number, etag in ((1, '"one"'), (2, '"two"')):
        before = Acquisition.objects.count()
        again = run(world, source)
        assert (again.state, again.acquisition, again.version) == (JobState.DONE, None, None)
        assert "same bytes as before" in " ".join(again.lines.values_list("text", flat=True))
        assert Acquisition.objects.count() == before
        assert TermsObservation.objects.filter(source=source).count() == looks + number
        assert (attempts(source)[-1].outcome, attempts(source)[-1].etag) == ("unchanged", etag)
    assert [asked[2].get("if-none-match") for asked in server.requests] == [None, '"one"', '"one"']
    last = run(world, source)
    assert server.requests[-1][2].get("if-none-match") == '"two"'
    assert last.acquisition.source_id != first.acquisition.source_id


def test_a_changed_source_asks_without_the_old_validators(world, source_of, serve):
    server = serve(ok(etag='"one"'))
    source = source_of(propose=False)
    run(world, source)
    change_source(
        source_pk=source.pk,
        fields=replace(fields_of(source), location=f"http://{HOST}/other.geojson"),
        by=world.person("contributor"),
        at=timezone.now(),
    )
    run(world, source)
    assert "if-none-match" not in server.requests[-1][2]


@pytest.mark.parametrize(
    ("act", "outcome", "state"),
    [(status(404), "failed", 404), (status(403), "failed", 403), (ok(b""), "refused", 200)],
    ids=["404", "403", "empty"],
)
def test_what_the_upstream_does_not_give_fails_with_cause_and_fix(world, source_of, serve, act, outcome, state):
    serve(act)
    source = source_of()
    done = run(world, source)
    assert (done.state, done.acquisition) == (JobState.FAILED, None)
    assert done.failure
    assert done.failure_fix
    assert done.failure_code != "crashed"
    (attempt,) = attempts(source)
    assert (attempt.outcome, attempt.http_status, attempt.code) == (outcome, state, done.failure_code)
    assert (attempt.message, attempt.fix) == (done.failure, done.failure_fix)
    assert ledger.entries()[1].event == "source.failed"
    assert "hush" not in written(done)


def test_a_private_address_is_refused_and_nobody_is_called(world, source_of, serve):
    server = serve(ok())
    source = source_of(location="http://192.168.0.1/wells.geojson")
    done = run(world, source)
    assert (done.state, done.failure_code) == (JobState.FAILED, "address_not_public")
    assert server.requests == []
    assert attempts(source)[0].outcome == "refused"


def test_a_host_that_is_not_on_the_list_is_not_followed(world, source_of, serve):
    serve(lambda handler: handler.answer(302, b"", location="http://elsewhere.example.org/x"))
    done = run(world, source_of())
    assert done.failure_code == "host_not_allowed"


def test_b2_the_terms_page_is_captured_through_the_same_guard(world, source_of, serve):
    page = b"<html><head><script>1</script></head><body><h1>Terms</h1><p>Copy freely.</p></body></html>"
    server = serve(lambda h: h.answer(200, page, content_type="text/html"), ok())
    done = run(world, source_of(terms_text="", terms_uri="http://terms.example.org/terms", propose=False))
    assert (done.state, done.failure) == (JobState.DONE, "")
    assert [path for _, path, _ in server.requests] == ["/terms", "/wells.geojson?year=2026&ticket=hush"]
    terms = done.acquisition.terms
    assert (read_document(terms.digest), terms.media_type) == (page, "text/html")
    manifest = json.loads(read_document(done.acquisition.manifest_id))
    assert manifest["terms"]["snapshot_file"] == "terms.html"
    assert done.version.files.get(part="terms").path.endswith("/terms.html")


@pytest.mark.parametrize(
    "answer", [status(404), lambda h: h.answer(200, b"<script>app()</script>", content_type="text/html")]
)
def test_b2_without_terms_nothing_is_fetched(world, source_of, serve, answer):
    server = serve(answer)
    source = source_of(terms_text="", terms_uri="http://terms.example.org/terms")
    done = run(world, source)
    assert (done.state, len(server.requests)) == (JobState.FAILED, 1)
    assert not Acquisition.objects.filter(upstream=source).exists()


class Killed(BaseException):
    """The worker is gone: nothing of it runs any more."""


@pytest.mark.parametrize("cut", ["prepare_acquisition", "record_prepared", "_file"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_fetch_killed_in_the_middle_leaves_one_acquisition(world, source_of, serve, monkeypatch, cut, after):
    serve(ok())
    source = source_of(propose=False)
    real = getattr(fetch, cut)

    def killed(*args, **kwargs):
        if after:
            real(*args, **kwargs)
        raise Killed

    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(fetch, cut, killed)
        with pytest.raises(Killed):
            pipeline.run(jobs.claim(job.pk, timezone.now()))
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    done = work(job)
    assert (done.state, done.failure) == (JobState.DONE, "")
    assert Acquisition.objects.filter(upstream=source).count() == 1
    assert [a.outcome for a in attempts(source)] == ["fetched"]


def test_a_worker_killed_after_the_fetch_does_not_fetch_again(world, source_of, serve, monkeypatch):
    server = serve(ok())
    source = source_of(propose=False)
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "_ingest", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            pipeline.run(jobs.claim(job.pk, timezone.now()))
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert work(job).state == JobState.DONE
    assert len(server.requests) == 1


def test_a_worker_that_lost_its_claim_records_no_acquisition(world, source_of, serve, monkeypatch):
    serve(ok())
    source = source_of()
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    late = jobs.claim(job.pk, timezone.now())
    real = fetch.prepare_acquisition

    def stolen(**facts):
        Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert jobs.claim(job.pk, timezone.now())
        return real(**facts)

    monkeypatch.setattr(fetch, "prepare_acquisition", stolen)
    pipeline.run(late)
    assert not Acquisition.objects.filter(upstream=source).exists()
    assert attempts(source) == []


@pytest.mark.parametrize("failing", ["source.fetched", "acquisition.recorded", "terms.observed"])
def test_an_append_that_fails_leaves_no_acquisition_and_an_attempt_that_says_so(
    world, source_of, serve, monkeypatch, failing
):
    serve(ok())
    source = source_of()
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    claimed = jobs.claim(job.pk, timezone.now())
    before, real = rows(), ledger.append

    def full(**entry):
        if entry["event"] == failing:
            raise ledger.LedgerError("no room")
        return real(**entry)

    monkeypatch.setattr(intake.ledger, "append", full)
    pipeline.run(claimed)
    assert Job.objects.get(pk=job.pk).failure_code == "crashed"
    assert [(a.outcome, a.code, a.acquisition) for a in attempts(source)] == [("failed", "crashed", None)]
    assert changed(before) <= {
        "datasets.Artifact",
        "datasets.FetchAttempt",
        "promotions.Job",
        "promotions.JobLine",
        "audit.LedgerEntry",
        "audit.LedgerNode",
    }


def test_one_fetch_at_a_time(world, source_of):
    source = source_of()
    jobs.request_fetch(source=source, by=world.person("contributor"), at=timezone.now())
    with refused("fetch_already") as caught:
        jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    assert "contributor" in caught.value.message


@pytest.mark.parametrize("name", ["reviewer", "steward", "auditor", "admin", "nobody", "superuser"])
def test_who_fetches_nothing(world, source_of, name):
    source = source_of()
    with refused("role_missing"):
        jobs.request_fetch(source=source, by=world.person(name), at=timezone.now())


def test_one_whose_role_was_revoked_meanwhile_has_nothing_fetched(world, source_of, serve):
    server = serve(ok())
    source = source_of()
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now())
    revoke_role(
        user=world.users["operator"], role=Role.OPERATOR, by=world.person("admin"), reason="Left.", at=timezone.now()
    )
    done = work(job)
    assert (done.failure_code, server.requests) == ("may_not_upload", [])
    assert attempts(source)[0].outcome == "refused"


def test_a_source_that_is_switched_off_and_a_bad_slice_are_refused(world, source_of):
    off, on = source_of(active=False), source_of(name="two")
    with refused("source_inactive"):
        jobs.request_fetch(source=off, by=world.person("operator"), at=timezone.now())
    with refused("slice_malformed"):
        jobs.request_fetch(source=on, by=world.person("operator"), at=timezone.now(), slice_="now")


def test_a_retry_of_a_failed_fetch_fetches_and_keeps_the_slice(world, source_of, serve):
    serve(status(404), ok())
    source = source_of(propose=False)
    failed = run(world, source, slice_="2019")
    again = work(jobs.retry(job=failed, by=world.person("operator"), at=timezone.now()))
    assert (again.state, again.mode, again.acquisition.slice) == (JobState.DONE, Mode.RETRY, "2019")


def test_a_schedule_is_asked_for_once_and_never_piles_up(world, source_of, serve):
    serve(ok())
    source = source_of(cadence="hourly")
    due = source.next_due_at
    assert jobs.request_due(source_pk=source.pk, at=due - timedelta(seconds=1)) is None
    late = due + timedelta(hours=5, minutes=1)
    job = jobs.request_due(source_pk=source.pk, at=late)
    assert (job.requested_by, job.kind) == ("pipeline", JobKind.FETCH)
    source.refresh_from_db()
    assert source.next_due_at == due + timedelta(hours=6)
    assert jobs.request_due(source_pk=source.pk, at=late) is None
    assert jobs.request_due(source_pk=source.pk, at=late + timedelta(hours=1)) is None  # one is under way
    assert Job.objects.filter(source=source).count() == 1
    assert source.history.count() == 1


def test_the_scheduled_version_is_its_recorders_who_cannot_sign_it(world, source_of, serve):
    serve(ok())
    source = source_of(by="contributor", cadence="daily")
    done = work(jobs.request_due(source_pk=source.pk, at=source.next_due_at))
    assert (done.state, done.failure) == (JobState.DONE, "")
    assert done.acquisition.acquired_by == "pipeline"
    assert done.version.created_by == "contributor"
    assert Proposal.objects.get(version=done.version).proposer == "contributor"


def test_the_task_asks_for_every_source_that_is_due(world, source_of):
    from promotions import tasks

    hourly, manual = source_of(cadence="hourly"), source_of(name="by-hand")
    type(hourly).objects.filter(pk=hourly.pk).update(next_due_at=timezone.now() - timedelta(minutes=1))
    tasks.fetch_due()
    tasks.fetch_due()
    assert list(Job.objects.filter(source__in=[hourly, manual]).values_list("source", flat=True)) == [hourly.pk]


def test_three_failures_in_a_row_are_stale_and_say_so(world, source_of, serve, django_assert_num_queries):
    serve(ok(), status(404))
    source = source_of(propose=False)
    assert freshness([source], timezone.now())[source.pk].last_attempt is None
    run(world, source)
    for _ in range(3):
        run(world, source)
    with django_assert_num_queries(3):
        found = freshness([source], timezone.now())[source.pk]
    assert found.stale
    assert "last 3 fetches failed" in found.sentence
    assert (found.last_attempt.outcome, found.last_success.outcome) == ("failed", "fetched")
    assert found.last_change == found.last_success


def test_a_credential_goes_to_its_own_host_alone_and_is_written_nowhere(world, source_of, serve, settings):
    key = Credential(hosts=frozenset({HOST}), headers={"X-Api-Key": "open-sesame"})
    settings.KFM_SOURCE_CREDENTIALS = {"feed": key}
    assert "open-sesame" not in repr(key)
    server = serve(ok())
    source = source_of(propose=False)
    type(source).objects.filter(pk=source.pk).update(credential="feed")  # past the writer, which refuses plain http
    done = run(world, source)
    assert (done.failure_code, server.requests) == ("credential_elsewhere", [])
    assert "open-sesame" not in written(done)


def test_a_directory_is_fetched_as_one_bundle_with_its_members_listed(world, source_of, settings, tmp_path):
    settings.KFM_SOURCE_ROOTS = (tmp_path,)
    place = tmp_path / "drop"
    place.mkdir()
    for name, content in (("a.csv", b"x,y\n1,2\n"), ("b.csv", b"x,y\n3,4\n"), ("c.txt", b"no")):
        (place / name).write_bytes(content)
    source = source_of(kind="files", location=str(place), pattern="*.csv", propose=False)
    job = run(world, source)
    acquisition = Acquisition.objects.get(upstream=source)
    manifest = json.loads(read_document(acquisition.manifest_id))
    members = [a["path"] for a in manifest["artifacts"] if a["path"].startswith("members/")]
    assert members == ["members/a.csv", "members/b.csv"]
    assert manifest["source"]["retrieval_method"] == "fsspec"
    assert Artifact.objects.get(pk=acquisition.source_id).media_type == "application/zip"
    assert job.acquisition == acquisition
    again = run(world, source)
    assert (again.state, attempts(source)[-1].outcome) == (JobState.DONE, "unchanged")
    said = [job_page.panel(one, world.person("operator"), timezone.now())["doing"] for one in (job, again)]
    assert [words.startswith("Unchanged") for words in said] == [False, True]


def test_one_file_of_a_directory_is_itself(world, source_of, settings, tmp_path):
    settings.KFM_SOURCE_ROOTS = (tmp_path,)
    Path(tmp_path / "wells.geojson").write_bytes(DATA)
    done = run(world, source_of(kind="files", location=str(tmp_path), pattern="*.geojson", propose=False))
    assert (done.state, done.acquisition.file_name) == (JobState.DONE, "wells.geojson")
