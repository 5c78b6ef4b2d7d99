"""What a hostile address asks for is answered with a page, on PostgreSQL too, whose text holds no NUL."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from tests.world import World

LISTS = [
    *(("/queue/", name) for name in ("state", "label", "dataset", "mine", "q")),
    *(("/ledger/", name) for name in ("event", "actor", "subject")),
    *(("/datasets/", name) for name in ("q", "label", "standing", "sort")),
]


@pytest.fixture
def steward(db) -> Client:
    client = Client()
    client.force_login(World.build().users["steward"])
    return client


def test_a_nul_in_a_filter_is_looked_past(steward: Client) -> None:
    for path, name in LISTS:
        answer = steward.get(f"{path}?{name}={quote('a' + chr(0) + 'b')}")
        assert answer.status_code == 200, (path, name)
        assert b"\x00" not in answer.content, (path, name)


def test_no_shared_cache_may_keep_a_page(steward: Client) -> None:
    for path in ("/", "/datasets/", "/queue/", "/quarantine/", "/ledger/", "/nowhere/"):
        kept = steward.get(path).headers["Cache-Control"]
        assert "private" in kept or "no-store" in kept, path
        assert "no-cache" in kept, path
