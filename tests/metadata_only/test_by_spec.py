"""metadata_only asked for by the spec itself: no place but the spec's own, and checks that still stop what fails."""

from __future__ import annotations

import json

import pytest

from datasets.models import PolicyLabel
from datasets.runs import current_files
from datasets.steps.outgoing import hinted_bbox
from promotions.models import QuarantineCase
from promotions.states import State
from tests.metadata_only.conftest import TERMS, TRACES, a_spec, wells
from tests.metadata_only.test_end_to_end import document
from tests.world import World

pytestmark = pytest.mark.django_db


def test_without_a_hint_the_item_has_no_place_and_the_record_says_so():
    world = World.build(spec=a_spec({"type": "metadata_only"}, hint=False))
    job = world.run(world.acquire(wells(), terms=TERMS))
    assert world.standing(job.version).state == State.CATALOG, job.failure
    item = document(job.version, "stac_item")
    assert (item["geometry"], "bbox" in item) == (None, False)
    place = next(node for node in document(job.version, "dcat")["@graph"] if node["@type"] == "dct:Location")
    assert "held back" in str(place)
    assert [trace for trace in TRACES if trace in json.dumps(item).encode()] == []


def test_c2_checks_that_fail_still_quarantine_a_record_of_metadata_only():
    spec = a_spec({"type": "metadata_only"})
    spec["validation"]["checks"][-1]["threshold"] = 100
    world = World.build(spec=spec)
    job = world.run(world.acquire(wells(), terms=TERMS))
    assert world.standing(job.version).state == State.QUARANTINE
    assert QuarantineCase.objects.get(version=job.version).gate == "E"


@pytest.mark.parametrize(
    ("bbox", "expected"),
    [
        (None, None),
        ([-102, 37, -94, 40], (-102, 37, -94, 40)),
        ([-102, 37, 0, -94, 40, 900], (-102, 37, -94, 40)),
        ([170, -10, -170, 10], (-180, -10, 180, 10)),
    ],
)
def test_the_hint_is_read_without_heights_and_across_the_antimeridian(bbox, expected):
    assert hinted_bbox({"extent": {"bbox": bbox}} if bbox else {}) == expected


def test_c2_a_labels_default_holds_the_data_back_as_the_specs_own_obligation_does():
    world = World.build(spec=a_spec())
    label = PolicyLabel.objects.get(name="public")
    label.default_obligations = [*label.default_obligations, {"type": "metadata_only"}]
    label.save()
    job = world.run(world.acquire(wells(), terms=TERMS))
    assert job.version is not None, (job.failure_code, job.failure)
    assert world.standing(job.version).state == State.CATALOG, job.failure
    assert not {"data", "preview"} & {file.part for file in current_files(job.version)}
