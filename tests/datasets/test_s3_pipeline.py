"""KFM_STORAGE_URL names an S3 store: the whole way to CATALOG is the same as on disk."""

from __future__ import annotations

import pytest

from datasets.models import Artifact
from datasets.scrub import scrub
from datasets.stores import console_store
from promotions.states import State
from tests.world import World
from tests.zones import test_store

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
s3_endpoint = test_store.s3_endpoint


def test_the_way_to_catalog_runs_on_s3(s3_endpoint, settings, tmp_path, var_dir):
    settings.KFM_STORAGE_URL = test_store.s3_url(s3_endpoint, f"pipeline/{tmp_path.name}")
    world = World.build()
    version = world.version_in(State.CATALOG)
    assert console_store().read(version.acquisition.source_id, 1_000_000)
    assert not (var_dir / "store").exists()
    found = scrub(at=version.created_at)
    assert (found.checked, found.damaged) == (Artifact.objects.count(), ())
