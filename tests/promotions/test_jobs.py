"""Work owed: leases, fencing, taking up a cut-off run, giving up, cancelling, trying again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import runs
from datasets.errors import Refused
from datasets.models import DatasetVersion, RunReceipt
from datasets.runs import current_files, current_receipts
from datasets.steps import catalog, ingest, normalize, validate
from datasets.zones.store import StoreUnavailable
from promotions import gates, jobs, leases, pipeline, tasks, transitions
from promotions.jobs import LEASE, MAX_ATTEMPTS, LostClaim, Reporter
from promotions.models import Job, JobState, Standing, Transition
from promotions.states import State
from tests.promotions import changed, refused, rows
from tests.world import World, wells

LATER = LEASE + timedelta(seconds=1)


class Killed(BaseException):
    """The worker is gone: nothing of it runs any more."""


def owe(world: World, content=None, *, slice_: str = "2025", propose: bool = True) -> Job:
    return jobs.request_intake(
        acquisition=world.acquire(content, slice_=slice_),
        propose=propose,
        note="Please.",
        by=world.person("contributor"),
        at=timezone.now(),
    )


def claimed(job: Job, at=None) -> Job:
    found = jobs.claim(job.pk, at or timezone.now())
    assert found is not None
    return found


def lapse(job: Job) -> None:
    """The lease runs out, as it does 20 s after a worker died."""
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def made(version: DatasetVersion) -> dict[str, str]:
    """What the version's bytes are, by part; documents that name their run or its time are left out."""
    stable = {
        "source",
        "terms",
        "acquisition_manifest",
        "intake_report",
        "data",
        "preview",
        "qa_report",
        "verification",
        "rejects",
    }
    return {f.part: f.artifact_id for f in current_files(version) if f.part in stable}


def test_who_claims_first_holds_the_job_until_the_lease_ends(world):
    job, now = owe(world), timezone.now()
    first = claimed(job, now)
    assert (first.state, first.attempts, first.lease_until) == (JobState.RUNNING, 1, now + LEASE)
    assert jobs.claim(job.pk, now + LEASE - timedelta(seconds=1)) is None
    assert job.pk not in jobs.owed(now)


def test_a_lapsed_lease_is_owed_again_and_claimed_anew(world):
    job, now = owe(world), timezone.now()
    claimed(job, now)
    assert jobs.owed(now + LATER) == [job.pk]
    assert claimed(job, now + LATER).attempts == 2


def test_an_ended_job_is_claimed_by_no_one(world):
    job = owe(world, propose=False)
    pipeline.run(claimed(job))
    assert jobs.claim(job.pk, timezone.now() + LATER) is None
    assert jobs.owed(timezone.now() + LATER) == []


CUTS = {
    "before inspecting": (ingest, "inspect"),
    "while recording the ingest": (ingest, "record"),
    "before normalizing": (normalize, "normalize_source"),
    "before checking": (validate, "check_and_protect"),
    "while recording a run": (runs, "record_run"),
    "before the catalogs": (catalog, "build_catalogs"),
    "before the last evaluation": (gates, "evaluate_all"),
    "at the next step": (transitions, "advance"),
    "before the end": (jobs, "finish"),
}


QUICK = {"before checking", "while recording a run"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("cut", [pytest.param(c, marks=[] if c in QUICK else pytest.mark.slow) for c in CUTS])
def test_a_run_cut_off_anywhere_finishes_the_same(world, version, monkeypatch, cut, after):
    """Killed just before or just after each of its steps; the next worker ends with the same bytes and one standing."""
    module, name = CUTS[cut]
    real = getattr(module, name)

    def killed(*args, **kwargs):
        if after:
            real(*args, **kwargs)
        raise Killed

    job = owe(world)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, killed)
        if module is runs:
            patch.setattr(validate, name, killed)
        with pytest.raises(Killed):
            pipeline.run(claimed(job))
    assert Job.objects.get(pk=job.pk).state == (
        JobState.DONE if cut == "before the end" and after else JobState.RUNNING
    )
    if cut == "before the end" and after:
        return
    lapse(job)
    pipeline.run(claimed(job))
    done = Job.objects.get(pk=job.pk)
    assert (done.state, done.failure) == (JobState.DONE, "")
    fresh = done.version
    assert Standing.objects.get(version=fresh).state == State.CATALOG
    verbs = list(Transition.objects.filter(version=fresh).values_list("verb", flat=True))
    assert verbs == ["ingest", "normalize", "process", "catalog"]
    assert DatasetVersion.objects.filter(slice="2025").count() == 1
    same = {"source", "terms", "data", "preview", "verification", "rejects"}
    assert {k: v for k, v in made(fresh).items() if k in same} == {k: v for k, v in made(version).items() if k in same}
    assert {f.receipt_id for f in current_files(fresh)} == {r.run_id for r in current_receipts(fresh).values()}


def test_running_a_finished_job_again_changes_nothing(world):
    job = owe(world)
    pipeline.run(claimed(job))
    before = rows()
    tasks.run_job(job.pk)
    assert changed(before) == set()


def test_a_second_promotion_of_a_cataloged_version_makes_nothing_new(world, version):
    receipts = RunReceipt.objects.count()
    job = jobs.request_promotion(version=version, by=world.person("operator"), at=timezone.now())
    pipeline.run(claimed(job))
    assert Job.objects.get(pk=job.pk).state == JobState.DONE
    assert RunReceipt.objects.count() == receipts


@pytest.mark.parametrize("way", ["line", "step", "progress", "finish", "fail"])
def test_a_worker_that_lost_its_claim_writes_nothing_more(world, way):
    job = owe(world)
    late = claimed(job)
    lapse(job)
    claimed(job)
    reporter, before = Reporter(late), rows()
    calls = {
        "line": lambda: reporter.line("I am late."),
        "step": lambda: reporter.step("check", "I am late."),
        "progress": lambda: reporter.progress(5, 5),
        "finish": lambda: jobs.finish(late, timezone.now()),
        "fail": lambda: jobs.fail(late, code="late", message="Late.", fix="None.", at=timezone.now()),
    }
    with pytest.raises(LostClaim):
        calls[way]()
    assert changed(before) == set()


def test_a_run_that_lost_its_claim_stops_without_a_word(world, monkeypatch):
    job = owe(world)
    late = claimed(job)
    real = normalize.normalize_source

    def stolen(*args):
        lapse(job)
        claimed(job)
        return real(*args)

    monkeypatch.setattr(normalize, "normalize_source", stolen)
    pipeline.run(late)
    held = Job.objects.get(pk=job.pk)
    assert (held.state, held.attempts, held.failure) == (JobState.RUNNING, 2, "")
    assert Standing.objects.get(version=held.version).state == State.RAW
    assert RunReceipt.objects.filter(version=held.version).count() == 1


def test_a_worker_that_dies_too_often_gives_the_job_up_with_cause_and_fix(world):
    job = owe(world)
    for _ in range(MAX_ATTEMPTS):
        claimed(job)
        lapse(job)
    assert jobs.claim(job.pk, timezone.now()) is None
    ended = Job.objects.get(pk=job.pk)
    assert (ended.state, ended.failure_code, ended.attempts) == (JobState.FAILED, "worker_died", MAX_ATTEMPTS)
    assert str(MAX_ATTEMPTS) in ended.failure
    assert ended.failure_fix
    assert ledger.entries()[0].event == Event.RUN_FAILED
    assert jobs.claim(job.pk, timezone.now()) is None


@pytest.mark.parametrize("name", ["contributor", "operator"])
def test_a_run_is_cancelled_by_who_asked_or_an_operator_and_the_worker_stops(world, name):
    job = owe(world)
    held = claimed(job)
    jobs.cancel(job=job, by=world.person(name), at=timezone.now())
    with pytest.raises(LostClaim):
        Reporter(held).line("Going on.")
    assert Job.objects.get(pk=job.pk).state == JobState.CANCELLED
    assert jobs.owed(timezone.now() + LATER) == []


@pytest.mark.parametrize("name", ["contributor2", "steward", "nobody", "superuser"])
def test_no_one_else_cancels_or_retries_it(world, name):
    job = owe(world)
    for call in (jobs.cancel, jobs.retry):
        Job.objects.filter(pk=job.pk).update(state="queued" if call is jobs.cancel else "failed")
        job.refresh_from_db()
        with refused("role_missing"):
            call(job=job, by=world.person(name), at=timezone.now())


def test_an_ended_run_is_not_cancelled(world):
    job = owe(world, propose=False)
    pipeline.run(claimed(job))
    with pytest.raises(Refused) as caught:
        jobs.cancel(job=job, by=world.person("operator"), at=timezone.now())
    assert caught.value.code == "already_ended"


def test_a_failed_run_is_tried_again_as_a_new_one_that_finishes(world, monkeypatch):
    job = owe(world)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "build_catalogs", unreachable)
        pipeline.run(claimed(job))
    failed = Job.objects.get(pk=job.pk)
    assert (failed.state, failed.failure_code) == (JobState.FAILED, "store_failed")
    again = jobs.retry(job=failed, by=world.person("contributor"), at=timezone.now())
    assert (again.retry_of_id, again.propose, again.attempts) == (job.pk, True, 0)
    pipeline.run(claimed(again))
    done = Job.objects.get(pk=again.pk)
    assert (done.state, Standing.objects.get(version=done.version).state) == (JobState.DONE, State.CATALOG)


def unreachable(*_, **__):
    raise StoreUnavailable("The store could not be written: no space left.")


def test_a_running_job_is_not_tried_again(world):
    with pytest.raises(Refused) as caught:
        jobs.retry(job=claimed(owe(world)), by=world.person("operator"), at=timezone.now())
    assert caught.value.code == "not_retryable"


def test_one_promotion_at_a_time(world, version):
    jobs.request_promotion(version=version, by=world.person("operator"), at=timezone.now())
    with pytest.raises(Refused) as caught:
        jobs.request_promotion(version=version, by=world.person("contributor"), at=timezone.now())
    assert caught.value.code == "run_already"


@pytest.mark.parametrize(
    "content",
    [b"\x00\x01\x02 no such file", b'{"type": "FeatureCollection", "features": [', b"[]", b'{"type":"Point"}'],
)
def test_an_unreadable_source_fails_with_cause_and_fix_and_makes_no_version(world, content):
    job = owe(world, content)
    pipeline.run(claimed(job))
    ended = Job.objects.get(pk=job.pk)
    assert ended.state == JobState.FAILED
    assert ended.failure
    assert ended.failure_fix
    assert ended.failure_code not in {"", "crashed"}
    assert ledger.entries()[0].references["code"] == ended.failure_code


def test_an_unforeseen_error_fails_without_its_words(world, monkeypatch, caplog):
    """The exception's text may hold a path, a value, a secret: the page and the ledger get its kind alone."""

    def crash(*_):
        raise RuntimeError("postgresql://kfm:hunter2@db/kfm")

    monkeypatch.setattr(normalize, "normalize_source", crash)
    job = owe(world)
    pipeline.run(claimed(job))
    ended = Job.objects.get(pk=job.pk)
    assert (ended.state, ended.failure_code) == (JobState.FAILED, "crashed")
    assert "RuntimeError" in ended.failure
    said = " ".join(
        [ended.failure, ended.failure_fix, *ended.lines.values_list("text", flat=True), ledger.entries()[0].body]
    )
    assert "hunter2" not in said


def test_failing_records_go_to_quarantine_by_themselves_with_a_case(world):
    job = owe(world, wells(without_id=3))
    pipeline.run(claimed(job))
    done = Job.objects.get(pk=job.pk)
    assert done.state == JobState.DONE
    case = done.version.cases.get()
    assert (case.gate, case.reason_code, case.opened_by) == ("E", "VALIDATION_FAILED", "pipeline")
    assert case.findings
    assert case.due > timezone.now().date()


def test_the_sweep_wakes_a_worker_for_every_job_that_is_owed(world, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks.run_job, "apply_async", lambda args, **_: woken.append(args[0]))
    waits, lapsed = owe(world), owe(world, wells(start=7))
    held = owe(world, wells(start=9))
    claimed(lapsed)
    lapse(lapsed)
    claimed(held)
    tasks.sweep_owed_work()
    assert woken == [waits.pk, lapsed.pk]


def test_f1_a_worker_that_lost_its_claim_records_no_run(world, monkeypatch):
    job = owe(world)
    held = claimed(job)
    original = pipeline.normalize.normalize_source

    def cancelled_meanwhile(*args):
        made = original(*args)
        monkeypatch.setattr(Reporter, "line", lambda *_: None)  # the last line was long ago
        monkeypatch.setattr(Reporter, "step", lambda *_: None)
        jobs.cancel(job=job, by=world.person("operator"), at=timezone.now())
        return made

    monkeypatch.setattr(pipeline.normalize, "normalize_source", cancelled_meanwhile)
    pipeline.run(held)
    version = Job.objects.get(pk=job.pk).version
    assert [r.operation for r in version.receipts.all()] == ["ingest"]
    assert Job.objects.get(pk=job.pk).state == JobState.CANCELLED


def test_a_database_busy_for_once_does_not_stop_the_heartbeat(world, monkeypatch):
    job = claimed(owe(world))
    beat, tries = leases.Heartbeat(job), []

    def busy_once() -> None:
        tries.append(len(tries))
        if not tries[1:]:
            raise OperationalError("database is locked")
        beat._stop.set()

    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.0)
    monkeypatch.setattr(leases.connection, "close", lambda: None)  # this is the test's own thread and connection
    monkeypatch.setattr(beat, "_renew", busy_once)
    beat._beat()
    assert tries == [0, 1]
