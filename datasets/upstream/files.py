"""A directory or bucket as a source: which files it has, and their bytes as one file.

Decides what is listed (a pattern beneath configured roots, or in a bucket), the limits, and when nothing changed: the
digest of the listing is the one we have. One file comes as itself, several as a bundle whose bytes follow from theirs.
Listed before and after reading, so that a directory in the middle of being written is a failure and not a dataset.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import fsspec  # type: ignore[import-untyped]
from obstore.exceptions import BaseError

from datasets.upstream.beneath import BeneathFileSystem, special_file
from datasets.upstream.buckets import bucket_file_system
from datasets.upstream.bundle import OVERHEAD_BYTES, Member, changed_while_read, exactly, write_bundle
from datasets.upstream.draft import Draft
from datasets.upstream.errors import UpstreamFailed, UpstreamRefused
from datasets.upstream.patterns import Pattern
from datasets.upstream.terms import Clock, Deadline, Progress, Unchanged

PIECE_BYTES = 1024 * 1024
MOST_NAME_CHARACTERS = 1_000
_S3 = re.compile(r"s3://(?P<bucket>[^/?#@:]+)(?:/(?P<prefix>[^?#]*))?")


@dataclass(frozen=True, slots=True)
class FileLimits:
    """``files``: that match; ``entries``: names looked at; ``bytes``: of all files; ``seconds``: for everything."""

    files: int = 1_000
    entries: int = 100_000
    bytes: int = 5 * 1024**3
    seconds: float = 3_600


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """``path``: relative to the source; ``stamp``: an ETag, or times and inode: other bytes, other stamp."""

    path: str
    size: int
    stamp: str


@dataclass(frozen=True, slots=True)
class FetchedFiles:
    """``place``: the bucket, or "local"; ``listing``: digest of ``members``, to be given at the next fetch;
    ``bundled``: the target is a ZIP of several; ``media_type``: of a bundle, else "" (sniff it).
    """

    place: str
    listing: str
    members: tuple[RemoteFile, ...]
    bundled: bool
    media_type: str
    size: int
    sha256: str


def list_files(
    uri: str,
    pattern: str,
    *,
    roots: Sequence[Path],
    options: Mapping[str, str] | None = None,
    limits: FileLimits | None = None,
) -> list[RemoteFile]:
    """The files of ``uri`` (``file:///…`` or ``s3://bucket/prefix``) that match ``pattern``, by path.

    ``roots``: the only directories of this machine that sources may lie in; ``options``: of a bucket. Raises
    ``UpstreamRefused`` for a place, link, name or number that is not allowed, ``UpstreamFailed`` when nothing is there.
    """
    with _opened(uri, roots, options or {}, limits or FileLimits()) as place:
        return place.listed(Pattern(pattern))


def listing_digest(files: Sequence[RemoteFile]) -> str:
    """SHA-256, in hex, of the paths, sizes and stamps."""
    lines = sorted([one.path, one.size, one.stamp] for one in files)
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()


def fetch_files(  # noqa: PLR0913 - each is a separate fact about the source
    uri: str,
    pattern: str,
    *,
    target: Path,
    roots: Sequence[Path],
    options: Mapping[str, str] | None = None,
    limits: FileLimits | None = None,
    known_listing: str | None = None,
    clock: Clock = time.monotonic,
    progress: Progress | None = None,
) -> FetchedFiles | Unchanged:
    """The matching files as ``target``, which must not exist; ``Unchanged`` when the listing is ``known_listing``.

    ``progress``: bytes written and the sum of the sizes. Errors as ``list_files``, and a retryable ``UpstreamFailed``
    when a file changed while it was read.
    """
    limits = limits or FileLimits()
    deadline = Deadline(clock, clock() + limits.seconds)
    with _opened(uri, roots, options or {}, limits) as place:
        files = place.listed(Pattern(pattern), deadline)
        listing = listing_digest(files)
        if listing == known_listing:
            return Unchanged(place.name, None, None)
        with Draft(target, limits.bytes + OVERHEAD_BYTES * len(files)) as draft:
            _write(draft, _members(place, files, draft, deadline, progress))
            if listing_digest(place.listed(Pattern(pattern), deadline)) != listing:
                raise changed_while_read()
            return _fetched(place.name, files, draft)


def _fetched(name: str, files: Sequence[RemoteFile], draft: Draft) -> FetchedFiles:
    bundled = len(files) > 1
    media_type = "application/zip" if bundled else ""
    return FetchedFiles(name, listing_digest(files), tuple(files), bundled, media_type, draft.size, draft.keep())


def _members(
    place: _Place, files: Sequence[RemoteFile], draft: Draft, deadline: Deadline, progress: Progress | None
) -> list[Member]:
    total = sum(one.size for one in files)

    def pieces_of(one: RemoteFile) -> Iterator[bytes]:
        for piece in place.read(one):
            deadline.left()
            yield piece
            if progress is not None:
                progress(draft.size, total)

    return [Member(one.path, one.size, partial(pieces_of, one)) for one in files]


def _write(draft: Draft, members: Sequence[Member]) -> None:
    if len(members) > 1:
        write_bundle(draft, members)
        return
    for piece in exactly(members[0]):
        draft.write(piece)


class _Place:
    """One directory or prefix on an fsspec file system."""

    def __init__(self, name: str, files: fsspec.AbstractFileSystem, top: str, limits: FileLimits) -> None:
        self.name = name
        self._files = files
        self._top = top
        self._limits = limits

    def listed(self, pattern: Pattern, deadline: Deadline | None = None) -> list[RemoteFile]:
        found: list[RemoteFile] = []
        for path, entry in self._walk(pattern, deadline):
            if pattern.matches(path):
                found.append(_remote_file(path, entry))
            if len(found) > self._limits.files:
                message = f"More than {self._limits.files} files match the pattern."
                raise UpstreamRefused("too_many_files", message, "Narrow the pattern, or raise the source's limit.")
        if not found:
            message = f"No file at the source ({self.name}) matches the pattern."
            raise UpstreamFailed("no_files", message, "Correct the pattern or the place.", retryable=False)
        if sum(one.size for one in found) > self._limits.bytes:
            message = f"The matching files are larger than the limit of {self._limits.bytes} bytes."
            raise UpstreamRefused("too_large", message, "Narrow the pattern, or raise the source's limit.")
        return sorted(found, key=lambda one: one.path)

    def read(self, one: RemoteFile) -> Iterator[bytes]:
        with self._asking(), self._files.open(self._below(one.path), "rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece

    def _walk(self, pattern: Pattern, deadline: Deadline | None) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Files, and links and the like where a file could be meant; directories only as far as the pattern goes."""
        pending: list[list[str]] = [[]]
        seen = 0
        while pending:
            if deadline is not None:
                deadline.left()
            folder = pending.pop()
            with self._asking():
                entries = self._files.ls(self._below("/".join(folder)), detail=True)
            seen += len(entries)
            if seen > self._limits.entries:
                message = f"The source has more than {self._limits.entries} entries."
                raise UpstreamRefused("too_many_entries", message, "Name a narrower directory or pattern.")
            for entry in entries:
                path = [*folder, str(entry["name"]).rstrip("/").rpartition("/")[2]]
                if entry["type"] == "directory":
                    pending += [path] if pattern.may_hold(path) else []
                elif entry["type"] == "file":
                    yield path, entry
                elif pattern.matches(path) or pattern.may_hold(path):
                    raise special_file()

    def _below(self, path: str) -> str:
        return "/".join(part for part in (self._top, path) if part)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Errors in our words; the file system's may hold paths, keys and endpoints, so they are not chained."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            message = f"The source ({self.name}) has no such directory or file, or it is a link."
            raise UpstreamFailed("not_found", message, "Correct the place.", retryable=False) from None
        except PermissionError:
            message = f"The source ({self.name}) does not let us read it."
            raise UpstreamFailed("forbidden", message, "Ask its owner for access.", retryable=False) from None
        except (BaseError, OSError) as error:
            message = f"The source ({self.name}) could not be read ({type(error).__name__})."
            raise UpstreamFailed("not_read", message, "Try again later.", retryable=True) from None


@contextmanager
def _opened(uri: str, roots: Sequence[Path], options: Mapping[str, str], limits: FileLimits) -> Iterator[_Place]:
    """Where ``uri`` begins, on its file system."""
    if found := _S3.fullmatch(uri):
        name = found["bucket"]
        with bucket_file_system(name, options) as bucket:
            yield _Place(name, bucket, _joined(name, (found["prefix"] or "").strip("/")), limits)
        return
    if not uri.startswith("file:///"):
        message = "The place is neither file:/// nor s3://bucket/prefix."
        raise UpstreamRefused("place", message, "Write it in one of these forms; fetch web addresses as URLs.")
    root, top = _beneath(PurePosixPath(unquote(uri.removeprefix("file://"))), roots)
    yield _Place("local", BeneathFileSystem(root, limits.entries), top, limits)


def _beneath(path: PurePosixPath, roots: Sequence[Path]) -> tuple[Path, str]:
    """The root that ``path`` is beneath, and the rest of it."""
    if ".." not in path.parts and "\x00" not in str(path):
        for root in roots:
            if path.is_relative_to(root):
                return root, "/".join(path.relative_to(root).parts)
    message = "The directory is not beneath one that sources may lie in."
    raise UpstreamRefused("outside_roots", message, "Move it there, or ask an administrator to allow its directory.")


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)


def _remote_file(path: Sequence[str], entry: Mapping[str, Any]) -> RemoteFile:
    name = "/".join(path)
    plain = name.isprintable() and "\\" not in name and not set(path) & {"", ".", ".."}
    if not plain or len(name) > MOST_NAME_CHARACTERS:
        message = "A file of the source has a name that can't be kept: control characters, backslashes or dots."
        raise UpstreamRefused("file_name", message, "Rename it, or narrow the pattern.")
    stamp = entry.get("stamp") or entry.get("e_tag")
    if not stamp:
        message = "The source does not say when its files change (no ETag)."
        raise UpstreamFailed("no_stamp", message, "Fetch the files by their URLs instead.", retryable=False)
    return RemoteFile(name, int(entry["size"]), str(stamp))
