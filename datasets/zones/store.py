"""The store: bytes under the name of their own digest, written once.

Decides where bytes lie and whether what is read back is what was written; every read is verified against its digest.
Never overwrites, never deletes what was stored, never trusts a size or an ETag as proof; damaged bytes are put aside.
Keeps the storage half of clauses A1 (an id is never reused for other bytes) and G1 (the manifest equals the
stored bytes).
"""

from __future__ import annotations

import hashlib
import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO
from urllib.parse import SplitResult, parse_qsl, urlsplit
from urllib.request import url2pathname

from audit.digests import Digest

CHUNK_BYTES = 8 * 1024 * 1024  # above S3's least part size of 5 MiB; memory per put stays at a few of these


class StoreError(Exception):
    """The base of the store's errors; messages name digests and the store, never a credential."""


class StoreConfigurationError(StoreError):
    """The storage URL cannot be used as written."""


class StoreUnavailable(StoreError):  # noqa: N818 -- said as a steward says it
    """The store could not be reached or refused; nothing is known of the bytes ("cannot check")."""


class ObjectNotFound(StoreError):  # noqa: N818 -- said as a steward says it
    """The store answered, and holds no bytes under this digest."""


class DamagedObject(StoreError):  # noqa: N818 -- said as a steward says it
    """The stored bytes are not the ones their name says."""


class ObjectTooLarge(StoreError):  # noqa: N818 -- said as a steward says it
    """The object is larger than the reader allows."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What was put: ``size`` in bytes."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class StoredStat:
    """What the store says of an object, unverified: ``size`` in bytes, ``etag`` where the store has one, UTC time."""

    size: int
    etag: str | None
    last_modified: datetime


class Store(ABC):
    """A content-addressed, write-once store. Digests are given as ``Digest`` or as ``sha256:`` text."""

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"<Store {self.label}>"

    def put_file(self, source: Path | BinaryIO) -> StoredObject:
        """Store a file or what is left of a binary stream, in bounded memory; the digest is of the bytes stored.

        Putting bytes that are there already verifies them and changes nothing. Raises ``DamagedObject`` when what
        is there under this digest is something else, ``StoreUnavailable`` when the store refuses.
        """
        if isinstance(source, Path):
            with source.open("rb") as stream:
                return self._write(_chunks_of(stream))
        return self._write(_chunks_of(source))

    def put_bytes(self, content: bytes) -> StoredObject:
        """Store ``content``; as ``put_file``."""
        return self.put_file(BytesIO(content))

    def open(self, digest: Digest | str) -> Iterator[bytes]:
        """The object's bytes in chunks, verified: the last chunk is given only once the whole has proved itself.

        Raises ``ObjectNotFound`` at once, ``DamagedObject`` from the iteration. Whoever stops early verified nothing.
        """
        wanted = as_digest(digest)
        if self.stat(wanted) is None:
            raise ObjectNotFound(f"The store holds no object {wanted}.")
        return self._verified(wanted)

    def read(self, digest: Digest | str, max_bytes: int) -> bytes:
        """The whole object, verified, when it has at most ``max_bytes``; else ``ObjectTooLarge``."""
        kept: list[bytes] = []
        size = 0
        for chunk in self.open(digest):
            size += len(chunk)
            if size > max_bytes:
                raise ObjectTooLarge(f"Object {digest} is larger than {max_bytes} bytes.")
            kept.append(chunk)
        return b"".join(kept)

    def fetch_to(self, digest: Digest | str, path: Path) -> None:
        """Write the object to ``path``, which appears only when the bytes were verified; replaces what is there."""
        draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            with draft.open("xb") as target:
                for chunk in self.open(digest):
                    target.write(chunk)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def measure(self, digest: Digest | str) -> Digest | None:
        """The digest of the bytes that lie under this name now, hashed again; ``None`` when there are none."""
        hasher = hashlib.sha256()
        try:
            for chunk in self._read(as_digest(digest)):
                hasher.update(chunk)
        except ObjectNotFound:
            return None
        return Digest(hasher.hexdigest())

    def mend(self, content: bytes) -> bool:
        """Put ``content`` where bytes under its digest are gone or damaged; ``False`` when whole ones lie there.

        The one way past create-only: nothing is replaced but bytes that are not what their own name says.
        """
        digest = Digest(hashlib.sha256(content).hexdigest())
        found = self.measure(digest)
        if found == digest:
            return False
        if found is not None:
            self._put_aside(digest)
        self.put_bytes(content)
        return True

    @abstractmethod
    def _put_aside(self, digest: Digest) -> None:
        """Move the damaged bytes under ``digest`` to ``damaged/``, where nothing reads them; they are kept."""

    @abstractmethod
    def stat(self, digest: Digest | str) -> StoredStat | None:
        """What the store says of the object, without reading it; ``None`` when it holds none."""

    @abstractmethod
    def _read(self, digest: Digest) -> Iterator[bytes]:
        """The stored bytes as they are, unverified; ``ObjectNotFound`` when there are none."""

    @abstractmethod
    def _write(self, chunks: Iterator[bytes]) -> StoredObject:
        """Store the chunks create-only under the digest they turn out to have."""

    def _verified(self, wanted: Digest) -> Iterator[bytes]:
        hasher = hashlib.sha256()
        held: bytes | None = None
        for chunk in self._read(wanted):
            hasher.update(chunk)
            if held is not None:
                yield held
            held = chunk
        if hasher.hexdigest() != wanted.hex:
            raise DamagedObject(f"Object {wanted} is damaged: its bytes hash to sha256:{hasher.hexdigest()}.")
        if held is not None:
            yield held

    def _already_there(self, stored: StoredObject) -> StoredObject:
        """The same bytes are there already, or somebody else's under this name."""
        found = self.measure(stored.digest)
        if found is None:
            raise StoreUnavailable(f"The store says both that it has {stored.digest} and that it has not.")
        if found != stored.digest:
            raise DamagedObject(f"Object {stored.digest} is damaged: its bytes hash to {found}. Restore it first.")
        return stored


def store_from_url(url: str) -> Store:
    """The store at ``url``.

    ``file:///path`` is a directory on this machine; ``s3://bucket/prefix`` any S3-compatible store; ``memory:`` a new
    empty one (tests). S3 takes its settings from the ``AWS_*`` environment, as obstore does, or from the query:
    ``endpoint``, ``region``, ``allow_http``, ``virtual_hosted_style_request``, ``skip_signature``, ``access_key_id``,
    ``secret_access_key``, ``session_token``. Raises ``StoreConfigurationError``, which never repeats the URL.
    """
    from datasets.zones.local import LocalStore
    from datasets.zones.objects import memory_store, s3_store

    try:
        parts = urlsplit(url)
    except ValueError:
        raise StoreConfigurationError("The storage URL is not a URL.") from None
    if "@" in parts.netloc:
        raise StoreConfigurationError("The storage URL holds credentials before “@”; give them as AWS_* settings.")
    if parts.scheme == "file":
        return LocalStore(_local_path(parts))
    if parts.scheme == "memory":
        return memory_store()
    if parts.scheme == "s3":
        return s3_store(parts.netloc, parts.path.strip("/"), _settings(parts))
    raise StoreConfigurationError("The storage URL begins with file://, s3:// or memory:.")


def as_digest(digest: Digest | str) -> Digest:
    """``digest`` as a ``Digest``; raises ``audit.digests.InvalidDigest`` for any other text."""
    return digest if isinstance(digest, Digest) else Digest.parse(digest)


def object_key(digest: Digest) -> str:
    """``sha256/<2 hex>/<64 hex>``: where an object lies below the store's root."""
    return f"sha256/{digest.hex[:2]}/{digest.hex}"


def _local_path(parts: SplitResult) -> Path:
    if parts.netloc not in ("", "localhost") or parts.query:
        raise StoreConfigurationError("A file:// storage URL names a path on this machine, such as file:///srv/kfm.")
    path = Path(url2pathname(parts.path))
    if not path.is_absolute() or path == Path(os.sep):
        raise StoreConfigurationError("A file:// storage URL names a directory by its absolute path.")
    return path


def _settings(parts: SplitResult) -> dict[str, str]:
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    settings = dict(pairs)
    if len(settings) != len(pairs):
        raise StoreConfigurationError("The storage URL gives a setting twice.")
    return settings


def _chunks_of(stream: BinaryIO) -> Iterator[bytes]:
    """Chunks of exactly ``CHUNK_BYTES`` but the last, also from a stream that answers in shorter pieces."""
    while True:
        pieces: list[bytes] = []
        missing = CHUNK_BYTES
        while missing and (piece := stream.read(missing)):
            pieces.append(piece)
            missing -= len(piece)
        if pieces:
            yield b"".join(pieces)
        if missing:
            return
