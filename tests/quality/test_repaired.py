"""Geometry that a spec has repaired is counted where people look: the run's log, the QA report and its page."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from django.test import Client

from datasets.stores import read_document
from tests.world import SPEC, World, wells

BOW_TIE = {"type": "Polygon", "coordinates": [[[-98, 38], [-97, 39], [-97, 38], [-98, 39], [-98, 38]]]}


@pytest.mark.django_db
def test_e1_a_repaired_geometry_is_counted_in_the_log_the_report_and_on_the_page():
    spec, content = deepcopy(SPEC), wells(3)
    spec["normalization"]["repair_geometry"] = True
    content["features"][1]["geometry"] = BOW_TIE
    world = World.build(spec=spec)
    job = world.run(world.acquire(content))
    assert "3 of 3 records written; 0 rejected. The geometry of 1 was repaired, as the spec says." in {
        line.text for line in job.lines.all()
    }
    report = job.version.files.get(part="qa_report")
    assert json.loads(read_document(report.artifact_id))["rows_repaired"] == 1
    client = Client()
    client.force_login(world.users["steward"])
    page = client.get(f"/datasets/{world.dataset.slug}/versions/{job.version.version_id}/quality/")
    assert "The geometry of 1 record was repaired" in page.content.decode()
