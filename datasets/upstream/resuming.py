"""When a broken transfer may be continued, and when an answer does continue it (RFC 9110 section 14).

Decides so that bytes of two states of a file are never joined: a strong validator, the same place, the same total.
What can't be shown to continue is fetched anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from datasets.upstream.exchange import Answer
from datasets.upstream.urls import Url


@dataclass(frozen=True, slots=True)
class Partial:
    """The draft holds the first ``size`` bytes of what ``url`` named; ``validator``: a strong ETag or a date;
    ``total``: bytes of the whole file, ``None`` when it was not said.
    """

    url: Url
    size: int
    validator: str
    total: int | None


def unfinished(answer: Answer, continued: Partial | None, size: int) -> Partial | None:
    """What a transfer that broke off leaves to be resumed, ``None`` when it must begin anew."""
    validator = continued.validator if continued is not None else answer.headers.resuming_validator
    if validator is None or size == 0 or answer.headers.coding != "identity":
        return None
    total = continued.total if continued is not None else answer.headers.length
    return Partial(answer.url, size, validator, total)


def resumes(answer: Answer, partial: Partial) -> bool:
    """Whether a 206 is exactly the rest of ``partial``."""
    headers = answer.headers
    given = headers.content_range
    if given is None or headers.coding != "identity" or not _same_place(answer.url, partial):
        return False
    first, last, total = given
    if first != partial.size or last != total - 1 or partial.total not in (None, total):
        return False
    if headers.length is not None and headers.length != total - first:
        return False
    stated = headers.etag if partial.validator.startswith('"') else headers.last_modified
    return stated is None or stated == partial.validator


def _same_place(url: Url, partial: Partial) -> bool:
    """The query may differ (a link signed anew for each request), but then only a strong ETag is proof enough."""
    if url == partial.url:
        return True
    alike = url.origin == partial.url.origin and url.path == partial.url.path
    return alike and partial.validator.startswith('"')
