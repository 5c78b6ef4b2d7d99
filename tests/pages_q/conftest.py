"""One dataset with two runs a module: the first published, the second with rows and geometries that fail."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from datasets.models import DatasetVersion
from tests.pages_q import scene
from tests.promotions import point_at
from tests.world import World


@dataclass
class Scene:
    """``out``: published; ``later``: in CATALOG, with two rows set apart; ``var``: where their files lie."""

    world: World
    out: DatasetVersion
    later: DatasetVersion
    var: Path


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Built once a module in a transaction that is never committed."""
    var = tmp_path_factory.mktemp("quality")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = scene.build()
            out = scene.published(world, scene.content(6, outliers=0, astray=0))
            yield Scene(world, out, scene.run(world, slice_="2027"), var)
            transaction.set_rollback(True)


@pytest.fixture
def here(built: Scene, db: None, settings: Any, tmp_path: Path) -> Scene:
    """The module's scene, with a store of this test alone."""
    var = tmp_path / "copy"
    shutil.copytree(built.var, var)
    point_at(lambda name, value: setattr(settings, name, value), var)
    versions = [DatasetVersion.objects.get(pk=version.pk) for version in (built.out, built.later)]
    return Scene(built.world, *versions, var)


@pytest.fixture
def as_() -> Callable[[str], Client]:
    """``as_("steward")``: a client signed in as that person; ``as_("")`` is the public."""

    def client(name: str) -> Client:
        found = Client()
        if name:
            found.force_login(User.objects.get(username=name))
        return found

    return client
