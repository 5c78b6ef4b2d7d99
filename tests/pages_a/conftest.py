"""A world with pages: people sign in by name, and the person stands on the request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import NoReverseMatch, reverse

from tests.world import World

PERSON = "kfm_console.middleware.PersonMiddleware"


@pytest.fixture(autouse=True)
def _pages(settings: Any) -> None:
    try:
        reverse("promotions:version", args=["a", "2026.aaaaaaaa"])
        reverse("datasets:list")
    except NoReverseMatch:
        settings.ROOT_URLCONF = "tests.pages_a.urls"
    if PERSON not in settings.MIDDLEWARE:
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, PERSON]
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


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
