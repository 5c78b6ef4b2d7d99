"""The store in a directory of this machine.

Decides how bytes reach the disk for good: written aside, flushed to the disk (fsync), linked create-only under their
digest, the directory flushed too. obstore's local store does not flush, so this one is ours. Never overwrites.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from audit.digests import Digest
from datasets.zones.store import (
    CHUNK_BYTES,
    ObjectNotFound,
    Store,
    StoredObject,
    StoredStat,
    StoreUnavailable,
    as_digest,
    object_key,
)


class LocalStore(Store):
    """Objects at ``<root>/sha256/<2 hex>/<64 hex>``, unfinished ones at ``<root>/staging``."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"file://{root}")
        self.root = root

    def stat(self, digest: Digest | str) -> StoredStat | None:
        try:
            found = self._path(as_digest(digest)).stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("read", error) from error
        return StoredStat(found.st_size, None, datetime.fromtimestamp(found.st_mtime, UTC))

    def _path(self, digest: Digest) -> Path:
        return self.root / object_key(digest)

    def _read(self, digest: Digest) -> Iterator[bytes]:
        try:
            with self._path(digest).open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError as error:
            raise ObjectNotFound(f"The store holds no object {digest}.") from error
        except OSError as error:
            raise self._unavailable("read", error) from error

    def _write(self, chunks: Iterator[bytes]) -> StoredObject:
        draft = self.root / "staging" / uuid.uuid4().hex
        try:
            _make_directory(draft.parent)
            stored = _write_draft(draft, chunks)
            path = self._path(stored.digest)
            _make_directory(path.parent)
            try:
                os.link(draft, path)  # fails when the name is taken: create-only, also against another process
            except FileExistsError:
                return self._already_there(stored)
            _flush_directory(path.parent)
        except OSError as error:
            raise self._unavailable("written", error) from error
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        return stored

    def _put_aside(self, digest: Digest) -> None:
        aside = self.root / "damaged" / f"{digest.hex}.{uuid.uuid4().hex}"
        try:
            _make_directory(aside.parent)
            self._path(digest).rename(aside)
            _flush_directory(aside.parent)
        except FileNotFoundError:
            return  # another worker put it aside first
        except OSError as error:
            raise self._unavailable("written", error) from error

    def _unavailable(self, verb: str, error: OSError) -> StoreUnavailable:
        return StoreUnavailable(
            f"The store {self.label} could not be {verb}: {error.strerror or type(error).__name__}."
        )


def _write_draft(draft: Path, chunks: Iterator[bytes]) -> StoredObject:
    hasher = hashlib.sha256()
    size = 0
    with draft.open("xb") as target:
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            target.write(chunk)
        target.flush()
        os.fchmod(target.fileno(), 0o444)
        os.fsync(target.fileno())
    return StoredObject(Digest(hasher.hexdigest()), size)


def _make_directory(path: Path) -> None:
    """Make ``path`` and its parents, each flushed into the directory that holds it."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    with suppress(FileExistsError):  # another process was first
        path.mkdir()
    _flush_directory(path.parent)


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
