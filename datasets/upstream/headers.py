"""Reads the header fields that a fetch depends on, and trusts none of them further than their grammar.

Decides what a validator, a date, a range, a waiting time and a media type are (RFC 9110); what is malformed counts as
absent. Values from upstreams are sent back to them later, so only short printable ASCII passes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from datasets.upstream.errors import UpstreamFailed, UpstreamRefused

MOST_CHARACTERS = 1_000
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')
_DATE = re.compile(r"[A-Za-z]{3,9}, [0-9A-Za-z :-]{15,30}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")
_MEDIA = re.compile(r"[a-z0-9!#$&^_.+-]{1,60}/[a-z0-9!#$&^_.+-]{1,60}")
_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,8000}[\x21-\x7e])?")
# what the exchange itself decides; a caller's value could contradict it
_OURS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
SAFE_AGE_SECONDS = 60  # RFC 9110 section 8.8.2.2: a date this much older than the answer names one state


@dataclass(frozen=True, slots=True)
class Headers:
    """Fields of one answer, names in lower case, in order."""

    fields: Sequence[tuple[str, str]]

    def one(self, name: str) -> str | None:
        """The field's value, ``None`` when absent. Raises ``UpstreamFailed`` when it occurs with different values."""
        values = {value for key, value in self.fields if key == name}
        if len(values) > 1:
            message = f"The upstream's answer has several {name} fields that contradict each other."
            raise UpstreamFailed("ambiguous_header", message, "Ask the publisher to correct it.", retryable=False)
        return next(iter(values), None)

    @property
    def etag(self) -> str | None:
        return as_etag(self.one("etag"))

    @property
    def last_modified(self) -> str | None:
        return as_date_text(self.one("last-modified"))

    @property
    def media_type(self) -> str:
        text = (self.one("content-type") or "").partition(";")[0].strip().lower()
        return text if _MEDIA.fullmatch(text) else ""

    @property
    def length(self) -> int | None:
        """Content-Length; h11 has already refused what is no number or contradicts itself."""
        text = None if self.chunked else self.one("content-length")
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    @property
    def chunked(self) -> bool:
        return self.one("transfer-encoding") is not None

    @property
    def coding(self) -> str:
        return (self.one("content-encoding") or "identity").strip().lower()

    @property
    def retry_after(self) -> float | None:
        """Seconds, from a number, or from a date against the answer's own Date (no clock of ours is asked)."""
        text = self.one("retry-after")
        if text is None:
            return None
        if re.fullmatch(r"[0-9]{1,9}", text):
            return float(text)
        until, now = as_date(text), as_date(self.one("date"))
        return None if until is None or now is None else max(0.0, (until - now).total_seconds())

    @property
    def content_range(self) -> tuple[int, int, int] | None:
        """First byte, last byte and total of a 206, ``None`` when it is not one plain range."""
        found = _RANGE.fullmatch(self.one("content-range") or "")
        return None if found is None else (int(found[1]), int(found[2]), int(found[3]))

    @property
    def resuming_validator(self) -> str | None:
        """What If-Range may name: a strong ETag, or a Last-Modified that is old enough to be strong."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        modified, now = as_date(self.last_modified), as_date(self.one("date"))
        if self.etag is not None or modified is None or now is None:
            return None
        return self.last_modified if (now - modified).total_seconds() >= SAFE_AGE_SECONDS else None


def as_etag(text: str | None) -> str | None:
    """``text`` when it is an entity tag that can be sent back."""
    return text if text is not None and len(text) <= MOST_CHARACTERS and _ETAG.fullmatch(text) else None


def as_date_text(text: str | None) -> str | None:
    """``text`` when it is an HTTP date that can be sent back."""
    return text if as_date(text) is not None else None


def as_date(text: str | None) -> datetime | None:
    """The moment an HTTP date names."""
    if text is None or not _DATE.fullmatch(text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None


def checked_request_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The caller's own fields, each safe to send. Raises ``UpstreamRefused``; the message never holds a value."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value) or name.lower() in _OURS:
            message = "A header of the source can't be sent: its name is reserved, or it holds other than plain text."
            raise UpstreamRefused("request_header", message, "Correct the source's headers.")
    return list(headers.items())
