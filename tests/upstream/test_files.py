"""A directory or a bucket as a source: only what lies beneath, only plain files, one file or one fixed bundle."""

from __future__ import annotations

import hashlib
import logging
import os
import random
import socket
import threading
import zipfile
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from datasets.upstream import files as files_module
from datasets.upstream.beneath import BeneathFileSystem
from datasets.upstream.bundle import Member, write_bundle
from datasets.upstream.draft import Draft
from datasets.upstream.errors import UpstreamError, UpstreamFailed, UpstreamRefused
from datasets.upstream.files import FetchedFiles, FileLimits, fetch_files, list_files, listing_digest
from datasets.upstream.patterns import Pattern
from datasets.upstream.terms import Unchanged
from tests.upstream.world import Canary, Clock, upstream

SECRET = "Very-Secret-Key-9"
TREE = {
    "a.csv": b"x,y\n1,2\n",
    "b.csv": b"x,y\n3,4\n",
    "deep/c.csv": b"c" * 3_000_000,
    "notes.txt": b"n",
    ".part.csv": b"p",
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sources"
    for name, content in TREE.items():
        path = folder / "kansas" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


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
    client.create_bucket(Bucket="kfm-upstream")
    for name, content in TREE.items():
        client.put_object(Bucket="kfm-upstream", Key=f"kansas/{name}", Body=content)
    yield endpoint
    server.stop()


@pytest.fixture(params=["directory", "bucket"])
def source(request):
    """Keyword arguments that name the tree, in a directory or in a bucket."""
    if request.param == "directory":
        folder = request.getfixturevalue("root")
        return {"uri": (folder / "kansas").as_uri(), "roots": [folder]}
    return {"uri": "s3://kfm-upstream/kansas", "roots": [], "options": bucket(request.getfixturevalue("s3_endpoint"))}


def bucket(endpoint, **more):
    return {"endpoint": endpoint, "allow_http": "true", "access_key_id": "k", "secret_access_key": SECRET, **more}


def refusal(function, *args, **kwargs) -> UpstreamError:
    with pytest.raises(UpstreamError) as refused:
        function(*args, **kwargs)
    assert refused.value.message.endswith(".")
    assert SECRET not in str(refused.value)
    if "target" in kwargs:
        assert not kwargs["target"].exists()
    return refused.value


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*.csv", ["a.csv", "b.csv"]),
        ("a.csv", ["a.csv"]),
        ("**/*.csv", ["a.csv", "b.csv", "deep/c.csv"]),
        ("*/*.csv", ["deep/c.csv"]),
        ("deep/**", ["deep/c.csv"]),
        ("[ab].*", ["a.csv", "b.csv"]),
        (".*.csv", [".part.csv"]),
        ("**", ["a.csv", "b.csv", "deep/c.csv", "notes.txt"]),
    ],
)
def test_the_files_that_match_are_listed_by_path(source, pattern, names):
    found = list_files(source.pop("uri"), pattern, **source)
    assert [(one.path, one.size) for one in found] == [(name, len(TREE[name])) for name in names]
    assert all(one.stamp for one in found)


def test_one_file_comes_as_itself(source, tmp_path):
    seen = []
    found = fetch_files(pattern="deep/*.csv", target=tmp_path / "t", progress=lambda *a: seen.append(a), **source)
    assert (tmp_path / "t").read_bytes() == TREE["deep/c.csv"]
    assert (found.sha256, found.bundled, found.media_type) == (
        hashlib.sha256(TREE["deep/c.csv"]).hexdigest(),
        False,
        "",
    )
    assert seen[-1] == (3_000_000, 3_000_000)
    assert found.listing == listing_digest(found.members)


def test_several_come_as_a_bundle_whose_bytes_follow_from_theirs(source, tmp_path):
    first = fetch_files(pattern="**/*.csv", target=tmp_path / "1", **source)
    second = fetch_files(pattern="**/*.csv", target=tmp_path / "2", **source)
    assert isinstance(first, FetchedFiles)
    assert (first.bundled, first.media_type, first.size) == (True, "application/zip", (tmp_path / "1").stat().st_size)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()
    assert first == second
    with zipfile.ZipFile(tmp_path / "1") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.csv", "b.csv", "deep/c.csv"]
        assert {name: archive.read(name) for name in archive.namelist()} == {n: TREE[n] for n in archive.namelist()}
        assert {(one.compress_type, one.date_time) for one in archive.infolist()} == {(0, (1980, 1, 1, 0, 0, 0))}


def test_a_directory_and_a_bucket_give_the_same_bundle(root, s3_endpoint, tmp_path):
    one = fetch_files((root / "kansas").as_uri(), "**/*.csv", target=tmp_path / "1", roots=[root])
    two = fetch_files(
        "s3://kfm-upstream/kansas", "**/*.csv", target=tmp_path / "2", roots=[], options=bucket(s3_endpoint)
    )
    assert one.sha256 == two.sha256


def test_an_unchanged_listing_is_unchanged(source, tmp_path):
    first = fetch_files(pattern="*.csv", target=tmp_path / "1", **source)
    again = fetch_files(pattern="*.csv", target=tmp_path / "2", known_listing=first.listing, **source)
    assert again == Unchanged(first.place, None, None)
    assert not (tmp_path / "2").exists()


def test_a_file_rewritten_under_its_old_time_and_size_is_a_change(root):
    path = root / "kansas" / "a.csv"
    uri = path.parent.as_uri()
    before, times = list_files(uri, "*.csv", roots=[root]), path.stat()
    while path.stat().st_ctime_ns == times.st_ctime_ns:  # the clock of the file system has its own grain
        path.write_bytes(b"x,y\n9,9\n")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert path.stat().st_mtime_ns == times.st_mtime_ns
    assert listing_digest(list_files(uri, "*.csv", roots=[root])) != listing_digest(before)


def test_nothing_that_matches_is_a_failure(source):
    failed = refusal(list_files, source.pop("uri"), "*.geojson", **source)
    assert (failed.code, failed.retryable) == ("no_files", False)


def test_a_place_that_is_not_there_is_a_failure(root, s3_endpoint):
    assert refusal(list_files, (root / "nowhere").as_uri(), "*", roots=[root]).code == "not_found"
    assert refusal(list_files, (root / "kansas/a.csv").as_uri(), "*", roots=[root]).code == "not_found"
    assert (
        refusal(list_files, "s3://kfm-upstream/nowhere", "*", roots=[], options=bucket(s3_endpoint)).code == "not_found"
    )
    failed = refusal(list_files, "s3://kfm-no-such", "*", roots=[], options=bucket(s3_endpoint))
    assert isinstance(failed, UpstreamFailed)


# --- limits ---


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (FileLimits(files=2), "too_many_files"),
        (FileLimits(entries=3), "too_many_entries"),
        (FileLimits(bytes=2_999_999), "too_large"),
        (FileLimits(seconds=0), "time_limit"),
    ],
)
def test_each_limit_is_kept(source, tmp_path, limits, code):
    failed = refusal(fetch_files, pattern="**/*.csv", target=tmp_path / "t", limits=limits, clock=Clock(), **source)
    assert (failed.code, type(failed)) == (code, UpstreamRefused)


def test_the_time_limit_holds_while_reading(source, tmp_path):
    limits = FileLimits(seconds=4)
    failed = refusal(
        fetch_files, pattern="deep/*.csv", target=tmp_path / "t", limits=limits, clock=Clock(1.0), **source
    )
    assert failed.code == "time_limit"


# --- a directory can't be left ---


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc",
        "file:///",
        "file:///{root}/../../etc",
        "file:///{root}/%2e%2e/%2e%2e/etc",
        "file:///{root}x",
        "file:///{root}/\x00",
        "file://localhost{root}",
        "file:{root}",
        "{root}",
        "../etc",
        "",
        "ftp://x/y",
        "http://127.0.0.1/",
        "s3://k:Very-Secret-Key-9@bucket/x",
        "s3://",
        "s3://Bucket!/x",
        "s3://bucket/x?endpoint=http://127.0.0.1",
        "memory://x",
        "github://a:b@c",
        "simplecache::file:///etc",
    ],
)
def test_a_place_outside_the_roots_or_of_another_kind_is_refused(root, uri):
    failed = refusal(list_files, uri.format(root=str(root).lstrip("/")), "*", roots=[root])
    assert failed.code in ("outside_roots", "place", "bucket_settings")


def test_without_roots_no_directory_is_a_source(root):
    assert refusal(list_files, root.as_uri(), "*", roots=[]).code == "outside_roots"


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", "a/../../*", "./a", "a//b", "a\\b", "a\nb", "x" * 600])
def test_a_pattern_that_climbs_is_refused(root, pattern):
    assert refusal(list_files, root.as_uri(), pattern, roots=[root]).code == "pattern"


def outside(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "secret.csv").write_bytes(b"secret")
    return tmp_path / "private"


def test_a_link_where_a_file_is_meant_is_refused(root, tmp_path):
    (root / "kansas" / "z.csv").symlink_to(outside(tmp_path) / "secret.csv")
    failed = refusal(fetch_files, (root / "kansas").as_uri(), "*.csv", target=tmp_path / "t", roots=[root])
    assert (type(failed), failed.code) == (UpstreamRefused, "special_file")


def test_a_link_to_a_directory_is_refused_where_files_could_be_meant(root, tmp_path):
    (root / "kansas" / "out").symlink_to(outside(tmp_path))
    assert refusal(list_files, (root / "kansas").as_uri(), "**/*.csv", roots=[root]).code == "special_file"
    assert refusal(list_files, (root / "kansas").as_uri(), "out/*.csv", roots=[root]).code == "special_file"
    assert len(list_files((root / "kansas").as_uri(), "*.csv", roots=[root])) == 2


def test_a_source_that_is_a_link_itself_is_not_entered(root, tmp_path):
    (root / "out").symlink_to(outside(tmp_path))
    assert refusal(list_files, (root / "out").as_uri(), "*.csv", roots=[root]).code == "not_found"


def test_a_directory_exchanged_for_a_link_after_listing_is_not_entered(root, tmp_path, monkeypatch):
    """The race that a check of the path alone loses."""
    private = outside(tmp_path)
    (private / "c.csv").write_bytes(b"secret")
    read = files_module._Place.read

    def exchange_then_read(place, one):
        (root / "kansas" / "deep").rename(root / "kansas" / "was")
        (root / "kansas" / "deep").symlink_to(private)
        return read(place, one)

    monkeypatch.setattr(files_module._Place, "read", exchange_then_read)
    failed = refusal(fetch_files, (root / "kansas").as_uri(), "deep/*.csv", target=tmp_path / "t", roots=[root])
    assert failed.code == "not_found"


def test_a_pipe_or_socket_is_refused_without_waiting(root, tmp_path, monkeypatch):
    os.mkfifo(root / "kansas" / "pipe.csv")
    assert refusal(list_files, (root / "kansas").as_uri(), "p*.csv", roots=[root]).code == "special_file"
    opened = BeneathFileSystem(root, 100)
    with pytest.raises(UpstreamRefused):
        opened.open("kansas/pipe.csv", "rb")
    monkeypatch.chdir(root / "kansas")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.csv")
        assert refusal(list_files, (root / "kansas").as_uri(), "s.csv", roots=[root]).code == "special_file"


@pytest.mark.parametrize(
    "path", ["../private/secret.csv", "kansas/../../private/secret.csv", "/etc/passwd", "kansas//a.csv", "."]
)
def test_the_file_system_itself_opens_nothing_outside(root, tmp_path, path):
    outside(tmp_path)
    with pytest.raises(OSError):  # noqa: PT011 - which one is the system's affair
        BeneathFileSystem(root, 100).open(path, "rb")


def test_the_file_system_itself_writes_nothing(root):
    with pytest.raises(OSError, match="ead-only"):
        BeneathFileSystem(root, 100).open("kansas/a.csv", "wb")
    assert (root / "kansas" / "a.csv").read_bytes() == TREE["a.csv"]


@pytest.mark.parametrize("name", ["a\nb.csv", "a\\b.csv", os.fsdecode(b"a\xff.csv"), "\u202ea.csv"])
def test_a_file_name_that_cannot_be_kept_is_refused(root, name):
    (root / "kansas" / name).write_bytes(b"x")
    assert refusal(list_files, (root / "kansas").as_uri(), "*.csv", roots=[root]).code == "file_name"


# --- changing under our hands ---


@pytest.mark.parametrize("change", ["longer", "shorter", "other", "new", "gone"])
def test_a_directory_that_changes_while_it_is_read_is_a_failure(root, tmp_path, change):
    folder = root / "kansas"

    def spoil(_size, _total):
        if change == "longer":
            (folder / "b.csv").write_bytes(b"x" * 100)
        if change == "shorter":
            (folder / "b.csv").write_bytes(b"")
        if change == "other":
            (folder / "a.csv").write_bytes(TREE["b.csv"])
        if change == "new":
            (folder / "new.csv").write_bytes(b"x")
        if change == "gone":
            (folder / "b.csv").unlink(missing_ok=True)

    failed = refusal(fetch_files, folder.as_uri(), "*.csv", target=tmp_path / "t", roots=[root], progress=spoil)
    assert isinstance(failed, UpstreamFailed)
    assert (failed.code, failed.retryable) == (("not_found", False) if change == "gone" else ("changed", True))


# --- buckets ---


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"access_key_id": "k"},
        {"secret_access_key": SECRET},
        {"endpoint": "http://127.0.0.1:1", "access_key_id": "k", "secret_access_key": SECRET},
        {"endpoint": "file:///etc", "access_key_id": "k", "secret_access_key": SECRET},
        {"skip_signature": "true", "region": "x/../y"},
        {"skip_signature": "true", "password": SECRET},
        {"skip_signature": "true", "metadata_endpoint": "http://127.0.0.1"},
    ],
)
def test_bucket_settings_that_cannot_be_used_are_refused(options):
    assert refusal(list_files, "s3://kfm-upstream/x", "*", roots=[], options=options).code == "bucket_settings"


def test_the_consoles_own_credentials_and_endpoint_never_go_to_a_bucket(s3_endpoint, monkeypatch):
    """Were the environment asked, these would be used: the canary would be called, or the token sent."""
    canary = Canary()
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_METADATA_ENDPOINT"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    for name in ("AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "the-consoles-own")
    seen = []
    with header_recorder(s3_endpoint, seen) as endpoint:
        list_files("s3://kfm-upstream/kansas", "*.csv", roots=[], options=bucket(endpoint))
        unsigned = {"endpoint": endpoint, "allow_http": "true", "skip_signature": "true"}
        list_files("s3://kfm-upstream/kansas", "*.csv", roots=[], options=unsigned)
    assert len(seen) == 2
    assert "the-consoles-own" not in "".join(seen)
    assert "Credential=k/" in seen[0]
    assert "authorization" not in seen[1].lower()
    assert canary.settled() == []
    canary.close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_bucket_that_redirects_is_not_followed(status):
    canary = Canary()
    place = f"http://127.0.0.1:{canary.port}/"
    with upstream(lambda h: h.answer(status, location=place)) as server:
        options = bucket(f"http://127.0.0.1:{server.port}")
        assert refusal(list_files, "s3://kfm-upstream/x", "*", roots=[], options=options).code == "not_read"
        assert server.requests
    assert canary.settled() == []
    canary.close()


class header_recorder:  # noqa: N801 - reads as a context
    """Passes connections on to the S3 server and keeps the head of each request."""

    def __init__(self, endpoint, seen):
        host, port = endpoint.removeprefix("http://").split(":")
        self.behind, self.seen = (host, int(port)), seen

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                inner, _peer = self.listener.accept()
            except OSError:
                return
            with inner, socket.create_connection(self.behind) as outer:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += inner.recv(65_536)
                self.seen.append(head.decode())
                outer.sendall(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
                while piece := outer.recv(65_536):
                    inner.sendall(piece)

    def __exit__(self, *_error):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


def test_a_bucket_that_does_not_answer_is_a_failure_without_detail():
    with socket.create_server(("127.0.0.1", 0)) as gone:
        endpoint = f"http://127.0.0.1:{gone.getsockname()[1]}"
    failed = refusal(list_files, "s3://kfm-upstream/x", "*", roots=[], options=bucket(endpoint))
    assert (failed.code, failed.retryable) == ("not_read", True)
    assert "127.0.0.1" not in str(failed)
    assert failed.__suppress_context__


# --- laws ---


@given(
    st.dictionaries(st.from_regex(r"[a-zü]{1,8}(/[a-z]{1,8})?", fullmatch=True), st.binary(max_size=50), min_size=1),
    st.randoms(),
)
def test_equal_files_give_equal_bundles_in_any_order(tmp_path_factory, content, rng: random.Random):
    folder = tmp_path_factory.mktemp("bundle")
    made = []
    for number in range(2):
        members = [Member(name, len(body), lambda body=body: iter([body])) for name, body in content.items()]
        rng.shuffle(members)
        with Draft(folder / str(number), 10**6) as draft:
            write_bundle(draft, members)
            draft.keep()
        made.append((folder / str(number)).read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(folder / "0") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == content


def test_a_bundle_keeps_the_size_limit(tmp_path):
    with pytest.raises(UpstreamRefused), Draft(tmp_path / "t", 1_000) as draft:
        write_bundle(draft, [Member("a", 5_000, lambda: iter([bytes(5_000)]))])
    assert not (tmp_path / "t").exists()


def test_a_pattern_of_many_stars_is_quick():
    assert not Pattern("/".join(["**"] * 100) + "/" + "*a" * 100).matches(["a" * 100] * 200 + ["b"])


@given(
    st.lists(st.sampled_from(["a", "b", ".c"]), min_size=1, max_size=4),
    st.lists(st.sampled_from(["a", "*", "**", ".*"]), min_size=1, max_size=4),
)
def test_a_file_is_meant_only_where_its_directories_may_hold_it(path, parts):
    pattern = Pattern("/".join(parts))
    if pattern.matches(path):
        assert all(pattern.may_hold(path[:length]) for length in range(len(path)))
        assert Path(*path).match("/".join(parts).replace("**", "*")) or "**" in parts
