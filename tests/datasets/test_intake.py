"""B2: an acquisition is kept with its terms, or refused field by field; the bytes are never in memory whole."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from audit import ledger
from datasets import intake
from datasets.errors import Refused
from datasets.intake import display_name
from datasets.models import Acquisition
from datasets.stores import console_store
from tests.world import TERMS, World

pytestmark = pytest.mark.django_db
MEGABYTE = 1024 * 1024


@pytest.fixture
def world():
    return World.build()


def test_b2_bytes_and_terms_are_kept_under_their_digests(world):
    acquisition = world.acquire(b"the very bytes", name="../../etc/wells\u202e.geojson")
    store = console_store()
    assert store.read(acquisition.source_id, 100) == b"the very bytes"
    assert store.read(acquisition.terms_id, 100) == TERMS.text.encode()
    assert acquisition.file_name == "wells.geojson"
    entry = ledger.entries_about("kfm://dataset/test_ks_wells").order_by("-index")[0]
    assert (entry.event, entry.references["source"]) == ("acquisition.recorded", acquisition.source_id)


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"license": ""}, "license"),
        ({"license": "NOASSERTION"}, "license"),
        ({"license": "CC-BY-4.0" + " OR CC-BY-4.0" * 30}, "license"),
        ({"rights_holder": " "}, "rights_holder"),
        ({"rights_holder": "x" * 301}, "rights_holder"),
        ({"attribution": ""}, "attribution"),
        ({"attribution": "a\0b"}, "attribution"),
        ({"attribution": "a\nb"}, "attribution"),
        ({"attribution": "a\ud800"}, "attribution"),
        ({"terms_uri": "javascript:alert(1)"}, "terms_uri"),
        ({"terms_uri": "/etc/passwd"}, "terms_uri"),
        ({"terms_uri": "https://["}, "terms_uri"),
        ({"terms_uri": "https://example.invalid/" + "x" * 500}, "terms_uri"),
        ({"terms_uri": "https://user:pw@example.invalid/terms"}, "terms_uri"),
        ({"terms_uri": "https://example.invalid/terms?token=s3cr3t"}, "terms_uri"),
        ({"attribution": "See https://user:pw@example.invalid/"}, "attribution"),
        ({"text": " \n"}, "terms_text"),
    ],
)
def test_b2_faulty_terms_are_refused_by_field_and_leave_nothing(world, terms, field):
    size = ledger.size()
    with pytest.raises(Refused) as refused:
        world.acquire(terms=replace(TERMS, **terms))
    assert field in {finding.where for finding in refused.value.findings}
    assert (Acquisition.objects.count(), ledger.size()) == (0, size)


def test_every_fault_is_told_at_once(world):
    with pytest.raises(Refused) as refused:
        world.acquire(b"", slice_="last year", terms=replace(TERMS, license="", attribution="", text=""))
    assert {finding.where for finding in refused.value.findings} >= {
        "file",
        "slice",
        "license",
        "attribution",
        "terms_text",
    }


def test_an_empty_file_is_refused(world):
    with pytest.raises(Refused) as refused:
        world.acquire(b"")
    assert [finding.code for finding in refused.value.findings] == ["file_empty"]


@pytest.mark.parametrize("name", ["steward", "reviewer", "auditor", "admin", "council", "nobody", "superuser"])
def test_who_uploads_nothing(world, name):
    with pytest.raises(Refused) as refused:
        intake.check_may_upload(world.person(name), world.dataset)
    assert refused.value.code == "may_not_upload"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\wells.csv", "wells.csv"),
        ("wells\u202egnp.exe", "wellsgnp.exe"),
        ("a\0b\r\n", "ab"),
        ("/", "unnamed"),
        ("", "unnamed"),
        ("\u200b", "unnamed"),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_hostile_name_is_only_shown_never_a_path(given, shown):
    assert display_name(given) == shown


def test_an_acquisition_rolls_back_when_the_ledger_refuses_it(world, monkeypatch):
    def full(**_):
        raise ledger.LedgerError("no room")

    monkeypatch.setattr(intake.ledger, "append", full)
    with pytest.raises(ledger.LedgerError):
        world.acquire()
    assert Acquisition.objects.count() == 0


def one_line(path: Path, megabytes: int) -> int:
    with path.open("wb") as stream:
        for _ in range(megabytes):
            stream.write(b"x" * MEGABYTE)
    return megabytes * MEGABYTE


@pytest.mark.parametrize("megabytes", [24, pytest.param(100, marks=pytest.mark.slow)])
def test_a_one_line_file_streams(world, var_dir, megabytes):
    path = var_dir / "incoming" / "line"
    size = one_line(path, megabytes)
    tracemalloc.start()
    acquisition = intake.record_acquisition(
        dataset=world.dataset,
        file=path,
        file_name="line",
        media_type="text/csv",
        slice_="2026",
        terms=TERMS,
        by=world.person("contributor"),
        at=world.dataset.registered_at,
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert acquisition.source.size_bytes == size
    assert peak < 20 * MEGABYTE


def test_a_one_line_file_is_refused_by_the_run_in_words(world):
    job = world.run(world.acquire(b"x" * (3 * MEGABYTE), name="line.csv"))
    assert job.failure
    assert "Traceback" not in str(job.failure)
