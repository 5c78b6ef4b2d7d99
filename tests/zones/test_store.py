"""Clauses A1 and G1 in the store: bytes are written once, and what is read is what was written."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import threading

import boto3
import obstore
import pytest
from moto.server import ThreadedMotoServer

from audit.digests import Digest, InvalidDigest
from datasets.zones import local, objects, store
from datasets.zones.store import (
    CHUNK_BYTES,
    DamagedObject,
    ObjectNotFound,
    ObjectTooLarge,
    StoreConfigurationError,
    StoreUnavailable,
    object_key,
    store_from_url,
)

LARGE = bytes(range(256)) * (4096 * 8 + 7)  # two chunks: a part above S3's 5 MiB and a short one
SECRET = "Very-Secret-Key-9"
EMPTY = Digest(hashlib.sha256(b"").hexdigest())


@pytest.fixture(scope="module")
def s3_endpoint():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key=SECRET, region_name="us-east-1"
    )
    client.create_bucket(Bucket="kfm-zones")
    yield endpoint
    server.stop()


def s3_url(endpoint: str, prefix: str) -> str:
    keys = f"access_key_id=k&secret_access_key={SECRET}&region=us-east-1&allow_http=true"
    return f"s3://kfm-zones/{prefix}?endpoint={endpoint}&{keys}"


@pytest.fixture(params=["file", "s3", "memory"])
def any_store(request, tmp_path):
    if request.param == "file":
        return store_from_url((tmp_path / "a store").as_uri())
    if request.param == "memory":
        return store_from_url("memory:")
    return store_from_url(s3_url(request.getfixturevalue("s3_endpoint"), f"p{os.getpid()}/{tmp_path.name}"))


def overwrite(held, digest, content):
    """What a failing disk or a stranger with the keys does."""
    if isinstance(held, local.LocalStore):
        path = held._path(digest)
        path.chmod(0o644)
        path.write_bytes(content)
    else:
        obstore.put(held._backend, object_key(digest), content)


@pytest.mark.parametrize("content", [b"", b"x", LARGE[:CHUNK_BYTES], LARGE], ids=["empty", "one", "chunk", "large"])
def test_bytes_come_back_under_their_own_digest(any_store, content, tmp_path):
    stored = any_store.put_file(io.BytesIO(content))
    assert stored.digest.hex == hashlib.sha256(content).hexdigest()
    assert stored.size == len(content) == any_store.stat(stored.digest).size
    assert any_store.read(str(stored.digest), len(content)) == content
    assert any_store.measure(stored.digest) == stored.digest
    any_store.fetch_to(stored.digest, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == content


@pytest.mark.parametrize("content", [b"same", LARGE], ids=["small", "large"])
def test_putting_the_same_bytes_again_changes_nothing(any_store, content, tmp_path):
    (tmp_path / "in").write_bytes(content)
    first = any_store.put_file(tmp_path / "in")
    before = any_store.stat(first.digest)
    assert any_store.put_bytes(content) == first
    assert any_store.stat(first.digest) == before


@pytest.mark.parametrize("content", [b"right", LARGE], ids=["small", "large"])
def test_one_damaged_byte_is_found_by_every_reader(any_store, content, tmp_path):
    digest = any_store.put_bytes(content).digest
    spoiled = content[:-1] + bytes([content[-1] ^ 1])
    overwrite(any_store, digest, spoiled)
    with pytest.raises(DamagedObject):
        any_store.read(digest, len(content))
    with pytest.raises(DamagedObject):
        any_store.fetch_to(digest, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert any_store.measure(digest).hex == hashlib.sha256(spoiled).hexdigest()
    with pytest.raises(DamagedObject):
        any_store.put_bytes(content)


def test_a_truncated_object_is_damaged_and_its_last_chunk_withheld(any_store):
    digest = any_store.put_bytes(b"whole").digest
    overwrite(any_store, digest, b"who")
    given = []
    with pytest.raises(DamagedObject):
        given.extend(any_store.open(digest))
    assert given == []


def test_an_absent_object_is_absent_not_damaged(any_store):
    assert any_store.stat(EMPTY) is None
    assert any_store.measure(EMPTY) is None
    with pytest.raises(ObjectNotFound):
        any_store.open(EMPTY)


def test_a_reader_sets_its_limit(any_store):
    digest = any_store.put_bytes(b"12345").digest
    with pytest.raises(ObjectTooLarge):
        any_store.read(digest, 4)


def test_a_digest_is_never_a_path(any_store):
    with pytest.raises(InvalidDigest):
        any_store.stat("sha256:../../etc/passwd")


def test_s3_is_asked_to_create_never_to_overwrite(s3_endpoint):
    """The race: another writer's bytes arrive under this name first."""
    held = store_from_url(s3_url(s3_endpoint, "race"))
    for content in (b"mine", LARGE):
        digest = Digest(hashlib.sha256(content).hexdigest())
        overwrite(held, digest, b"another's")
        with pytest.raises(DamagedObject):
            held.put_bytes(content)
        assert held.stat(digest).size == len(b"another's")
    assert list(obstore.list(held._backend, "staging").collect()) == []


def test_s3_memory_of_a_large_put_stays_bounded(s3_endpoint, monkeypatch):
    written = []
    opened = obstore.open_writer

    def spy(*args, **kwargs):
        assert kwargs["buffer_size"] == CHUNK_BYTES
        written.append(args[1])
        return opened(*args, **kwargs)

    monkeypatch.setattr(objects.obstore, "open_writer", spy)
    store_from_url(s3_url(s3_endpoint, "bounded")).put_bytes(LARGE)
    assert len(written) == 1


def test_local_bytes_are_flushed_before_they_have_a_name(tmp_path, monkeypatch):
    order = []
    link, fsync = os.link, os.fsync
    monkeypatch.setattr(local.os, "fsync", lambda fd: (order.append("fsync"), fsync(fd)))
    monkeypatch.setattr(local.os, "link", lambda a, b: (order.append("link"), link(a, b)))
    held = store_from_url(tmp_path.as_uri())
    held.put_bytes(b"first")
    order.clear()
    held.put_bytes(b"second")
    at = order.index("link")
    assert "fsync" in order[:at]
    assert "fsync" in order[at + 1 :]


def test_a_local_put_that_fails_leaves_nothing(tmp_path):
    class Broken(io.RawIOBase):
        asked = 0

        def read(self, size=-1):
            self.asked += 1
            if self.asked > 1:
                raise OSError(5, "Input/output error")
            return b"half"

    held = store_from_url(tmp_path.as_uri())
    with pytest.raises(StoreUnavailable):
        held.put_file(Broken())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_two_local_writers_of_the_same_bytes_both_succeed(tmp_path):
    held = store_from_url(tmp_path.as_uri())
    found = []
    threads = [threading.Thread(target=lambda: found.append(held.put_bytes(LARGE[:100_000]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_no_secret_in_repr_or_errors(s3_endpoint):
    held = store_from_url(s3_url(s3_endpoint, "x"))
    assert SECRET not in repr(held) + str(vars(held))
    nowhere = store_from_url(
        f"s3://no-such-bucket/x?endpoint={s3_endpoint}&access_key_id=k&secret_access_key={SECRET}&region=us-east-1&allow_http=true"
    )
    with pytest.raises(StoreUnavailable) as refused:
        nowhere.put_bytes(b"x")
    with pytest.raises(StoreUnavailable):  # cannot check is not "absent"
        nowhere.stat(EMPTY)
    assert SECRET not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://x/y",
        "/srv/kfm",
        "file:///",
        "file://host/x",
        "file:///x?y=1",
        "s3://",
        f"s3://k:{SECRET}@bucket/x",
        f"s3://bucket/x?password={SECRET}",
        f"s3://bucket/x?secret_access_key={SECRET}&secret_access_key=2",
        f"s3://bucket/x?allow_http={SECRET}",
    ],
)
def test_a_storage_url_that_cannot_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(StoreConfigurationError) as refused:
        store_from_url(url)
    assert SECRET not in str(refused.value)


def test_a_stream_that_answers_in_pieces_is_read_whole():
    class Pieces(io.RawIOBase):
        left = [b"a", b"bc", b"def"]

        def read(self, size=-1):
            return self.left.pop(0) if self.left else b""

    assert list(store._chunks_of(Pieces())) == [b"abcdef"]
