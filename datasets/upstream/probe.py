"""Asks whether an outside address answers, through the same guard as a fetch; reads no body.

Decides nothing: the status of the last hop comes back, whatever it is. HEAD first; an answer other than success is
asked for again by GET, since many servers answer HEAD wrongly. Every redirect is checked afresh, none leads from https
to http, and nothing of ours (credentials, cookies) is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from datasets.upstream.errors import UpstreamFailed
from datasets.upstream.exchange import Sending, exchange
from datasets.upstream.redirects import redirected
from datasets.upstream.statuses import REDIRECTS
from datasets.upstream.terms import Deadline, FetchLimits, Wire
from datasets.upstream.urls import Url, parse_url

PROBE_LIMITS = FetchLimits(bytes=16_384, seconds=20, connect_seconds=5, read_seconds=10, redirects=5)
ANY_HOST = "*"
FIELDS = (("Accept", "*/*"), ("Accept-Encoding", "identity"))


@dataclass(frozen=True, slots=True)
class Probed:
    """``status`` and ``host`` of the last hop; ``retry_after``: seconds we were asked to wait, when we were."""

    status: int
    host: str
    redirects: int
    retry_after: float | None

    @property
    def answers(self) -> bool:
        return 200 <= self.status <= 299  # noqa: PLR2004 - RFC 9110: success


def probe(
    url: str, *, allowed_hosts: Collection[str], limits: FetchLimits = PROBE_LIMITS, wire: Wire | None = None
) -> Probed:
    """Ask ``url``. ``allowed_hosts``: as a source's; with ``*`` every public host may be asked.

    Raises ``UpstreamRefused`` for a rule of ours and ``UpstreamFailed`` where there is no answer at all.
    """
    wire, first = wire or Wire(), parse_url(url)
    asked = _Asking(frozenset(allowed_hosts), limits, wire, Deadline(wire.clock, wire.clock() + limits.seconds))
    try:
        found = asked.follow("HEAD", first)
    except UpstreamFailed as failure:
        if failure.code != "broken_off":
            raise
        found = None  # some servers drop the connection on HEAD
    return found if found is not None and found.answers else asked.follow("GET", first)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One question under one deadline, both methods together."""

    hosts: frozenset[str]
    limits: FetchLimits
    wire: Wire
    deadline: Deadline

    def follow(self, method: str, url: Url) -> Probed:
        redirects = 0
        while True:
            allowed = {*(self.hosts - {ANY_HOST}), *([url.entry] if ANY_HOST in self.hosts else [])}
            with exchange(
                Sending(method, url, FIELDS),
                allowed_hosts=allowed,
                limits=self.limits,
                deadline=self.deadline,
                wire=self.wire,
            ) as answer:
                if answer.status not in REDIRECTS:
                    return Probed(answer.status, url.host, redirects, answer.headers.retry_after)
                redirects += 1
                url = redirected(answer, redirects, self.limits, "address")
