"""https with its certificate verified for the URL's own name, and small signed messages through the same guard."""

from __future__ import annotations

import ssl
from dataclasses import replace

import pytest

from datasets.upstream.errors import UpstreamError
from datasets.upstream.http import fetch
from datasets.upstream.post import POST_LIMITS, Posted, post
from datasets.upstream.terms import Wire
from tests.upstream.certificates import Authority
from tests.upstream.world import HOST, LIMITS, PUBLIC, Clock, Net, Resolver, upstream, wire_to

URL = f"https://{HOST}/data.csv"
HOOK = f"http://{HOST}/hook?key=s3cr3t"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))


def secured(server, context, names=None):
    """``server`` behind TLS; ``names`` collects the names that clients asked for."""
    if names is not None:
        context.sni_callback = lambda _socket, name, _context: names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


def get(tmp_path, wire, **more):
    limits = replace(LIMITS, attempts=2)
    return fetch(more.pop("url", URL), target=tmp_path / "target", allowed_hosts=[HOST], limits=limits, wire=wire)


def test_the_name_in_the_certificate_is_the_urls(tmp_path, authority):
    names = []
    with upstream(lambda h: h.answer(200, b"abc")) as server:
        secured(server, authority.server(HOST), names)
        found = get(tmp_path, wire_to(server.port, tls=authority.client()))
        assert server.requests[0][2]["host"] == HOST
    assert (found.size, names) == (3, [HOST])


@pytest.mark.parametrize(
    ("certified", "days", "trusted"),
    [("other.example.org", 1, True), (HOST, -2, True), (HOST, 1, False), (PUBLIC, 1, True)],
    ids=["other name", "expired", "unknown issuer", "address"],
)
def test_a_certificate_that_does_not_hold_is_refused_and_not_tried_again(tmp_path, authority, certified, days, trusted):
    with upstream(lambda h: h.answer(200, b"abc")) as server:
        secured(server, authority.server(certified, days))
        net = Net()
        tls = authority.client() if trusted else None
        with pytest.raises(UpstreamError) as failed:
            get(tmp_path, wire_to(server.port, tls=tls, net=net))
        assert server.requests == []
    assert (failed.value.code, failed.value.retryable, len(net.dialled)) == ("certificate", False, 1)


def test_verification_cannot_be_turned_off(tmp_path, authority):
    for spoil in ("name", "all"):
        tls = authority.client()
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE if spoil == "all" else ssl.CERT_REQUIRED
        with upstream(lambda h: h.answer(200, b"abc")) as server, pytest.raises(UpstreamError) as refused:
            get(tmp_path, wire_to(server.port, tls=tls))
        assert refused.value.code == "tls_unverified"


def test_a_server_without_tls_is_a_failure(tmp_path, authority):
    with upstream(lambda h: h.answer(200, b"abc")) as server, pytest.raises(UpstreamError) as failed:
        get(tmp_path, wire_to(server.port, tls=authority.client()))
    assert (failed.value.code, failed.value.retryable) == ("tls", False)


def test_a_redirect_from_https_to_http_is_refused(tmp_path, authority):
    with upstream(lambda h: h.answer(302, location=f"http://{HOST}/x")) as server:
        secured(server, authority.server(HOST))
        with pytest.raises(UpstreamError) as refused:
            get(tmp_path, wire_to(server.port, tls=authority.client()))
        assert len(server.requests) == 1
    assert refused.value.code == "redirect_downgrade"


def send(server, body=b'{"a":1}', url=HOOK, **more):
    headers = {"Content-Type": "application/json", "X-Signature": "sha256=abc"}
    return post(url, body=body, headers=headers, allowed_hosts=[HOST], wire=wire_to(server.port), **more)


def test_a_message_is_sent_with_its_signature():
    seen = []

    def act(handler):
        seen.append(handler.body)
        handler.answer(202, b"thanks")

    with upstream(act) as server:
        assert send(server) == Posted(HOST, 202)
        method, path, fields = server.requests[0]
    assert (method, path, seen) == ("POST", "/hook?key=s3cr3t", [b'{"a":1}'])
    assert (fields["x-signature"], fields["content-length"], fields["content-type"]) == (
        "sha256=abc",
        "7",
        "application/json",
    )


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (500, "server_error", True),
        (429, "too_many_requests", True),
        (404, "not_found", False),
        (302, "redirected", None),
    ],
)
def test_a_message_that_is_not_taken_is_sent_once(status, code, retryable):
    with upstream(lambda h: h.answer(status, location=f"http://{HOST}/x", retry_after="9")) as server:
        with pytest.raises(UpstreamError) as failed:
            send(server)
        assert len(server.requests) == 1
    assert (failed.value.code, getattr(failed.value, "retryable", None)) == (code, retryable)
    assert "s3cr3t" not in str(failed.value)


def test_a_large_message_is_refused_unsent():
    with upstream(lambda h: h.answer(200)) as server:
        with pytest.raises(UpstreamError) as refused:
            send(server, body=b"x" * 300_000)
        assert server.requests == []
    assert refused.value.code == "body_too_large"


def test_a_receiver_that_is_silent_is_given_up():
    with upstream(lambda h: h.server.hung_up.wait(5)) as server:
        with pytest.raises(UpstreamError) as failed:
            send(server, limits=replace(POST_LIMITS, read_seconds=0.05))
        server.hung_up.set()
    assert failed.value.code == "timed_out"


def test_a_message_goes_to_no_private_address():
    wire = Wire(Resolver({HOST: [["10.0.0.1"]]}), Net().connect, clock=Clock())
    with pytest.raises(UpstreamError) as refused:
        post(HOOK, body=b"", headers={}, allowed_hosts=[HOST], wire=wire)
    assert refused.value.code == "address_not_public"
