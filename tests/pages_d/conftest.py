"""One world a module with a case in quarantine, and the Django client signed in as anyone; rows are rolled back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client

from promotions.models import QuarantineCase
from promotions.states import State
from tests.promotions import point_at
from tests.world import World

QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def built(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, int, Any]]:
    """Built once a module in a transaction that is never committed."""
    var = tmp_path_factory.mktemp("built")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
        patch.setattr(django_settings, "PASSWORD_HASHERS", QUICK)
        outer = transaction.atomic()
        outer._from_testcase = True  # type: ignore[attr-defined]  # as Django's TestCase marks its own
        with outer:
            world = World.build()
            yield world, world.version_in(State.QUARANTINE).pk, var
            transaction.set_rollback(True)


@pytest.fixture
def world(built: tuple[World, int, Any], db: None, settings: Any) -> World:
    """The module's world; its store is shared, since no test here spoils bytes."""
    point_at(lambda name, value: setattr(settings, name, value), built[2])
    settings.PASSWORD_HASHERS = QUICK
    return built[0]


@pytest.fixture
def case(world: World, built: tuple[World, int, Any]) -> QuarantineCase:
    return QuarantineCase.objects.select_related("version__dataset").get(version_id=built[1], resolution="")


@pytest.fixture
def client_of(world: World) -> Callable[[str], Client]:
    def sign_in(name: str) -> Client:
        client = Client()
        if name != "anonymous":
            client.force_login(world.users[name])
        return client

    return sign_in


@pytest.fixture
def body() -> Callable[[Any], str]:
    """The page's text with its white space folded."""
    return lambda response: re.sub(r"\s+", " ", response.content.decode())


@pytest.fixture
def main_of(body: Callable[[Any], str]) -> Callable[[Any, int], str]:
    """The page's main part without the case's number and the token of its forms: what tells hidden from absent."""

    def part(response: Any, pk: int) -> str:
        text = body(response).partition("<main")[2].partition("</main>")[0]
        text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"|<p class="soft">Audit.*?</p>', "", text)
        return re.sub(rf"(?<=case ){pk}\b|(?<=value=\"){pk}(?=\")|(?<=/){pk}(?=/)", "N", text)

    return part
