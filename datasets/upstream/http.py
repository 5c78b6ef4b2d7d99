"""Fetches one URL into one file: redirects by hand, conditions, retries, resuming, limits.

Decides which answers are bytes, which are "unchanged", which are tried again and which end the fetch. Every hop is
checked afresh by the guard; nothing goes from https to http, and the source's own headers stay with the first origin. A
file whose end can't be known (no length, chunks or coding) is refused: a broken transfer would pass for a whole one.
The digest is computed from the file. Never holds the body in memory, never logs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from datasets.upstream.decoding import decoder_for
from datasets.upstream.draft import Draft
from datasets.upstream.errors import UpstreamError, UpstreamFailed, UpstreamRefused
from datasets.upstream.exchange import Answer, Sending, exchange
from datasets.upstream.headers import as_date_text, as_etag, checked_request_headers
from datasets.upstream.redirects import redirected
from datasets.upstream.resuming import Partial, resumes, unfinished
from datasets.upstream.statuses import REDIRECTS, failure_of
from datasets.upstream.terms import (
    Attempt,
    Conditions,
    Deadline,
    Fetched,
    FetchLimits,
    Progress,
    Unchanged,
    Wire,
)
from datasets.upstream.urls import Url, parse_url

OK, PARTIAL, NOT_MODIFIED, RANGE_NOT_SATISFIABLE = 200, 206, 304, 416


def fetch(  # noqa: PLR0913 - each is a separate fact about the source
    url: str,
    *,
    target: Path,
    allowed_hosts: Collection[str],
    limits: FetchLimits | None = None,
    conditions: Conditions | None = None,
    headers: Mapping[str, str] | None = None,
    wire: Wire | None = None,
    progress: Progress | None = None,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Fetched | Unchanged:
    """Fetch ``url`` into ``target``, which must not exist; it exists afterwards only when ``Fetched`` is returned.

    ``headers``: the source's own, such as Authorization; ``progress`` is given the bytes in the file and the total, if
    stated, and may raise to stop. Raises ``UpstreamRefused`` (a rule or limit of ours) or ``UpstreamFailed``.
    """
    limits, wire = limits or FetchLimits(), wire or Wire()
    with Draft(target, limits.bytes) as draft:
        return _Fetch(
            first=parse_url(url),
            draft=draft,
            allowed_hosts=allowed_hosts,
            limits=limits,
            conditions=conditions or Conditions(),
            headers=checked_request_headers(headers or {}),
            wire=wire,
            deadline=Deadline(wire.clock, wire.clock() + limits.seconds),
            progress=progress or (lambda _size, _total: None),
            on_attempt=on_attempt or (lambda _attempt: None),
        ).run()


@dataclass(slots=True)
class _Fetch:
    """The state of one fetch; ``partial`` is set while the draft holds the beginning of a resumable file."""

    first: Url
    draft: Draft
    allowed_hosts: Collection[str]
    limits: FetchLimits
    conditions: Conditions
    headers: list[tuple[str, str]]
    wire: Wire
    deadline: Deadline
    progress: Progress
    on_attempt: Callable[[Attempt], None]
    partial: Partial | None = None
    resumed: bool = False
    redirects: int = field(default=0)

    def run(self) -> Fetched | Unchanged:
        number = 1
        while True:
            try:
                result = self._attempt(number)
            except UpstreamError as error:
                wait = self._wait_after(number, error)
                status = error.status if isinstance(error, UpstreamFailed) else None
                self.on_attempt(Attempt(number, error.code, status, self.draft.size, wait))
                if wait is None:
                    raise
                self.wire.sleep(wait)
                number += 1
            else:
                outcome, status = ("fetched", result.status) if isinstance(result, Fetched) else ("unchanged", 304)
                self.on_attempt(Attempt(number, outcome, status, self.draft.size, None))
                return result

    def _wait_after(self, number: int, error: UpstreamError) -> float | None:
        """Seconds until the next try, ``None`` when there is none: exponential with jitter, or what was asked of us."""
        if not isinstance(error, UpstreamFailed) or not error.retryable or number >= self.limits.attempts:
            return None
        wait = min(self.limits.backoff_most_seconds, self.limits.backoff_seconds * 2.0 ** (number - 1))
        wait *= 0.5 + self.wire.jitter() / 2
        if error.retry_after is not None:
            wait = max(wait, min(error.retry_after, self.limits.retry_after_most_seconds))
        return wait if wait < self.deadline.remaining() else None

    def _attempt(self, number: int) -> Fetched | Unchanged:
        asked = self.partial
        with self._arrive(asked) as answer:
            if answer.status == NOT_MODIFIED and asked is None and self._conditional():
                etag = answer.headers.etag or self.conditions.etag
                modified = answer.headers.last_modified or self.conditions.last_modified
                return Unchanged(answer.url.host, etag, modified, number, self.redirects)
            self._begin(answer, asked)
            try:
                total = self._receive(answer)
            except UpstreamFailed:
                self.partial = unfinished(answer, asked if self.resumed else None, self.draft.size)
                raise
        return self._fetched(answer, number, total)

    def _begin(self, answer: Answer, asked: Partial | None) -> None:
        """Decide whether the body begins the file anew, continues it, or is no body of the file at all."""
        self.partial, self.resumed = None, False
        if asked is not None and answer.status == PARTIAL and resumes(answer, asked):
            self.resumed = True
        elif answer.status == OK:
            self.draft.restart()
        elif asked is not None and answer.status in (PARTIAL, RANGE_NOT_SATISFIABLE):
            self.draft.restart()
            message = "The upstream's file changed while it was fetched."
            raise UpstreamFailed("changed", message, "It is fetched anew.", retryable=True, status=answer.status)
        else:
            self.partial = asked
            raise failure_of(answer)

    def _receive(self, answer: Answer) -> int | None:
        """Stream the body into the draft; its total size when stated."""
        headers = answer.headers
        decoder = decoder_for(headers.coding, self.limits.compression_ratio)
        if headers.length is None and not headers.chunked and headers.coding == "identity":
            message = "The upstream does not say how long its file is; a broken transfer would pass for a whole one."
            raise UpstreamRefused(
                "length_unstated", message, "Ask the publisher to send Content-Length, or upload the file."
            )
        self.draft.expect(headers.length or 0)
        total = _total(answer) if self.resumed or headers.coding == "identity" else None
        started, received = self.wire.clock(), 0
        for piece in answer.pieces:
            received += len(piece)
            for decoded in decoder.feed(piece):
                self.deadline.left()
                self.draft.write(decoded)
            self._require_pace(received, self.wire.clock() - started)
            self.progress(self.draft.size, total)
        decoder.finish()
        return total

    def _require_pace(self, received: int, seconds: float) -> None:
        self.deadline.left()
        if seconds > self.limits.grace_seconds and received < self.limits.bytes_per_second * seconds:
            message = f"The upstream sent fewer than {self.limits.bytes_per_second:g} bytes a second."
            raise UpstreamFailed("too_slow", message, "Try again later.", retryable=True)

    def _fetched(self, answer: Answer, number: int, total: int | None) -> Fetched:
        if total is not None and total != self.draft.size:
            message = "The upstream's file has another size than it said."
            raise UpstreamFailed("broken_off", message, "Try again later.", retryable=True)
        headers = answer.headers
        return Fetched(
            host=answer.url.host,
            status=answer.status,
            etag=headers.etag,
            last_modified=headers.last_modified,
            media_type=headers.media_type,
            size=self.draft.size,
            sha256=self.draft.keep(),
            attempts=number,
            redirects=self.redirects,
            resumed=self.resumed,
        )

    @contextmanager
    def _arrive(self, asked: Partial | None) -> Iterator[Answer]:
        """Follow redirects, each checked afresh, to the answer that is none."""
        url, own, self.redirects = self.first, self.headers, 0
        while True:
            sending = Sending("GET", url, [*own, *self._fields(asked)])
            with exchange(
                sending,
                allowed_hosts=self.allowed_hosts,
                limits=self.limits,
                deadline=self.deadline,
                wire=self.wire,
            ) as answer:
                if answer.status not in REDIRECTS:
                    yield answer
                    return
                self.redirects += 1
                following = redirected(answer, self.redirects, self.limits, "upstream")
            own = own if following.origin == url.origin else []
            url = following

    def _conditional(self) -> bool:
        return bool(as_etag(self.conditions.etag) or as_date_text(self.conditions.last_modified))

    def _fields(self, asked: Partial | None) -> list[tuple[str, str]]:
        fields = [("Accept", "*/*"), ("Accept-Encoding", "identity")]
        if asked is not None:
            return [*fields, ("Range", f"bytes={asked.size}-"), ("If-Range", asked.validator)]
        if etag := as_etag(self.conditions.etag):
            fields.append(("If-None-Match", etag))
        if modified := as_date_text(self.conditions.last_modified):
            fields.append(("If-Modified-Since", modified))
        return fields


def _total(answer: Answer) -> int | None:
    """Bytes of the whole file, as the range or the length states them."""
    given = answer.headers.content_range if answer.status == PARTIAL else None
    return answer.headers.length if given is None else given[2]
