"""Several files as one ZIP whose bytes follow from the files alone.

Decides the one form: stored, names sorted, times at ZIP's first day, modes alike, ZIP64 where a size needs it. Equal
files give equal bytes, so an unchanged bundle has an unchanged digest. Streams; holds one piece at a time.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO, cast

from datasets.upstream.draft import Draft
from datasets.upstream.errors import UpstreamFailed

FIRST_DAY = (1980, 1, 1, 0, 0, 0)
OVERHEAD_BYTES = 4_096  # most that one member's name and headers take


@dataclass(frozen=True, slots=True)
class Member:
    """``name``: path with forward slashes; ``size``: bytes as listed; ``pieces``: opens the content."""

    name: str
    size: int
    pieces: Callable[[], Iterator[bytes]]


def write_bundle(draft: Draft, members: Iterable[Member]) -> None:
    """Write ``members``, in any order, as a ZIP. Raises ``UpstreamFailed`` when one is not as long as listed."""
    with zipfile.ZipFile(cast("IO[bytes]", draft), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for member in sorted(members, key=lambda one: one.name):
            entry = zipfile.ZipInfo(member.name, FIRST_DAY)
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = 0o100644 << 16
            entry.file_size = member.size
            with archive.open(entry, "w") as target:
                for piece in exactly(member):
                    target.write(piece)


def exactly(member: Member) -> Iterator[bytes]:
    """The member's pieces. Raises ``UpstreamFailed`` (retryable) when they are more or fewer bytes than listed."""
    left = member.size
    for piece in member.pieces():
        left -= len(piece)
        if left < 0:
            raise changed_while_read()
        yield piece
    if left:
        raise changed_while_read()


def changed_while_read() -> UpstreamFailed:
    message = "The upstream's files changed while they were read."
    return UpstreamFailed("changed", message, "Try again when the upstream has finished writing them.", retryable=True)
