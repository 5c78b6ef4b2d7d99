"""A run of several files goes the whole way: sent, closed into one bundle, ingested as one table, catalogued."""

from __future__ import annotations

import hashlib
import io
import zipfile
from copy import deepcopy

import pyarrow.parquet as pq
import pytest
import shapely
from django.utils import timezone

from datasets.models import Acquisition
from datasets.registry import record_spec
from datasets.stores import console_store
from promotions import jobs, pipeline
from promotions.models import Job, Standing
from tests.submissions.conftest import receipt
from tests.world import SPEC

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

EAST = b"well_id,depth_m,lat,lon\nE1,10,38.1,-95.1\nE2,11,38.2,-95.2\n"
WEST = b"well_id,depth_m,lat,lon\nW1,20,38.1,-101.1\n"


def run_of(sender, parts: dict[str, bytes], **normalization) -> Job:
    """Sends *parts* under a spec with *normalization*; the run's job as it ended."""
    spec = deepcopy(SPEC)
    spec["normalization"]["canonical_fields"]["geometry"] = "derived.from_latlon"
    spec["normalization"] |= normalization
    world = sender.world
    world.dataset.refresh_from_db()
    record_spec(dataset=world.dataset, spec=spec, by=world.person("steward"), at=timezone.now())
    run = sender.open(propose=True).json()["run_uuid"]
    for path, data in parts.items():
        assert sender.send(run, path, data, content_type="text/csv").status_code == 201
    digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in parts.values()]
    assert sender.close(run, receipt(*digests)).status_code == 201
    pipeline.run(jobs.claim(Job.objects.get().pk, timezone.now()))
    said = sender.status(run).json()
    job = Job.objects.select_related("version").get()
    assert (said["state"], said["job"]["state"]) == ("complete", job.state)
    return job


def zipped(parts: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in parts.items():
            archive.writestr(path, data)
    return target.getvalue()


PARTS = {"west/wells.csv": WEST, "east.csv": EAST}


@pytest.mark.parametrize("parts", [PARTS, {"wells.zip": zipped(PARTS)}], ids=["two files", "a zip of two files"])
def test_two_tables_of_a_run_become_one_version(sender, parts):
    job = run_of(sender, parts, archive="concatenate")
    assert (job.state, job.failure) == ("done", "")
    assert Standing.objects.get(version=job.version).state == "CATALOG"
    data = job.version.files.select_related("artifact").get(part="data").artifact
    rows = pq.read_table(io.BytesIO(console_store().read(data.digest, data.size_bytes))).to_pylist()
    assert [(row["well_id"], shapely.from_wkb(row["geometry"]).x) for row in rows] == [
        ("E1", -95.1),
        ("E2", -95.2),
        ("W1", -101.1),
    ]
    kept = Acquisition.objects.get().source
    with zipfile.ZipFile(io.BytesIO(console_store().read(kept.digest, kept.size_bytes))) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == PARTS


def test_without_the_specs_word_two_tables_are_refused_by_name(sender):
    job = run_of(sender, {"west/wells.csv": WEST, "east.csv": EAST})
    assert (job.state, job.failure_code) == ("failed", "several_datasets")
    assert "normalization.archive" in job.failure_fix
