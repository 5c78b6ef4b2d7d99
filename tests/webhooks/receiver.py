"""A receiver of webhooks: an https server on loopback, reached through the guard by a public name and address."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from datasets.upstream.post import POST_LIMITS, post
from tests.upstream.certificates import Authority
from tests.upstream.world import HOST, Act, Handler, Net, Upstream, upstream, wire_to

URL = f"https://{HOST}/kfm?token=s3cret"
QUICK = replace(POST_LIMITS, connect_seconds=2, read_seconds=0.2)


@dataclass
class Receiver:
    """``messages``: body and headers of each request that came, in order, whatever it was answered."""

    server: Upstream
    tls: Any
    messages: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)
    net: Net = field(default_factory=Net)

    def posting(self, limits: Any = POST_LIMITS) -> Any:
        """The product's ``post``, its guard and all; only the wire behind it is the test's."""
        return functools.partial(post, wire=wire_to(self.server.port, tls=self.tls, net=self.net), limits=limits)


def answering(status: int) -> Act:
    return lambda handler: handler.answer(status)


@contextmanager
def receiver(authority: Authority, *acts: Act) -> Iterator[Receiver]:
    """Plays *acts* (the last for ever; none: 204), and keeps what came."""
    mine: list[Receiver] = []

    def keeping(act: Act) -> Act:
        def play(handler: Handler) -> None:
            mine[0].messages.append((handler.body, {k.lower(): v for k, v in handler.headers.items()}))
            act(handler)

        return play

    with upstream(*map(keeping, acts or (answering(204),))) as server:
        context = authority.server(HOST)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        mine.append(Receiver(server, authority.client()))
        yield mine[0]


def ca_file(authority: Authority, folder: Path) -> Path:
    """The authority's certificate as a file, for a process of its own and for the mail library."""
    from cryptography.hazmat.primitives.serialization import Encoding

    path = folder / "ca.pem"
    path.write_bytes(authority._certificate.public_bytes(Encoding.PEM))
    return path
