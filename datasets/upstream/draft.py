"""The target of a fetch while it is written: made anew, never beyond its size limit, gone when the fetch fails.

Decides nothing about the upstream; that the disk is full is told apart from the upstream's faults.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from datasets.upstream.errors import UpstreamFailed, UpstreamRefused


class Draft:
    """``path`` must not exist. As a context: keeps the file only after ``keep()``."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most = most_bytes
        self._kept = False
        self.size = 0

    def __enter__(self) -> Self:
        self._stream = self._path.open("x+b")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._stream.close()
        finally:
            if not self._kept:
                with suppress(FileNotFoundError):
                    self._path.unlink()

    def restart(self) -> None:
        """Forget what was written."""
        try:
            self._stream.seek(0)
            self._stream.truncate()
        except OSError as error:
            raise _not_written(error) from None
        self.size = 0

    def expect(self, more: int) -> None:
        """Refuse now what would become too large."""
        if self.size + more > self._most:
            message = f"The upstream's file is larger than the limit of {self._most} bytes."
            raise UpstreamRefused(
                "too_large", message, "Raise the source's limit if the file is known to be that large."
            )

    def write(self, piece: bytes) -> int:
        try:
            end = self._stream.tell() + len(piece)
            self.expect(end - self.size)
            self._stream.write(piece)
        except OSError as error:
            raise _not_written(error) from None
        self.size = max(self.size, end)
        return len(piece)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        """For a writer that goes back to complete a header, as ``zipfile`` does."""
        return self._stream.seek(offset, whence)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            raise _not_written(error) from None

    def keep(self) -> str:
        """The file is complete: its SHA-256 in hex, computed from what is on the disk."""
        try:
            self._stream.flush()
            self._stream.seek(0)
            digest = hashlib.file_digest(self._stream, "sha256").hexdigest()
        except OSError as error:
            raise _not_written(error) from None
        self._kept = True
        return digest


def _not_written(error: OSError) -> UpstreamFailed:
    message = f"The fetched bytes could not be written here ({error.strerror or type(error).__name__})."
    return UpstreamFailed("not_written", message, "Make room on the console's disk, then try again.", retryable=False)
