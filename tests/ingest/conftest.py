"""The promotions' world (one version in CATALOG), and an upstream of our own on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone

from datasets.models import Source
from datasets.sources import SourceFields, record_source
from datasets.steps import getting
from tests.promotions.conftest import built, here, signed, version, world  # noqa: F401 - fixtures
from tests.upstream.world import HOST, PUBLIC, Net, Resolver, Upstream, upstream, wire_to
from tests.world import World

FIELDS = SourceFields(
    name="wells-feed",
    kind="http",
    location=f"https://{HOST}/wells.geojson?year=2026",
    pattern="",
    allowed_hosts=(),
    credential="",
    license="CC-BY-4.0",
    rights_holder="Test Survey",
    attribution="Wells by the Test Survey",
    terms_uri="",
    terms_text="CC BY 4.0, as of today.",
    cadence="manual",
    slice_rule="year",
    propose=True,
    active=True,
)
#: The same over plain HTTP, which the loopback upstream speaks.
PLAIN = f"http://{HOST}/wells.geojson?year=2026&ticket=hush"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Upstream]]:
    """``serve(act, …)``: an upstream that plays the acts; ``terms.example.org`` is the same server."""
    with ExitStack() as stack:

        def start(*acts: Any) -> Upstream:
            server = stack.enter_context(upstream(*acts))
            hosts = {HOST: [[PUBLIC]], "terms.example.org": [[PUBLIC]]}
            wire = wire_to(server.port, resolver=Resolver(hosts), net=Net())
            monkeypatch.setattr(getting, "wire", lambda: wire)
            return server

        yield start


@pytest.fixture
def source_of(world: World) -> Callable[..., Source]:  # noqa: F811 - the fixture
    """``source_of(cadence="daily")``: a source, recorded by the operator."""

    def record(by: str = "operator", **changes: Any) -> Source:
        fields = SourceFields(
            **{**{n: getattr(FIELDS, n) for n in FIELDS.__dataclass_fields__}, "location": PLAIN, **changes}
        )
        assert world.dataset is not None
        return record_source(dataset=world.dataset, fields=fields, by=world.person(by), at=timezone.now())

    return record
