"""Decodes a content coding as it streams, and stops a decompression bomb before its bytes exist.

Decides which codings are read (none, gzip, deflate); every other is refused by name of the rule. Never makes more than
one small piece at a time; a stream that stops before its own end is a broken transfer, not a short file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from datasets.upstream.errors import UpstreamFailed, UpstreamRefused

PIECE_BYTES = 65_536
FREE_BYTES = 1024 * 1024  # a small file may compress as well as it likes
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Decoder(Protocol):
    """``feed`` gives the decoded pieces of some received bytes; ``finish`` raises when the end never came."""

    def feed(self, received: bytes) -> Iterator[bytes]: ...

    def finish(self) -> None: ...


class Plain:
    """No coding."""

    def feed(self, received: bytes) -> Iterator[bytes]:
        yield received

    def finish(self) -> None:
        return


class Inflater:
    """gzip (of one or several members, RFC 1952) or deflate (RFC 1950). ``ratio``: most decoded bytes per received."""

    def __init__(self, coding: str, ratio: int) -> None:
        self._coding = coding
        self._ratio = ratio
        self._stream = zlib.decompressobj(_WINDOW[coding])
        self._received = 0
        self._decoded = 0

    def feed(self, received: bytes) -> Iterator[bytes]:
        self._received += len(received)
        pending = received
        while pending:
            if self._stream.eof:
                self._next_member()
            piece = self._inflate(pending)
            pending = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if piece:
                yield piece
        while not self._stream.eof and (piece := self._inflate(b"")):
            yield piece

    def finish(self) -> None:
        if not self._stream.eof:
            message = "The upstream's compressed answer stopped before its end."
            raise UpstreamFailed("broken_off", message, "Try again later.", retryable=True)

    def _inflate(self, pending: bytes) -> bytes:
        try:
            piece = self._stream.decompress(pending, PIECE_BYTES)
        except zlib.error:
            message = f"The upstream says that its answer is {self._coding}, and it is not."
            raise UpstreamFailed("bad_encoding", message, "Ask the publisher to correct it.", retryable=False) from None
        self._decoded += len(piece)
        if self._decoded > FREE_BYTES + self._ratio * self._received:
            message = f"The upstream's answer decompresses to more than {self._ratio} times its size."
            raise UpstreamRefused("compression_ratio", message, "Fetch it elsewhere, look at it, and upload the file.")
        return piece

    def _next_member(self) -> None:
        if self._coding == "deflate":
            message = "The upstream's compressed answer has bytes after its end."
            raise UpstreamFailed("bad_encoding", message, "Ask the publisher to correct it.", retryable=False)
        self._stream = zlib.decompressobj(_WINDOW[self._coding])


def decoder_for(coding: str, ratio: int) -> Decoder:
    """The decoder of a Content-Encoding. Raises ``UpstreamRefused`` for one that is not read, or several at once."""
    if coding == "identity":
        return Plain()
    if coding in _WINDOW:
        return Inflater(coding, ratio)
    message = "The upstream's answer has a content encoding other than gzip or deflate."
    raise UpstreamRefused("content_encoding", message, "Ask the publisher for the file as it is, or upload it.")
