"""A mail server on loopback that speaks the few verbs of RFC 5321 (and STARTTLS, RFC 3207) that are needed."""

from __future__ import annotations

import email
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

Answer = bytes | Callable[[], bytes | None]


@dataclass
class Played:
    """What the server answers to a verb, its usual answer if nothing is said. A list is played in order, its last for
    ever; ``None`` is silence until the client gives up. ``messages``: all that came whole; ``verbs``: every command.
    """

    answers: dict[str, list[Answer | None]] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    messages: list[Message] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, verb: str, usual: bytes) -> bytes | None:
        mine = self.answers.get(verb)
        if not mine:
            return usual
        found = mine.pop(0) if len(mine) > 1 else mine[0]
        return found() if callable(found) else found


class _Session(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self) -> None:
        try:
            self._talk(self.server.played)  # type: ignore[attr-defined]
        except OSError:
            return  # the client left

    def _say(self, answer: bytes | None) -> None:
        if answer is None:
            self.rfile.readline()  # until the client leaves
            raise ConnectionAbortedError
        self.wfile.write(answer + b"\r\n")

    def _talk(self, played: Played) -> None:
        self._say(played.answer("CONNECT", b"220 test"))
        while line := self.rfile.readline():
            verb = line.split(None, 1)[0].upper().decode()
            played.verbs.append(verb)
            usual = {"DATA": b"354 go on", "QUIT": b"221 bye", "EHLO": self._greeting(played)}.get(verb, b"250 ok")
            usual = b"220 go on" if verb == "STARTTLS" else usual
            said = played.answer(verb, usual)
            self._say(said)
            if verb == "STARTTLS" and played.tls is not None:
                self._secure(played.tls)
            if verb == "DATA" and said == usual:
                played.messages.append(email.message_from_bytes(self._message()))
                self._say(played.answer("END", b"250 taken"))
            if verb == "QUIT":
                return

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _greeting(self, played: Played) -> bytes:
        secured = isinstance(self.connection, ssl.SSLSocket)
        return b"250-test\r\n250 STARTTLS" if played.tls is not None and not secured else b"250 test"

    def _secure(self, tls: ssl.SSLContext) -> None:
        self.connection: Any = tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)

    def _message(self) -> bytes:
        lines: list[bytes] = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_args: Any) -> None:
        return


@contextmanager
def mail_server(tls: ssl.SSLContext | None = None, **answers: list[Answer | None]) -> Iterator[Played]:
    """*answers* by verb in capitals; ``CONNECT`` is the greeting, ``END`` the answer to a message's end."""
    played = Played(answers, tls)
    with _Server(("127.0.0.1", 0), _Session) as server:
        server.played = played  # type: ignore[attr-defined]
        played.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield played
        finally:
            server.shutdown()
            thread.join()
