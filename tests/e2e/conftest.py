"""The console as it runs: a live server, a Celery worker that may be started late, and people at browsers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from django.db import connections

from kfm_console.celery import app
from promotions import demo
from promotions.demo import DEMO_ACCOUNTS, Account
from tests.e2e.visitors import Town

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def accounts(transactional_db: None) -> dict[str, Account]:
    """The demo accounts by the role they hold; no data."""
    demo.accounts()
    return {account.role.value: account for account in DEMO_ACCOUNTS}


@pytest.fixture
def town(
    chromium: Browser, live_server: Any, settings: Any, screenshot: Callable[..., Any], accounts: dict[str, Account]
) -> Iterator[Town]:
    """Browsers in front of a live server, which gives its own address in everything it writes."""
    settings.KFM_PUBLIC_URL = live_server.url
    people = Town(chromium, live_server.url, screenshot)
    yield people
    people.close()


@pytest.fixture
def worker() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A real Celery worker, for a ``with``, on a queue of this test alone; what was asked earlier waits for it."""
    usual = app.conf.task_default_queue
    _use_queue(f"e2e-{uuid4()}")

    @contextmanager
    def running() -> Iterator[None]:
        task_postrun.connect(_let_go)
        try:
            with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
                yield
        finally:
            task_postrun.disconnect(_let_go)

    yield running
    _use_queue(usual)


def _use_queue(name: str) -> None:
    app.conf.task_default_queue = name
    app.amqp.__dict__.pop("queues", None)  # Celery keeps the queues that it was first asked for


def _let_go(**_signal: Any) -> None:
    """The worker's thread keeps no connection, or the test database could not be dropped."""
    connections.close_all()


@pytest.fixture(autouse=True)
def _as_the_product_reads(read_apart: None) -> None:
    """Here sources are read in a process of their own."""
