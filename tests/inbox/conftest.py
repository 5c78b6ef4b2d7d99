"""One world a module with one version in quarantine and its case; each test gets its rows back by rollback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from datasets.models import DatasetVersion
from promotions.models import QuarantineCase
from promotions.states import State
from tests.built import Built, build_once, with_its_own_store
from tests.world import World


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """A world with one version in QUARANTINE."""
    yield from build_once(State.QUARANTINE, django_db_blocker, tmp_path_factory.mktemp("built"))


@pytest.fixture
def here(built: Built, db: None, settings: Any, tmp_path: Path) -> Built:
    return with_its_own_store(built, settings, tmp_path)


@pytest.fixture
def world(here: Built) -> World:
    return here.world


@pytest.fixture
def version(here: Built) -> DatasetVersion:
    """In QUARANTINE: half of its rows lack a required field."""
    return here.version


@pytest.fixture
def case(version: DatasetVersion) -> QuarantineCase:
    return QuarantineCase.objects.select_related("version__dataset").get(version=version, resolution="")


@pytest.fixture
def committed(transactional_db: None) -> None:
    """Real transactions."""
