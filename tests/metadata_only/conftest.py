"""A dataset whose licence forbids passing the bytes on, quarantined for it, and the metadata-only version beside it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.utils import timezone

from datasets.intake import DeclaredTerms
from datasets.models import DatasetVersion
from promotions import derivatives, jobs, pipeline
from promotions.models import Job, QuarantineCase
from tests.promotions import point_at
from tests.world import SPEC, World

LICENSE = "LicenseRef-Test-No-Redistribution"
TERMS = DeclaredTerms(
    LICENSE, "Test Survey", "Wells by the Test Survey", "https://example.invalid/terms", "Not to be passed on."
)
CANARY = "Zebulon Q. Canary"
PLACE = (-98.123456, 38.654321)
HINT = [-102.05, 36.99, -94.6, 40.0]
#: Whatever any of these bytes is in, tells something of the data. No digest, id or time can hold one by chance.
TRACES = (CANARY.encode(), b"CANARY-WELL", b"-98.12", b"38.6543", b"7654321.25")


def a_spec(*obligations: dict[str, Any], hint: bool = True, **terms: str) -> dict[str, Any]:
    spec = deepcopy(SPEC)
    spec["upstream"]["terms"] |= {"license": LICENSE, **terms}
    spec["sensitivity"]["obligations"] = list(obligations)
    spec["normalization"]["canonical_fields"]["holder"] = "upstream.owner"
    spec["validation"]["checks"].append({"name": "row_count", "operator": ">=", "threshold": 1})
    if hint:
        spec["extent"] = {"bbox": HINT}
    return spec


def wells() -> dict[str, Any]:
    x, y = PLACE
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"well_id": f"CANARY-WELL-{n}", "depth_m": 7654321.25, "owner": CANARY},
                "geometry": {"type": "Point", "coordinates": [x + n / 1000, y]},
            }
            for n in range(5)
        ],
    }


def run(job: Job) -> Job:
    claimed = jobs.claim(job.pk, timezone.now())
    assert claimed is not None
    pipeline.run(claimed)
    return Job.objects.select_related("version__dataset").get(pk=job.pk)


@dataclass
class Built:
    """``quarantined``: for gate B; ``record``: of the same bytes, metadata only; ``var``: where their files lie."""

    world: World
    quarantined: DatasetVersion
    record: DatasetVersion
    var: Path


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Built once in a transaction that is never committed."""
    var = tmp_path_factory.mktemp("built")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = World.build(spec=a_spec())
            first = world.run(world.acquire(wells(), terms=TERMS))
            assert first.version is not None, first.failure
            case = QuarantineCase.objects.get(version=first.version)
            owed = derivatives.open_metadata_only(
                case_pk=case.pk, reason="Only the record.", by=world.person("reviewer2"), at=timezone.now()
            )
            second = run(owed)
            assert second.version is not None, second.failure
            yield Built(world, first.version, second.version, var)
            transaction.set_rollback(True)


@pytest.fixture
def here(built: Built, db: None, settings: Any, tmp_path: Path) -> Built:
    """The module's world, with a store of this test alone."""
    var = tmp_path / "copy"
    shutil.copytree(built.var, var)
    point_at(lambda name, value: setattr(settings, name, value), var)
    versions = DatasetVersion.objects.select_related("dataset", "policy_label", "standing")
    return Built(built.world, versions.get(pk=built.quarantined.pk), versions.get(pk=built.record.pk), var)
