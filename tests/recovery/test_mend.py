"""The one way past create-only: bytes that are not what their name says give way to those that are."""

from __future__ import annotations

import obstore
import pytest
from django.utils import timezone

from audit.digests import digest_bytes
from datasets.zones.local import LocalStore
from datasets.zones.objects import memory_store
from datasets.zones.store import object_key
from promotions import upkeep

GOOD, BAD = b"the recorded bytes", b"the recorded bytez"


def _write(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(raw)


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    """A store, and how its bytes are written past it."""
    if request.param == "local":
        return LocalStore(tmp_path), lambda key, raw: _write(tmp_path / key, raw)
    made = memory_store()
    return made, lambda key, raw: obstore.put(made._backend, key, raw)


def test_lost_bytes_come_back(store):
    made, _ = store
    assert made.mend(GOOD) is True
    assert made.read(digest_bytes(GOOD), 100) == GOOD


def test_damaged_bytes_give_way(store):
    made, write = store
    write(object_key(digest_bytes(GOOD)), BAD)
    assert made.mend(GOOD) is True
    assert made.read(digest_bytes(GOOD), 100) == GOOD


def test_whole_bytes_are_left_alone(store):
    made, _ = store
    made.put_bytes(GOOD)
    before = made.stat(digest_bytes(GOOD))
    assert made.mend(GOOD) is False
    assert made.stat(digest_bytes(GOOD)) == before


def test_a_check_that_cannot_be_kept_does_not_stand_in_the_way_of_others(world, version, monkeypatch):
    other = world.version_in("CATALOG", slice_="2025")
    real = upkeep.drift.record_check

    def refuse(checked, *args, **more):
        if checked.pk == version.pk:
            raise OSError("no room")
        return real(checked, *args, **more)

    monkeypatch.setattr(upkeep.drift, "record_check", refuse)
    assert upkeep.check_due(timezone.now) == 1
    assert upkeep.due_checks(timezone.now()) == [version.pk]
    assert other.drift_checks.count() == 1
