"""C2 from spec to release: what an obligation hides is in nothing released, and what can't be hidden stays here."""

from __future__ import annotations

import json
from copy import deepcopy

import pyarrow.parquet as pq
import pytest

from datasets.runs import current_files
from datasets.steps.validate import required_obligations
from datasets.stores import console_store
from promotions import dossier, gates
from promotions.models import QuarantineCase
from promotions.states import State
from tests.world import SPEC, World

pytestmark = pytest.mark.django_db

NOTICE = 'Places are shown on a grid: "ask the steward", not the map.'
CANARY_PERSON, CANARY_PLACE = "Zebulon Q. Canary", (-98.123456, 38.654321)
RELEASED = {
    "data",
    "preview",
    "qa_report",
    "terms",
    "dcat",
    "dcat_turtle",
    "stac_collection",
    "stac_item",
    "prov",
    "prov_turtle",
}
HIDE = [
    {"type": "show_notice", "message": NOTICE},
    {"type": "remove_attributes", "fields": ["owner"]},
    {"type": "generalize_geometry", "min_cell_size_m": 5000},
]


def a_spec(*obligations, label="public_generalized", **fields):
    spec = deepcopy(SPEC)
    spec["sensitivity"] = {"policy_label_intent": label, "obligations": list(obligations)}
    canonical = spec["normalization"]["canonical_fields"]
    canonical |= {"owner": "upstream.owner", "seen": "upstream.seen"} | fields
    spec["validation"]["checks"] += [
        {"name": "within_extent", "operator": ">=", "threshold": 0.5, "bbox": [-98.2, 38.6, -98.0, 38.7]},
        {"name": "allowed_values", "operator": ">=", "threshold": 0.0, "field": "owner", "values": ["Nobody"]},
    ]
    return spec


def wells(seen="2024-05-17", **more):
    x, y = CANARY_PLACE
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"well_id": f"W{n}", "depth_m": n, "owner": CANARY_PERSON, "seen": seen} | more,
                "geometry": {"type": "Point", "coordinates": [x + n / 1000, y] if n < 5 else [-97.5, 38.0]},
            }
            for n in range(6)
        ],
    }


def run(spec, content):
    world = World.build(spec=spec)
    job = world.run(world.acquire(content))
    assert job.version is not None, job.failure
    return world, job.version


def released(version):
    files = {f.part: f for f in current_files(version)}
    assert files.keys() >= RELEASED
    return {part: console_store().read(files[part].artifact_id, 10_000_000) for part in RELEASED}


def test_c2_what_obligations_hide_is_in_nothing_released_and_the_notice_is_shown():
    world, version = run(a_spec(*HIDE), wells())
    standing = world.standing(version)
    assert standing.state == State.CATALOG
    world.sign_all(version)
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert {letter: result.findings for letter, result in results.items() if not result.passed} == {}
    world.publish(version)
    documents = released(version)
    for part, raw in documents.items():
        assert CANARY_PERSON.encode() not in raw, part
        for exact in ("98.123", "98.124", "38.654321"):
            assert exact.encode() not in raw, (part, exact)
    assert NOTICE in json.loads(documents["stac_collection"])["kfm:notice"]
    assert NOTICE in json.loads(documents["stac_item"])["properties"]["kfm:notice"]
    dataset = next(n for n in json.loads(documents["dcat"])["@graph"] if "dcat:Dataset" in n["@type"])
    assert [text["@value"] for text in dataset["kfm:notice"]] == [NOTICE]


def test_c2_released_files_are_of_the_generalized_bytes(tmp_path):
    _, version = run(a_spec(*HIDE), wells())
    documents = released(version)
    (tmp_path / "data.parquet").write_bytes(documents["data"])
    table = pq.read_table(tmp_path / "data.parquet")
    assert "owner" not in table.schema.names
    bbox = json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]["bbox"]
    assert json.loads(documents["stac_item"])["bbox"] == pytest.approx(bbox)
    assert abs(bbox[0] - CANARY_PLACE[0]) > 1e-4


def test_c2_the_released_qa_report_says_nothing_of_single_records_or_removed_columns():
    _, version = run(a_spec(*HIDE), wells())
    report = json.loads(released(version)["qa_report"])
    assert [check["sample_rows"] for check in report["checks"]] == [[]] * 4
    assert "owner" not in {column["name"] for column in report["columns"]}
    whole = next(f for f in current_files(version) if f.part == "qa_report_whole")
    assert whole.zone == "work"
    assert any(c["sample_rows"] for c in json.loads(console_store().read(whole.artifact_id, 10_000_000))["checks"])


@pytest.mark.parametrize(
    ("obligation", "content", "word"),
    [
        ({"type": "remove_attributes", "fields": ["ovner"]}, wells(), "ovner"),
        ({"type": "generalize_time", "resolution": "year"}, wells(seen="17 May 2024"), "seen"),
        ({"type": "blur"}, wells(), "blur"),
        ({"type": "suppress_small_counts", "k": 3}, wells(), "suppress_small_counts"),
    ],
    ids=["no such field", "no ISO time", "unknown", "counts without cells"],
)
def test_c2_an_obligation_that_cant_be_met_quarantines_with_a_sentence(obligation, content, word):
    world, version = run(a_spec(obligation, label="public"), content)
    assert world.standing(version).state == State.QUARANTINE
    case = QuarantineCase.objects.get(version=version)
    assert case.reason_code in {"REDACTION_REQUIRED", "SENSITIVITY_UNCLEAR"}
    said = [finding["message"] for finding in case.findings if finding["clause"] == "C2"]
    assert any(word in message for message in said), said


def test_c2_metadata_only_makes_transforms_void_since_nothing_goes_out():
    world, version = run(a_spec(*HIDE, {"type": "metadata_only"}), wells())
    assert world.standing(version).state == State.CATALOG
    assert not {"data", "preview"} & {file.part for file in current_files(version)}


def test_c2_unreadable_obligations_of_a_label_are_findings_not_none():
    _, version = run(a_spec(label="public"), wells())
    version.policy_label.default_obligations = [{"type": "blur"}]
    required, faults = required_obligations(version, json.loads(version.spec.canonical))
    assert (required, [fault.code for fault in faults]) == ((), ["unknown_obligation"])
