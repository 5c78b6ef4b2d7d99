"""Which files of a directory are meant: ``*``, ``?`` and ``[…]`` inside a name, ``**`` for any depth.

Decides by names only, case and all; a name that begins with a dot must be asked for with a dot. Never touches a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from datasets.upstream.errors import UpstreamRefused

MOST_CHARACTERS = 500
ANY_DEPTH = "**"


class Pattern:
    """A pattern over relative paths. Raises ``UpstreamRefused`` for one that could mean another place."""

    def __init__(self, text: str) -> None:
        parts = text.split("/")
        unsafe = any(part in ("", ".", "..") for part in parts) or any(ord(one) < 32 or one == "\\" for one in text)  # noqa: PLR2004 - ASCII controls
        if unsafe or len(text) > MOST_CHARACTERS:
            message = "The file pattern is empty, absolute, too long, or climbs out of its directory."
            raise UpstreamRefused("pattern", message, "Write it like *.csv or 2026/**/*.geojson.")
        self._parts = parts

    def matches(self, path: Sequence[str]) -> bool:
        """Whether a file at ``path`` is meant."""
        return len(self._parts) in self._after(path)

    def may_hold(self, path: Sequence[str]) -> bool:
        """Whether a directory at ``path`` can hold a file that is meant."""
        return any(position < len(self._parts) for position in self._after(path))

    def _after(self, path: Sequence[str]) -> set[int]:
        """The positions in the pattern that are possible after ``path``: linear, whatever the pattern."""
        positions = self._with_skips({0})
        for name in path:
            following = set()
            for position in positions:
                if position == len(self._parts):
                    continue
                part = self._parts[position]
                if part == ANY_DEPTH and not name.startswith("."):
                    following.add(position)
                elif part != ANY_DEPTH and name.startswith(".") <= part.startswith(".") and fnmatchcase(name, part):
                    following.add(position + 1)
            positions = self._with_skips(following)
        return positions

    def _with_skips(self, positions: set[int]) -> set[int]:
        found = set(positions)
        for position in range(len(self._parts)):
            if position in found and self._parts[position] == ANY_DEPTH:
                found.add(position + 1)
        return found
