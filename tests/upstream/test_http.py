"""Fetching from a server that lies, stalls, bombs, breaks off, redirects in circles, or simply works."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import logging
import time
import tracemalloc
import zlib
from dataclasses import replace

import httpcore
import pytest

from datasets.upstream.errors import UpstreamError, UpstreamFailed, UpstreamRefused
from datasets.upstream.http import fetch
from datasets.upstream.terms import Attempt, Conditions, Fetched, Unchanged
from tests.upstream.world import HOST, LIMITS, PUBLIC, Clock, Net, Resolver, upstream, wire_to

BODY = bytes(range(256)) * 300
ETAG = '"v1"'
URL = f"http://{HOST}/data.csv"
SECRET = "s3cr3t-t0ken"
DATES = {"date": "Tue, 10 Feb 2026 12:00:00 GMT", "last_modified": "Mon, 09 Feb 2026 12:00:00 GMT"}


def get(server, tmp_path, url=URL, **more):
    more.setdefault("limits", LIMITS)
    more.setdefault("allowed_hosts", [HOST])
    wire = more.pop("wire", None) or wire_to(server.port)
    return fetch(url, target=tmp_path / "target", wire=wire, **more)


def refusal(server, tmp_path, **more) -> UpstreamError:
    with pytest.raises(UpstreamError) as refused:
        get(server, tmp_path, **more)
    assert not (tmp_path / "target").exists()
    assert refused.value.message.endswith(".")
    assert refused.value.fix.endswith(".")
    assert SECRET not in str(refused.value)
    return refused.value


def whole(handler, **headers):
    handler.answer(200, BODY, content_type="text/CSV; charset=utf-8", etag=ETAG, **headers)


def broken(sent=10_000, **headers):
    """States the whole length and breaks off."""

    def act(handler):
        handler.answer(200, BODY[:sent], **{"content_length": str(len(BODY)), "etag": ETAG, **headers})

    return act


def rest(**headers):
    """Answers a Range as it should; ``headers`` spoil it."""

    def act(handler):
        start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        given = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        handler.answer(206, BODY[start:], **{"content_range": given, "etag": ETAG, **headers})

    return act


def test_a_file_is_fetched_with_its_facts(tmp_path):
    with upstream(whole) as server:
        found = get(server, tmp_path)
        command, path, headers = server.requests[0]
    assert (tmp_path / "target").read_bytes() == BODY
    digest = hashlib.sha256(BODY).hexdigest()
    assert found == Fetched(HOST, 200, ETAG, None, "text/csv", len(BODY), digest, 1, 0, False)
    assert (command, path, headers["host"], headers["accept-encoding"]) == ("GET", "/data.csv", HOST, "identity")
    assert headers["connection"] == "close"


def test_an_empty_file_is_a_file(tmp_path):
    with upstream(lambda h: h.answer(200)) as server:
        assert get(server, tmp_path).size == 0


def test_the_target_is_never_overwritten(tmp_path):
    (tmp_path / "target").write_bytes(b"mine")
    with upstream(whole) as server, pytest.raises(FileExistsError):
        get(server, tmp_path)
    assert (tmp_path / "target").read_bytes() == b"mine"


def test_progress_is_told_and_may_stop_the_fetch(tmp_path):
    seen = []
    with upstream(whole) as server:
        get(server, tmp_path, progress=lambda size, total: seen.append((size, total)))
        assert seen[-1] == (len(BODY), len(BODY))
        (tmp_path / "target").unlink()

        def stop(size, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            get(server, tmp_path, progress=stop)
    assert not (tmp_path / "target").exists()


def test_another_address_is_dialled_when_the_first_is_silent(tmp_path):
    net = Net()
    resolver = Resolver({HOST: [["93.184.216.35", PUBLIC]]})
    with upstream(whole) as server:
        get(server, tmp_path, wire=wire_to(server.port, net=net, resolver=resolver))
    assert net.dialled == [("93.184.216.35", 80), (PUBLIC, 80)]


# --- sizes ---


def test_a_stated_length_above_the_limit_is_refused_unread(tmp_path):
    def act(handler):
        handler.answer(200, b"", content_length=str(LIMITS.bytes + 1))

    with upstream(act) as server:
        assert refusal(server, tmp_path).code == "too_large"


@pytest.mark.parametrize("framing", ["chunked", "length"])
def test_a_never_ending_answer_is_cut_at_the_limit(tmp_path, framing):
    def act(handler):
        if framing == "length":
            handler.answer(200, b"", content_length="999999999", content_encoding="gzip")
            stream = zlib.compressobj(0, zlib.DEFLATED, 31)
            for _ in itertools.count():
                handler.raw(stream.compress(b"x" * 65_536))
        handler.answer(200, b"", content_length="", transfer_encoding="chunked")
        for _ in itertools.count():
            handler.raw(b"10000\r\n" + b"x" * 65_536 + b"\r\n")

    with upstream(act) as server:
        began = time.monotonic()
        assert refusal(server, tmp_path).code == "too_large"
        assert time.monotonic() - began < 10
        assert server.hung_up.wait(5)
        assert len(server.requests) == 1


def test_chunks_of_mostly_framing_are_refused(tmp_path):
    def act(handler):
        handler.answer(200, b"", content_length="", transfer_encoding="chunked")
        for _ in itertools.count():
            handler.raw(b"1;" + b"e" * 50_000 + b"\r\nx\r\n")

    with upstream(act) as server:
        assert refusal(server, tmp_path).code == "framing_too_large"


def test_a_body_shorter_than_stated_is_a_failure_that_is_tried_again(tmp_path):
    with upstream(broken(etag="")) as server:
        failed = refusal(server, tmp_path)
        assert (failed.code, failed.retryable, len(server.requests)) == ("broken_off", True, LIMITS.attempts)


def test_a_body_longer_than_stated_is_cut_at_what_was_stated(tmp_path):
    with upstream(lambda h: h.answer(200, BODY, content_length="100")) as server:
        assert get(server, tmp_path).size == 100


def test_a_body_without_any_end_is_refused(tmp_path):
    with upstream(lambda h: h.answer(200, BODY, content_length="")) as server:
        assert refusal(server, tmp_path).code == "length_unstated"


def test_chunks_are_joined_and_a_missing_last_chunk_is_a_failure(tmp_path):
    def chunked(end):
        def act(handler):
            handler.answer(200, b"", content_length="", transfer_encoding="chunked")
            handler.raw(b"3\r\nabc\r\n", b"2;x=y\r\nde\r\n", end)

        return act

    with upstream(chunked(b"0\r\n\r\n")) as server:
        assert get(server, tmp_path).sha256 == hashlib.sha256(b"abcde").hexdigest()
    (tmp_path / "target").unlink()
    with upstream(chunked(b"")) as server:
        assert refusal(server, tmp_path).code == "broken_off"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        b"x" * 200_000,
    ],
    ids=["long", "many", "continue", "no HTTP"],
)
def test_a_huge_head_is_refused(tmp_path, head):
    with upstream(lambda h: h.raw(head)) as server:
        failed = refusal(server, tmp_path, limits=replace(LIMITS, attempts=1))
        assert failed.code in ("headers_too_large", "broken_off")
        if head[:4] == b"HTTP":
            assert failed.code == "headers_too_large"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffffff\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc",
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_a_failure(tmp_path, head):
    with upstream(lambda h: h.raw(head)) as server:
        assert refusal(server, tmp_path).code == "broken_off"


def test_a_large_file_is_never_in_memory(tmp_path):
    def act(handler):
        handler.answer(200, b"", content_length=str(64 * 1024 * 1024))
        for _ in range(64):
            handler.raw(b"x" * 1024 * 1024)

    with upstream(act) as server:
        tracemalloc.start()
        try:
            get(server, tmp_path, limits=replace(LIMITS, bytes=2**30))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


# --- codings ---


@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("gzip", gzip.compress(BODY)),
        ("X-GZIP", gzip.compress(BODY)),
        ("gzip", gzip.compress(BODY[:1000]) + gzip.compress(b"") + gzip.compress(BODY[1000:])),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
    ],
    ids=["gzip", "x-gzip", "members", "deflate", "identity"],
)
def test_a_coding_is_decoded_while_it_streams(tmp_path, coding, encoded):
    with upstream(lambda h: h.answer(200, encoded, content_encoding=coding)) as server:
        assert get(server, tmp_path).sha256 == hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "compress", "x"])
def test_a_coding_that_is_not_read_is_refused(tmp_path, coding):
    with upstream(lambda h: h.answer(200, BODY, content_encoding=coding)) as server:
        assert refusal(server, tmp_path).code == "content_encoding"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compression_bomb_is_refused_before_its_bytes_exist(tmp_path, coding):
    stream = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
    bomb = b"".join(stream.compress(bytes(1024 * 1024)) for _ in range(200)) + stream.flush()
    with upstream(lambda h: h.answer(200, bomb, content_encoding=coding)) as server:
        tracemalloc.start()
        try:
            failed = refusal(server, tmp_path, limits=replace(LIMITS, bytes=2**40))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert failed.code == "compression_ratio"
    assert peak < 8 * 1024 * 1024


def test_decoded_bytes_count_towards_the_size_limit(tmp_path):
    noise = b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() * 3 for n in range(20_000))
    with upstream(lambda h: h.answer(200, gzip.compress(noise), content_encoding="gzip")) as server:
        assert refusal(server, tmp_path).code == "too_large"


@pytest.mark.parametrize(
    ("body", "code", "retryable"),
    [
        (gzip.compress(BODY)[:-5], "broken_off", True),
        (b"", "broken_off", True),
        (b"no gzip at all", "bad_encoding", False),
        (gzip.compress(BODY) + b"junk", "bad_encoding", False),
        (gzip.compress(BODY)[:-8] + b"12345678", "bad_encoding", False),
    ],
    ids=["short", "empty", "plain", "junk", "checksum"],
)
def test_damaged_gzip_is_a_failure(tmp_path, body, code, retryable):
    with upstream(lambda h: h.answer(200, body, content_encoding="gzip")) as server:
        failed = refusal(server, tmp_path)
    assert (failed.code, failed.retryable) == (code, retryable)


# --- time ---


def test_a_slow_drip_ends_at_the_time_limit(tmp_path):
    def drip(handler):
        handler.answer(200, b"", content_length="500000")
        for _ in itertools.count():
            handler.raw(b"x")

    with upstream(drip) as server:
        limits = replace(LIMITS, seconds=50, bytes_per_second=0)
        failed = refusal(server, tmp_path, limits=limits, wire=wire_to(server.port, clock=Clock(step=1.0)))
        assert (type(failed), failed.code) == (UpstreamRefused, "time_limit")
        assert server.hung_up.wait(5)


def test_a_head_that_drips_ends_at_the_time_limit(tmp_path):
    def drip(handler):
        handler.raw(b"HTTP/1.1 200 OK\r\nX: ")
        for _ in itertools.count():
            handler.raw(b"x")

    with upstream(drip) as server:
        wire = wire_to(server.port, clock=Clock(step=1.0))
        assert refusal(server, tmp_path, limits=replace(LIMITS, seconds=30), wire=wire).code == "time_limit"


def test_a_trickle_below_the_least_pace_is_given_up(tmp_path):
    def drip(handler):
        handler.answer(200, b"", content_length="500000")
        for _ in itertools.count():
            handler.raw(b"x")

    with upstream(drip) as server:
        limits = replace(LIMITS, seconds=1_000, grace_seconds=20, bytes_per_second=100_000, attempts=1)
        failed = refusal(server, tmp_path, limits=limits, wire=wire_to(server.port, clock=Clock(step=1.0)))
        assert (failed.code, failed.retryable) == ("too_slow", True)


def test_silence_is_a_failure_after_the_read_limit(tmp_path):
    def silent(handler):
        handler.server.hung_up.wait(5)

    with upstream(silent) as server:
        failed = refusal(server, tmp_path, limits=replace(LIMITS, read_seconds=0.05, attempts=2))
        server.hung_up.set()
        assert (failed.code, failed.retryable, len(server.requests)) == ("timed_out", True, 2)


def test_waits_count_towards_the_time_limit(tmp_path):
    clock = Clock()
    with upstream(lambda h: h.answer(503, retry_after="200")) as server:
        failed = refusal(server, tmp_path, limits=replace(LIMITS, seconds=100), wire=wire_to(server.port, clock=clock))
        assert failed.code == "server_error"
        assert failed.retry_after == 200
    assert clock.slept == []


# --- redirects ---


def to(location, status=302, **headers):
    return lambda handler: handler.answer(status, location=location, **headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(tmp_path, status):
    with upstream(to("/elsewhere?x=1", status), whole) as server:
        found = get(server, tmp_path)
        assert (found.redirects, [path for _, path, _ in server.requests]) == (1, ["/data.csv", "/elsewhere?x=1"])


def test_a_redirect_loop_ends_at_the_limit(tmp_path):
    with upstream(to(f"{URL}?{SECRET}")) as server:
        assert refusal(server, tmp_path).code == "too_many_redirects"
        assert len(server.requests) == 1 + LIMITS.redirects


def test_a_redirect_to_a_host_off_the_list_is_refused_and_not_resolved(tmp_path):
    resolver = Resolver({HOST: [[PUBLIC]], "evil.example.com": [[PUBLIC]]})
    with upstream(to(f"http://evil.example.com/?{SECRET}")) as server:
        assert refusal(server, tmp_path, wire=wire_to(server.port, resolver=resolver)).code == "host_not_allowed"
    assert resolver.asked == [HOST]


def test_a_redirect_without_a_place_or_with_two_is_a_failure(tmp_path):
    with upstream(lambda h: h.answer(302)) as server:
        assert refusal(server, tmp_path).code == "redirect"
    two = b"HTTP/1.1 302 Found\r\nLocation: /a\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n"
    with upstream(lambda h: h.raw(two)) as server:
        assert refusal(server, tmp_path).code == "ambiguous_header"


def test_credentials_stay_with_the_first_origin(tmp_path):
    """Dropped across hosts, and not taken up again on the way back."""
    other = "files.example.org"
    resolver = Resolver({HOST: [[PUBLIC]], other: [[PUBLIC]]})
    acts = [to("/same"), to(f"http://{other}/x"), to(URL), whole]
    with upstream(*acts) as server:
        headers = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET}
        wire = wire_to(server.port, resolver=resolver)
        get(server, tmp_path, headers=headers, wire=wire, allowed_hosts=["*.example.org"])
        sent = [
            (fields["host"], fields.get("authorization"), fields.get("x-api-key")) for _, _, fields in server.requests
        ]
    bearer = f"Bearer {SECRET}"
    assert sent == [(HOST, bearer, SECRET), (HOST, bearer, SECRET), (other, None, None), (HOST, None, None)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"),
        ("range", "x"),
        ("X\r\nY", "x"),
        ("X", f"{SECRET}\r\nY: z"),
        ("X", ""),
        ("X", "é"),
        ("Content-Length", "1"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(tmp_path, name, value):
    with upstream(whole) as server:
        assert refusal(server, tmp_path, headers={name: value}).code == "request_header"
        assert server.requests == []


# --- conditions ---


def test_conditions_are_sent_and_304_is_unchanged(tmp_path):
    modified = DATES["last_modified"]
    with upstream(lambda h: h.answer(304, content_length="", etag=ETAG)) as server:
        found = get(server, tmp_path, conditions=Conditions(ETAG, modified))
        fields = server.requests[0][2]
    assert found == Unchanged(HOST, ETAG, modified)
    assert (fields["if-none-match"], fields["if-modified-since"]) == (ETAG, modified)
    assert not (tmp_path / "target").exists()


def test_the_same_etag_with_200_is_fetched(tmp_path):
    with upstream(whole) as server:
        assert isinstance(get(server, tmp_path, conditions=Conditions(ETAG)), Fetched)


def test_304_that_nobody_asked_for_is_a_failure(tmp_path):
    with upstream(lambda h: h.answer(304, content_length="")) as server:
        assert refusal(server, tmp_path).code == "unexpected_status"


@pytest.mark.parametrize("etag", ["v1", '"a"b"', 'W/"\r\nX: y"', '"' + "x" * 2000 + '"', '"ü"', ""])
def test_a_validator_of_another_form_is_neither_kept_nor_sent(tmp_path, etag):
    def act(handler):
        handler.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n")
        if not set(etag) & set("\r\n"):
            handler.raw(b"ETag: " + etag.encode() + b"\r\n")
        handler.raw(b"Last-Modified: yesterday\r\n\r\n")

    with upstream(act) as server:
        found = get(server, tmp_path, conditions=Conditions(etag, "yesterday"))
        assert not {"if-none-match", "if-modified-since"} & set(server.requests[0][2])
    assert (found.etag, found.last_modified) == (None, None)


# --- retries ---


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again_with_growing_waits(tmp_path, status):
    clock, told = Clock(), []
    with upstream(*[lambda h: h.answer(status)] * 3, whole) as server:
        found = get(server, tmp_path, wire=wire_to(server.port, clock=clock), on_attempt=told.append)
    code = "too_many_requests" if status == 429 else "server_error"
    assert found.attempts == 4
    assert clock.slept == [1, 2, 4]
    assert told == [
        *(Attempt(n, code, status, 0, wait) for n, wait in ((1, 1), (2, 2), (3, 4))),
        Attempt(4, "fetched", 200, len(BODY), None),
    ]


def test_jitter_shortens_the_wait_by_at_most_half(tmp_path):
    clock = Clock()
    with upstream(lambda h: h.answer(503), whole) as server:
        get(server, tmp_path, wire=replace(wire_to(server.port, clock=clock), jitter=lambda: 0.0))
    assert clock.slept == [0.5]


@pytest.mark.parametrize(
    ("after", "waited"),
    [
        ("20", 20),
        ("0", 1),
        ("99999", 300),
        ("Tue, 10 Feb 2026 12:00:25 GMT", 25),
        ("Tue, 10 Feb 2026 11:00:00 GMT", 1),
        ("soon", 1),
        ("-5", 1),
        ("9" * 500, 1),
    ],
)
def test_retry_after_is_honoured_up_to_a_limit(tmp_path, after, waited):
    clock = Clock()
    with upstream(lambda h: h.answer(429, retry_after=after, date=DATES["date"]), whole) as server:
        get(server, tmp_path, limits=replace(LIMITS, seconds=1_000), wire=wire_to(server.port, clock=clock))
    assert clock.slept == [waited]


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (410, "gone"), (400, "unexpected_status"),
     (204, "unexpected_status"), (206, "unexpected_status"), (300, "unexpected_status"), (416, "unexpected_status"),
     (501, "server_error"), (999, "server_error")],
)  # fmt: skip
def test_a_lasting_fault_is_not_tried_again(tmp_path, status, code):
    with upstream(lambda h: h.answer(status, content_length="" if status == 204 else "0")) as server:
        failed = refusal(server, tmp_path, url=f"{URL}?{SECRET}")
        assert (failed.code, failed.retryable, failed.status, len(server.requests)) == (code, False, status, 1)


def test_a_refused_connection_is_tried_again(tmp_path):
    with upstream(whole) as server:
        wire = wire_to(server.port)
    clock = Clock()
    failed = refusal(server, tmp_path, wire=replace(wire, clock=clock, sleep=clock.sleep))
    assert (failed.code, failed.retryable, clock.slept) == ("not_reached", True, [1, 2, 4])


def test_a_refusal_is_told_once_and_not_tried_again(tmp_path):
    told = []
    with upstream(lambda h: h.answer(200, BODY, content_encoding="br")) as server:
        refusal(server, tmp_path, on_attempt=told.append)
    assert told == [Attempt(1, "content_encoding", None, 0, None)]


# --- resuming ---


def resumed_request(server, number=1):
    fields = server.requests[number][2]
    return fields.get("range"), fields.get("if-range")


def is_whole(tmp_path, found):
    return found.sha256 == hashlib.sha256(BODY).hexdigest() and (tmp_path / "target").read_bytes() == BODY


def test_a_broken_transfer_is_resumed_under_its_etag(tmp_path):
    with upstream(broken(10_000), rest()) as server:
        found = get(server, tmp_path)
        assert resumed_request(server) == ("bytes=10000-", ETAG)
    assert is_whole(tmp_path, found)
    assert (found.resumed, found.status, found.attempts, found.etag) == (True, 206, 2, ETAG)


def test_it_is_resumed_again_after_breaking_again(tmp_path):
    def half(handler):
        start = 10_000
        given = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
        handler.answer(206, BODY[start:20_000], content_range=given, content_length=str(len(BODY) - start), etag=ETAG)

    with upstream(broken(10_000), half, lambda h: h.answer(503), rest()) as server:
        found = get(server, tmp_path)
        assert [resumed_request(server, n)[0] for n in (1, 2, 3)] == ["bytes=10000-", "bytes=20000-", "bytes=20000-"]
    assert is_whole(tmp_path, found)
    assert found.attempts == 4


def test_it_is_resumed_under_a_date_that_is_old_enough(tmp_path):
    with upstream(broken(etag="", **DATES), rest(etag="", **DATES)) as server:
        found = get(server, tmp_path)
        assert resumed_request(server) == ("bytes=10000-", DATES["last_modified"])
    assert is_whole(tmp_path, found)


@pytest.mark.parametrize(
    "headers",
    [{"etag": 'W/"v1"'}, {"etag": ""}, {"etag": "", **DATES, "last_modified": "Tue, 10 Feb 2026 11:59:30 GMT"},
     {"etag": "", "last_modified": DATES["last_modified"]}, {"etag": 'W/"v1"', **DATES}],
    ids=["weak", "none", "young", "no date", "weak and old"],
)  # fmt: skip
def test_without_a_strong_validator_it_begins_anew(tmp_path, headers):
    with upstream(broken(**headers), whole) as server:
        found = get(server, tmp_path)
        assert resumed_request(server) == (None, None)
    assert is_whole(tmp_path, found)
    assert not found.resumed


def test_a_whole_answer_to_a_range_begins_anew(tmp_path):
    with upstream(broken(), lambda h: h.answer(200, b"another", etag='"v2"')) as server:
        found = get(server, tmp_path)
    assert (tmp_path / "target").read_bytes() == b"another"
    assert (found.etag, found.resumed) == ('"v2"', False)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"content_range": f"bytes 9999-{len(BODY) - 1}/{len(BODY)}"},
        {"content_range": f"bytes 10000-{len(BODY) - 2}/{len(BODY)}"},
        {"content_range": f"bytes 10000-{len(BODY)}/{len(BODY) + 1}"},
        {"content_range": f"bytes 10000-{len(BODY) - 1}/*"},
        {"content_range": ""},
        {"content_range": "pages 1-2/3"},
        {"etag": '"v2"'},
        {"etag": 'W/"v1"'},
        {"content_encoding": "gzip"},
        {"content_length": "5"},
    ],
    ids=str,
)
def test_an_answer_that_does_not_continue_is_dropped_and_the_file_fetched_anew(tmp_path, spoiled):
    with upstream(broken(), rest(**spoiled), whole) as server:
        found = get(server, tmp_path)
        assert resumed_request(server, 2) == (None, None)
    assert is_whole(tmp_path, found)
    assert (found.resumed, found.attempts) == (False, 3)


@pytest.mark.parametrize(("first", "more"), [(9_999, b""), (10_001, b""), (10_000, b"grown"), (0, b"")])
def test_a_range_that_is_whole_in_itself_but_another_one_is_dropped(tmp_path, first, more):
    """Lengths and numbers agree with each other, only not with what the draft holds."""
    other = BODY + more

    def act(handler):
        given = f"bytes {first}-{len(other) - 1}/{len(other)}"
        handler.answer(206, other[first:], content_range=given, etag=ETAG)

    with upstream(broken(), act, whole) as server:
        found = get(server, tmp_path)
    assert is_whole(tmp_path, found)
    assert (found.resumed, found.attempts) == (False, 3)


def test_a_file_that_shrank_is_fetched_anew(tmp_path):
    with upstream(
        broken(), lambda h: h.answer(416, content_range="bytes */5"), lambda h: h.answer(200, b"short")
    ) as server:
        assert get(server, tmp_path).size == 5


def test_a_decoded_transfer_is_never_resumed(tmp_path):
    encoded = gzip.compress(hashlib.sha256(b"x").digest() * 10)

    def cut(handler):
        handler.answer(200, encoded[:-4], content_encoding="gzip", etag=ETAG, content_length=str(len(encoded)))

    with upstream(cut, lambda h: h.answer(200, encoded, content_encoding="gzip", etag=ETAG)) as server:
        assert get(server, tmp_path).size == 320
        assert resumed_request(server) == (None, None)


@pytest.mark.parametrize(("second", "resumed"), [("/b?sig=2", True), ("/c?sig=1", False)])
def test_it_is_resumed_only_at_the_same_place(tmp_path, second, resumed):
    """A link that is signed anew may differ in its query, nothing else may."""
    with upstream(to("/b?sig=1"), broken(), to(second), rest(), whole) as server:
        found = get(server, tmp_path)
    assert is_whole(tmp_path, found)
    assert found.resumed is resumed


def test_conditions_are_left_out_of_a_resumed_request(tmp_path):
    with upstream(broken(), rest()) as server:
        get(server, tmp_path, conditions=Conditions('"old"'))
        assert "if-none-match" in server.requests[0][2]
        assert "if-none-match" not in server.requests[1][2]


def test_a_disk_that_is_full_is_our_fault_and_not_tried_again(tmp_path, monkeypatch):
    from datasets.upstream import draft

    def full(self, piece):
        raise draft._not_written(OSError(28, "No space left on device"))

    monkeypatch.setattr(draft.Draft, "write", full)
    with upstream(whole) as server:
        failed = refusal(server, tmp_path)
        assert (failed.code, failed.retryable, len(server.requests)) == ("not_written", False, 1)


# --- nothing leaks ---


def test_nothing_is_logged_of_query_headers_or_cookies(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    acts = [to(f"/x?{SECRET}", set_cookie=SECRET), broken(set_cookie=SECRET), whole]
    with upstream(*acts) as server:
        get(server, tmp_path, url=f"{URL}?{SECRET}", headers={"Authorization": SECRET})
        assert all("cookie" not in fields for _, _, fields in server.requests)
    assert SECRET not in caplog.text


def test_the_messages_of_connection_faults_hold_no_detail(tmp_path):
    def refuse(address, port, timeout):
        raise httpcore.ConnectError(f"{address} {SECRET}")

    with upstream(whole) as server:
        failed = refusal(server, tmp_path, wire=replace(wire_to(server.port), connect=refuse))
    assert PUBLIC not in str(failed)
    assert failed.__suppress_context__
    assert isinstance(failed, UpstreamFailed)
