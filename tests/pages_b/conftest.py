"""A world to click through: people of every role, and the Django client signed in as one of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from tests.world import PASSWORD, World


@pytest.fixture
def world(db, settings) -> World:
    """Passwords are hashed the quick way: what a hasher costs is not tested here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return World.build()


@pytest.fixture
def client_of() -> Callable[[str], Client]:
    def sign_in(name: str) -> Client:
        client = Client()
        if name != "anonymous":
            assert client.login(username=name, password=PASSWORD)
        return client

    return sign_in


@pytest.fixture
def address():
    """``address(version)``: its board; ``address(version, "sign")``: an action."""

    def of(version, action: str | None = None) -> str:
        args = [version.dataset.slug, version.version_id]
        if action in {"run", "evaluate"}:
            return reverse(f"promotions:{action}", args=args)
        return reverse("promotions:act", args=[*args, action]) if action else reverse("promotions:board", args=args)

    return of
