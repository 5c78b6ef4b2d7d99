"""The words of fetching: what is asked, within which limits, by which means, and what comes back.

Decides no rule; the defaults are the product's. ``Wire`` is how the outside is reached: each part can be replaced in a
test, but the check that an address is public lies before it and can't be switched off.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.guard import Connect, Resolver, SystemResolver, dial

Clock = Callable[[], float]
Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Upper bounds. Bytes are of the decoded file unless said; seconds are of a monotonic clock.

    ``seconds``: all attempts and waits together; ``read_seconds``: between two pieces; ``compression_ratio``: decoded
    to received; ``bytes_per_second``: the least average after ``grace_seconds``; ``redirects``: per attempt.
    """

    bytes: int = 5 * 1024**3
    seconds: float = 3_600
    connect_seconds: float = 10
    read_seconds: float = 60
    header_bytes: int = 65_536
    redirects: int = 5
    attempts: int = 4
    backoff_seconds: float = 1
    backoff_most_seconds: float = 60
    retry_after_most_seconds: float = 300
    compression_ratio: int = 100
    bytes_per_second: float = 512
    grace_seconds: float = 30
    ports: frozenset[int] = frozenset({80, 443})


@dataclass(frozen=True, slots=True)
class Conditions:
    """The validators of the bytes we have; with one of them the upstream may answer 304 (RFC 9110 section 13)."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes are in the target. ``host``: of the last hop; ``media_type``: as stated, or ""; ``sha256``: hex of
    the file, computed from the file; ``attempts``: from 1; ``resumed``: the file was joined from several answers.
    """

    host: str
    status: int
    etag: str | None
    last_modified: str | None
    media_type: str
    size: int
    sha256: str
    attempts: int
    redirects: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The upstream says that the bytes are those we have; nothing was written."""

    host: str
    etag: str | None
    last_modified: str | None
    attempts: int = 1
    redirects: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. ``outcome``: ``fetched``, ``unchanged`` or an error's code; ``received``: bytes of the file so far;
    ``waits``: seconds until the next try, ``None`` when there is none.
    """

    number: int
    outcome: str
    status: int | None
    received: int
    waits: float | None


@dataclass(frozen=True, slots=True)
class Wire:
    """``connect`` dials one checked address; ``tls``: ``None`` for the system's trust store, always verified;
    ``clock``: monotonic seconds; ``jitter``: from 0 to 1.
    """

    resolver: Resolver = field(default_factory=SystemResolver)
    connect: Connect = dial
    tls: ssl.SSLContext | None = None
    clock: Clock = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Deadline:
    """The moment on ``clock`` after which nothing more is read or tried."""

    clock: Clock
    at: float

    def remaining(self) -> float:
        """Seconds left, 0 or less when it has passed."""
        return self.at - self.clock()

    def left(self) -> float:
        """Seconds left. Raises ``UpstreamRefused`` when there are none."""
        if (seconds := self.remaining()) > 0:
            return seconds
        message = "The fetch took longer than the time limit."
        raise UpstreamRefused("time_limit", message, "Raise the source's limit if the file is known to be that slow.")
