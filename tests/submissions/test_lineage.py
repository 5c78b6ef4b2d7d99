"""OpenLineage run events: any order and any repetition end in the same state; what is hidden answers as absent."""

from __future__ import annotations

import gzip
import itertools
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from datasets import lineage, lineage_events, submissions
from datasets.errors import Refused
from datasets.models import Acquisition, LineageEvent, SubmittedRun
from datasets.receipts import check_receipt
from datasets.stores import keep, read_document
from promotions import submitted_runs
from promotions.models import Job
from tests.submissions.conftest import DATA, DIGEST, ENVIRONMENT, event, opening, submission

pytestmark = pytest.mark.django_db


def end_of(sender, run: str) -> tuple:
    row = SubmittedRun.objects.get(run_uuid=run)
    events = sorted(LineageEvent.objects.filter(run_uuid=run).values_list("event_type", flat=True))
    return row.state, row.acquisition_id is not None, Job.objects.filter(acquisition=row.acquisition_id).count(), events


def test_f1_start_files_and_complete_make_an_acquisition_with_a_derived_receipt(sender):
    run = str(uuid.uuid4())
    assert sender.lineage(event("START", run)).json()["state"] == "open"
    sender.send(run)
    answer = sender.lineage(event("COMPLETE", run, minute=9))
    assert (answer.status_code, answer.json()["state"], answer.json()["findings"]) == (201, "complete", [])
    row = SubmittedRun.objects.get()
    document = json.loads(read_document(row.receipt_id))
    assert check_receipt(document) == []
    assert [output["digest"] for output in document["outputs"]] == [DIGEST]
    assert (document["environment"], document["actor"]["principal"]) == (ENVIRONMENT, "svc-airflow")
    assert document["run_id"] == f"kfm://run/2026-02-20T12:00:00Z.{run}"
    start = LineageEvent.objects.get(event_type="START")
    assert {"uri": f"kfm://artifact/{start.document_id}", "digest": start.document_id} in document["inputs"]
    assert document["validation"]["report_digest"] == LineageEvent.objects.get(event_type="COMPLETE").document_id
    assert (Acquisition.objects.count(), Job.objects.get().requested_by) == (1, "svc-airflow")


def test_an_event_is_kept_whole_and_once(sender):
    run = str(uuid.uuid4())
    sent = event("START", run)
    assert [sender.lineage(sent).status_code for _ in range(2)] == [201, 200]
    row = LineageEvent.objects.get()
    assert json.loads(read_document(row.document_id)) == sent
    assert row.document_id == str(digest_bytes(canonical_bytes(sent)))


STEPS = ("START", "RUNNING", "OTHER", "COMPLETE", "file")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(STEPS), again=st.lists(st.sampled_from(STEPS), max_size=4))
def test_any_order_and_repetition_of_a_run_end_alike(sender, order, again):
    """A file can be sent once the run is open; until then the pipeline tries again, as pipelines do."""
    run = str(uuid.uuid4())
    data = run.encode()  # other bytes each time: the same ones twice in a second are refused
    digest = str(digest_bytes(data))
    events = {kind: event(kind, run, minute=n, digests=(digest,)) for n, kind in enumerate(STEPS[:-1])}
    waiting = False
    for step in [*order, *again, *again]:
        if step == "file":
            waiting = sender.send(run, data=data).status_code == 404
            continue
        assert sender.lineage(events[step]).status_code < 300
        if step == "START" and waiting:
            assert sender.send(run, data=data).status_code in {200, 201}
    assert end_of(sender, run) == ("complete", True, 1, ["COMPLETE", "OTHER", "RUNNING", "START"])


@pytest.mark.parametrize("ending", ["FAIL", "ABORT"])
@pytest.mark.parametrize("order", list(itertools.permutations(["START", "RUNNING", "ending"])))
def test_any_order_of_a_stopped_run_ends_aborted(sender, ending, order):
    run = str(uuid.uuid4())
    for kind in order:
        assert sender.lineage(event(ending if kind == "ending" else kind, run)).status_code == 201
    assert end_of(sender, run) == ("aborted", False, 0, sorted(["START", "RUNNING", ending]))


def test_a_complete_before_its_files_says_what_is_missing_and_closes_with_the_last(sender):
    run = str(uuid.uuid4())
    sender.lineage(event("START", run))
    answer = sender.lineage(event("COMPLETE", run))
    assert (answer.json()["state"], [f["code"] for f in answer.json()["findings"]]) == ("open", ["output_not_sent"])
    assert [f["code"] for f in sender.status(run).json()["findings"]] == ["output_not_sent"]
    assert sender.send(run, "other", b"other").json()["error_code"] == "output_not_named"
    assert sender.send(run).json()["run_state"] == "complete"


def test_a_failure_shows_one_scrubbed_line_and_no_stack_trace(sender):
    run = str(uuid.uuid4())
    message = "OperationalError: password=hunter2 at postgres://u:p@db/x\nTraceback (most recent call last):\n  File"
    error = {"message": message, "programmingLanguage": "PYTHON", "stackTrace": "File secret.py, line 1"}
    sender.lineage(event("START", run))
    sender.lineage(event("FAIL", run, errorMessage=error))
    failure = sender.status(run).json()["failure"]
    assert failure == "OperationalError: password=…"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("KeyError: 'Jane Doe'", "KeyError: …"),
        ("cannot read https://u:p@private.example/x?token=1 now", "cannot read … now"),
        ("point -99.12345 38.5 is out of range", "point … … is out of range"),
        ("no such file /home/jane/wells.csv", "no such file …"),
        ("\n\n  disk full  \nTraceback", "disk full"),
        ("a\u202eb\x07", "ab"),
        ("", ""),
        ("api_key: abc", "api_key: …"),
    ],
)
def test_a_first_line_keeps_the_kind_of_fault_alone(message, shown):
    assert lineage.first_line(message) == shown


@given(st.text(max_size=3000))
def test_a_first_line_is_one_short_line_whatever_comes(message):
    shown = lineage.first_line(message)
    assert len(shown) <= lineage.LONGEST_FAILURE
    assert len(shown.splitlines()) <= 1


def spoiled(kind: str, **changes):
    return event(kind, str(uuid.uuid4())) | changes


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({}, "/eventTime"),
        ([[]], None),
        ("START", ""),
        (spoiled("START", eventType="BEGIN"), "/eventType"),
        (spoiled("START", eventTime="yesterday"), "/eventTime"),
        (spoiled("START", eventTime="2026-02-20T12:00:00"), "/eventTime"),
        (spoiled("START", run={"runId": "7"}), "/run/runId"),
        (spoiled("START", run={"runId": str(uuid.uuid4())}), "/run/facets/kfm_submission"),
        (spoiled("START", outputs=[{"namespace": "kfm", "name": "Bad-Slug"}]), "/outputs/0/name"),
        (spoiled("START", outputs=[{"namespace": "kfm", "name": n} for n in ("a_a", "b_b")]), "/outputs"),
        (spoiled("START", job={"namespace": "a\u0000", "name": "b"}), "/job/namespace"),
        (spoiled("COMPLETE", outputs=[{"namespace": "kfm", "name": "test_ks_wells"}]), "/outputs"),
        (spoiled("RUNNING", producer=2**60), ""),
    ],
)
def test_a_faulty_event_is_refused_by_its_place_and_leaves_nothing(sender, sent, where):
    answer = sender.lineage(sent)
    assert answer.status_code == 422, answer.content
    if where is not None:
        assert where in {finding["where"] for finding in answer.json()["findings"]}
    assert (LineageEvent.objects.count(), SubmittedRun.objects.count()) == (0, 0)


def test_a_start_with_faulty_terms_is_refused_by_field(sender):
    facet = submission() | {"slice": "2026-13"}
    answer = sender.lineage(event("START", str(uuid.uuid4()), kfm_submission=facet))
    assert (answer.status_code, [f["where"] for f in answer.json()["findings"]]) == (422, ["/slice"])
    assert not LineageEvent.objects.exists()


def test_assertions_that_failed_close_nothing(sender):
    run = str(uuid.uuid4())
    sender.lineage(event("START", run))
    sender.send(run)
    complete = event("COMPLETE", run)
    facet = {"assertions": [{"assertion": "not_null", "success": False}]}
    complete["outputs"][0]["outputFacets"]["dataQualityAssertions"] = facet
    answer = sender.lineage(complete)
    assert (answer.status_code, answer.json()["findings"][0]["code"]) == (422, "assertions_failed")
    assert end_of(sender, run)[0] == "open"


def test_a_second_ending_is_refused(sender):
    run = str(uuid.uuid4())
    for kind in ("START", "FAIL"):
        sender.lineage(event(kind, run))
    assert sender.lineage(event("COMPLETE", run)).json()["error_code"] == "run_ended"
    assert sender.lineage(event("FAIL", run, minute=5)).json()["error_code"] == "run_ended"


def test_an_unknown_dataset_answers_as_what_is_absent(sender):
    outputs = [{"namespace": "kfm", "name": "nowhere_wells"}]
    assert sender.lineage(spoiled("START", outputs=outputs)).json()["error_code"] == "not_found"
    assert not LineageEvent.objects.exists()


def test_an_event_that_names_nothing_of_ours_is_not_kept(sender):
    answer = sender.lineage(spoiled("START", outputs=[{"namespace": "postgres://db", "name": "t"}]))
    assert (answer.status_code, answer.json()["event"]) == (200, "not_ours")
    assert not LineageEvent.objects.exists()


def test_events_join_a_run_that_was_opened_by_the_other_way(sender):
    run = str(uuid.uuid4())
    sender.call("POST", "/runs/", opening(run))
    sender.send(run, data=DATA)
    sender.lineage(event("START", run))
    assert sender.lineage(event("COMPLETE", run)).json()["state"] == "complete"


def test_a_list_is_taken_event_by_event(sender):
    run = str(uuid.uuid4())
    answer = sender.lineage([event("START", run), {"eventType": "x"}, event("RUNNING", run)])
    assert (answer.status_code, [r["event"] for r in answer.json()["results"]]) == (422, ["kept", "refused", "kept"])
    assert sender.lineage([event("START", run)]).json()["results"][0]["event"] == "known"
    assert sender.lineage([]).status_code == 422


def test_gzip_is_taken_and_a_bomb_is_not(sender):
    body = json.dumps(event("START", str(uuid.uuid4()))).encode()
    packed = {"content_type": "application/json", "Content-Encoding": "gzip"}
    assert sender.call("POST", "/lineage", gzip.compress(body), **packed).status_code == 201
    assert sender.call("POST", "/lineage", gzip.compress(b" " * 50_000_000), **packed).status_code == 413
    assert sender.call("POST", "/lineage", gzip.compress(body)[:-9], **packed).status_code == 400
    assert sender.call("POST", "/lineage", b"no gzip", **packed).status_code == 400


def test_nothing_happens_when_the_ledger_refuses_an_event(sender, monkeypatch):
    def full(**_):
        raise lineage_events.ledger.LedgerError("no room")

    sender.client.raise_request_exception = False
    monkeypatch.setattr(lineage_events.ledger, "append", full)
    assert sender.lineage(event("START", str(uuid.uuid4()))).status_code == 500
    assert (LineageEvent.objects.count(), SubmittedRun.objects.count()) == (0, 0)


def test_the_same_bytes_in_the_same_second_take_the_next_one(sender):
    """An acquisition is named by its bytes and its second, so the second run is recorded a second later."""
    now, by = timezone.now(), sender.world.person("svc-airflow")
    for _ in range(2):
        run = str(uuid.uuid4())
        sender.lineage(event("START", run))
        SubmittedRun.objects.filter(run_uuid=run).update(opened_at=now)
        submissions.receive_file(
            run_pk=SubmittedRun.objects.get(run_uuid=run).pk,
            path="wells.geojson",
            artifact=keep(DATA, media_type="application/geo+json", at=now),
            by=by,
            at=now,
        )
        submitted_runs.keep_event(document=event("COMPLETE", run, minute=9), by=by, at=now)
        found = SubmittedRun.objects.select_related("dataset__current_spec").get(run_uuid=run)
        settled = submitted_runs.settle(run=found, by=by, at=now)
        assert (settled.run.state, settled.findings) == ("complete", ())
    seconds = [a.acquired_at for a in Acquisition.objects.order_by("acquired_at")]
    assert (len(seconds), seconds[1] - seconds[0], Job.objects.count()) == (2, timedelta(seconds=1), 2)


def test_events_that_contradict_each_other_leave_the_run_open_and_its_status_says_why(sender):
    run = str(uuid.uuid4())
    sender.lineage(event("START", run, minute=9))
    sender.send(run)
    answer = sender.lineage(event("COMPLETE", run, minute=2))
    said = sender.status(run).json()
    assert answer.json()["state"] == said["state"] == "open"
    assert [f["code"] for f in said["findings"]] == ["receipt_before_run"]
    assert said["findings"] == answer.json()["findings"]
    assert sender.close(run).json()["state"] == "complete"


def test_a_closing_that_was_broken_off_shows_in_the_status_and_is_made_good_by_the_same_complete(sender, monkeypatch):
    run = str(uuid.uuid4())
    sender.lineage(event("START", run))
    sender.send(run)

    def unsure(**_):
        raise Refused("store_unavailable", "The store can't be read now.")

    monkeypatch.setattr(submitted_runs, "close", unsure)
    answer = sender.lineage(event("COMPLETE", run)).json()
    assert (answer["state"], [f["code"] for f in answer["findings"]]) == ("open", ["store_unavailable"])
    monkeypatch.undo()
    said = sender.status(run).json()
    assert (said["state"], [f["code"] for f in said["findings"]]) == ("open", ["closing_unfinished"])
    again = sender.lineage(event("COMPLETE", run)).json()
    assert (again["event"], again["state"], sender.status(run).json()["findings"]) == ("known", "complete", [])
