"""One world a module with one version in quarantine and its case; each test gets its rows back by rollback."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.db import transaction

from datasets.models import DatasetVersion, PolicyLabel
from promotions.models import QuarantineCase
from promotions.states import State
from tests.promotions import point_at
from tests.world import World


@dataclass
class Built:
    """A world with one version in QUARANTINE (gate E failed), and where its files lie."""

    world: World
    version: DatasetVersion
    var: Path


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Built once a module in a transaction that is never committed."""
    var = tmp_path_factory.mktemp("built")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = World.build()
            yield Built(world, world.version_in(State.QUARANTINE), var)
            transaction.set_rollback(True)


@pytest.fixture
def here(built: Built, db: None, settings: Any, tmp_path: Path) -> Built:
    """The module's world, with a store of this test alone."""
    var = tmp_path / "copy"
    shutil.copytree(built.var, var)
    point_at(lambda name, value: setattr(settings, name, value), var)
    return Built(built.world, DatasetVersion.objects.get(pk=built.version.pk), var)


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
    """Real transactions; the labels that a migration made are there again after an earlier test's flush."""
    if not PolicyLabel.objects.exists():
        importlib.import_module("datasets.migrations.0003_built_in_labels").seed(apps, None)
