"""Carries the connections of an S3 client to one endpoint and to nothing else.

Decides that a bucket's server can't lead the console elsewhere: obstore follows redirects by itself and can't be told
not to, so that its connections go through this relay on loopback, which knows a single host and port. Never reads what
passes through TLS, never logs. Only GET and HEAD, one request on each connection.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

HEAD_BYTES = 65_536
PIECE_BYTES = 65_536
SECONDS = 120.0
_LINE = re.compile(rb"(CONNECT|GET|HEAD) ([\x21-\x7e]+) HTTP/1\.1\r\n")


class Relay:
    """As a context: listens on a port of loopback. ``host``, ``port``: the endpoint, the only place it dials."""

    def __init__(self, host: str, port: int) -> None:
        self._endpoint = (host, port)
        shown = f"[{host}]" if ":" in host else host
        self._authorities = {f"{shown}:{port}".encode().lower()} | ({shown.encode().lower()} if port == 80 else set())  # noqa: PLR2004 - http's own

    def __enter__(self) -> Self:
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for one in (self._listener, *tuple(self._open)):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _peer = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="relay", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # a connection that ends, on whichever side, is what the S3 client reports as its own failure
        with client, suppress(OSError):
            self._open.add(client)
            client.settimeout(SECONDS)
            try:
                self._carry(client)
            finally:
                self._open.discard(client)

    def _carry(self, client: socket.socket) -> None:
        head, early = _read_head(client)
        found = _LINE.match(head)
        target = found[2] if found is not None else b""
        tunnel = found is not None and found[1] == b"CONNECT"
        authority, _, rest = target.removeprefix(b"http://").partition(b"/")
        if found is None or not (tunnel or target.startswith(b"http://")) or authority.lower() not in self._authorities:
            client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        with socket.create_connection(self._endpoint, SECONDS) as server:
            self._open.add(server)
            try:
                if tunnel:
                    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                    server.sendall(early)
                    threading.Thread(target=_copy, args=(client, server), name="relay", daemon=True).start()
                else:
                    line = b"%b /%b HTTP/1.1\r\nConnection: close\r\n" % (found[1], rest)
                    server.sendall(line + head[found.end() :])
                _copy(server, client)
            finally:
                self._open.discard(server)


def _read_head(client: socket.socket) -> tuple[bytes, bytes]:
    """The request's head with its empty line, and what came behind it."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(PIECE_BYTES)
        if not piece or len(received) > HEAD_BYTES:
            raise ConnectionError
        received += piece
    head, _, early = received.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", early


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until the source ends; then the target is told so."""
    with suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
