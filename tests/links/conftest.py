"""A version in CATALOG whose catalogs name outside addresses, and an outside of our own on loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.utils import timezone

from datasets.steps import ask_links
from promotions import jobs, pipeline
from promotions.models import Job
from tests.pages_c.conftest import as_  # noqa: F401 - a fixture
from tests.promotions.conftest import built, here, version, world  # noqa: F401 - fixtures
from tests.upstream.world import HOST, PUBLIC, Clock, Handler, Net, Resolver, Upstream, upstream, wire_to
from tests.world import World

LICENCE = "https://spdx.org/licenses/CC-BY-4.0"
TERMS = "https://example.invalid/terms"
PAGE = f"http://{HOST}/terms?ticket=hush"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Callable[..., Upstream]]:
    """``outside(act, …)``: every asked host is this server; all hosts may be asked. ``.clock``: its clock."""
    monkeypatch.setattr(Handler, "do_HEAD", Handler.do_GET, raising=False)
    with ExitStack() as stack:

        def start(*acts: Any, hosts: dict[str, list[list[str]]] | None = None) -> Upstream:
            server = stack.enter_context(upstream(*acts))
            clock = Clock()
            wire = wire_to(server.port, clock=clock, resolver=Resolver(hosts or {HOST: [[PUBLIC]]}), net=Net())
            monkeypatch.setattr(ask_links, "wire", lambda: wire)
            settings.KFM_LINK_HOSTS = ("*",)
            server.clock = clock  # type: ignore[attr-defined]  # for the tests
            return server

        yield start


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """``named({address: words})``: what the catalogs name."""
    return lambda found: monkeypatch.setattr(ask_links, "addresses_of", lambda _version: found)


@pytest.fixture
def ask(world: World) -> Callable[..., Job]:  # noqa: F811 - fixtures
    """``ask()``: a run by the operator, or by schedule, at its end."""

    def run(by: str = "pipeline") -> Job:
        from datasets.people import PIPELINE

        person = PIPELINE if by == "pipeline" else world.person(by)
        job = jobs.request_links(dataset=world.dataset, by=person, at=timezone.now())
        pipeline.run(jobs.claim(job.pk, timezone.now()))
        job.refresh_from_db()
        return job

    return run


def ok(handler: Any) -> None:
    handler.answer(200, b"x")


def answers(status: int, **headers: str) -> Callable[[Any], None]:
    return lambda handler: handler.answer(status, b"", **headers)
