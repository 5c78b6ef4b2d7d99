"""A version in CATALOG (the promotions' world), published at wish, and the upkeep's jobs run at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from audit import ledger
from datasets.models import DatasetVersion
from promotions import jobs, pipeline, upkeep
from promotions.models import Job
from tests.pages_c.conftest import as_  # noqa: F401 - a fixture
from tests.promotions.conftest import built, here, signed, version, world  # noqa: F401 - fixtures
from tests.world import World


@pytest.fixture
def published(world: World, signed: DatasetVersion) -> DatasetVersion:  # noqa: F811 - fixtures
    world.publish(signed)
    return signed


@pytest.fixture
def check() -> Callable[[DatasetVersion], Any]:
    """``check(version)``: one check, as the schedule makes it."""
    return lambda looked_at: upkeep.check_catalogs(looked_at.pk, timezone.now())


@pytest.fixture
def recover(world: World) -> Callable[..., Job]:  # noqa: F811 - fixtures
    """``recover(version)``: asked for by the operator, and run to its end."""

    def run(lost: DatasetVersion, by: str = "operator") -> Job:
        job = jobs.request_recovery(version=lost, by=world.person(by), at=timezone.now())
        claimed = jobs.claim(job.pk, timezone.now())
        assert claimed is not None
        pipeline.run(claimed)
        return Job.objects.select_related("version__dataset").get(pk=job.pk)

    return run


@pytest.fixture
def events() -> Callable[[int], list[str]]:
    """``events(size)``: what the ledger says since it had *size* entries, oldest first."""
    return lambda size: [entry.event for entry in ledger.entries()[: ledger.size() - size]][::-1]


def full(**_: Any) -> None:
    """A ledger that takes nothing."""
    raise ledger.LedgerError("no room")
