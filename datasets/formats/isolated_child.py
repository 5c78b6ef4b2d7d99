"""The child's side of ``isolated``: limits itself, then reads the file that it was told to read, and answers once.

Decides nothing about the file. Never quotes an error's text, which may hold values of the data: its type and the line
of our code are all that goes out. Knows no Django, so that it starts in a fifth of a second.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.normalize import normalize

Tell = Callable[[Mapping[str, Any]], None]
_TELL_EVERY_SECONDS = 0.1
_NICE = 10
# What the limit leaves free for saying that it was reached.
_LAST_WORDS_BYTES = 8 * 1024 * 1024
_FULL = {errno.EFBIG: "output_too_large", errno.ENOSPC: "no_space", errno.EDQUOT: "no_space"}


def main() -> None:
    """Reads one request from standard input, answers on standard output, and ends the process."""
    tell = _voice()
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit(request["bounds"], request["cpu_seconds"])
    answer = _answer(request, tell)
    tell({**answer, "peak": _peak_bytes()})
    os._exit(0)  # no library's own tidying up may hang or fail now


def _voice() -> Tell:
    """Standard output for ourselves; whatever a library prints there goes where standard error goes."""
    ours = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def tell(said: Mapping[str, Any]) -> None:
        ours.write(json.dumps(said).encode() + b"\n")
        ours.flush()

    return tell


def _end_with_parent() -> None:
    os.read(0, 1)  # nothing more is ever sent: it returns when the parent has closed its end, or died
    os._exit(1)


def _limit(bounds: Mapping[str, Any], cpu_seconds: int) -> None:
    """Takes the limits on, beyond the memory that this process has already."""
    memory = _private_bytes() + bounds["memory_bytes"]
    _set(resource.RLIMIT_CORE, 0, 0)
    _set(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 5)
    _set(resource.RLIMIT_FSIZE, bounds["output_bytes"], bounds["output_bytes"])
    _set(resource.RLIMIT_NOFILE, bounds["open_files"], bounds["open_files"])
    _set(resource.RLIMIT_DATA, memory, memory + _LAST_WORDS_BYTES)
    os.nice(_NICE)
    with suppress(OSError):  # not Linux, or not allowed: then the kernel chooses by size
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _set(kind: int, soft: int, hard: int) -> None:
    _soft, ceiling = resource.getrlimit(kind)
    if ceiling != resource.RLIM_INFINITY:
        soft, hard = min(soft, ceiling), min(hard, ceiling)
    resource.setrlimit(kind, (soft, hard))


def _private_bytes() -> int:
    """What RLIMIT_DATA counts of this process; where the kernel does not say, what it had resident at most."""
    return _status("VmData:") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _peak_bytes() -> int | None:
    return _status("VmHWM:")


def _status(name: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(name)), None)


def _answer(request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    paths = request["paths"]
    try:
        result = normalize(
            Path(paths["source"]),
            spec=request["spec"],
            target=Path(paths["target"]),
            rejects=Path(paths["rejects"]),
            progress=_Progress(tell),
            preview=Path(paths["preview"]) if paths["preview"] else None,
            limits=Limits(**request["limits"]),
        )
        return {"result": result.as_json()}
    except UnreadableSource as refusal:
        names = ("code", "where", "message", "fix")
        return {"refused": {name: getattr(refusal, name) for name in names}}
    except BrokenPipeError:
        os._exit(1)  # no one listens any more
    except Exception as error:  # noqa: BLE001 - told to the parent, which refuses the file
        return _last_words(error)


def _last_words(error: Exception) -> dict[str, Any]:
    """What ended the reader, without the error's text."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    if isinstance(error, MemoryError) or "bad_alloc" in str(error) or getattr(error, "errno", 0) == errno.ENOMEM:
        return {"ended": "too_much_memory"}
    if isinstance(error, OSError) and error.errno in _FULL:
        return {"ended": _FULL[error.errno]}
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "datasets" in Path(frame.filename).parts] or frames
    place = f"{Path(ours[-1].filename).name} line {ours[-1].lineno}"
    return {"ended": "reader_stopped", "why": f"{type(error).__name__} at {place}"}


class _Progress:
    """Tells units done, ten times a second at most, and always the last."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next or done == total:
            self._next = now + _TELL_EVERY_SECONDS
            self._tell({"progress": [done, total]})
