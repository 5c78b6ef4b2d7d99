"""The console's own store, from settings, and the rows that say what it holds.

Writers put bytes here before their transaction: bytes that no row names serve no one.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from datasets.models import Artifact
from datasets.zones.store import DamagedObject, ObjectNotFound, ObjectTooLarge, Store, store_from_url

MAX_DOCUMENT_BYTES = 16 * 1024 * 1024


@cache
def _store(url: str) -> Store:
    return store_from_url(url)


def console_store() -> Store:
    """The store that KFM_STORAGE_URL names; one a process."""
    return _store(settings.KFM_STORAGE_URL)


def keep(source: Path | BinaryIO | bytes, *, media_type: str, at: datetime) -> Artifact:
    """Puts the bytes into the store (create-only, streamed) and returns their row; the same bytes twice are one row.

    The bytes may stay behind when the caller's transaction fails: unreferenced bytes serve no one.
    """
    stored = console_store().put_file(BytesIO(source) if isinstance(source, bytes) else source)
    row, _ = Artifact.objects.get_or_create(
        digest=str(stored.digest),
        defaults={"size_bytes": stored.size, "media_type": media_type, "stored_at": at},
    )
    return row


def put_back(content: bytes) -> bool:
    """Puts recorded bytes back where the store lost or damaged them; ``False`` when they lie there whole."""
    return console_store().mend(content)


def read_document(digest: str) -> bytes:
    """A small document's verified bytes; the store's own errors say when it is gone, damaged or too large."""
    return console_store().read(digest, MAX_DOCUMENT_BYTES)


def read_whole(digest: str | None) -> bytes | None:
    """A small document's bytes where they lie whole in the store; ``None`` otherwise."""
    if digest is None:
        return None
    try:
        return read_document(digest)
    except (ObjectNotFound, DamagedObject, ObjectTooLarge):
        return None


def measure(digest: str, *, fresh: bool) -> str | None:
    """The digest of the bytes that lie under *digest* now; ``None`` when there are none.

    ``fresh`` reads every byte again. Otherwise an earlier reading counts while the store reports the same size, entity
    tag and time: good enough to show a page, never to decide.
    """
    store = console_store()
    stat = store.stat(digest)
    if stat is None:
        return None
    if fresh:
        found = store.measure(digest)
        return None if found is None else str(found)
    return _measured(settings.KFM_STORAGE_URL, digest, stat.size, stat.etag, stat.last_modified)


@lru_cache(maxsize=4096)
def _measured(url: str, digest: str, size: int, etag: str | None, modified: datetime) -> str | None:  # noqa: ARG001 - the arguments are the key
    found = _store(url).measure(digest)
    return None if found is None else str(found)
