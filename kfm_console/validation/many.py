"""Many files at once: which files a path stands for, and their answers in the order they were named.

Decides the order of the lines and how the work is spread over processes; judges nothing itself. Never follows a
directory link, never touches the network or the database (design §9).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Final

from audit.findings import Finding
from kfm_console.validation import Options, judge_read, read

Line = tuple[str, str]
"""A verdict, and the answer as one line of JSON."""

CHUNK: Final = 64
AHEAD_BYTES: Final = 1024 * 1024
"""So many files, or bytes and one file more, are read before they are judged."""
ALONE: Final = 128
"""Up to so many files are judged in this process: starting others costs more than it saves."""
_RDF: Final = (".ttl", ".jsonld", ".json", ".nt", ".rdf")
SUFFIXES: Final[dict[str, tuple[str, ...]]] = {
    "dcat": _RDF,
    "prov": (*_RDF, ".xml", ".provx", ".provn"),
    "runbook": (".md",),
    "spec": (".json", ".yaml", ".yml"),
    "stac": (".json", ".geojson"),
    "geojson": (".geojson", ".json"),
    "license": (".txt",),
    "evidence-ref": (".txt",),
}
"""Which files of a directory are judged as a kind; every other kind is JSON."""


def expand(kind: str, paths: Iterable[str]) -> Iterator[str]:
    """Each path that is no directory as it is; a directory as its files of the kind, sorted, at every depth.

    Entries whose names begin with a dot are passed over. A directory without such a file stands for itself, so that
    it is answered as "could not be checked" and not passed over in silence.
    """
    suffixes = SUFFIXES.get(kind, (".json",))
    for path in paths:
        if not _is_directory(path):
            yield path
            continue
        count = 0
        for count, file in enumerate(_files(path, suffixes), start=1):  # noqa: B007 -- the count outlives the loop
            yield file
        if not count:
            yield path


def _is_directory(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):  # too long for a name, or holds NUL: a literal entry, certainly no directory
        return False


def _files(directory: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118 -- Path would cost as much as a small judgement


def judge_all(kind: str, paths: Iterable[str], options: Options, workers: int) -> Iterator[Line]:
    """One line per path, in the order of the paths, by at most ``workers`` processes.

    Raises concurrent.futures.process.BrokenProcessPool when a process ends before its answers are given.
    """
    waiting = iter(paths)
    # the first ones here, so that what they load and compile is there already when the processes part
    yield from _lines(kind, islice(waiting, None if workers < 2 else ALONE), options)  # noqa: PLR2004
    rest = list(waiting)
    if not rest:
        return
    chunks = [rest[start : start + CHUNK] for start in range(0, len(rest), CHUNK)]
    count = len(chunks)
    with ProcessPoolExecutor(workers) as pool:
        for lines in pool.map(_chunk, [kind] * count, chunks, [options] * count):
            yield from lines


def _chunk(kind: str, paths: list[str], options: Options) -> list[Line]:
    return list(_lines(kind, paths, options))


def _lines(kind: str, paths: Iterable[str], options: Options) -> Iterator[Line]:
    """Reads some files, then judges them: to go to the system and back for each costs a fifth of a small one's time."""
    ahead: list[tuple[str, bytes | Finding]] = []
    size = 0
    for path in paths:
        raw = read(kind, path)
        ahead.append((path, raw))
        size += len(raw) if isinstance(raw, bytes) else 0
        if len(ahead) == CHUNK or size > AHEAD_BYTES:
            yield from [_line(kind, *one, options) for one in ahead]
            ahead, size = [], 0
    yield from [_line(kind, *one, options) for one in ahead]


def _line(kind: str, path: str, raw: bytes | Finding, options: Options) -> Line:
    answer = judge_read(kind, path, raw, options)
    if answer["findings"]:
        return answer["verdict"], json.dumps(answer)
    # the same text, put together: the encoder would take as long as a small document's schema
    return answer["verdict"], f'{{"path": {json.dumps(path)}, "kind": "{kind}", "verdict": "pass", "findings": []}}'
