"""Real, tiny processes under a real supervisor, started as its own process so that it can be killed like one."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

DEADLINE_SECONDS = 15.0
HERE = Path(__file__).parent


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Look until *holds()*; the deadline only bounds a failing test."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"never happened: {what}"
        select.select([], [], [], 0.02)


def gone(pid: int) -> bool:
    """No such process, or only its unreaped remains."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


@dataclass
class Stage:
    """*folder*: where each fake child writes one line ``<pid> <grandchild's pid>`` per start, in ``<name>.pids``."""

    folder: Path
    process: subprocess.Popen[str]

    def said(self, word: str) -> str:
        """The next line of the supervisor that contains *word*."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if word in line:
                return line
        pytest.fail(f"the supervisor ended without saying {word!r}")

    def pids(self, name: str, *, starts: int = 1) -> list[int]:
        file = self.folder / f"{name}.pids"
        eventually(
            lambda: file.exists() and file.read_text().count("\n") >= starts, f"{starts} starts of the child {name}"
        )
        return [int(word) for word in file.read_text().split()]

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def ended(self) -> int:
        return self.process.wait(DEADLINE_SECONDS)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    """``stage("web", "worker")`` starts a supervisor over fake children of those names."""
    opened: list[Stage] = []

    def start(*names: str) -> Stage:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "fake_up.py"), str(tmp_path), *names],
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE.parent.parent,
        )
        opened.append(Stage(tmp_path, process))
        return opened[-1]

    yield start
    for each in opened:
        if each.process.poll() is None:
            each.signal(signal.SIGKILL)
        each.process.communicate()
