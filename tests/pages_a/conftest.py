"""A world with pages: people sign in by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from tests.world import World


@pytest.fixture
def world(db: None) -> World:
    return World.build()


@pytest.fixture
def as_(world: World) -> Callable[[str], Client]:
    """``as_("steward")``: a client signed in as that person; ``as_("")`` is the public."""

    def client(name: str) -> Client:
        found = Client()
        if name:
            found.force_login(world.users[name])
        return found

    return client
