"""A directory of this machine as an fsspec file system that can't be left.

Decides that each part of a path is opened inside the one before it and never through a symbolic link, so that neither
``..`` nor a link nor an exchange of directories while we look leads out. Only regular files are opened: a pipe or a
device is refused. fsspec's own local file system follows links, which is why this one exists. Read-only.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec  # type: ignore[import-untyped]

from datasets.upstream.errors import UpstreamRefused

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe without a writer must not hold us


class BeneathFileSystem(fsspec.AbstractFileSystem):  # type: ignore[misc]
    """Paths are relative to ``root``; "" is the root. ``entries``: most names that one directory may have."""

    protocol = "beneath"
    cachable = False

    def __init__(self, root: Path, entries: int) -> None:
        super().__init__(use_listings_cache=False)
        self._root = root
        self._entries = entries

    def ls(self, path: str, detail: bool = True, **_kwargs: Any) -> list[Any]:  # noqa: FBT001, FBT002 - fsspec's signature
        """Each entry with name, size, type (``file``, ``directory``, ``link``, ``other``) and ``stamp``."""
        found: list[dict[str, Any]] = []
        with self._opened(path, os.O_DIRECTORY) as descriptor, os.scandir(descriptor) as entries:
            for entry in entries:
                if len(found) >= self._entries:
                    message = f"A directory of the upstream has more than {self._entries} entries."
                    raise UpstreamRefused("too_many_entries", message, "Name a narrower directory.")
                found.append(_described(f"{path}/{entry.name}".lstrip("/"), entry.stat(follow_symlinks=False)))
        return found if detail else [one["name"] for one in found]

    def _open(self, path: str, mode: str = "rb", **_kwargs: Any) -> BinaryIO:
        if mode != "rb":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        with self._opened(path, 0) as descriptor:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise special_file()
            return os.fdopen(os.dup(descriptor), "rb")

    @contextmanager
    def _opened(self, path: str, flags: int) -> Iterator[int]:
        """A descriptor of ``path``, each part opened inside the one before."""
        parts = path.split("/") if path else []
        if any(part in ("", ".", "..") for part in parts):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # the root may be a link: ours
        try:
            for number, part in enumerate(parts, start=1):
                wanted = _FLAGS | (flags if number == len(parts) else os.O_DIRECTORY)
                inner = os.open(part, wanted, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        except OSError as error:
            # Linux says ENOTDIR, not ELOOP, for a link where a directory was wanted
            if error.errno == errno.ELOOP:
                raise special_file() from None
            raise
        finally:
            os.close(descriptor)


def special_file() -> UpstreamRefused:
    message = "The upstream's directory has a symbolic link, a pipe or a device where a file is meant."
    return UpstreamRefused("special_file", message, "Put a plain file there, or narrow the pattern.")


def _described(name: str, found: os.stat_result) -> dict[str, Any]:
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link"}
    kind = kinds.get(stat.S_IFMT(found.st_mode), "other")
    # ctime too: nobody can set it, so that a file rewritten under its old time and size still shows
    stamp = f"{found.st_mtime_ns}-{found.st_ctime_ns}-{found.st_ino}"
    return {"name": name, "size": found.st_size, "type": kind, "stamp": stamp}
