"""A world built once a module, whose rows each test gets back by rollback, with a copy of its store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction

from datasets.models import DatasetVersion
from promotions.states import State
from tests.promotions import point_at
from tests.world import World


@dataclass
class Built:
    """A world with one version, and where its files lie."""

    world: World
    version: DatasetVersion
    var: Path


def build_once(state: State, blocker: Any, var: Path) -> Iterator[Built]:
    """A world with one version in *state*, in a transaction that is never committed; *var*: where its files lie."""
    with blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = World.build()
            yield Built(world, world.version_in(state), var)
            transaction.set_rollback(True)


def with_its_own_store(built: Built, settings: Any, directory: Path) -> Built:
    """The module's world, with a store of one test alone below *directory*."""
    var = directory / "copy"
    shutil.copytree(built.var, var)
    point_at(lambda name, value: setattr(settings, name, value), var)
    return Built(built.world, DatasetVersion.objects.get(pk=built.version.pk), var)
