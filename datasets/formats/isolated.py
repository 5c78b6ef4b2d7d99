"""Runs ``normalize`` in a process of its own, which may die of a hostile file without taking the worker along.

Decides how much memory, time and disk one file may cost (``Bounds``), and turns every other end of the reader than its
own answer into ``UnreadableSource``: what reads bytes that no one vouches for is native code, and it may crash, hang or
eat memory. The child gets the paths and the spec, no database, no key and no environment of ours. It keeps clause A1:
the result is the one that ``normalize`` gives. Not a sandbox: the child may still read what its user may read.

Both speak JSON lines: the request goes in on standard input, which then stays open so that the child notices when its
parent is gone; progress and one last answer come out on standard output.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from datasets.formats.errors import Limits, UnreadableSource
from datasets.formats.normalize import NormalizeResult, Progress

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
# Column names are the only long thing in an answer, and there are at most 2,000 of them.
_ANSWER_BYTES = 16 * MIB
_BEAT_SECONDS = 1.0
# One thread each, and the allocator that gives memory back, for the limit counts what is kept: no result depends on it.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_IO_THREADS": "1",
    "GDAL_CACHEMAX": "32",
    "GDAL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "MALLOC_TRIM_THRESHOLD_": "262144",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PROJ_NETWORK": "OFF",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What reading one file may cost.

    ``memory_bytes``: beyond what the reader takes to start (about 90 MiB resident); ``seconds`` and
    ``bytes_per_second``: a file of S bytes gets ``seconds + S / bytes_per_second`` by the clock on the wall;
    ``output_bytes``: the largest file it may write; ``open_files``: how many at a time.
    """

    memory_bytes: int = 116 * MIB
    seconds: float = 8.0
    bytes_per_second: float = 500_000.0
    output_bytes: int = 8 * 1024 * MIB
    open_files: int = 128

    def deadline(self, size: int) -> float:
        """Seconds that a file of *size* bytes may take."""
        return self.seconds + size / self.bytes_per_second


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reader cost: ``seconds`` by the clock on the wall, ``peak_bytes`` resident, None when it died unheard."""

    seconds: float
    peak_bytes: int | None


def normalize_isolated(  # noqa: PLR0913 - normalize's own parameters, and what bounds and observes it
    source: Path,
    *,
    spec: Mapping[str, Any],
    target: Path,
    rejects: Path,
    progress: Progress,
    preview: Path | None = None,
    limits: Limits | None = None,
    bounds: Bounds | None = None,
    observe: Callable[[Usage], None] | None = None,
) -> NormalizeResult:
    """``normalize`` with the same parameters and result, in a child process within *bounds*.

    Raises what it raises, and ``UnreadableSource`` with code ``too_slow``, ``too_much_memory`` or ``reader_stopped``;
    then there is neither target nor preview. What *progress* raises (it is called once a second at least) ends the
    child and is passed on. *observe* hears what the child cost, unless *progress* ended it.
    """
    bounds = bounds or Bounds()
    seconds = bounds.deadline(source.stat().st_size)
    paths = {"source": source, "target": target, "rejects": rejects, "preview": preview}
    request = {
        "paths": {name: path and str(path.resolve()) for name, path in paths.items()},
        "spec": dict(spec),
        "limits": asdict(limits or Limits()),
        "bounds": asdict(bounds),
        "cpu_seconds": math.ceil(seconds) * (os.cpu_count() or 1),
    }
    started, complete = time.monotonic(), False
    try:
        with _child(target.resolve().parent) as child:
            answer = _Conversation(child, progress, started + seconds).answer(request)
        if observe is not None:
            observe(Usage(time.monotonic() - started, answer.get("peak")))
        result = _result(answer, bounds, seconds)
        complete = True
    finally:
        if not complete:
            for path in (target, preview):
                if path is not None:
                    path.unlink(missing_ok=True)
    return result


@contextmanager
def _child(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A reader in a process group of its own, which is gone when the block ends, however it ends."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    child = subprocess.Popen(
        (sys.executable, "-s", "-m", "datasets.formats.isolated"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback would quote the data
        cwd=ROOT,
        env={**_ENVIRONMENT, **kept, "TMPDIR": str(directory)},
        process_group=0,
    )
    try:
        yield child
    finally:
        with suppress(ProcessLookupError, PermissionError):  # the whole group is gone already
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


class _Conversation:
    """One request and its answer; ends at the deadline, which is a reading of the monotonic clock."""

    def __init__(self, child: subprocess.Popen[bytes], progress: Progress, deadline: float) -> None:
        self._child, self._progress, self._deadline = child, progress, deadline
        self._last: tuple[int, int | None] = (0, None)
        self._buffer = b""

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The child's last line, or what can be said in its stead."""
        stdin, stdout = _pipe(self._child.stdin), _pipe(self._child.stdout)
        with suppress(BrokenPipeError):  # it died at once: the exit code says more
            stdin.write(json.dumps(request).encode() + b"\n")
            stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while (left := self._deadline - time.monotonic()) > 0:
                if not selector.select(min(left, _BEAT_SECONDS)):
                    self._progress(*self._last)
                    continue
                chunk = os.read(stdout.fileno(), 65_536)
                if not chunk:
                    return self._exit(left)
                found = self._lines(chunk)
                if found is not None:
                    return found
        return {"ended": "too_slow", "peak": _peak_bytes(self._child.pid)}

    def _lines(self, chunk: bytes) -> dict[str, Any] | None:
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        if len(self._buffer) > _ANSWER_BYTES:
            return {"ended": "reader_stopped", "why": "its answer is too long"}
        for line in lines:
            said: dict[str, Any] = json.loads(line)
            if "progress" not in said:
                return said
            self._last = (said["progress"][0], said["progress"][1])
            self._progress(*self._last)
        return None

    def _exit(self, left: float) -> dict[str, Any]:
        try:
            code = self._child.wait(left)
        except subprocess.TimeoutExpired:
            return {"ended": "too_slow"}
        if code == -signal.SIGXCPU:
            return {"ended": "too_slow"}
        if code == -signal.SIGKILL:  # not ours: the kernel's, when the machine runs out of memory
            return {"ended": "too_much_memory"}
        return {"ended": "reader_stopped", "why": signal.Signals(-code).name if code < 0 else f"exit {code}"}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise TypeError("The child was started without its pipes.")
    return pipe


def _result(answer: Mapping[str, Any], bounds: Bounds, seconds: float) -> NormalizeResult:
    if "result" in answer:
        return NormalizeResult(**{name: _tuples(value) for name, value in answer["result"].items()})
    if "refused" in answer:
        raise UnreadableSource(**answer["refused"])
    raise _refusal(answer["ended"], answer.get("why", ""), bounds, seconds)


def _refusal(code: str, why: str, bounds: Bounds, seconds: float) -> UnreadableSource:
    if code == "too_slow":
        message = f"Reading was not done after {seconds:.0f} seconds, which is what a file of this size may take."
        fix = "Give it in smaller parts, by slice; if the worker was busy with other runs, try again."
    elif code == "too_much_memory":
        message = f"Reading it takes more than the {bounds.memory_bytes // MIB} MiB of memory that one file may have."
        fix = "Split its largest geometries or values, or give it as GeoParquet."
    elif code == "output_too_large":
        message = f"What it holds takes more than the {bounds.output_bytes // MIB} MiB that one version may have."
        fix = "Give it in smaller parts, by slice."
    elif code == "no_space":
        message, fix = "The worker's disk is full.", "Ask an operator to make room, then try again."
    else:
        message = f"The reader stopped on an error no one foresaw ({why}). Nothing of the file was kept."
        fix = "Ask the upstream for the file anew; if it stops again, show an operator this message and the file."
    return UnreadableSource(code, "", message, fix)


def _tuples(value: Any) -> Any:
    """JSON has one kind of list; the result's are tuples, at every depth."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    return {name: _tuples(item) for name, item in value.items()} if isinstance(value, dict) else value


def _peak_bytes(pid: int | str = "self") -> int | None:
    """The most that a process had resident since it began; None where the kernel does not say."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    kib = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(kib[0]) * 1024 if kib else None


if __name__ == "__main__":
    from datasets.formats.isolated_child import main

    main()
