"""The four ways of running again: what each makes is what was said before the click."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace

import pytest
from django.utils import timezone

from audit import ledger
from datasets.errors import Refused
from datasets.models import DatasetSpec, DatasetVersion, RunReceipt, TermsObservation, VersionArtifact
from datasets.registry import record_spec
from datasets.runs import current_receipts
from datasets.steps import catalog
from datasets.stores import read_document
from datasets.terms import accept
from datasets.zones.store import StoreUnavailable
from promotions import dossier, jobs, pipeline
from promotions.models import Job, JobState, Mode, Proposal, QuarantineCase, Standing
from promotions.readers.modes import UNKNOWN, consequences, retryable_job
from tests.ingest.test_fetch import DATA, OTHER, ok, work
from tests.promotions import changed, overwrite, part, refused, rows, spoil_byte, stored_path
from tests.world import SPEC, TERMS, World, wells


def new_spec(world: World, **changes) -> DatasetSpec:
    spec = deepcopy(SPEC) | {"description": "Synthetic wells, told otherwise.", **changes}
    return record_spec(dataset=world.dataset, spec=spec, by=world.person("contributor"), at=timezone.now())


def fresh(version) -> DatasetVersion:
    return DatasetVersion.objects.select_related("dataset__current_spec", "acquisition__upstream").get(pk=version.pk)


def said(world, version, mode, by="operator", **more):
    found = consequences(version=fresh(version), person=world.person(by), now=timezone.now(), **more)
    assert [c.mode for c in found] == [Mode.RETRY, Mode.REPROCESS, Mode.BACKFILL, Mode.REBUILD]
    return next(c for c in found if c.mode == mode)


def test_reprocess_makes_the_predicted_version_of_the_same_bytes_under_the_new_spec(world, version):
    assert "that very spec" in said(world, version, Mode.REPROCESS).why_not
    spec = new_spec(world)
    promised = said(world, version, Mode.REPROCESS)
    assert (promised.possible, promised.same_id) == (True, False)
    job = jobs.request_reprocess(version=fresh(version), by=world.person("operator"), at=timezone.now())
    assert "operator" in said(world, version, Mode.REPROCESS).why_not
    with refused("run_already"):
        jobs.request_reprocess(version=fresh(version), by=world.person("contributor"), at=timezone.now())
    done = work(job)
    assert (done.state, done.failure, done.mode) == (JobState.DONE, "", Mode.REPROCESS)
    made = done.version
    assert made.version_id == promised.version_id
    assert (made.spec, made.acquisition, made.created_by) == (spec, version.acquisition, "operator")
    assert Proposal.objects.get(version=made).proposer == "operator"
    assert Standing.objects.get(version=made).state == "CATALOG"
    assert made.version_id in said(world, version, Mode.REPROCESS).why_not
    with refused("made_already"):
        jobs.request_reprocess(version=fresh(version), by=world.person("operator"), at=timezone.now())


def test_who_may_not_propose_has_the_contributor_propose_but_stays_who_made_it(world, version):
    spec = new_spec(world)
    job = jobs.request_reprocess(version=fresh(version), by=world.person("reviewer"), at=timezone.now(), spec=spec)
    made = work(job).version
    assert (made.created_by, Proposal.objects.get(version=made).proposer) == ("reviewer", "contributor")
    world_sign = pytest.raises(Refused)
    with world_sign as caught:
        world.sign(made, "reviewer")
    assert caught.value.code == "proposer_signs"


def test_a_retried_reprocess_is_still_of_who_asked_first(world, version, monkeypatch):
    spec = new_spec(world)
    job = jobs.request_reprocess(version=fresh(version), by=world.person("steward"), at=timezone.now(), spec=spec)

    def unreachable(*_):
        raise StoreUnavailable("No space left.")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline.ingest, "inspect", unreachable)
        failed = work(job)
    again = work(jobs.retry(job=failed, by=world.person("operator"), at=timezone.now()))
    assert (again.state, again.version.created_by, again.version.spec) == (JobState.DONE, "steward", spec)


@pytest.mark.parametrize("name", ["auditor", "admin", "nobody", "superuser", "council"])
def test_who_asks_for_no_reprocess_and_no_rebuild(world, version, name):
    new_spec(world)
    for call in (jobs.request_reprocess, jobs.request_rebuild):
        with refused("role_missing"):
            call(version=fresh(version), by=world.person(name), at=timezone.now())
    assert not any(
        c.possible for c in consequences(version=fresh(version), person=world.person(name), now=timezone.now())
    )


def test_retry_keeps_the_id(world, version, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "build_catalogs", lambda *_, **__: (_ for _ in ()).throw(StoreUnavailable("Full.")))
        job = world.run(world.acquire(slice_="2024"))
    promised = said(world, job.version, Mode.RETRY)
    assert (promised.possible, promised.same_id, retryable_job(job.version)) == (True, True, job)
    again = work(jobs.retry(job=job, by=world.person("operator"), at=timezone.now()))
    assert again.version.version_id == promised.version_id
    assert retryable_job(job.version) is None


@pytest.mark.parametrize("slice_", ["2019", "2026"])
def test_backfill_makes_the_predicted_version(world, version, source_of, serve, slice_):
    serve(ok(OTHER))
    source = source_of(propose=False)
    promised = said(world, version, Mode.BACKFILL, slice_=slice_)
    assert (promised.possible, promised.same_id) == (True, False)
    job = jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now(), slice_=slice_)
    done = work(job)
    assert (done.mode, done.version.slice) == (Mode.BACKFILL, slice_)
    if promised.version_id.endswith(UNKNOWN):
        stem = promised.version_id.removesuffix(UNKNOWN)
        assert done.version.version_id.startswith(stem)
        assert len(done.version.version_id) == len(stem) + 8
    else:
        assert done.version.version_id == promised.version_id


def test_a_backfill_of_another_slice_is_asked_for_without_conditions(world, source_of, serve):
    server = serve(ok(DATA, etag='"one"'), ok(OTHER, etag='"two"'))
    source = source_of(propose=False)
    for slice_ in ("2019", "2020", "2020"):
        work(jobs.request_fetch(source=source, by=world.person("operator"), at=timezone.now(), slice_=slice_))
    asked = [headers.get("if-none-match") for _, _, headers in server.requests]
    assert asked == [None, None, '"two"']
    assert sorted(v.slice for v in DatasetVersion.objects.filter(acquisition__upstream=source)) == ["2019", "2020"]


def test_backfill_without_a_source_says_so(world, version):
    assert not said(world, version, Mode.BACKFILL).possible
    assert "source" in said(world, version, Mode.BACKFILL).why_not


def rebuild(world, version) -> Job:
    return work(jobs.request_rebuild(version=fresh(version), by=world.person("operator"), at=timezone.now()))


def report_of(version) -> dict:
    file = VersionArtifact.objects.filter(version=version, part="rebuild_report").order_by("-pk").first()
    return json.loads(read_document(file.artifact_id))


def test_rebuild_comes_out_the_same_and_disturbs_nothing(world, signed):
    ledger.checkpoint(timezone.now())
    before = dossier.gather(world.standing(signed))
    receipts = {name: r.run_id for name, r in current_receipts(signed).items()}
    done = rebuild(world, signed)
    assert (done.state, done.failure, done.mode) == (JobState.DONE, "", Mode.REBUILD)
    report = report_of(signed)
    assert report["status"] == "pass"
    assert {f["verdict"] for f in report["files"]} == {"same"}
    assert len(report["files"]) == 7
    receipt = RunReceipt.objects.get(version=signed, operation="rebuild")
    assert ledger.entry(receipt.ledger_index).references["operation"] == "rebuild"
    assert {name: r.run_id for name, r in current_receipts(signed).items()} == receipts
    assert dossier.gather(world.standing(signed)).digest == before.digest
    assert said(world, signed, Mode.REBUILD).same_id
    world.publish(signed)
    assert Standing.objects.get(version=signed).state == "PUBLISHED"
    assert rebuild(world, signed).state == JobState.DONE


def test_rebuild_by_newer_code_names_the_code_that_ran_then(world, version, monkeypatch):
    monkeypatch.setattr(catalog, "git_commit", lambda: "f" * 40)
    monkeypatch.setattr(catalog, "container_digest", lambda: "sha256:" + "f" * 64)
    assert rebuild(world, version).state == JobState.DONE


def test_rebuild_puts_back_what_is_gone(world, version):
    digests = [part(version, name) for name in ("preview", "dcat", "prov_turtle")]
    for digest in digests:
        overwrite(digest, None)
    done = rebuild(world, version)
    assert (done.state, done.failure) == (JobState.DONE, "")
    assert all(stored_path(digest).exists() for digest in digests)
    assert sum(f["stored"] == "restored" for f in report_of(version)["files"]) == 3


def test_rebuild_fails_by_name_when_a_projection_is_damaged(world, version):
    spoil_byte(part(version, "dcat"))
    done = rebuild(world, version)
    assert (done.state, done.failure_code) == (JobState.FAILED, "projection_drift")
    assert "dcat.jsonld" in done.failure
    assert report_of(version)["status"] == "fail"


def test_rebuild_fails_by_name_when_the_facts_give_other_bytes(world, version, settings):
    settings.KFM_PUBLIC_URL = "https://moved.example.org"
    done = rebuild(world, version)
    assert done.failure_code == "projection_drift"
    assert "dcat.jsonld" in done.failure
    assert "preview.geojson" not in done.failure


def test_rebuild_without_its_data_or_catalogs_is_refused_in_words(world, version):
    overwrite(part(version, "data"), None)
    done = rebuild(world, version)
    assert (done.state, done.failure_code) == (JobState.FAILED, "store_failed")
    raw = world.run(world.acquire(slice_="2023"), propose=False).version
    with refused("nothing_to_rebuild"):
        jobs.request_rebuild(version=fresh(raw), by=world.person("operator"), at=timezone.now())


def test_a_rebuild_is_recorded_whole_or_not_at_all(world, version, monkeypatch):
    from datasets.steps import rebuild as step

    real = ledger.append

    def full(**entry):
        if entry["event"] == "version.rebuilt":
            raise ledger.LedgerError("no room")
        return real(**entry)

    monkeypatch.setattr(step.ledger, "append", full)
    done = rebuild(world, version)
    assert done.failure_code == "crashed"
    assert not RunReceipt.objects.filter(version=version, operation="rebuild").exists()


def test_nothing_is_asked_for_when_the_ledger_refuses(world, version, source_of, monkeypatch):
    spec, source = new_spec(world), source_of(cadence="daily")
    by, at = world.person("operator"), timezone.now()
    calls = {
        "fetch": lambda: jobs.request_fetch(source=source, by=by, at=at),
        "due": lambda: jobs.request_due(source_pk=source.pk, at=source.next_due_at),
        "reprocess": lambda: jobs.request_reprocess(version=fresh(version), by=by, at=at, spec=spec),
        "rebuild": lambda: jobs.request_rebuild(version=fresh(version), by=by, at=at),
    }
    before = rows()

    def full(**_):
        raise ledger.LedgerError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "append", full)
        for call in calls.values():
            with pytest.raises(ledger.LedgerError):
                call()
            assert changed(before) == set()
    for name, call in calls.items():
        if name != "due":
            call()
        assert ledger.entries()[0].event == "run.requested", name


def test_checks_made_again_in_quarantine_are_told_on_the_case(world):
    held = world.run(world.acquire(wells(start=300), terms=replace(TERMS, text="Other terms.")))
    case = QuarantineCase.objects.get(version=held.version)
    assert {f["code"] for f in case.findings} == {"terms_reopened"}
    seen = TermsObservation.objects.order_by("-pk").first()
    accept(observation_pk=seen.pk, reason="Read; fine.", by=world.person("steward"), at=timezone.now())
    again = jobs.request_promotion(version=held.version, by=world.person("operator"), at=timezone.now())
    done = work(again)
    case.refresh_from_db()
    assert case.findings == []
    assert "a reviewer may release it" in " ".join(done.lines.values_list("text", flat=True))
