"""One version in CATALOG, sources recorded through the writer, and the Django client signed in as one of the people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from datasets.models import FetchAttempt, Source
from datasets.sources import SourceFields, record_source
from promotions.views import again, jobs, sources
from tests.promotions.conftest import built, here, version, world  # noqa: F401 - fixtures
from tests.world import World

SECRET = "/private/wells.geojson?part=7"
FIELDS: dict[str, Any] = {
    "name": "wells-feed",
    "kind": "http",
    "location": f"https://data.example.org{SECRET}",
    "pattern": "",
    "allowed_hosts": ("data.example.org", "*.cdn.example.net"),
    "credential": "",
    "license": "CC-BY-4.0",
    "rights_holder": "Test Survey",
    "attribution": "Wells by the Test Survey",
    "terms_uri": "",
    "terms_text": "CC BY 4.0, as of today.",
    "cadence": "daily",
    "slice_rule": "year",
    "propose": False,
    "active": True,
}
TYPED = {**FIELDS, "allowed_hosts": "data.example.org\n*.cdn.example.net", "propose": "", "active": "on"}


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The runs that a worker was woken for; none wakes."""
    found: list[int] = []
    for view in (again, jobs, sources):
        monkeypatch.setattr(view, "wake", found.append)
    return found


@pytest.fixture
def as_(world: World) -> Callable[[str], Client]:  # noqa: F811 - the fixture
    """``as_("steward")``: a client signed in as that person; ``as_("")`` is the public."""

    def client(name: str) -> Client:
        found = Client()
        if name:
            found.force_login(User.objects.get(username=name))
        return found

    return client


@pytest.fixture
def source_of(world: World) -> Callable[..., Source]:  # noqa: F811 - the fixture
    """``source_of("operator", cadence="weekly")``."""

    def record(by: str = "operator", *, at: datetime | None = None, **changes: Any) -> Source:
        assert world.dataset is not None
        fields = SourceFields(**{**FIELDS, **changes})
        return record_source(dataset=world.dataset, fields=fields, by=world.person(by), at=at or timezone.now())

    return record


@pytest.fixture
def tried() -> Callable[..., FetchAttempt]:
    """``tried(source, "failed", days=3)``: one attempt that ended so long ago."""

    def attempt(source: Source, outcome: str, *, days: float = 0, **facts: Any) -> FetchAttempt:
        at = timezone.now() - timedelta(days=days)
        return FetchAttempt.objects.create(
            source=source,
            requested_by="pipeline",
            started_at=at - timedelta(seconds=3),
            finished_at=at,
            outcome=outcome,
            requests=1,
            **facts,
        )

    return attempt


@pytest.fixture
def granted(world: World) -> Callable[..., None]:  # noqa: F811 - the fixture
    """``granted("nobody", dataset, "contribute_dataset")``."""

    def give(name: str, dataset: Any, grant: str) -> None:
        world.give(name, grant, dataset=dataset)

    return give
