"""One world a module with a case in quarantine; rows are rolled back after each test. A certificate authority."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from promotions import deliveries, webhooks
from promotions.models import QuarantineCase, WebhookEndpoint
from promotions.states import State
from tests.promotions import point_at
from tests.upstream.certificates import Authority
from tests.webhooks.receiver import QUICK, URL, Receiver
from tests.world import World

AT = timezone.now()
DAY = timedelta(days=1)
ORIGIN = "https://console.example.org"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def outside(settings: Any) -> None:
    settings.KFM_PUBLIC_URL = ORIGIN


@pytest.fixture(scope="module")
def built(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, int, Any]]:
    """Built once a module in a transaction that is never committed."""
    var = tmp_path_factory.mktemp("built")
    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        point_at(lambda name, value: patch.setattr(django_settings, name, value), var)
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
    return built[0]


@pytest.fixture
def late(world: World, built: tuple[World, int, Any]) -> QuarantineCase:
    """A case whose day has passed."""
    QuarantineCase.objects.filter(version_id=built[1]).update(due=AT.date() - DAY)
    return QuarantineCase.objects.select_related("version__dataset").get(version_id=built[1], resolution="")


@pytest.fixture
def hook(world: World) -> WebhookEndpoint:
    return webhooks.record_webhook(name="Ops room", url=URL, by=world.person("admin"), at=AT)


@pytest.fixture
def posts_to(monkeypatch: pytest.MonkeyPatch) -> Callable[[Receiver], None]:
    """Deliveries reach the given receiver, through the real guard."""
    return lambda receiver: monkeypatch.setattr(deliveries, "post", receiver.posting(QUICK))


@pytest.fixture
def mails_to(settings: Any) -> Callable[[int], None]:
    """E-mail is on and goes to the mail server at the given port of 127.0.0.1, without TLS unless a test asks."""

    def point(port: int) -> None:
        settings.KFM_EMAIL = True
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = False, 0.3
        User.objects.filter(username="reviewer").update(email="reviewer@example.org")

    return point


@pytest.fixture
def client_of(world: World) -> Callable[[str], Client]:
    def sign_in(name: str) -> Client:
        client = Client()
        if name != "anonymous":
            client.force_login(world.users[name])
        return client

    return sign_in


@pytest.fixture
def committed(transactional_db: None) -> None:
    """Real transactions."""
