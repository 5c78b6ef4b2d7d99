"""The store in an S3-compatible service, through obstore.

Decides how bytes are created exactly once there: small objects by one PUT with ``If-None-Match: *``; larger ones in
parts under ``staging/``, then by a multipart copy that is completed with ``If-None-Match: *`` (obstore has no
create-only multipart upload). That copy is one part, so an object has at most 5 GiB. Never overwrites; deletes only
its own staging. A service that ignores ``If-None-Match`` is not write-once and must not be used.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import MemoryStore, S3Store

from audit.digests import Digest
from datasets.zones.store import (
    CHUNK_BYTES,
    DamagedObject,
    ObjectNotFound,
    ObjectTooLarge,
    Store,
    StoreConfigurationError,
    StoredObject,
    StoredStat,
    StoreError,
    StoreUnavailable,
    as_digest,
    object_key,
)

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config

MAX_BYTES = 5 * 1024**3  # S3's limit for one copied part
SETTINGS = frozenset(
    {
        "endpoint",
        "region",
        "allow_http",
        "virtual_hosted_style_request",
        "skip_signature",
        "access_key_id",
        "secret_access_key",
        "session_token",
    }
)


class ObjectStore(Store):
    """Objects at ``<prefix>/sha256/<2 hex>/<64 hex>``, unfinished ones at ``<prefix>/staging``."""

    def __init__(self, label: str, backend: S3Store | MemoryStore) -> None:
        super().__init__(label)
        self._backend = backend

    def stat(self, digest: Digest | str) -> StoredStat | None:
        key = object_key(as_digest(digest))
        try:
            with self._asking("read"):
                found = obstore.head(self._backend, key)
        except ObjectNotFound:
            self._check_bucket()
            return None
        return StoredStat(found["size"], found["e_tag"], found["last_modified"])

    def _read(self, digest: Digest) -> Iterator[bytes]:
        """By ranges: each request is short, so that no time limit cuts a large object off."""
        found = self.stat(digest)
        if found is None:
            raise ObjectNotFound(f"The store holds no object {digest}.")
        for start in range(0, found.size, CHUNK_BYTES):
            with self._asking("read"):
                length = min(CHUNK_BYTES, found.size - start)
                chunk = bytes(obstore.get_range(self._backend, object_key(digest), start=start, length=length))
            yield chunk

    def _write(self, chunks: Iterator[bytes]) -> StoredObject:
        first = next(chunks, b"")
        second = next(chunks, None)
        if second is not None:
            return self._write_large(chain((first, second), chunks))
        stored = StoredObject(Digest(hashlib.sha256(first).hexdigest()), len(first))
        try:
            with self._asking("written"):
                obstore.put(self._backend, object_key(stored.digest), first, mode="create")
        except AlreadyExistsError:
            return self._already_there(stored)
        return self._sized(stored)

    def _put_aside(self, digest: Digest) -> None:
        key = object_key(digest)
        try:
            with self._asking("read"):
                obstore.copy(self._backend, key, f"damaged/{digest.hex}.{uuid.uuid4().hex}", overwrite=False)
            with self._asking("written"):
                obstore.delete(self._backend, key)
        except ObjectNotFound:
            return  # another worker put it aside first

    def _write_large(self, chunks: Iterator[bytes]) -> StoredObject:
        draft = f"staging/{uuid.uuid4().hex}"
        stored = self._write_draft(draft, chunks)
        try:
            with self._asking("written"):
                obstore.copy(self._backend, draft, object_key(stored.digest), overwrite=False)
        except AlreadyExistsError:
            return self._already_there(stored)
        finally:
            with self._asking("written"):
                obstore.delete(self._backend, draft)
        return self._sized(stored)

    def _write_draft(self, draft: str, chunks: Iterator[bytes]) -> StoredObject:
        hasher = hashlib.sha256()
        size = 0
        with self._asking("written"):
            # not closed on failure: closing would complete the upload; the service drops unfinished uploads
            writer = obstore.open_writer(self._backend, draft, buffer_size=CHUNK_BYTES, max_concurrency=2)
        for chunk in chunks:
            hasher.update(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise ObjectTooLarge(f"An object in this store has at most {MAX_BYTES} bytes; split the file.")
            with self._asking("written"):
                writer.write(chunk)
        with self._asking("written"):
            writer.close()
        return StoredObject(Digest(hasher.hexdigest()), size)

    def _sized(self, stored: StoredObject) -> StoredObject:
        found = self.stat(stored.digest)
        if found is None or found.size != stored.size:
            raise DamagedObject(f"The store does not hold all bytes of {stored.digest} after writing them.")
        return stored

    def _check_bucket(self) -> None:
        """A missing bucket answers HEAD as a missing object does; that is "cannot check", not "absent"."""
        try:
            with self._asking("read"):
                obstore.list_with_delimiter(self._backend, "sha256/none")
        except ObjectNotFound:
            raise StoreUnavailable(f"The store {self.label} does not exist (no such bucket).") from None

    @contextmanager
    def _asking(self, verb: str) -> Iterator[None]:
        """Errors in our words; obstore's carry request details, which may hold secrets, so they are not chained."""
        try:
            yield
        except (NotFoundError, FileNotFoundError):
            if verb == "written":
                raise StoreUnavailable(f"The store {self.label} does not exist (no such bucket).") from None
            raise ObjectNotFound("The store holds no such object.") from None
        except (AlreadyExistsError, StoreError):
            raise
        except (BaseError, OSError) as error:
            reason = type(error).__name__
            raise StoreUnavailable(f"The store {self.label} could not be {verb} ({reason}).") from None


def s3_store(bucket: str, prefix: str, settings: dict[str, str]) -> ObjectStore:
    """The store in ``bucket`` below ``prefix``; ``settings`` of the URL's query win over the ``AWS_*`` environment."""
    unknown = sorted(set(settings) - SETTINGS)
    if unknown:
        raise StoreConfigurationError(f"The storage URL's setting {unknown[0][:40]} is not known.")
    if not bucket:
        raise StoreConfigurationError("An s3:// storage URL names a bucket, such as s3://kfm/zones.")
    config = cast("S3Config", {**settings, "copy_if_not_exists": "multipart"})
    try:
        backend = S3Store(bucket, prefix=prefix or None, config=config, client_options=_client(settings))
    except (BaseError, ValueError) as error:
        message = f"The settings of the store s3://{bucket} cannot be used ({type(error).__name__})."
        raise StoreConfigurationError(message) from None
    return ObjectStore(f"s3://{bucket}" + (f"/{prefix}" if prefix else ""), backend)


def memory_store() -> ObjectStore:
    """A new, empty store in this process's memory; its bytes end with the process."""
    return ObjectStore("memory:", MemoryStore())


def _client(settings: dict[str, str]) -> ClientConfig:
    client: ClientConfig = {"connect_timeout": "5s", "timeout": "120s"}
    if settings.get("allow_http", "").lower() in ("1", "true"):
        client["allow_http"] = True
    return client
