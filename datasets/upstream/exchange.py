"""One request and its answer, over a guarded connection of its own.

Decides how long a peer may take and how much it may send around the body: every read and write on the connection asks
the deadline, the head of the answer has a size limit, and so has the framing of the body. Follows nothing, retries
nothing, keeps no connection. Faults come out in our words; httpcore's may hold request details and are not chained.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore

from datasets.upstream.errors import UpstreamFailed, UpstreamRefused
from datasets.upstream.guard import PinnedBackend, checked_addresses
from datasets.upstream.headers import Headers
from datasets.upstream.terms import Deadline, FetchLimits, Wire
from datasets.upstream.urls import Url

USER_AGENT = "KFM-Console"
FRAMING_BYTES = 1024 * 1024
# At DEBUG httpcore logs whole header fields: cookies, and the query strings of redirects.
logging.getLogger("httpcore").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class Sending:
    """One request. ``headers``: complete but for Host, User-Agent and Connection, which the exchange sets."""

    method: str
    url: Url
    headers: Iterable[tuple[str, str]] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; ``pieces`` streams the body as received, once."""

    url: Url
    status: int
    headers: Headers
    pieces: Iterator[bytes]


class WatchedStream(httpcore.NetworkStream):
    """A connection whose every step must end before the deadline and whose peer may send ``allowance`` bytes."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline, allowance: Allowance) -> None:
        self._inner = inner
        self._deadline = deadline
        self._allowance = allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._allowance.check()
        received = self._inner.read(max_bytes, self._seconds(timeout))
        self._allowance.received += len(received)
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._seconds(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._inner.start_tls(ssl_context, server_hostname, self._seconds(timeout))
        return WatchedStream(secured, self._deadline, self._allowance)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def _seconds(self, timeout: float | None) -> float:
        left = self._deadline.left()
        return left if timeout is None else min(timeout, left)


@dataclass(slots=True)
class Allowance:
    """Bytes that a peer may send: first for the head of its answer, then for the body with its framing."""

    most: int
    in_head: bool = True
    received: int = 0

    def check(self) -> None:
        if self.received < self.most:
            return
        what = "head" if self.in_head else "body's framing"
        message = f"The {what} of the upstream's answer is larger than the limit."
        raise UpstreamRefused("headers_too_large" if self.in_head else "framing_too_large", message, _ASK)


_ASK = "Ask the publisher what is wrong with the server, or upload the file."


@contextmanager
def exchange(
    sending: Sending, *, allowed_hosts: Collection[str], limits: FetchLimits, deadline: Deadline, wire: Wire
) -> Iterator[Answer]:
    """Send and give the answer's head; the connection is closed at the end of the context.

    Raises ``UpstreamRefused`` when a rule or limit forbids it, ``UpstreamFailed`` for faults of the connection.
    """
    url = sending.url
    addresses = checked_addresses(
        url,
        allowed_hosts=allowed_hosts,
        ports=limits.ports,
        resolver=wire.resolver,
        timeout=min(limits.connect_seconds, deadline.left()),
    )
    allowance = Allowance(limits.header_bytes)
    backend = PinnedBackend(
        url, addresses, wire.connect, lambda stream: WatchedStream(stream, deadline, allowance), deadline.left
    )
    with _connection(url, backend, wire) as connection:
        with _in_our_words(url.host):
            response = connection.handle_request(_request(sending, limits))
        headers = _read_headers(response.headers, limits)
        allowance.in_head = False
        allowance.most = 2 * limits.bytes + limits.header_bytes + FRAMING_BYTES
        yield Answer(url, response.status, headers, _pieces(response, url.host))


@contextmanager
def _connection(url: Url, backend: PinnedBackend, wire: Wire) -> Iterator[httpcore.HTTPConnection]:
    tls = _verifying(wire.tls or ssl.create_default_context()) if url.scheme == "https" else None
    origin = httpcore.Origin(url.scheme.encode(), url.host.encode(), url.port)
    connection = httpcore.HTTPConnection(origin, ssl_context=tls, network_backend=backend)
    try:
        yield connection
    finally:
        connection.close()


def _verifying(tls: ssl.SSLContext) -> ssl.SSLContext:
    if tls.verify_mode is ssl.CERT_REQUIRED and tls.check_hostname:
        return tls
    message = "The console was told not to verify certificates, which it does not do."
    raise UpstreamRefused("tls_unverified", message, "Add the upstream's issuer to the trust store instead.")


def _request(sending: Sending, limits: FetchLimits) -> httpcore.Request:
    url = sending.url
    own = [("Host", url.authority), ("User-Agent", USER_AGENT), ("Connection", "close"), *sending.headers]
    if sending.body is not None:
        own.append(("Content-Length", str(len(sending.body))))
    read = limits.read_seconds
    return httpcore.Request(
        sending.method,
        httpcore.URL(scheme=url.scheme, host=url.host, port=url.port, target=url.target),
        headers=own,
        content=sending.body,
        extensions={"timeout": {"connect": limits.connect_seconds, "read": read, "write": read}},
    )


def _read_headers(raw: Iterable[tuple[bytes, bytes]], limits: FetchLimits) -> Headers:
    fields = list(raw)
    if sum(len(name) + len(value) + 4 for name, value in fields) > limits.header_bytes:
        message = "The head of the upstream's answer is larger than the limit."
        raise UpstreamRefused("headers_too_large", message, _ASK)
    return Headers([(name.decode("ascii").lower(), value.decode("utf-8", "surrogateescape")) for name, value in fields])


def _pieces(response: httpcore.Response, host: str) -> Iterator[bytes]:
    with _in_our_words(host):
        yield from response.iter_stream()


_FAULTS: Mapping[type[Exception], tuple[str, str]] = {
    httpcore.ConnectTimeout: ("timed_out", "did not take the connection in time"),
    httpcore.TimeoutException: ("timed_out", "was silent for longer than the time limit"),
    httpcore.ConnectError: ("not_reached", "did not take the connection"),
    httpcore.RemoteProtocolError: ("broken_off", "broke off its answer, or does not speak HTTP"),
    httpcore.NetworkError: ("broken_off", "broke off the connection"),
}


@contextmanager
def _in_our_words(host: str) -> Iterator[None]:
    try:
        yield
    except httpcore.LocalProtocolError:
        message = "The request to the upstream can't be written as HTTP."
        raise UpstreamRefused("request_header", message, "Correct the source's URL and headers.") from None
    except tuple(_FAULTS) as error:
        if isinstance(error.__cause__, ssl.SSLError) and isinstance(error, httpcore.ConnectError):
            raise _tls_fault(host, error.__cause__) from None
        code, what = next(_FAULTS[kind] for kind in _FAULTS if isinstance(error, kind))
        raise UpstreamFailed(code, f"The host {host} {what}.", "Try again later.", retryable=True) from None


def _tls_fault(host: str, error: ssl.SSLError) -> UpstreamFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        message = f"The certificate of {host} was not accepted."
        fix = "Ask the publisher to renew it, or an administrator whether its issuer is to be trusted."
        return UpstreamFailed("certificate", message, fix, retryable=False)
    message = f"No secure connection to {host} could be agreed on."
    return UpstreamFailed("tls", message, "Ask the publisher which TLS versions the server takes.", retryable=False)
