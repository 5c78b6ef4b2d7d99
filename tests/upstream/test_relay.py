"""The relay for buckets: one endpoint, whatever the client was talked into asking for."""

from __future__ import annotations

import socket
import threading

import pytest

from datasets.upstream.files import list_files
from datasets.upstream.relay import Relay
from tests.upstream.certificates import Authority
from tests.upstream.world import Canary, upstream


@pytest.fixture
def canary():
    one = Canary()
    yield one
    one.close()


def ask(relay, *parts: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), 5) as client:
        for part in parts:
            client.sendall(part)
        received = b""
        try:
            while piece := client.recv(65_536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def test_the_endpoint_is_reached_and_one_request_ends_the_connection():
    with upstream(lambda h: h.answer(200, b"abc")) as server, Relay("127.0.0.1", server.port) as relay:
        line = b"GET http://127.0.0.1:%d/a?b HTTP/1.1\r\nHost: x\r\n\r\n" % server.port
        assert ask(relay, line + line).endswith(b"\r\n\r\nabc")
        assert [(method, path) for method, path, _ in server.requests] == [("GET", "/a?b")]
        assert server.requests[0][2]["connection"] == "close"


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET http://127.0.0.1:%(canary)d/ HTTP/1.1",
        b"GET http://127.0.0.1:%(server)d@127.0.0.1:%(canary)d/ HTTP/1.1",
        b"GET http://127.0.0.1:%(server)d.example.org/ HTTP/1.1",
        b"GET http://127.0.0.1/ HTTP/1.1",
        b"GET https://127.0.0.1:%(server)d/ HTTP/1.1",
        b"GET / HTTP/1.1",
        b"CONNECT 127.0.0.1:%(canary)d HTTP/1.1",
        b"CONNECT [::1]:%(canary)d HTTP/1.1",
        b"CONNECT http://127.0.0.1:%(canary)d HTTP/1.1",
        b"PUT http://127.0.0.1:%(server)d/ HTTP/1.1",
        b"DELETE http://127.0.0.1:%(server)d/ HTTP/1.1",
        b"GET http://127.0.0.1:%(server)d/ HTTP/1.0",
        b"\x16\x03\x01",
    ],
)
def test_any_other_place_or_method_is_refused_undialled(canary, request_line):
    with upstream(lambda h: h.answer(200, b"abc")) as server, Relay("127.0.0.1", server.port) as relay:
        line = request_line % {b"server": server.port, b"canary": canary.port}
        assert ask(relay, line + b"\r\nHost: 127.0.0.1:%d\r\n\r\n" % canary.port).startswith(b"HTTP/1.1 403 ")
        assert server.requests == []
    assert canary.settled() == []


def test_a_head_without_end_is_dropped():
    with Relay("127.0.0.1", 9) as relay:
        client = socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), 5)
        with client, pytest.raises((ConnectionResetError, BrokenPipeError)):
            client.sendall(b"x" * 64 * 1024 * 1024)


def test_tls_passes_through_unread(tmp_path):
    authority = Authority(tmp_path)
    with upstream(lambda h: h.answer(200, b"secret")) as server, Relay("127.0.0.1", server.port) as relay:
        server.socket = authority.server("s3.example.org").wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        client = socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), 5)
        client.sendall(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % server.port)
        assert client.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
        with authority.client().wrap_socket(client, server_hostname="s3.example.org") as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nHost: s3.example.org\r\n\r\n")
            received = b""
            while piece := secured.recv(100):
                received += piece
    assert received.endswith(b"secret")


def test_a_bucket_over_https_goes_through_the_relay_and_is_verified(canary, tmp_path):
    """An issuer that nobody trusts: the endpoint sees a handshake, and no request."""
    names = []
    context = Authority(tmp_path).server("localhost")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    with upstream(lambda h: h.answer(200, b"abc")) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        options = {"endpoint": f"https://localhost:{server.port}", "access_key_id": "k", "secret_access_key": "s"}
        with pytest.raises(Exception, match="could not be read"):
            list_files("s3://kfm-upstream/x", "*", roots=[], options=options)
        assert server.requests == []
    assert set(names) == {"localhost"}


def test_closing_ends_what_is_open():
    held, asked = threading.Event(), threading.Event()

    def hold(_handler):
        asked.set()
        held.wait(5)

    with upstream(hold) as server:
        with Relay("127.0.0.1", server.port) as relay:
            client = socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), 5)
            client.sendall(b"GET http://127.0.0.1:%d/ HTTP/1.1\r\n\r\n" % server.port)
            assert asked.wait(5)
        assert client.recv(10) == b""
        held.set()
        client.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(relay.url.rpartition(":")[2])), 5)
