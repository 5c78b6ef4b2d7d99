"""E1, E2 and C2 from upload to gate: failing records are set apart, the others go on, and nothing of them goes out."""

from __future__ import annotations

import json
from copy import deepcopy

import pyarrow.parquet as pq
import pytest

from datasets.models import VersionArtifact
from datasets.runs import current_files
from datasets.stores import console_store
from promotions import dossier, gates
from promotions.states import State
from tests.world import SPEC, World, wells

pytestmark = pytest.mark.django_db
OUTLIER = 987654
GRID = {"type": "generalize_geometry", "min_cell_size_m": 5000}


def a_spec(*checks, obligations=(), label="public"):
    spec = deepcopy(SPEC)
    spec["sensitivity"] = {"policy_label_intent": label, "obligations": list(obligations)}
    spec["validation"]["checks"] += checks
    return spec


SHALLOW = {"name": "value_range", "operator": ">=", "threshold": 0.5, "field": "depth_m", "max": 1000}


def content(outliers=1, rows=6):
    made = wells(rows)
    for feature in made["features"][:outliers]:
        feature["properties"]["depth_m"] = OUTLIER
    return made


def run(spec, raw=None):
    world = World.build(spec=spec)
    job = world.run(world.acquire(content() if raw is None else raw))
    assert job.version is not None, job.failure
    return world, job.version


def files(version):
    return {file.part: file for file in current_files(version)}


def document(version, part):
    return json.loads(console_store().read(files(version)[part].artifact_id, 10_000_000))


def table(version, part, folder):
    path = folder / f"{part}.parquet"
    console_store().fetch_to(files(version)[part].artifact_id, path)
    return pq.read_table(path)


def test_e2_failing_records_are_set_apart_with_reasons_and_the_others_are_published(tmp_path):
    world, version = run(a_spec(SHALLOW))
    assert world.standing(version).state == State.CATALOG
    report = document(version, "qa_report")
    assert (report["rows"], report["rows_quarantined"]) == (5, 1)
    assert report["artifact_digest"] == files(version)["data"].artifact_id
    assert report["measured_digest"] == files(version)["measured"].artifact_id
    assert table(version, "data", tmp_path).num_rows == 5
    (row,) = table(version, "quarantined", tmp_path).to_pylist()
    assert (row["depth_m"], row["kfm_row"], row["kfm_reasons"]) == (OUTLIER, 1, ["value_range"])
    assert {files(version)[part].zone for part in ("quarantined", "measured")} == {"work"}
    world.sign_all(version)
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert {letter: result.findings for letter, result in results.items() if not result.passed} == {}
    world.publish(version)
    assert OUTLIER not in table(version, "data", tmp_path)["depth_m"].to_pylist()


GREATEST = {
    "name": "custom_sql",
    "operator": "<=",
    "threshold": 1_000_000,
    "parameters": {"sql": "SELECT max(depth_m) FROM data", "returns": "number"},
}


def test_c2_nothing_that_goes_out_tells_of_a_record_that_was_set_apart():
    world, version = run(a_spec(SHALLOW, GREATEST))
    assert world.standing(version).state == State.CATALOG
    assert document(version, "qa_report_whole")["checks"][-1]["value"] == OUTLIER
    for part, file in files(version).items():
        if file.zone in {"processed", "catalog"} and part != "data":
            assert str(OUTLIER).encode() not in console_store().read(file.artifact_id, 10_000_000), part


def test_e2_missed_thresholds_quarantine_the_version_and_the_parts_are_still_there_to_look_at(tmp_path):
    world, version = run(a_spec({**SHALLOW, "threshold": 0.9}))
    assert world.standing(version).state == State.QUARANTINE
    assert table(version, "quarantined", tmp_path).num_rows == 1
    assert table(version, "data", tmp_path).num_rows == 5


def test_e2_a_version_of_which_every_record_fails_is_quarantined(tmp_path):
    world, version = run(a_spec({**SHALLOW, "threshold": 0.1}), content(outliers=6))
    assert world.standing(version).state == State.QUARANTINE
    assert table(version, "data", tmp_path).num_rows == 0


def test_c2_obligations_are_applied_to_the_rows_that_go_on(tmp_path):
    world, version = run(a_spec(SHALLOW, obligations=[GRID], label="public_generalized"))
    assert world.standing(version).state == State.CATALOG
    assert table(version, "normalized", tmp_path).num_rows == table(version, "data", tmp_path).num_rows == 5
    report, whole = document(version, "qa_report"), document(version, "qa_report_whole")
    assert report["artifact_digest"] == files(version)["normalized"].artifact_id
    assert report["measured_digest"] == files(version)["measured"].artifact_id
    assert (report["distributions"], report["extent"]) == ([], None)
    assert whole["distributions"]
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert results["E"].passed, results["E"].findings


def test_e2_a_number_of_the_specs_own_sql_is_judged_and_not_told_beside_transformed_data():
    sql = {**GREATEST, "threshold": 12}
    world, version = run(a_spec(sql, obligations=[GRID], label="public_generalized"), wells(3))
    assert world.standing(version).state == State.CATALOG
    assert [check["value"] for check in document(version, "qa_report")["checks"]] == [1, 1, None]
    results = gates.evaluate_all(dossier.gather(world.standing(version)).evidence)
    assert results["E"].passed, results["E"].findings


def test_no_row_fails_and_nothing_is_split():
    _, version = run(a_spec(SHALLOW), content(outliers=0))
    report = document(version, "qa_report")
    assert report["measured_digest"] == report["artifact_digest"] == files(version)["data"].artifact_id
    assert not {"measured", "quarantined", "qa_report_whole"} & files(version).keys()


def test_e2_a_quarantine_file_that_is_gone_fails_the_gate():
    world, version = run(a_spec(SHALLOW))
    other = VersionArtifact.objects.get(version=version, part="rejects").artifact_id
    path = files(version)["quarantined"].artifact_id
    assert path != other
    evidence = dossier.gather(world.standing(version)).evidence["E"]
    spoiled = type(evidence)(
        **{name: getattr(evidence, name) for name in evidence.__slots__} | {"quarantine_measured_digest": None}
    )
    assert [finding.code for finding in gates.evaluate("E", spoiled).findings] == ["quarantined_lost"]


@pytest.mark.slow
def test_drift_and_growth_are_against_the_published_version_as_it_went_out():
    growth = {"name": "row_growth", "operator": "<=", "threshold": 0.0}
    world, first = run(a_spec(SHALLOW, growth))
    world.sign_all(first)
    world.publish(first)
    job = world.run(world.acquire(content(outliers=2), slice_="2027"))
    assert job.version is not None, job.failure
    report = document(job.version, "qa_report")
    assert report["checks"][-1]["value"] == 0  # six rows measured then and now, however many were set apart
    assert report["drift"]["before"] == document(first, "qa_report")["artifact_digest"]
    assert report["drift"]["rows"] == {"before": 5, "after": 4}


@pytest.mark.slow
@pytest.mark.parametrize("label", ["public", "restricted"])
def test_c2_drift_tells_only_of_an_earlier_version_that_the_readers_may_read(label):
    world, first = run(a_spec())
    world.sign_all(first)
    world.publish(first)
    type(first).objects.filter(pk=first.pk).update(policy_label=label)
    job = world.run(world.acquire(wells(4), slice_="2027"))
    assert (document(job.version, "qa_report")["drift"] is None) == (label == "restricted")


@pytest.mark.slow
def test_e2_references_ask_the_published_data_that_all_staff_may_read():
    check = {"name": "references", "operator": ">=", "threshold": 1.0, "field": "well_id", "dataset": "test_ks_wells"}
    world, first = run(a_spec())
    world.sign_all(first)
    world.publish(first)
    spec = {**a_spec(check), "dataset_slug": "test_ks_readings"}
    spec["outputs"] = [{**spec["outputs"][0], "path": "data/readings/<dataset_version_id>/readings.parquet"}]
    from django.utils import timezone

    from datasets.registry import register_dataset

    world.dataset = register_dataset(spec=spec, by=world.person("contributor"), at=timezone.now())
    job = world.run(world.acquire(wells(3)))
    assert document(job.version, "qa_report")["checks"][-1]["value"] == 1
    job = world.run(world.acquire(wells(3, start=5), slice_="2027"))
    assert document(job.version, "qa_report")["checks"][-1]["value"] == pytest.approx(1 / 3)
    type(first).objects.filter(pk=first.pk).update(policy_label="restricted")
    job = world.run(world.acquire(wells(4), slice_="2028"))
    assert document(job.version, "qa_report")["checks"][-1]["verdict"] == "error"
