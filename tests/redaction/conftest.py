"""A version whose obligations were applied, and clients for the people around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.datasets.test_obligations_end_to_end import HIDE, a_spec, wells
from tests.world import World

COARSE = [*HIDE[:2], {"type": "generalize_geometry", "min_cell_size_m": 5000, "grid": "h3", "shape": "cell"}]


@pytest.fixture
def build(db: None) -> Callable[..., tuple[World, Any]]:
    """``build(*obligations)``: a world and a version of it, run as far as it goes."""

    def made(*obligations: dict[str, Any], label: str = "public_generalized", content: Any = None) -> tuple[World, Any]:
        world = World.build(spec=a_spec(*obligations, label=label))
        job = world.run(world.acquire(content or wells()))
        assert job.version is not None, job.failure
        return world, job.version

    return made


@pytest.fixture
def as_() -> Callable[[World, str], Client]:
    """``as_(world, "steward")``: a client signed in as that person; ``""`` is the public."""

    def client(world: World, name: str) -> Client:
        found = Client()
        if name:
            found.force_login(world.users[name])
        return found

    return client
