"""A small internet: a resolver with written answers, public addresses that are loopback servers, and a canary.

The product code sees public addresses only; ``Net.connect`` is the one place that knows which loopback port stands
behind them. The canary listens on loopback as a private service would, and remembers everyone who came.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import httpcore

from datasets.upstream.addresses import Address
from datasets.upstream.errors import UpstreamFailed
from datasets.upstream.terms import FetchLimits, Wire

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "2606:2800:220:1:248:1893:25c8:1946"
HOST = "data.example.org"
LIMITS = FetchLimits(bytes=1_000_000, seconds=60, connect_seconds=5, read_seconds=5, grace_seconds=30)


class Clock:
    """Seconds that pass only when someone sleeps, or by ``step`` at each look."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 1_000.0
        self.step = step
        self.slept: list[float] = []

    def __call__(self) -> float:
        self.now += self.step
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Resolver:
    """``answers``: host to a list of answers, one per look-up, the last one repeated; an answer is a list of texts."""

    def __init__(self, answers: dict[str, list[list[str]]] | None = None) -> None:
        self.answers = answers or {}
        self.asked: list[str] = []

    def resolve(self, host: str, port: int, timeout: float) -> list[Address]:
        self.asked.append(host)
        if host not in self.answers:
            raise UpstreamFailed("name_unknown", "No such name.", "", retryable=True)
        mine = self.answers[host]
        answer = mine.pop(0) if len(mine) > 1 else mine[0]
        return [ip_address(text) for text in answer]


@dataclass
class Net:
    """``behind``: (public address, port) to a loopback port; ``dialled``: every address asked for, in order."""

    behind: dict[tuple[str, int], int] = field(default_factory=dict)
    dialled: list[tuple[str, int]] = field(default_factory=list)

    def connect(self, address: Address, port: int, timeout: float) -> httpcore.NetworkStream:
        self.dialled.append((str(address), port))
        if (str(address), port) not in self.behind:
            raise httpcore.ConnectError("nobody listens")
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.behind[str(address), port], timeout)


def wire_to(port: int, *, clock: Clock | None = None, resolver: Resolver | None = None, **more) -> Wire:
    """A wire on which ``HOST`` at port 80 and 443 is the loopback server at ``port``."""
    clock = clock or Clock()
    net = more.pop("net", None) or Net()
    net.behind.update({(PUBLIC, 80): port, (PUBLIC, 443): port})
    resolver = resolver or Resolver({HOST: [[PUBLIC]]})
    return Wire(resolver, net.connect, clock=clock, sleep=clock.sleep, jitter=lambda: 1.0, **more)


Act = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Plays the next act of its server, the last one for ever; remembers each request's path and headers."""

    protocol_version = "HTTP/1.1"
    server: Upstream

    def do_GET(self) -> None:
        self.server.requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        acts = self.server.acts
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        self.close_connection = True
        try:
            act(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()

    do_POST = do_GET  # noqa: N815 - http.server's name

    def raw(self, *parts: bytes) -> None:
        for part in parts:
            self.wfile.write(part)
            self.wfile.flush()

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response_only(status)
        for name, value in {"content_length": str(len(body)), **headers}.items():
            if value:
                self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args) -> None:
        return


class Upstream(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, acts: list[Act]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.acts = list(acts)
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.hung_up = threading.Event()

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, *_args) -> None:
        return


@contextmanager
def upstream(*acts: Act) -> Iterator[Upstream]:
    server = Upstream(list(acts))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Canary:
    """Listens on the same port of 127.0.0.1 and ::1 (where there is one); ``visits`` holds who connected."""

    def __init__(self) -> None:
        self.visits: list[str] = []
        self._sockets = [self._listen(socket.AF_INET, "127.0.0.1", 0)]
        self.port: int = self._sockets[0].getsockname()[1]
        self.has_six = False
        try:
            self._sockets.append(self._listen(socket.AF_INET6, "::1", self.port))
            self.has_six = True
        except OSError:
            pass
        self._threads = [threading.Thread(target=self._accept, args=(one,), daemon=True) for one in self._sockets]
        for thread in self._threads:
            thread.start()

    def _listen(self, family: int, host: str, port: int) -> socket.socket:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
        listener.listen(128)
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                stream, peer = listener.accept()
            except OSError:
                return
            if peer[1] in self._own_ports:
                self._seen.set()
            else:
                self.visits.append(peer[0])
            stream.close()

    _own_ports: frozenset[int] = frozenset()
    _seen: threading.Event

    def settled(self) -> list[str]:
        """The visits so far: accepts are in order, so when our own visit was seen, all before it were."""
        for listener in self._sockets:
            self._seen = threading.Event()
            with socket.socket(listener.family, socket.SOCK_STREAM) as mine:
                mine.bind((listener.getsockname()[0], 0))
                self._own_ports = frozenset({mine.getsockname()[1]})
                mine.connect(listener.getsockname()[:2])
                assert self._seen.wait(5)
        return self.visits

    def close(self) -> None:
        for listener in self._sockets:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for thread in self._threads:
            thread.join(5)

    def connect(self, address: Address, port: int, timeout: float) -> httpcore.NetworkStream:
        """A network in which EVERY address leads to the canary: whatever is dialled is seen."""
        return httpcore.SyncBackend().connect_tcp("127.0.0.1", self.port, timeout)


class CarelessResolver:
    """Reads every number form the way ``inet_aton`` does, and answers every other name with loopback."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def resolve(self, host: str, port: int, timeout: float) -> list[Address]:
        self.asked.append(host)
        try:
            return [ip_address(socket.inet_aton(host))]
        except OSError:
            return [ip_address("127.0.0.1")]
