"""Sources: recorded with every fault told by field, changed with history, and holding no secret."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from audit import ledger
from datasets import sources
from datasets.errors import Refused
from datasets.models import Source
from datasets.sources import change_source, check_may_record, check_source, fields_of, record_source
from kfm_console.environment import Credential, SettingsError, credentials, directories
from tests.ingest.conftest import FIELDS
from tests.promotions import changed, rows

KEYS = {
    "feed": Credential(hosts=frozenset({"data.example.org"}), headers={"X-Api-Key": "hush"}),
    "bucket": Credential(buckets=frozenset({"county-data"}), options={"access_key_id": "a"}),
}
FILES = replace(FIELDS, kind="files", location="/srv/incoming/roads", pattern="*.csv")


@pytest.fixture(autouse=True)
def _bounds(settings, tmp_path):
    settings.KFM_SOURCE_CREDENTIALS = KEYS
    settings.KFM_SOURCE_ROOTS = directories("/srv/incoming", name="ROOTS")


GOOD = [
    FIELDS,
    FILES,
    replace(FILES, location="s3://county-data/roads", pattern=""),
    replace(FILES, location="s3://county-data/roads", credential="bucket"),
    replace(FIELDS, credential="feed"),
    replace(FIELDS, allowed_hosts=("*.example.org",)),
    replace(FIELDS, location="https://[2606:4700::1111]/wells"),
    replace(FIELDS, location="https://[2606:4700::1111]/wells", allowed_hosts=("[2606:4700::1111]",)),
    replace(FIELDS, terms_uri="https://example.org/terms", terms_text=""),
]


@pytest.mark.parametrize("fields", GOOD)
def test_a_sound_source_has_no_finding(fields):
    assert check_source(fields) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "Roads!"}, "name"),
        ({"name": "-roads"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"kind": "ftp"}, "kind"),
        ({"cadence": "often"}, "cadence"),
        ({"slice_rule": "hour"}, "slice_rule"),
        ({"location": "file:///etc/passwd"}, "location"),
        ({"location": "https://user:pw@data.example.org/x"}, "location"),
        ({"location": "https://data.example.org/x?sas=1"}, "location"),
        ({"location": "https://data.example.org/x#access_token=1"}, "location"),
        ({"terms_uri": "https://data.example.org/terms?token=1", "terms_text": ""}, "terms_uri"),
        ({"location": "https://127.0.0.1.nip/x\n"}, "location"),
        ({"location": "http://localhost/x"}, "location"),
        ({"location": "http://127.1/x"}, "location"),
        ({"location": "https://data.example.org:8080/x"}, "location"),
        ({"location": "https://data.example.org/x?api_key=1"}, "location"),
        ({"location": "https://data.example.org/x?X-Amz-Signature=1"}, "location"),
        ({"location": "https://data.example.org/" + "x" * 1_000}, "location"),
        ({"allowed_hosts": ("other.example.org",)}, "allowed_hosts"),
        ({"allowed_hosts": ("*",)}, "allowed_hosts"),
        ({"allowed_hosts": ("data.example.org",) * 21}, "allowed_hosts"),
        ({"pattern": "*.csv"}, "pattern"),
        ({"credential": "nobody"}, "credential"),
        ({"credential": "bucket"}, "credential"),
        ({"credential": "feed", "location": "https://evil.example.org/x"}, "credential"),
        ({"credential": "feed", "location": "http://data.example.org/x"}, "credential"),
        ({"license": "NOASSERTION"}, "license"),
        ({"attribution": ""}, "attribution"),
        ({"terms_text": ""}, "terms_text"),
        ({"terms_uri": "https://example.org/terms"}, "terms_text"),
        ({"terms_uri": "http://127.0.0.1/terms", "terms_text": "x"}, "terms_text"),
        ({"terms_uri": "http://localhost/terms", "terms_text": ""}, "terms_uri"),
    ],
)
def test_a_fault_of_a_web_source_is_told_at_its_field(changes, field):
    assert field in {finding.where for finding in check_source(replace(FIELDS, **changes))}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"location": "/etc"}, "location"),
        ({"location": "/srv/incoming/../other"}, "location"),
        ({"location": "srv/incoming"}, "location"),
        ({"location": "https://data.example.org/x"}, "location"),
        ({"location": "s3://key:secret@county-data/x"}, "location"),
        ({"location": "s3://county-data/x?endpoint=http://10.0.0.1"}, "location"),
        ({"pattern": "../*.csv"}, "pattern"),
        ({"pattern": "/etc/*"}, "pattern"),
        ({"pattern": "x" * 201}, "pattern"),
        ({"allowed_hosts": ("data.example.org",)}, "allowed_hosts"),
        ({"credential": "feed"}, "credential"),
        ({"credential": "bucket"}, "credential"),
        ({"credential": "bucket", "location": "s3://other-data/x"}, "credential"),
    ],
)
def test_a_fault_of_a_directory_or_bucket_is_told_at_its_field(changes, field):
    assert field in {finding.where for finding in check_source(replace(FILES, **changes))}


def test_a_source_is_recorded_with_its_next_due_time_and_no_address_in_the_ledger(world):
    at = timezone.now()
    source = record_source(
        dataset=world.dataset, fields=replace(FIELDS, cadence="daily"), by=world.person("contributor"), at=at
    )
    assert source.next_due_at == at + timedelta(days=1)
    assert fields_of(source) == replace(FIELDS, cadence="daily")
    entry = ledger.entries()[0]
    assert (entry.event, entry.references["source"]) == ("source.recorded", "wells-feed")
    assert "example.org" not in entry.body


def test_a_faulty_source_and_a_taken_name_leave_nothing(world):
    by, at = world.person("operator"), timezone.now()
    before = rows()
    with pytest.raises(Refused) as caught:
        record_source(dataset=world.dataset, fields=replace(FIELDS, name="", license=""), by=by, at=at)
    assert {finding.where for finding in caught.value.findings} == {"name", "license"}
    assert changed(before) == set()
    record_source(dataset=world.dataset, fields=FIELDS, by=by, at=at)
    before = rows()
    with pytest.raises(Refused) as caught:
        record_source(dataset=world.dataset, fields=FIELDS, by=by, at=at)
    assert (caught.value.code, changed(before)) == ("source_name_taken", set())


@pytest.mark.parametrize("name", ["reviewer", "steward", "council", "auditor", "admin", "nobody", "superuser"])
def test_who_records_no_sources(world, name):
    with pytest.raises(Refused) as caught:
        check_may_record(world.person(name), world.dataset)
    assert caught.value.code == "may_not_record_source"


def test_a_change_keeps_history_and_the_schedule(world):
    at = timezone.now()
    source = record_source(
        dataset=world.dataset, fields=replace(FIELDS, cadence="weekly"), by=world.person("operator"), at=at
    )
    due = source.next_due_at

    def change(fields, hours):
        return change_source(
            source_pk=source.pk, fields=fields, by=world.person("operator2"), at=at + timedelta(hours=hours)
        )

    same = change(replace(FIELDS, cadence="weekly", attribution="Another"), 1)
    assert (same.next_due_at, same.recorded_by) == (due, "operator2")
    assert change(replace(FIELDS, cadence="daily"), 2).next_due_at == at + timedelta(hours=26)
    assert change(replace(FIELDS, cadence="daily", active=False), 3).next_due_at is None
    assert source.history.count() == 4
    with pytest.raises(Refused) as caught:
        change(replace(FIELDS, cadence="daily", active=False), 4)
    assert caught.value.code == "source_same"


@pytest.mark.parametrize("way", ["record", "change"])
def test_nothing_changes_when_the_ledger_refuses(world, monkeypatch, way):
    by, at = world.person("operator"), timezone.now()
    source = record_source(dataset=world.dataset, fields=FIELDS, by=by, at=at)
    before = rows()

    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(sources.ledger, "append", full)
    calls = {
        "record": lambda: record_source(dataset=world.dataset, fields=replace(FIELDS, name="two"), by=by, at=at),
        "change": lambda: change_source(source_pk=source.pk, fields=replace(FIELDS, cadence="daily"), by=by, at=at),
    }
    with pytest.raises(ledger.LedgerError):
        calls[way]()
    assert changed(before) == set()
    assert Source.objects.get().cadence == "manual"


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        '{"a": {"hosts": ["x"]}}',
        '{"a": {"headers": {"X": "hush"}}}',
        '{"a": {"hosts": ["x"], "headers": {"X": 1}}}',
        '{"a": {"hosts": "x", "headers": {"X": "hush"}}}',
        '{"a": {"hosts": ["x"], "headers": {"X": "hush"}, "more": 1}}',
    ],
)
def test_a_faulty_file_of_credentials_stops_the_start_and_repeats_no_value(tmp_path, text):
    path = tmp_path / "credentials.json"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        credentials(str(path))
    assert "hush" not in str(caught.value)


def test_credentials_are_read_by_name(tmp_path):
    path = tmp_path / "credentials.json"
    path.write_text('{"feed": {"hosts": ["Data.example.org"], "headers": {"X-Api-Key": "hush"}}}')
    assert credentials(str(path)) == {"feed": KEYS["feed"]}
    assert credentials("") == {}
    with pytest.raises(SettingsError):
        credentials(str(tmp_path / "absent"))


@pytest.mark.parametrize("text", ["srv", "/", "/srv:relative"])
def test_a_root_is_an_absolute_directory(text):
    with pytest.raises(SettingsError):
        directories(text, name="KFM_SOURCE_ROOTS")
