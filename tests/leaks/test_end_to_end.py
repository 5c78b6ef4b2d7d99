"""C2 from spec to gate: the leak report lies beside the catalogs, gate C asks for it, and two releases are compared."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from datasets.models import VersionArtifact
from datasets.registry import record_spec
from datasets.runs import current_files
from datasets.steps import catalog, leak_check
from datasets.stores import console_store
from promotions.states import State
from tests.world import SPEC, World, wells

pytestmark = pytest.mark.django_db
PLACE = (-98.123457, 38.654321)


def spec(*more, size=5000):
    made = deepcopy(SPEC)
    owed = [{"type": "generalize_geometry", "min_cell_size_m": size}, *more]
    made["sensitivity"] = {"policy_label_intent": "public_generalized", "obligations": owed}
    return made


def places(count=6, start=0):
    content = wells(count, start=start)
    for n, feature in enumerate(content["features"]):
        feature["geometry"]["coordinates"] = [round(PLACE[0] + 0.0713 * n, 6), round(PLACE[1] + 0.0511 * n, 6)]
    return content


def run(world, content=None, **upload):
    job = world.run(world.acquire(content or places(), **upload))
    assert job.version is not None, job.failure
    return job.version


def report(version):
    file = next(file for file in current_files(version) if file.part == leak_check.PART)
    return json.loads(console_store().read(file.artifact_id, 1_000_000))


def test_c2_a_good_release_has_a_report_of_all_that_goes_out():
    world = World.build(spec=spec())
    version = run(world)
    told = report(version)
    assert told["findings"] == []
    scanned = {one["path"] for one in told["scanned"]}
    out = VersionArtifact.objects.filter(version=version, zone__in=["processed", "catalog"])
    assert {file.path for file in out} <= scanned
    assert world.standing(version).state == State.CATALOG


def test_c2_a_dataset_without_obligations_has_none():
    world = World.build()
    assert not [file for file in current_files(run(world)) if file.part == leak_check.PART]


@pytest.mark.parametrize("said", ["at 38.654321, -98.123457", "38°39'15.56\"N 98°07'24.45\"W"])
def test_c2_a_catalog_that_tells_an_exact_place_does_not_go_on(monkeypatch, said):
    built = catalog.build_dcat

    def leaking(facts):
        return built(facts).replace(b"Synthetic wells", f"Wells {said}".encode())

    monkeypatch.setattr(catalog, "build_dcat", leaking)
    world = World.build(spec=spec())
    version = run(world)
    assert world.standing(version).state != State.CATALOG
    assert {finding["code"] for finding in report(version)["findings"]} == {"leak_place"}
    assert "38.654321" not in json.dumps(report(version))


def test_c2_a_look_that_broke_off_is_no_look(monkeypatch):
    def broken(*_given, **_named):
        raise ValueError("no")

    monkeypatch.setattr(leak_check, "secrets_of", broken)
    world = World.build(spec=spec())
    version = run(world)
    assert {finding["code"] for finding in report(version)["findings"]} == {"leak_check_not_made"}
    assert world.standing(version).state != State.CATALOG


def test_c2_not_run_is_failed(monkeypatch):
    monkeypatch.setattr(leak_check, "report_on", lambda *_given: [])
    world = World.build(spec=spec())
    assert world.standing(run(world)).state != State.CATALOG


@pytest.mark.parametrize(("size", "found"), [(10_000, set()), (7_500, {"differencing_grids"})])
def test_c2_a_second_version_is_compared_with_what_was_ever_published(size, found):
    world = World.build(spec=spec())
    first = world.version_in(State.PUBLISHED, content=places())
    record_spec(dataset=world.dataset, spec=spec(size=size), by=world.person("contributor"), at=first.created_at)
    second = run(world, places(start=50), slice_="2027")
    assert {finding["code"] for finding in report(second)["findings"]} == found
    assert report(second)["compared"] == [first.reference]
    assert (world.standing(second).state == State.CATALOG) is not bool(found)


def test_c2_an_earlier_release_that_is_gone_cant_be_compared():
    world = World.build(spec=spec())
    first = world.version_in(State.PUBLISHED, content=places())
    digest = next(file.artifact_id for file in current_files(first) if file.part == "data")
    folder = Path(urlsplit(settings.KFM_STORAGE_URL).path) / "sha256"
    hexed = digest.removeprefix("sha256:")
    path = folder / hexed[:2] / hexed
    path.chmod(0o600)
    path.unlink()
    second = run(world, places(7), slice_="2027")
    assert {finding["code"] for finding in report(second)["findings"]} == {"differencing_not_comparable"}
