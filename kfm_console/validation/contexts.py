"""Local files that stand in for remote JSON-LD contexts, so that a document can be judged offline.

Decides which file answers for which address; never fetches one and never reads what a context means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

MAX_CONTEXT_BYTES = 4 * 1024 * 1024


class LocalContexts(Mapping[str, bytes]):
    """Contexts by address. ``given``: ``ADDRESS=FILE`` answers for that address; ``FILE`` answers for every address
    whose last path segment is the file's name.
    """

    def __init__(self, given: Iterable[str]) -> None:
        self._by_address: dict[str, str] = {}
        self._by_name: dict[str, str] = {}
        for entry in given:
            address, mark, file = entry.rpartition("=")
            if mark and "://" in address:
                self._by_address[address] = file
            else:
                self._by_name[Path(entry).name] = entry

    def files(self) -> list[Path]:
        return [Path(file) for file in (*self._by_address.values(), *self._by_name.values())]

    def _file(self, address: str) -> str | None:
        path = address.partition("#")[0].partition("?")[0]
        return self._by_address.get(address) or self._by_name.get(path.rpartition("/")[2])

    def __contains__(self, address: object) -> bool:
        return isinstance(address, str) and self._file(address) is not None

    def __getitem__(self, address: str) -> bytes:
        file = self._file(address)
        if file is None:
            raise KeyError(address)
        return _read(file)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._by_address, *self._by_name))

    def __len__(self) -> int:
        return len(self._by_address) + len(self._by_name)


@lru_cache(maxsize=16)
def _read(file: str) -> bytes:
    """OSError when the file is not there or too large to be a context; read once a process."""
    path = Path(file)
    if path.stat().st_size > MAX_CONTEXT_BYTES:
        raise OSError(None, f"The context {file} is larger than {MAX_CONTEXT_BYTES} bytes")
    return path.read_bytes()
