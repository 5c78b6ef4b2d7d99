"""Sends one small body, such as a signed webhook, through the same guard as a fetch.

Decides nothing about the body. No redirect is followed, nothing is retried (the caller's row owes the work), and the
answer's body is not read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.exchange import Sending, exchange
from datasets.upstream.headers import checked_request_headers
from datasets.upstream.statuses import REDIRECTS, failure_of
from datasets.upstream.terms import Deadline, FetchLimits, Wire
from datasets.upstream.urls import parse_url

MOST_BODY_BYTES = 262_144
POST_LIMITS = FetchLimits(bytes=65_536, seconds=15, connect_seconds=5, read_seconds=10)


@dataclass(frozen=True, slots=True)
class Posted:
    """The receiver took it. ``status``: 200 to 299."""

    host: str
    status: int


def post(  # noqa: PLR0913 - each is a separate fact about the receiver
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    allowed_hosts: Collection[str],
    limits: FetchLimits = POST_LIMITS,
    wire: Wire | None = None,
) -> Posted:
    """POST ``body`` (at most 256 KiB) to ``url``. ``headers``: Content-Type, the signature and the like.

    Raises ``UpstreamRefused`` for a rule of ours or a redirect, ``UpstreamFailed`` when the receiver did not take it.
    """
    if len(body) > MOST_BODY_BYTES:
        message = f"The message has more than {MOST_BODY_BYTES} bytes."
        raise UpstreamRefused("body_too_large", message, "Send a shorter one that links to the rest.")
    wire = wire or Wire()
    deadline = Deadline(wire.clock, wire.clock() + limits.seconds)
    sending = Sending("POST", parse_url(url), checked_request_headers(headers), body)
    with exchange(sending, allowed_hosts=allowed_hosts, limits=limits, deadline=deadline, wire=wire) as answer:
        if answer.status in REDIRECTS:
            message = f"The host {answer.url.host} redirects the message; messages are not sent on."
            raise UpstreamRefused("redirected", message, "Give the receiver's own address.")
        if not 200 <= answer.status <= 299:  # noqa: PLR2004 - RFC 9110: success
            raise failure_of(answer)
        return Posted(answer.url.host, answer.status)
