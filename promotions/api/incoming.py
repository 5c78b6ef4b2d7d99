"""Bodies as they come in: bounded, counted and hashed while they pass, and held against what the sender said of them.

Decides whether a body is whole. A body that is not raises before its last byte is handed on, so nothing of it is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, UnreadablePostError

from audit.canonical import StrictJsonError, parse_strict
from promotions.api.answers import ApiError

MAX_JSON_BYTES = 512 * 1024
MAX_DEPTH = 40
TOO_LARGE, LENGTH_REQUIRED, UNSUPPORTED = 413, 411, 415
_SHA_256 = re.compile(r"(?i)(?:^|,)\s*sha-256\s*=\s*([^,;\s]+)")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,60}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,57}")
_OCTETS = "application/octet-stream"
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")


class BodyFault(ApiError):  # noqa: N818 - an answer, not a fault of ours
    """The body is not what its headers say, or can't be taken."""


def declared_digest(headers: Mapping[str, str]) -> str | None:
    """The SHA-256 that the sender states, in hex: Repr-Digest or Content-Digest (RFC 9530), Digest (RFC 3230),
    X-KFM-Digest; ``None`` when none is stated. Raises ``BodyFault`` for one that can't be read, or two that differ.
    """
    found = set()
    for name in ("Repr-Digest", "Content-Digest", "Digest"):
        if given := headers.get(name, ""):
            found.add(_in_hex(name, given))
    if given := headers.get("X-KFM-Digest", ""):
        match = _DIGEST.fullmatch(given.strip())
        if match is None:
            raise BodyFault("X-KFM-Digest is sha256: and 64 lower-case hex digits.", code="digest_unreadable")
        found.add(match[1])
    if len(found) > 1:
        raise BodyFault("The request states two different digests.", code="digest_unreadable")
    return next(iter(found), None)


def _in_hex(name: str, given: str) -> str:
    match = _SHA_256.search(given)
    text = match[1] if match else ""
    if name != "Digest" and text.startswith(":") and text.endswith(":"):
        text = text[1:-1]
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != hashlib.sha256().digest_size:
        raise BodyFault(f"{name} states no SHA-256. Example: Repr-Digest: sha-256=:<base64>:", code="digest_unreadable")
    return raw.hex()


def media_type_of(request: HttpRequest) -> str:
    """The declared media type without parameters; octets when there is none that could be one."""
    given = (request.content_type or "").strip().lower()
    return given if _MEDIA_TYPE.fullmatch(given) else _OCTETS


class CheckedBody:
    """A request's body as a binary stream that vouches for itself: its end comes only when all of it was right.

    ``length``: bytes, as declared.
    """

    def __init__(self, request: HttpRequest, *, limit: int) -> None:
        self._request = request
        self.length = _length_of(request, limit)
        self._expected = declared_digest(request.headers)
        self._hasher = hashlib.sha256()
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at a sound end. Raises ``BodyFault`` at an unsound one."""
        try:
            chunk = self._request.read(min(size, self.length) if size >= 0 else self.length)
        except UnreadablePostError:
            chunk = b""
        if chunk:
            self._read += len(chunk)
            self._hasher.update(chunk)
            return chunk
        if self._read != self.length:
            raise BodyFault("The request's body broke off. Send it again.", code="body_unreadable")
        if self._expected is not None and self._hasher.hexdigest() != self._expected:
            raise BodyFault(
                "The bytes that arrived have another SHA-256 than stated.", code="digest_differs", status=422
            )
        return b""


def _length_of(request: HttpRequest, limit: int) -> int:
    given = request.META.get("CONTENT_LENGTH") or ""
    if not (given.isascii() and given.isdigit() and len(given) < 20):  # noqa: PLR2004 - a bound on the text
        raise BodyFault(
            "Send a Content-Length; a chunked body is not taken.", code="length_required", status=LENGTH_REQUIRED
        )
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        message = "Send the file as it is: a Content-Encoding is not taken here."
        raise BodyFault(message, code="encoding_unknown", status=UNSUPPORTED)
    if "Content-Range" in request.headers:  # RFC 9110 section 14.5: a part must not be taken for the whole
        raise BodyFault("Send the whole file: a Content-Range is not taken here.", code="range_not_taken")
    if int(given) > limit:
        raise BodyFault(f"A file may have at most {limit} bytes.", code="too_large", status=TOO_LARGE)
    return int(given)


def json_bytes(request: HttpRequest) -> bytes:
    """A JSON body as sent, or unpacked when its Content-Encoding is gzip; at most ``MAX_JSON_BYTES`` either way."""
    if (request.content_type or "").strip().lower() != "application/json":
        message = "Send JSON: Content-Type: application/json."
        raise BodyFault(message, code="unsupported_media_type", status=UNSUPPORTED)
    try:
        raw = request.read(MAX_JSON_BYTES + 1)
    except UnreadablePostError:
        raise BodyFault("The request's body broke off. Send it again.", code="body_unreadable") from None
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "gzip":
        raw = _unpacked(raw)
    elif encoding != "identity":
        raise BodyFault("Of encodings, only gzip is taken.", code="encoding_unknown", status=UNSUPPORTED)
    if len(raw) > MAX_JSON_BYTES:
        raise BodyFault(f"The body may have at most {MAX_JSON_BYTES} bytes.", code="too_large", status=TOO_LARGE)
    return raw


def _unpacked(raw: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        found = unpacker.decompress(raw, MAX_JSON_BYTES + 1)
    except zlib.error:
        raise BodyFault("The body is not gzip, though it says so.", code="body_unreadable") from None
    if len(found) <= MAX_JSON_BYTES and (not unpacker.eof or unpacker.unused_data):
        raise BodyFault("The gzip body broke off, or has something after its end.", code="body_unreadable")
    return found


def json_of(raw: bytes) -> Any:
    """The strict JSON value of *raw*. Raises ``BodyFault`` with the place."""
    try:
        return parse_strict(raw, max_bytes=MAX_JSON_BYTES, max_depth=MAX_DEPTH)
    except StrictJsonError as error:
        raise BodyFault(str(error), code=error.code) from error
