"""No file ends the worker: a clean refusal in words, within bounds, recorded, and nothing else changed (E2, §7)."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from audit import ledger
from audit.events import Event
from datasets.formats.isolated import Bounds
from datasets.registry import record_spec
from datasets.steps import normalize
from promotions import jobs, pipeline
from promotions.models import Job, JobState, Standing
from tests.cases import case_path
from tests.hostile import files
from tests.hostile.conftest import children, resident, spec_of
from tests.promotions import rows

#: Each of them starts a reader process or more.
pytestmark = pytest.mark.slow

MIB = 1024 * 1024
EXTRA_MEMORY = 256 * MIB
# What a run adds that stands in RAW and fails, or that fails before.
GROWS = {
    "audit.LedgerEntry", "audit.LedgerNode", "datasets.Artifact", "datasets.DatasetVersion", "datasets.PolicyDecision",
    "datasets.HistoricalDatasetVersion", "datasets.RunReceipt", "datasets.VersionArtifact", "promotions.Job",
    "promotions.JobLine", "promotions.Proposal", "promotions.HistoricalProposal", "promotions.Standing",
    "promotions.Transition",
}  # fmt: skip
XML = ("cyclic", "dtd", "dtd_element", "external", "external_file", "quadratic", "xmlbomb", "xmlbomb2")

QUICK = {
    "nested zip bomb": files.nested_bomb,
    "archives one in another": lambda: files.nested_bomb(5, 1),
    "overlapping zip bomb": files.overlapping_bomb,
    "zip slip, up": lambda: files.slip("../../../evil.csv"),
    "zip slip, absolute": lambda: files.slip("/tmp/evil.csv"),
    "zip slip, drive": lambda: files.slip("C:\\evil.csv"),
    "zip slip, backslash": lambda: files.slip("..\\..\\evil.csv"),
    "zip of a symbolic link": files.symlink,
    "zip of 65,536 members": files.many_members,
    "a zip cut off": lambda: files.slip("a.csv")[:-30],
    "billion laughs in KML": files.billion_laughs,
    "KML that fetches a file": lambda: files.outside_entity("file:///etc/passwd"),
    "KML that fetches a page": lambda: files.outside_entity("http://127.0.0.1:9/x"),
    "KML of 100,000 folders": files.deep_kml,
    "JSON array 100,000 deep": files.deep_array,
    "coordinates 100,000 deep": lambda: b'{"type":"Point","coordinates":' + files.deep_array() + b"}",
    "property 100,000 deep": lambda: files.in_property(files.deep_array()),
    "objects 100,000 deep": lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "number of a million digits": lambda: files.in_property(b"1" * 1_000_000),
    "CSV of 10,000 columns": files.wide_csv,
    "properties without end": files.new_properties,
}
HEAVY = {
    "flat zip bomb": files.flat_bomb,
    "lying zip bomb": files.lying_bomb,
    "million-vertex polygon": files.polygon,
    "100 MB in one CSV line": lambda: files.HEADER + b"x" * 100 * files.MB,
    "100 MB in one header": lambda: b"id," + b"x" * 100 * files.MB,
    "100 MB in one JSON string": lambda: files.in_property(b'"' + b"x" * 100 * files.MB + b'"'),
    "100 MB in one JSON array": lambda: files.in_property(b"[" + b"[]," * (33 * files.MB) + b"0]"),
}


def assert_refused_and_nothing_else(world, raw: bytes, cost) -> Job:
    """Runs *raw* from its acquisition on, and looks at all that is left."""
    acquisition = world.acquire(raw, name="data.bin")
    del raw
    before, tree, size = rows(), everything_below(settings.VAR_DIR.parent), ledger.size()
    start, began = resident(reset=True), time.perf_counter()
    job = world.run(acquisition)
    grown = resident() - start
    sys.stdout.write(  # shown by -s or -rP: the clock is measured, and asserted by the reader's own bounds alone
        f"{job.failure_code}: {time.perf_counter() - began:.1f} s, reader {cost.reader_peak // MIB} MiB, "
        f"worker {grown // MIB:+} MiB. {job.failure}\n"
    )
    assert job.state == JobState.FAILED, job.state
    assert_in_words(job)
    assert cost.reader_peak + grown <= EXTRA_MEMORY, (cost.reader_peak // MIB, grown // MIB)
    assert_only_added(before)
    assert_recorded(job, size)
    assert everything_below(settings.VAR_DIR.parent) - tree <= stored(settings.VAR_DIR)
    assert list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == [Path(settings.FILE_UPLOAD_TEMP_DIR) / "upload.bin"]
    assert children() == []
    return job


def assert_in_words(job: Job) -> None:
    assert job.failure_code not in {"", "crashed", "store_failed", "reader_stopped"}, job.failure
    assert job.failure.endswith("."), job.failure
    assert job.failure_fix
    assert len(job.failure) < 500
    assert "Error" not in job.failure


def assert_only_added(before) -> None:
    """Every row that stood still stands as it was; rows came only where a failing run leaves them."""
    now = rows()
    for table, old in before.items():
        assert not Counter(map(repr, old)) - Counter(map(repr, now[table])), table
        assert len(now[table]) == len(old) or table in GROWS, table
    assert set(Standing.objects.values_list("state", flat=True)) == {"RAW"}


def assert_recorded(job: Job, size: int) -> None:
    """The failed run is in the ledger, last, with its code."""
    assert ledger.size() > size
    last = ledger.entries()[0]
    assert (last.event, last.references["code"]) == (Event.RUN_FAILED.value, job.failure_code)
    assert last.references["job"] == str(job.pk)


def everything_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def stored(var: Path) -> set[Path]:
    return {path for path in (var / "store").rglob("*") if path.is_file()}


@pytest.mark.django_db
@pytest.mark.parametrize("case", sorted(QUICK))
def test_a_hostile_file_is_refused_in_words_and_changes_nothing(world, cost, case):
    assert_refused_and_nothing_else(world, QUICK[case](), cost)


@pytest.mark.slow
@pytest.mark.django_db
@pytest.mark.parametrize("case", sorted(HEAVY))
def test_a_large_hostile_file_is_refused_within_bounds(world, cost, case):
    assert_refused_and_nothing_else(world, HEAVY[case](), cost)


@pytest.mark.django_db
@pytest.mark.parametrize("name", XML)
def test_xml_bombs_are_refused_as_they_are_and_as_kml(world, cost, name):
    path = case_path("hostile", "xml", f"{name}.xml")
    assert_refused_and_nothing_else(world, path.read_bytes(), cost)
    assert_refused_and_nothing_else(world, files.as_kml(path), cost)


@pytest.mark.django_db
def test_no_member_of_an_archive_leaves_the_workspace(world, cost):
    victim = Path(settings.VAR_DIR).parent / "evil.csv"
    for depth in range(1, 8):
        assert_refused_and_nothing_else(world, files.slip("../" * depth + "evil.csv"), cost)
    assert not victim.exists()


@pytest.mark.django_db
def test_a_record_that_would_overflow_a_stack_ends_no_worker(world, cost):
    """GEOS reads nested well-known text by recursion, and no ``except`` catches an overflow in native code."""
    spec = spec_of(well_id="upstream.id", geometry="derived.from_wkt(wkt)")
    record_spec(dataset=world.dataset, spec=spec, by=world.person("contributor"), at=timezone.now())
    job = world.run(world.acquire(files.deep_wkt(), name="data.csv"), propose=True)
    sys.stdout.write(f"{job.state} {job.failure_code}: {job.failure}\n")
    if job.state == JobState.FAILED:
        assert job.failure_code == "reader_stopped"
        assert ledger.entries()[0].references["code"] == "reader_stopped"
    else:
        assert "1 of 2 records written; 1 rejected." in job.lines.values_list("text", flat=True)
    assert children() == []


@pytest.mark.django_db
def test_a_reader_out_of_time_fails_the_run_in_words(world, cost, monkeypatch):
    monkeypatch.setattr(normalize, "BOUNDS", Bounds(seconds=0.0, bytes_per_second=1e9))
    job = assert_refused_and_nothing_else(world, files.new_properties(10), cost)
    assert job.failure_code == "too_slow"


@pytest.mark.django_db
def test_a_run_cancelled_while_its_file_is_read_ends_the_reader(world, monkeypatch):
    def cancelled_meanwhile(reporter, done, total):
        if reporter.job.step == "normalize":
            jobs.cancel(job=reporter.job, by=world.person("contributor"), at=timezone.now())
            reporter.hold()

    monkeypatch.setattr(jobs.Reporter, "progress", cancelled_meanwhile)
    job = world.run(world.acquire(files.HEADER + files.ROW * 100_000, name="data.csv"))
    assert job.state == JobState.CANCELLED, job.failure
    assert Standing.objects.get(version=job.version).state == "RAW"
    assert children() == []
    assert list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()) == [Path(settings.FILE_UPLOAD_TEMP_DIR) / "upload.bin"]


@pytest.fixture
def upload(world):
    """Sends bytes through the upload page and runs the job that it owes."""
    terms = {
        "license": "CC-BY-4.0",
        "rights_holder": "Test Survey",
        "attribution": "Wells by the Test Survey",
        "terms_text": "CC BY 4.0, as of today.",
    }
    client = Client()
    client.force_login(world.users["contributor"])

    def send(raw: bytes, name: str):
        file = SimpleUploadedFile(name, raw)
        address = reverse("promotions:upload", args=[world.dataset.slug])
        page = client.post(address, {"file": file, "slice": "2026", "propose": "on", **terms})
        assert page.status_code == 302, page.content.decode()
        claimed = jobs.claim(Job.objects.latest("pk").pk, timezone.now())
        pipeline.run(claimed)
        return Job.objects.get(pk=claimed.pk), client.get(page["Location"])

    return send


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("nested zip bomb", "42.zip"),
        ("zip slip, up", "../../wells.csv"),
        ("billion laughs in KML", "doc.kml"),
        ("coordinates 100,000 deep", "wells.geojson"),
        ("CSV of 10,000 columns", "wells.csv"),
    ],
)
def test_uploaded_in_the_browser_it_fails_on_a_page_that_says_why(upload, cost, case, name):
    job, page = upload(QUICK[case](), name)
    assert job.state == JobState.FAILED
    assert_in_words(job)
    assert page.status_code == 200
    text = page.content.decode().replace("&#x27;", "'").replace("&quot;", '"')
    assert job.failure in text
    assert "How to mend it:" in text


@pytest.mark.django_db
def test_after_all_that_a_good_file_is_taken_in(world, cost):
    job = world.run(world.acquire(files.collection(files.feature(None, a=1)), name="good.geojson"), propose=False)
    assert job.state == JobState.DONE, job.failure
