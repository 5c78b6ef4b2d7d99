"""Submitted runs: opened, filled and closed into one acquisition in RAW, or refused with nothing half done (B2, F1)."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import uuid
import zipfile
from copy import deepcopy
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets import submission_closing, submissions
from datasets.models import Acquisition, SubmittedFile, SubmittedRun
from datasets.registry import register_dataset
from datasets.stores import console_store, read_document
from promotions import jobs, pipeline
from promotions.models import Job
from tests.submissions.conftest import DATA, DIGEST, opening, receipt
from tests.world import SPEC

pytestmark = pytest.mark.django_db


def test_b2_a_whole_run_becomes_an_acquisition_with_terms_receipt_and_a_job(sender):
    run = sender.opened()
    sent = sender.send(run)
    assert (sent.status_code, sent.json()["digest"]) == (201, DIGEST)
    closed = sender.close(run)
    assert closed.status_code == 201, closed.content
    acquisition = Acquisition.objects.get()
    assert (acquisition.source_id, acquisition.acquired_by) == (DIGEST, "svc-airflow")
    manifest = json.loads(read_document(acquisition.manifest_id))
    assert (manifest["source"]["type"], manifest["source"]["uri"]) == ("submitted_run", f"urn:uuid:{run}")
    paths = {row["path"]: row["sha256"] for row in manifest["artifacts"]}
    assert f"sha256:{paths['receipt.json']}" == closed.json()["receipt_digest"]
    assert json.loads(read_document(closed.json()["receipt_digest"])) == receipt()
    job = Job.objects.get()
    assert (job.acquisition_id, job.requested_by, closed.json()["state"]) == (acquisition.pk, "svc-airflow", "complete")


def test_the_status_follows_the_job_to_its_version(sender):
    run = sender.opened()
    sender.send(run)
    sender.close(run)
    assert sender.status(run).json()["job"]["state"] == "queued"
    pipeline.run(jobs.claim(Job.objects.get().pk, timezone.now()))
    said = sender.status(run).json()
    assert (said["job"]["state"], said["dataset_version_id"], said["findings"]) == (
        "done",
        "2026." + said["dataset_version_id"][5:],
        [],
    )


def test_a_failed_ingest_is_told_among_the_findings(sender):
    run, data = sender.opened(), b"not a format at all"
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    sender.send(run, data=data)
    assert sender.close(run, receipt(digest)).status_code == 201
    pipeline.run(jobs.claim(Job.objects.get().pk, timezone.now()))
    said = sender.status(run).json()
    assert (said["job"]["state"], [f["where"] for f in said["findings"]]) == ("failed", ["job"])


def test_a_part_of_a_file_is_not_taken_for_the_whole(sender):
    run = sender.opened()
    answer = sender.send(run, **{"Content-Range": "bytes 0-9/100"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "range_not_taken")
    assert sender.status(run).json()["files"] == []


def test_opening_twice_is_one_run_and_other_content_is_refused(sender):
    name = str(uuid.uuid4())
    assert [sender.open(name).status_code for _ in range(2)] == [201, 200]
    assert sender.open(name, slice="2025").json()["error_code"] == "run_differs"
    assert SubmittedRun.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"slice": "last year"}, "/slice"),
        ({"slice": "2026-13"}, "/slice"),
        ({"terms": {}}, "/terms/license"),
        ({"terms": opening("x")["terms"] | {"license": "NOASSERTION"}}, "/terms/license"),
        ({"terms": opening("x")["terms"] | {"text": " "}}, "/terms/text"),
        ({"terms": opening("x")["terms"] | {"more": "x"}}, "/terms/more"),
        ({"run_uuid": "7"}, "/run_uuid"),
        ({"propose": "yes"}, "/propose"),
        ({"force": True}, "/force"),
    ],
)
def test_a_faulty_opening_is_refused_by_field(sender, changes, where):
    answer = sender.open(**changes) if "run_uuid" not in changes else sender.open(changes["run_uuid"])
    assert answer.status_code == 422
    assert where in {finding["where"] for finding in answer.json()["findings"]}
    assert not SubmittedRun.objects.exists()


def test_an_absent_dataset_and_one_that_is_not_open_to_the_account_answer_alike(sender, world):
    other = deepcopy(SPEC) | {"dataset_slug": "test_ks_other"}
    register_dataset(spec=other, by=world.person("contributor"), at=timezone.now())
    hidden, absent = sender.open(dataset_slug="test_ks_other"), sender.open(dataset_slug="test_ks_nowhere")
    assert hidden.status_code == absent.status_code == 404
    assert {k: v for k, v in hidden.json().items() if k != "audit_ref"} == {
        k: v for k, v in absent.json().items() if k != "audit_ref"
    }


def test_the_same_bytes_again_are_one_file_and_other_bytes_are_refused(sender):
    run = sender.opened()
    assert [sender.send(run).status_code for _ in range(2)] == [201, 200]
    other = sender.send(run, data=b"other")
    assert (other.status_code, other.json()["error_code"]) == (409, "path_holds_other_bytes")
    assert [f["digest"] for f in sender.status(run).json()["files"]] == [DIGEST]


@pytest.mark.parametrize(
    "path", ["../x", "a/../b", "a//b", "a/./b", "%2Fetc/passwd", "a%5Cb", "a%00b", "a%0Ab", "x" * 201, "a/", "%20"]
)
def test_a_path_that_leads_elsewhere_is_refused(sender, path):
    run = sender.opened()
    answer = sender.call("PUT", f"/runs/{run}/files/{path}", DATA)
    assert answer.status_code in {404, 422}
    assert not SubmittedFile.objects.exists()


def sha256_header(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


@pytest.mark.parametrize("name", ["Repr-Digest", "Content-Digest", "Digest", "X-KFM-Digest"])
def test_a_stated_digest_is_held_against_the_bytes(sender, name):
    run = sender.opened()

    def stated(data: bytes) -> str:
        if name == "X-KFM-Digest":
            return f"sha256:{hashlib.sha256(data).hexdigest()}"
        return (
            f"sha-256={sha256_header(data)}" if name == "Digest" else f"sha-512=:AA==:, sha-256=:{sha256_header(data)}:"
        )

    wrong = sender.send(run, **{name: stated(b"else")})
    assert (wrong.status_code, wrong.json()["error_code"]) == (422, "digest_differs")
    assert console_store().stat(DIGEST) is None
    assert not SubmittedFile.objects.exists()
    assert sender.send(run, **{name: stated(DATA)}).status_code == 201


@pytest.mark.parametrize("value", ["sha-256=:AAAA:", "md5=:AAAA:", "sha-256=::", "x"])
def test_a_digest_that_cannot_be_read_is_refused(sender, value):
    assert sender.send(sender.opened(), **{"Repr-Digest": value}).json()["error_code"] == "digest_unreadable"


def test_an_empty_and_a_too_large_body_are_refused(sender, settings):
    run = sender.opened()
    assert sender.send(run, data=b"", **{"content-length": "0"}).json()["error_code"] == "file_empty"
    settings.KFM_UPLOAD_MAX_BYTES = 10
    assert sender.send(run).status_code == 413
    assert not SubmittedFile.objects.exists()


def test_the_files_of_a_run_are_bounded_together(sender, settings):
    run = sender.opened()
    settings.KFM_UPLOAD_MAX_BYTES = len(DATA) + 4
    sender.send(run)
    assert sender.send(run, "more", b"12345").status_code == 413
    assert sender.send(run, "more", b"1234").status_code == 201


def test_a_body_that_breaks_off_leaves_nothing(sender):
    run = sender.opened()
    answer = sender.client.generic(
        "PUT",
        f"/api/v1/runs/{run}/files/a",
        DATA,
        headers={"authorization": f"Bearer {sender.secret}"},
        **{"wsgi.input": io.BytesIO(DATA), "CONTENT_LENGTH": str(len(DATA) + 1)},
    )
    assert (answer.status_code, answer.json()["error_code"]) == (400, "body_unreadable")
    assert console_store().stat(DIGEST) is None


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (receipt("sha256:" + "1" * 64), "output_not_sent"),
        (receipt(DIGEST, "sha256:" + "1" * 64), "output_not_sent"),
        (receipt(outputs=[]), "file_not_an_output"),
        (receipt(dataset_version_id="2025.0123abcd"), "receipt_other_slice"),
        (receipt(validation={"status": "fail", "report_digest": DIGEST}), "validation_failed"),
        (receipt(created_at="2026-02-20T11:00:00Z"), "receipt_before_run"),
        (receipt(run_id="kfm://run/2026-02-30T12:00:00Z.a", created_at="2026-03-05T12:00:00Z"), "run_id_no_such_time"),
        (receipt(operation="conquer"), "schema_enum"),
        ([], "schema_type"),
        ({}, "missing_field"),
    ],
)
def test_f1_a_faulty_receipt_leaves_the_run_open_and_loses_nothing(sender, spoiled, code):
    run = sender.opened()
    sender.send(run)
    answer = sender.close(run, spoiled)
    assert answer.status_code == 422
    assert code in {finding["code"] for finding in answer.json()["findings"]}
    said = sender.status(run).json()
    assert (said["state"], len(said["files"]), Acquisition.objects.count(), Job.objects.count()) == ("open", 1, 0, 0)
    assert sender.close(run).status_code == 201


def test_the_same_receipt_again_finds_the_run_closed_and_another_is_refused(sender):
    run = sender.opened()
    sender.send(run)
    assert [sender.close(run).status_code for _ in range(2)] == [201, 200]
    other = sender.close(run, receipt(operation="validate"))
    assert (other.status_code, other.json()["error_code"]) == (409, "run_ended")
    assert (Acquisition.objects.count(), Job.objects.count()) == (1, 1)
    assert sender.send(run, "late", b"late").json()["error_code"] == "run_ended"
    assert sender.send(run).status_code == 200


def test_an_aborted_run_takes_nothing_more(sender):
    run = sender.opened()
    sender.send(run)
    assert [sender.call("DELETE", f"/runs/{run}").status_code for _ in range(2)] == [200, 200]
    assert sender.close(run).json()["error_code"] == "run_ended"
    assert sender.send(run, "late", b"late").json()["error_code"] == "run_ended"
    assert sender.status(run).json()["state"] == "aborted"


@pytest.mark.parametrize(
    "body", [b"{", b'{"a":1,"a":2}', b"\xff", b'{"a":NaN}', b"[" * 5000 + b"]" * 5000, b"x" * 600_000]
)
@pytest.mark.parametrize("path", ["/runs/", "/lineage", "/runs/{run}/receipt"])
def test_hostile_json_is_refused_in_words(sender, body, path):
    run = sender.opened()
    answer = sender.call("POST", path.format(run=run), body, content_type="application/json")
    assert answer.status_code in {400, 413, 422}
    assert set(answer.json()) >= {"error_code", "message", "audit_ref"}


def test_every_step_and_refusal_is_in_the_ledger(sender):
    run = sender.opened()
    sender.send(run)
    sender.send(run, data=b"other")
    sender.close(run)
    entries = ledger.entries_about("kfm://dataset/test_ks_wells")
    found = [(e.event, e.references.get("code", e.references.get("state"))) for e in reversed(entries)]
    assert [f for f in found if f[0] in {Event.RUN_SUBMITTED.value, Event.ACTION_REFUSED.value}] == [
        (Event.RUN_SUBMITTED.value, "open"),
        (Event.RUN_SUBMITTED.value, "open"),
        (Event.ACTION_REFUSED.value, "path_holds_other_bytes"),
        (Event.RUN_SUBMITTED.value, "complete"),
    ]


def full(**_):
    raise ledger.LedgerError("no room")


def test_nothing_happens_when_the_ledger_refuses(sender, monkeypatch):
    run = sender.opened()
    sender.send(run)
    sender.client.raise_request_exception = False
    monkeypatch.setattr(submissions.ledger, "append", full)
    assert sender.open().status_code == 500
    assert sender.send(run, "second", b"second").status_code == 500
    assert sender.close(run).status_code == 500
    assert sender.call("DELETE", f"/runs/{run}").status_code == 500
    monkeypatch.undo()
    assert (SubmittedRun.objects.count(), SubmittedFile.objects.count()) == (1, 1)
    assert (Acquisition.objects.count(), Job.objects.count()) == (0, 0)
    assert sender.status(run).json()["state"] == "open"


def test_a_file_that_arrives_while_the_run_is_closed_stops_the_closing(sender, monkeypatch):
    run = sender.opened()
    sender.send(run)
    whole = submission_closing.make_whole

    def slowly(*args, **kwargs):
        made = whole(*args, **kwargs)
        assert sender.send(run, "late", b"late").status_code == 201
        return made

    monkeypatch.setattr(submission_closing, "make_whole", slowly)
    assert sender.close(run).json()["error_code"] == "files_changed"
    assert not Acquisition.objects.exists()


def test_several_files_become_one_bundle_the_same_for_the_same_files(sender):
    parts = {"b/second.csv": b"x,y\n1,2\n", "a.csv": b"x,y\n3,4\n"}
    digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in parts.values()]
    bundles = []
    for order in (list(parts), list(reversed(parts))):
        run = sender.opened()
        for path in order:
            sender.send(run, path, parts[path])
        whole = submission_closing.make_whole(
            SubmittedRun.objects.get(run_uuid=run),
            json.dumps(receipt(*digests)).encode(),
            folder=made(order),
            by=sender.world.person("svc-airflow"),
            at=timezone.now(),
        )
        bundles.append(whole.prepared.source.digest)
    assert bundles[0] == bundles[1]
    assert sender.close(run, receipt(*digests)).status_code == 201
    manifest = json.loads(read_document(Acquisition.objects.get().manifest_id))
    assert {row["path"] for row in manifest["artifacts"]} == {
        "source",
        "terms.txt",
        "receipt.json",
        "files/a.csv",
        "files/b/second.csv",
    }
    with zipfile.ZipFile(io.BytesIO(console_store().read(bundles[0], 10_000))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == parts


def made(order: list[str]) -> Path:
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR) / order[0].replace("/", "-")
    folder.mkdir()
    return folder
