"""Gets a source's bytes and its terms from the upstream, through the guard of ``datasets.upstream``.

Decides what is asked for (the address, the allow-list, the credential by its name, the conditions), never what the
answer means to the console. ``wire`` is the one way out. Credentials are read here and go nowhere but onto the wire.
"""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings

from datasets.intake import PLAIN, Snapshot
from datasets.models import Source
from datasets.models.upstream import SourceKind
from datasets.source_fields import hosts_of
from datasets.terms_words import words_of
from datasets.upstream.errors import UpstreamRefused
from datasets.upstream.files import FileLimits, fetch_files
from datasets.upstream.http import fetch
from datasets.upstream.terms import Attempt, Conditions, FetchLimits, Unchanged, Wire
from datasets.upstream.urls import host_of

TERMS_LIMITS = FetchLimits(bytes=2 * 1024 * 1024, seconds=120)
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")
LONGEST_ETAG, LONGEST_MODIFIED, LONGEST_MEDIA_TYPE = 300, 60, 120
PIECE_BYTES = 1024 * 1024
ALL_FILES = "*"
Progress = Callable[[int, int | None], None]


@dataclass(slots=True)
class Seen:
    """What an attempt has seen so far; kept with it however it ends. Validators: those to send the next time."""

    http_status: int | None = None
    etag: str = ""
    last_modified: str = ""
    listing_digest: str = ""
    size_bytes: int | None = None
    requests: int = 0

    def count(self, attempt: Attempt) -> None:
        """One more request was made."""
        self.requests += 1
        self.http_status = attempt.status or self.http_status


@dataclass(frozen=True, slots=True)
class Got:
    """Bytes on disk. ``members``: what is inside a bundle, as a manifest lists files."""

    path: Path
    file_name: str
    media_type: str
    sha256: str
    members: tuple[dict[str, Any], ...] = field(default=())


def wire() -> Wire:
    """How the outside is reached; tests put a small internet of their own here."""
    return Wire()


def get_bytes(source: Source, before: Seen, seen: Seen, directory: Path, progress: Progress) -> Got | None:
    """The source's bytes; ``None`` when the upstream says that they are those of *before*. Fills *seen*.

    Raises ``UpstreamRefused`` or ``UpstreamFailed``.
    """
    get = _from_web if source.kind == SourceKind.HTTP else _from_files
    return get(source, before, seen, directory / "source", progress)


def get_terms(source: Source, directory: Path) -> Snapshot:
    """The terms as they stand now: the page's bytes, or the recorded text where they stand on no page."""
    if not source.terms_uri:
        return Snapshot(source.terms_text.encode("utf-8", "surrogatepass"), PLAIN)
    target = directory / "terms"
    hosts = {host_of(source.terms_uri), *(hosts_of(source) if source.kind == SourceKind.HTTP else ())}
    found = fetch(source.terms_uri, target=target, allowed_hosts=hosts, limits=TERMS_LIMITS, wire=wire())
    if isinstance(found, Unchanged):  # nothing conditional was asked
        message = "The page of the terms answered “not modified” to a request without conditions."
        raise UpstreamRefused("terms_not_sent", message, "Tell the upstream, or paste the terms' text.")
    snapshot = Snapshot(target.read_bytes(), media_type_of(found.media_type))
    target.unlink()
    if not words_of(snapshot.raw, snapshot.media_type).strip():
        message = "The page of the terms shows no words; perhaps a script would write them."
        raise UpstreamRefused("terms_empty", message, "Give another page, or paste the terms' text.")
    return snapshot


def shown_address(source: Source) -> str:
    """Where the source is, fit for a manifest: no query, no fragment."""
    parts = urlsplit(source.location)
    return f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.scheme else _place(source.location)


def media_type_of(stated: str) -> str:
    """The stated media type with its charset, when it is one; bytes of no known type otherwise."""
    kind, _, parameters = stated.partition(";")
    kind = kind.strip().lower()
    if MEDIA_TYPE.fullmatch(kind) is None or len(kind) > LONGEST_MEDIA_TYPE:
        return "application/octet-stream"
    charset = re.search(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", parameters)
    return f"{kind}; charset={charset[1].lower()}" if charset else kind


def limits() -> FetchLimits:
    """The product's limits within the operator's bounds."""
    return FetchLimits(bytes=settings.KFM_FETCH_MAX_BYTES, seconds=settings.KFM_FETCH_MAX_SECONDS)


def _from_web(source: Source, before: Seen, seen: Seen, target: Path, progress: Progress) -> Got | None:
    found = fetch(
        source.location,
        target=target,
        allowed_hosts=hosts_of(source),
        limits=limits(),
        conditions=Conditions(before.etag or None, before.last_modified or None),
        headers=_headers(source),
        wire=wire(),
        progress=progress,
        on_attempt=seen.count,
    )
    seen.requests += found.redirects
    seen.etag = _fitting(found.etag, LONGEST_ETAG)
    seen.last_modified = _fitting(found.last_modified, LONGEST_MODIFIED)
    if isinstance(found, Unchanged):
        return None
    seen.size_bytes = found.size
    name = urlsplit(source.location).path.rsplit("/", 1)[-1] or source.name
    return Got(target, name, media_type_of(found.media_type), found.sha256)


def _from_files(source: Source, before: Seen, seen: Seen, target: Path, progress: Progress) -> Got | None:
    found = fetch_files(
        _place(source.location),
        source.pattern or ALL_FILES,
        target=target,
        roots=settings.KFM_SOURCE_ROOTS,
        options=_options(source),
        limits=FileLimits(bytes=settings.KFM_FETCH_MAX_BYTES, seconds=settings.KFM_FETCH_MAX_SECONDS),
        known_listing=before.listing_digest or None,
        progress=progress,
    )
    if isinstance(found, Unchanged):
        seen.listing_digest = before.listing_digest
        return None
    seen.listing_digest, seen.size_bytes = found.listing, found.size
    if found.bundled:
        return Got(target, f"{source.name}.zip", found.media_type, found.sha256, _members(target))
    name = found.members[0].path.rsplit("/", 1)[-1]
    return Got(target, name, "application/octet-stream", found.sha256)


def _place(location: str) -> str:
    return f"file://{quote(location)}" if location.startswith("/") else location


def _members(bundle: Path) -> tuple[dict[str, Any], ...]:
    """What is in the bundle, as a manifest lists files; each member is read once more for its digest."""
    found = []
    with zipfile.ZipFile(bundle) as archive:
        for entry in archive.infolist():
            hasher = hashlib.sha256()
            with archive.open(entry) as stream:
                while piece := stream.read(PIECE_BYTES):
                    hasher.update(piece)
            found.append(
                {
                    "path": f"members/{entry.filename}",
                    "media_type": "application/octet-stream",
                    "sha256": hasher.hexdigest(),
                    "size_bytes": entry.file_size,
                }
            )
    return tuple(found)


def _options(source: Source) -> dict[str, str]:
    """The settings of the named credential for its bucket; without one, unsigned: the console's own keys never go."""
    if not source.credential:
        return {"skip_signature": "true"} if source.location.startswith("s3:") else {}
    known = settings.KFM_SOURCE_CREDENTIALS.get(source.credential)
    if known is None or urlsplit(source.location).netloc not in known.buckets:
        raise _credential_gone()
    return dict(known.options)


def _credential_gone() -> UpstreamRefused:
    message = "The source's credential is not set up for its place any more."
    return UpstreamRefused("credential_elsewhere", message, "Have an operator set it up, or choose another.")


def _fitting(text: str | None, longest: int) -> str:
    """A validator cut short would be another one, so one that does not fit is not kept: the next fetch asks plainly."""
    return text if text and len(text) <= longest else ""


def _headers(source: Source) -> dict[str, str]:
    """The headers of the named credential, if its entry still names this very host."""
    if not source.credential:
        return {}
    known = settings.KFM_SOURCE_CREDENTIALS.get(source.credential)
    if known is None or host_of(source.location) not in known.hosts or not source.location.startswith("https:"):
        raise _credential_gone()
    return dict(known.headers)
