"""RB-DATA-050: what is lost comes back byte for byte, what is served never changes, and nothing happens by halves."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from django.utils import timezone

from audit import ledger
from datasets.models import DriftCheck, DriftOutcome, RunReceipt, VersionArtifact
from datasets.runs import current_files, current_receipts
from datasets.steps import rebuild
from datasets.stores import read_document
from datasets.zones.store import StoreUnavailable
from promotions import dossier, jobs, pipeline, transitions
from promotions.models import Evaluation, Job, JobKind, JobState, Standing
from promotions.releases import latest_release
from tests.promotions import changed, overwrite, part, put_standing, refused, rows, spoil_byte, stored_path
from tests.recovery.conftest import full

DOCUMENTS = ("dcat", "dcat_turtle", "stac_collection", "stac_item", "prov", "prov_turtle", "preview")


def newest(version, name: str) -> dict:
    file = VersionArtifact.objects.filter(version=version, part=name).order_by("-pk").first()
    return json.loads(read_document(file.artifact_id))


def digests(version) -> dict[str, str]:
    return {name: part(version, name) for name in DOCUMENTS}


def other_address(settings) -> None:
    settings.KFM_PUBLIC_URL = "https://console.example.org"


def lines(job: Job) -> str:
    return "\n".join(job.lines.values_list("text", flat=True))


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_every_document_of_a_published_version_comes_back_as_it_was_signed(published, recover, damage):
    before = digests(published)
    for digest in before.values():
        overwrite(digest, None) if damage == "gone" else spoil_byte(digest)
    job = recover(published)
    assert (job.state, job.failure, job.kind) == (JobState.DONE, "", JobKind.RECOVERY)
    assert digests(published) == before
    for digest in before.values():
        assert read_document(digest)
    assert "7 put back" in lines(job)
    assert DriftCheck.objects.get(version=published).outcome == DriftOutcome.SAME
    assert [f["stored"] for f in newest(published, "rebuild_report")["files"]].count("restored") == 7


def test_what_was_put_back_is_in_the_ledger_digest_by_digest(published, recover, events):
    digest, size = part(published, "dcat"), ledger.size()
    spoil_byte(digest)
    recover(published)
    said = events(size)
    assert said.count("store.mended") == 1
    assert "version.rebuilt" in said
    entry = next(e for e in ledger.entries() if e.event == "store.mended")
    assert entry.references["artifact"] == digest


def test_damaged_bytes_are_kept_aside_as_evidence(published, recover, settings, tmp_path):
    spoil_byte(part(published, "dcat"))
    spoilt = stored_path(part(published, "dcat")).read_bytes()
    recover(published)
    aside = list((stored_path(part(published, "dcat")).parents[2] / "damaged").iterdir())
    assert [path.read_bytes() for path in aside] == [spoilt]


def test_the_receipt_and_the_link_report_are_kept_and_no_gate_counts_them(published, recover):
    current = {name: r.run_id for name, r in current_receipts(published).items()}
    recover(published)
    receipt = RunReceipt.objects.get(version=published, operation="rebuild")
    said = json.loads(read_document(receipt.document_id))
    assert said["validation"]["status"] == "pass"
    assert {output["digest"] for output in said["outputs"]} == {
        file.artifact_id for file in VersionArtifact.objects.filter(receipt=receipt)
    }
    assert {name: r.run_id for name, r in current_receipts(published).items()} == current
    links = newest(published, "link_report")
    assert links["status"] == "pass"
    assert any(link["kind"] == "activity_to_receipt" for link in links["links"])


def test_gate_d_is_put_to_it_again_and_the_answers_are_kept(published, recover):
    before = Evaluation.objects.count()
    spoil_byte(part(published, "dcat"))
    recover(published)
    assert Evaluation.objects.count() == before + 1
    answers = {r["gate"]: r for r in Evaluation.objects.order_by("-pk").first().results}
    assert not answers["D"]["findings"]


def test_a_published_version_whose_facts_give_other_bytes_is_refused_and_stays_as_signed(published, recover, settings):
    before, manifest = digests(published), latest_release(published).manifest_digest
    receipts = {name: r.run_id for name, r in current_receipts(published).items()}
    other_address(settings)
    job = recover(published)
    assert (job.state, job.failure_code) == (JobState.FAILED, "projection_drift")
    assert "dcat.jsonld" in job.failure
    assert "withdraw" in job.failure_fix
    assert digests(published) == before
    assert {name: r.run_id for name, r in current_receipts(published).items()} == receipts
    assert latest_release(published).manifest_digest == manifest
    assert Standing.objects.get(version=published).state == "PUBLISHED"
    assert DriftCheck.objects.filter(version=published).first().outcome == DriftOutcome.DRIFTED
    assert newest(published, "rebuild_report")["status"] == "fail"


def test_what_still_comes_out_the_same_is_put_back_beside_what_does_not(published, recover, settings):
    overwrite(part(published, "preview"), None)
    other_address(settings)
    assert recover(published).state == JobState.FAILED
    assert read_document(part(published, "preview"))


def test_on_its_way_the_catalogs_are_built_anew_and_the_signatures_are_void(world, signed, recover, settings):
    before, seen = digests(signed), world.digest(signed)
    other_address(settings)
    job = recover(signed)
    assert (job.state, job.failure) == (JobState.DONE, "")
    assert digests(signed)["dcat"] != before["dcat"]
    assert world.digest(signed) != seen
    with refused("quorum_incomplete"):
        world.publish(signed)
    assert DriftCheck.objects.get(version=signed).outcome == DriftOutcome.SAME
    assert not any(r["findings"] for r in Evaluation.objects.order_by("-pk").first().results)


def test_recovered_after_withdrawal_it_is_signed_and_restored_with_the_new_bytes(world, published, recover, settings):
    other_address(settings)
    at = timezone.now()
    transitions.withdraw(version_pk=published.pk, by=world.person("steward"), reason="Drift.", incident="", at=at)
    assert recover(published).state == JobState.DONE
    world.sign_all(published)
    transitions.restore(
        version_pk=published.pk,
        by=world.person("operator"),
        seen=world.digest(published),
        reason="Catalogs recovered.",
        at=timezone.now(),
    )
    released = json.loads(latest_release(published).manifest)
    assert part(published, "dcat") in {row["digest"] for row in released["catalogs"]}


def test_twice_is_as_once(version, recover, settings):
    other_address(settings)
    assert recover(version).state == JobState.DONE
    before = digests(version)
    assert recover(version).state == JobState.DONE
    assert digests(version) == before
    assert RunReceipt.objects.filter(version=version, operation="catalog").count() == 2


def test_data_bytes_are_never_rebuilt(published, recover):
    before = {f.path: f.artifact_id for f in current_files(published)}
    spoil_byte(part(published, "data"))
    job = recover(published)
    assert job.state == JobState.FAILED
    assert DriftCheck.objects.get(version=published).outcome == DriftOutcome.DRIFTED
    assert {f.path: f.artifact_id for f in current_files(published)} == before


def test_a_damaged_terms_snapshot_is_told_by_name_and_comes_from_a_backup(published, recover):
    spoil_byte(part(published, "terms"))
    job = recover(published)
    assert job.failure_code == "projection_drift"
    assert "backup" in job.failure_fix


@pytest.mark.parametrize("event", ["version.rebuilt", "store.mended", "receipt.recorded", "catalog.drifted"])
def test_no_ledger_entry_nothing_recovered(published, recover, monkeypatch, event, settings):
    digest = part(published, "preview")
    overwrite(digest, None)
    if event == "catalog.drifted":
        other_address(settings)
    real = ledger.append

    def picky(**entry):
        return full() if entry["event"] == event else real(**entry)

    monkeypatch.setattr(rebuild.ledger, "append", picky)
    assert recover(published).failure_code == "crashed"
    assert not stored_path(digest).exists()
    assert not RunReceipt.objects.filter(version=published, operation="rebuild").exists()
    assert not DriftCheck.objects.filter(version=published).exists()


def test_a_store_that_refuses_leaves_no_receipt(published, recover, monkeypatch):
    overwrite(part(published, "dcat"), None)

    def away(_content):
        raise StoreUnavailable("The store is away.")

    monkeypatch.setattr(rebuild, "put_back", away)
    assert recover(published).failure_code == "store_failed"
    assert not RunReceipt.objects.filter(version=published, operation="rebuild").exists()


class Killed(BaseException):
    """The worker was killed."""


@pytest.mark.parametrize("where", ["compare", "build_catalogs", "_record"])
def test_killed_anywhere_the_next_worker_ends_it_alike(world, version, settings, monkeypatch, where):
    other_address(settings)
    job = jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())
    real = getattr(rebuild, where)

    def die(*args, **more):
        if where == "build_catalogs":
            real(*args, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(rebuild, where, die)
        with pytest.raises(Killed):
            pipeline.run(jobs.claim(job.pk, timezone.now()))
    again = jobs.claim(job.pk, timezone.now() + jobs.LEASE * 2)
    pipeline.run(again)
    job.refresh_from_db()
    assert (job.state, job.failure) == (JobState.DONE, "")
    assert RunReceipt.objects.filter(version=version, operation="catalog").count() == 2
    assert RunReceipt.objects.filter(version=version, operation="rebuild").count() == 1


def test_published_meanwhile_nothing_is_built_anew(world, signed, settings, monkeypatch):
    job = jobs.request_recovery(version=signed, by=world.person("operator"), at=timezone.now())
    before, real = digests(signed), rebuild.build_catalogs

    def publish_first(*args, **more):
        settings.KFM_PUBLIC_URL = "http://127.0.0.1:8000"
        world.publish(signed)
        other_address(settings)
        return real(*args, **more)

    monkeypatch.setattr(rebuild, "build_catalogs", publish_first)
    other_address(settings)
    pipeline.run(jobs.claim(job.pk, timezone.now()))
    job.refresh_from_db()
    assert job.failure_code == "moved_meanwhile"
    assert digests(signed) == before
    assert RunReceipt.objects.filter(version=signed, operation="catalog").count() == 1
    assert Standing.objects.get(version=signed).state == "PUBLISHED"


def test_withdrawn_meanwhile_nothing_is_recorded(world, published, monkeypatch):
    job = jobs.request_recovery(version=published, by=world.person("operator"), at=timezone.now())
    real = rebuild.link_report

    def withdraw_first(*args, **more):
        at = timezone.now()
        transitions.withdraw(version_pk=published.pk, by=world.person("steward"), reason="Bad.", incident="", at=at)
        return real(*args, **more)

    monkeypatch.setattr(rebuild, "link_report", withdraw_first)
    pipeline.run(jobs.claim(job.pk, timezone.now()))
    job.refresh_from_db()
    assert job.failure_code == "moved_meanwhile"
    assert not RunReceipt.objects.filter(version=published, operation="rebuild").exists()


@pytest.mark.parametrize(
    "name", ["contributor", "reviewer", "steward", "council", "auditor", "admin", "nobody", "superuser"]
)
def test_only_an_operator_asks_for_a_recovery(world, version, name):
    with refused("role_missing"):
        jobs.request_recovery(version=version, by=world.person(name), at=timezone.now())


@pytest.mark.parametrize("state", ["RAW", "WORK", "PROCESSED", "QUARANTINE", "DENIED"])
def test_only_where_catalogs_stand(world, version, state):
    put_standing(version, state)
    with refused("not_recoverable"):
        jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())


def test_one_run_at_a_time(world, version):
    jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())
    with refused("run_already"):
        jobs.request_recovery(version=version, by=world.person("operator2"), at=timezone.now())


def test_nothing_is_asked_for_when_the_ledger_refuses(world, version, monkeypatch):
    before = rows()
    monkeypatch.setattr(ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        jobs.request_recovery(version=version, by=world.person("operator"), at=timezone.now())
    assert changed(before) == set()


@pytest.mark.parametrize("damage", ["gone", "damaged"])
def test_while_drifted_the_api_serves_nothing_of_those_bytes(published, damage):
    digest = part(published, "dcat")
    slug, version_id = published.dataset.slug, published.version_id
    address = f"/api/v1/datasets/{slug}/versions/{version_id}/catalog/dcat.jsonld"
    client = Client()
    whole = client.get(address)
    assert whole.status_code == 200, whole.content[:300]
    overwrite(digest, None) if damage == "gone" else spoil_byte(digest)
    answer = client.get(address)
    assert answer.status_code in {409, 410, 503}
    assert set(answer.json()) == {"error_code", "message", "audit_ref"}


def test_the_dossier_of_a_recovered_version_is_the_one_that_was_signed(world, signed, recover):
    before = dossier.gather(world.standing(signed)).digest
    spoil_byte(part(signed, "prov"))
    assert dossier.gather(world.standing(signed)).digest != before
    assert recover(signed).state == JobState.DONE
    assert dossier.gather(world.standing(signed)).digest == before
    world.publish(signed)
