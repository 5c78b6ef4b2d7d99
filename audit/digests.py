"""A digest names bytes: ``sha256:`` and 64 lower-case hex digits, and nothing else is one.

Decides how bytes and JSON values are hashed; never compares, stores or trusts anything. Keeps clauses A1, A2 and G1.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

from audit.canonical import canonical_bytes

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_BLOCK_BYTES = 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")


class InvalidDigest(ValueError):  # noqa: N818 - the name says what is wrong
    """A text is not ``sha256:`` followed by 64 lower-case hex digits."""


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest. ``hex``: 64 lower-case hex digits; ``str()`` is the wire form ``sha256:<hex>``."""

    hex: str

    def __post_init__(self) -> None:
        if not isinstance(self.hex, str) or _HEX.fullmatch(self.hex) is None:
            raise InvalidDigest(f"{self.hex!r:.80} is not 64 lower-case hex digits.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest that *text* spells, or :class:`InvalidDigest`."""
        match = _DIGEST.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise InvalidDigest(f"{text!r:.80} is not a digest. Write sha256: and 64 lower-case hex digits.")
        return cls(match.group(1))

    @property
    def short(self) -> str:
        """The first 8 hex digits, as used in version ids and on pages; never for comparing."""
        return self.hex[:8]

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


def digest_bytes(content: bytes) -> Digest:
    """The digest of *content*."""
    return Digest(hashlib.sha256(content).hexdigest())


def digest_json(value: Any) -> Digest:
    """The digest of the RFC 8785 bytes of *value*; :class:`audit.canonical.CanonicalError` if it has none."""
    return digest_bytes(canonical_bytes(value))


def digest_stream(stream: BinaryIO) -> Digest:
    """The digest of what is left to read in the binary *stream*, in constant memory."""
    found = hashlib.sha256()
    while block := stream.read(_BLOCK_BYTES):
        found.update(block)
    return Digest(found.hexdigest())
