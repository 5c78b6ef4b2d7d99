"""Credentials in what pipelines send: cut from events before anything is kept, refused in terms and receipts."""

from __future__ import annotations

import json
import time
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from datasets import credentials, lineage
from datasets.models import Acquisition, LineageEvent, SubmittedRun
from datasets.stores import console_store, read_document
from tests.submissions.conftest import DIGEST, ZERO, event, opening, receipt, submission

SECRET = "hunter2-s3cr3t"
ADDRESSES = [
    (f"postgres://wells:{SECRET}@db.example/x", "postgres://db.example/x"),
    (f"postgres://wells:a/{SECRET}@db.example:5432/x", "postgres://db.example:5432/x"),
    (f"postgres://wells:a@{SECRET}@db.example/x", "postgres://db.example/x"),
    (f"https://{SECRET}@git.example/x.git", "https://git.example/x.git"),
    (f"jdbc:postgresql://wells:{SECRET}@db.example/x", "jdbc:postgresql://db.example/x"),
    (f"jdbc:oracle:thin:scott/{SECRET}@//db.example/x", "jdbc:oracle:thin:@//db.example/x"),
    (f"s3://AKIA:{SECRET}@bucket/key", "s3://bucket/key"),
    (f"https://b.example/k?X-Amz-Date=1&X-Amz-Signature={SECRET}", "https://b.example/k"),
    (f"https://b.example/k?sv=2024&sig={SECRET}", "https://b.example/k"),
    (f"https://b.example/k?GoogleAccessId=a&Signature={SECRET}", "https://b.example/k"),
    (f"https://b.example/k?a=1;access_token={SECRET}", "https://b.example/k"),
    (f"https://b.example/k#access_token={SECRET}", "https://b.example/k"),
    (f"https://b.example/k?apiKey={SECRET}", "https://b.example/k"),
]
HARMLESS = [
    "https://b.example/data/wells@2026.csv?version=3&page=2",
    "https://b.example:8080/a@b",
    "abfss://container@account.dfs.core.windows.net/wells",
    "ssh://git@git.example/x.git",
    "mailto:someone@example.invalid",
    "file:///data/wells.csv",
    "kfm://artifact/" + ZERO,
    "select a.primary_key = b.key from passengers",
    "2026-02-20T12:00:00Z",
]
SETTINGS = [
    f"password={SECRET}",
    f"host=db password='{SECRET} x' user=wells",
    f"jdbc:sqlserver://db;user=wells;password={SECRET}",
    f"Authorization: Bearer {SECRET}",
    f"spark.hadoop.fs.s3a.secret.key={SECRET}",
    f"awsSecretAccessKey: {SECRET}",
    f'{{"DB_PASSWORD": "{SECRET}"}}',
    "kfm_" + SECRET.ljust(43, "x"),
]


@pytest.mark.parametrize(("address", "left"), ADDRESSES)
def test_credentials_are_cut_from_an_address(address, left):
    assert credentials.scrubbed_text(f"read {address} twice") == f"read {left} twice"
    assert [f.where for f in credentials.check_absent({"a": [address]}, prose=True)] == ["/a/0"]


@pytest.mark.parametrize("text", HARMLESS)
def test_what_opens_nothing_stays_as_it_is(text):
    assert credentials.scrubbed_text(text) == text
    assert credentials.check_absent([text]) == []


@pytest.mark.parametrize("text", SETTINGS)
def test_the_value_of_a_secret_setting_is_cut(text):
    assert SECRET not in credentials.scrubbed_text(text)
    assert credentials.check_absent(text) != []


def test_secret_settings_of_a_facet_are_cut_by_their_name():
    facet = {
        "environmentVariables": [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "HOME", "value": "/home"}],
        "properties": {"fs.s3a.secret.key": SECRET, "sessionToken": {"text": [SECRET]}, "primaryKey": "id"},
        ADDRESSES[0][0]: 1,
    }
    kept = credentials.scrubbed(facet)
    assert SECRET not in json.dumps(kept)
    assert kept["environmentVariables"][1] == {"name": "HOME", "value": "/home"}
    assert kept["properties"]["primaryKey"] == "id"


def test_a_finding_repeats_no_credential():
    spoiled = {ADDRESSES[0][0]: {"x": ADDRESSES[1][0]}, "y": ADDRESSES[2][0]}
    findings = credentials.check_absent(spoiled)
    assert len(findings) == 3
    assert SECRET not in json.dumps([f.as_json() for f in findings])


@given(st.text(alphabet=st.sampled_from("ab:/@?#=&;'\" .-password token\n"), max_size=80))
def test_scrubbing_twice_is_scrubbing_once(text):
    once = credentials.scrubbed_text(text)
    assert credentials.scrubbed_text(once) == once


@pytest.mark.parametrize("piece", ["a:", "a://b:c/", 'x="', "://u:", "?a=", "a= ", "a.a-", "https://a@", "bearer "])
def test_a_text_made_to_be_slow_is_not(piece):
    began = time.process_time()
    credentials.scrubbed_text(piece * (200_000 // len(piece)))
    assert time.process_time() - began < 3


def kept_events() -> bytes:
    """Every event as it is kept, in one."""
    return b"".join(map(read_document, LineageEvent.objects.values_list("document_id", flat=True)))


@pytest.mark.django_db
def test_an_event_is_kept_without_credentials_and_so_is_its_receipt(sender):
    run = str(uuid.uuid4())
    inputs = [
        {
            "namespace": ADDRESSES[0][0],
            "name": address,
            "inputFacets": {"kfm_artifact": {"digest": ZERO[:-2] + f"{n:02}"}},
        }
        for n, (address, _) in enumerate(ADDRESSES[:1] + ADDRESSES[7:8])
    ]
    start = event("START", run, spark_properties={"properties": {"fs.s3a.secret.key": SECRET}}) | {"inputs": inputs}
    assert [sender.lineage(start).status_code for _ in range(2)] == [201, 200]
    sender.send(run)
    assert sender.lineage(event("COMPLETE", run, minute=9)).json()["state"] == "complete"
    row = SubmittedRun.objects.get()
    named = {i["uri"] for i in json.loads(read_document(row.receipt_id))["inputs"]}
    assert named >= {"postgres://db.example/x", "https://b.example/k"}
    assert SECRET.encode() not in kept_events() + read_document(row.receipt_id) + read_document(
        row.acquisition.manifest_id
    )


@pytest.mark.django_db
def test_an_errors_trace_is_not_kept(sender):
    run = str(uuid.uuid4())
    error = {"message": f"No: password={SECRET}\nmore", "programmingLanguage": "PYTHON", "stackTrace": SECRET}
    sender.lineage(event("START", run))
    assert sender.lineage(event("FAIL", run, errorMessage=error)).status_code == 201
    assert sender.status(run).json()["failure"] == "No: password=…"
    kept = json.loads(read_document(LineageEvent.objects.get(event_type="FAIL").document_id))
    assert kept["run"]["facets"]["errorMessage"] == {"message": "No: password=…", "programmingLanguage": "PYTHON"}


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["terms_uri", "text", "attribution"])
@pytest.mark.parametrize("way", ["opening", "event"])
def test_b2_terms_with_credentials_are_refused_since_they_are_kept_word_for_word(sender, way, field):
    run = str(uuid.uuid4())
    terms = opening(run)["terms"] | {field: f"https://wells:{SECRET}@example.invalid/terms"}
    if way == "opening":
        answer, where = sender.open(run, terms=terms), f"/terms/{field}"
    else:
        facet = submission() | {"terms": terms}
        answer, where = (
            sender.lineage(event("START", run, kfm_submission=facet)),
            f"/run/facets/kfm_submission/terms/{field}",
        )
    assert answer.status_code == 422
    assert where in {f["where"] for f in answer.json()["findings"] if f["code"] == "credentials_sent"}
    assert SECRET not in answer.content.decode()
    assert not SubmittedRun.objects.exists()
    assert not LineageEvent.objects.exists()


@pytest.mark.django_db
def test_terms_that_speak_of_passwords_are_kept_word_for_word(sender):
    run = str(uuid.uuid4())
    terms = opening(run)["terms"] | {"text": "Password: required. Token: by mail to x@example.invalid."}
    sender.lineage(event("START", run, kfm_submission=submission() | {"terms": terms}))
    assert SubmittedRun.objects.get().terms == terms
    kept = json.loads(read_document(LineageEvent.objects.get().document_id))
    assert kept["run"]["facets"]["kfm_submission"]["terms"] == terms


@pytest.mark.django_db
def test_f1_a_receipt_with_credentials_is_refused_and_the_run_stays_open(sender):
    run = sender.opened()
    sender.send(run)
    for spoiled in (SETTINGS[2], ADDRESSES[0][0], ADDRESSES[7][0]):
        document = receipt(inputs=[{"uri": spoiled, "digest": ZERO}])
        answer = sender.close(run, document)
        assert (answer.status_code, [f["where"] for f in answer.json()["findings"]]) == (422, ["/inputs/0/uri"])
        assert SECRET not in answer.content.decode()
    assert not Acquisition.objects.exists()
    assert console_store().stat(DIGEST) is not None
    assert sender.close(run).status_code == 201


@given(st.text(max_size=300))
@example("0\x00 ")
@example("0 \x00")
def test_a_first_line_of_a_first_line_is_itself(message):
    assert lineage.first_line(lineage.first_line(message)) == lineage.first_line(message)
