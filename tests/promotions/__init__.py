"""Tests of the promotions core: what they all look at. A version is spoiled here in the ways an attacker could."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from audit import ledger
from audit.events import Event
from datasets.errors import Refused
from datasets.models import DatasetVersion
from promotions.models import Standing
from promotions.shelf import Shelf
from tests.ledger_triggers import without_append_only

WATCHED = ("datasets", "promotions", "audit", "auth", "guardian")


def point_at(assign: Callable[[str, Any], None], var: Path) -> None:
    """Makes *var* the ``var/`` of this process, as the root ``var_dir`` fixture does."""
    (var / "incoming").mkdir(parents=True, exist_ok=True)
    assign("VAR_DIR", var)
    assign("KFM_STORAGE_URL", (var / "store").as_uri())
    assign("KFM_LEDGER_KEY", "")
    assign("KFM_LEDGER_KEY_FILE", var / "ledger_ed25519.pem")
    assign("FILE_UPLOAD_TEMP_DIR", var / "incoming")


def stored_path(digest: str) -> Path:
    """Where the local store keeps the bytes of *digest*."""
    name = digest.removeprefix("sha256:")
    return Path(settings.KFM_STORAGE_URL.removeprefix("file://")) / "sha256" / name[:2] / name


def overwrite(digest: str, content: bytes | None) -> None:
    """Puts other bytes under *digest*, past the store; ``None``: deletes them."""
    path = stored_path(digest)
    path.unlink()
    if content is not None:
        path.write_bytes(content)


def spoil_byte(digest: str) -> None:
    """Changes one byte of what lies under *digest*."""
    raw = bytearray(stored_path(digest).read_bytes())
    raw[len(raw) // 2] ^= 1
    overwrite(digest, bytes(raw))


def part(version: DatasetVersion, name: str) -> str:
    """The digest of the version's current file *name*."""
    found = Shelf.open(version, fresh=False).digest_of(name)
    assert found is not None, name
    return found


def rows() -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table this project writes, with all its values."""
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values_list())
        for label in WATCHED
        for model in apps.get_app_config(label).get_models()
    }


def changed(before: dict[str, list[tuple[Any, ...]]]) -> set[str]:
    """The tables that differ from *before*."""
    now = rows()
    return {name for name in now if now[name] != before[name]}


LEDGER = {"audit.LedgerEntry", "audit.LedgerNode"}


@contextmanager
def refused(code: str | None = None, *, also: frozenset[str] = frozenset()) -> Iterator[pytest.ExceptionInfo[Refused]]:
    """The body is refused, the refusal is exactly one more ``action.refused``, and nothing else changed but *also*."""
    before, size = rows(), ledger.size()
    with pytest.raises(Refused) as caught:
        yield caught
    if code is not None:
        assert caught.value.code == code, (caught.value.code, caught.value.message)
    assert changed(before) - also == LEDGER
    new = [entry.event for entry in ledger.entries()[: ledger.size() - size]]
    assert new.count(Event.ACTION_REFUSED.value) == 1, new
    assert also or len(new) == 1, new
    assert caught.value.message.strip()


#: What a refusal by the gates leaves besides: the answers, kept as rows, so that people can read them.
EVALUATED = frozenset({"promotions.Dossier", "promotions.Evaluation"})


def put_standing(version: DatasetVersion, state: str) -> None:
    """Puts the row in *state* past the one writer, as only a test may."""
    Standing.objects.filter(version=version).update(state=state)


@contextmanager
def triggers_away() -> Iterator[None]:
    """A database owner who took the append-only triggers away."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table is altered with foreign keys still to be checked
    with without_append_only(connection):
        yield
