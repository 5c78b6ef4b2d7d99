"""Keeps the console's processes alive together and ends them together (``manage.py up``).

Each child runs in its own session, so that stopping it stops what it started too. A child that dies is started again
after a growing pause. It decides nothing about datasets and knows no Django. What it promises: one supervisor per
``var/`` (a lock), a stop leaves no process behind, and neither does ``kill -9`` of the supervisor (see ``reaper``).
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self

from kfm_console import reaper

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOG_LIMIT_BYTES = 10_000_000
_TAIL_LINES = 15
# The child waits for its go-ahead, given once the reaper watches it: if the supervisor dies before, it never starts.
_GATE = 'read -r go && exec "$@" </dev/null'


class SupervisorError(Exception):
    """Nothing can be started, or it can't be kept running; the message says what to do next."""


class StopRequested(Exception):  # noqa: N818 - it is a request, not an error
    """A stop signal came while a step was still being made ready."""


@dataclass(frozen=True, slots=True)
class Child:
    """*name*: also the log file's stem; *command*: argv."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """All in seconds. *settled*: a child that lived this long starts its next back-off from *first_pause* again.

    *head_start*: how long the first child, the web server, starts alone, unless it serves sooner.
    *early_deaths*: how often a child may die before the first serving until the whole start is given up.
    """

    grace: float = 10.0
    first_pause: float = 0.5
    longest_pause: float = 30.0
    settled: float = 30.0
    look: float = 0.2
    early_deaths: int = 4
    head_start: float = 0.0


def require_free_port(host: str, port: int) -> None:
    """Raises SupervisorError when *port* can't be listened on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SupervisorError(
                f"Port {port} on {host} can't be used ({error.strerror}). "
                f"Stop the program that has it, or choose another port: PORT={port + 1} make up"
            ) from error


def take_lock(path: Path, *, patience: float = 5.0) -> int:
    """An open descriptor that holds the lock of this ``var/``; SupervisorError while another supervisor lives.

    The reaper shares the lock, so that a new start waits (up to *patience* seconds) for the last one's children to end.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            if _alive(owner) or time.monotonic() >= deadline:
                os.close(descriptor)
                raise SupervisorError(
                    f"The console is already running on {path.parent} (process {owner or 'unknown'}). "
                    "Stop it with Ctrl-C where it runs, or start another with its own KFM_VAR_DIR."
                ) from error
            time.sleep(0.05)
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
            return descriptor


def _alive(owner: str) -> bool:
    if not owner.isdigit():
        return False
    try:
        os.kill(int(owner), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float | None = None  # when to start it again


@dataclass(slots=True)
class Supervisor:
    """*say* prints one line; *probe* answers whether the web child serves; *parent*: stop when it is no longer ours."""

    children: Sequence[Child]
    log_dir: Path
    directory: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    probe: Callable[[], bool]
    serving_line: str
    lock: int
    pace: Pace = field(default_factory=Pace)
    parent: int | None = None
    _signals: int = 0
    _served: bool = False
    _reaper: subprocess.Popen[bytes] | None = None
    _live: list[_Running] = field(default_factory=list)
    _wake: socket.socket | None = None

    def __enter__(self) -> Self:
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self._wake, noisy = socket.socketpair()
        self._wake.setblocking(False)
        noisy.setblocking(False)
        signal.set_wakeup_fd(noisy.detach(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only to wake the loop
        self._reaper = subprocess.Popen(  # noqa: S603 - our own file
            (sys.executable, "-I", "-S", reaper.__file__, str(self.pace.grace)),
            stdin=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(self.lock,),
        )
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def run_steps(self, steps: Sequence[Child]) -> None:
        """Run *steps* side by side to their end. Raises SupervisorError with the log's tail when one fails."""
        running = [_Running(step) for step in steps]
        self._live.extend(running)
        for step in running:
            self._start(step)
        while True:
            codes = [step.process.poll() for step in running if step.process is not None]
            for step, code in zip(running, codes, strict=True):
                if code:
                    raise SupervisorError(
                        f"'{step.child.name}' failed (exit {code}), so nothing was started.\n{self._tail(step)}"
                    )
            if None not in codes:
                break
            self._pause(self.pace.look)
            if self._must_stop():
                raise StopRequested
        for step in running:
            self._bury(step)
            self._live.remove(step)

    def run(self) -> None:
        """Start every child and keep them until a stop signal. SupervisorError when the start is hopeless."""
        self._live = [_Running(child) for child in self.children]
        for running in self._live:
            running.due = time.monotonic() + (self.pace.head_start if running is not self._live[0] else 0.0)
        while not self._must_stop():
            for running in self._live:
                self._look_after(running)
            if not self._served and self.probe():
                self._served = True
                self.say(self.serving_line)
                for running in self._live:
                    if running.process is None and not running.deaths:
                        running.due = time.monotonic()
            self._pause(self._until_next())

    def _look_after(self, running: _Running) -> None:
        now = time.monotonic()
        if running.process is None:
            if running.due is not None and now >= running.due:
                self._start(running)
            return
        code = running.process.poll()
        if code is None:
            return
        self._bury(running)
        running.deaths = 1 if now - running.started >= self.pace.settled else running.deaths + 1
        if not self._served and running.deaths >= self.pace.early_deaths:
            raise SupervisorError(
                f"'{running.child.name}' ended {running.deaths} times (last exit {code}) "
                f"before the console could serve.\n{self._tail(running)}"
            )
        pause = min(self.pace.longest_pause, self.pace.first_pause * 2.0 ** (running.deaths - 1))
        running.due = now + pause
        self.say(
            f"{running.child.name} ended (exit {code}); starting it again in {pause:g} s. Log: {self._log(running)}"
        )

    def _until_next(self) -> float:
        if not self._served:
            return self.pace.look
        due = [running.due - time.monotonic() for running in self._live if running.process is None and running.due]
        return max(0.0, min([1.0, *due]))

    def _start(self, running: _Running) -> None:
        path = self._log(running)
        if path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - commands are fixed in up.py
                ("/bin/sh", "-c", _GATE, running.child.name, *running.child.command),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=dict(self.environment),
                start_new_session=True,
            )
        running.process, running.started, running.due = process, time.monotonic(), None
        self._tell_reaper(f"+{process.pid}\n")
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.close()

    def _bury(self, running: _Running) -> None:
        """End what the dead child left in its session, and let the reaper forget it."""
        assert running.process is not None
        reaper.signal_group(running.process.pid, signal.SIGKILL)
        self._tell_reaper(f"-{running.process.pid}\n")
        running.process = None

    def _tell_reaper(self, line: str) -> None:
        assert self._reaper is not None
        assert self._reaper.stdin is not None
        try:
            self._reaper.stdin.write(line.encode("ascii"))
            self._reaper.stdin.flush()
        except BrokenPipeError as error:
            raise SupervisorError(
                "The process that guards against orphans was ended from outside; stopping."
            ) from error

    def _must_stop(self) -> bool:
        return self._signals > 0 or (self.parent is not None and os.getppid() != self.parent)

    def _pause(self, seconds: float) -> None:
        assert self._wake is not None
        if select.select([self._wake], [], [], seconds)[0]:
            self._wake.recv(4096)

    def _log(self, running: _Running) -> Path:
        return self.log_dir / f"{running.child.name}.log"

    def _tail(self, running: _Running) -> str:
        lines = self._log(running).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join([*(f"  | {line}" for line in lines[-_TAIL_LINES:]), f"The whole log: {self._log(running)}"])

    def stop(self) -> None:
        """End every child (SIGTERM, then SIGKILL after the grace or at a second signal) and the reaper."""
        processes = [running.process for running in self._live if running.process is not None]
        already = self._signals

        def reap() -> None:
            for process in processes:
                process.poll()

        killed = reaper.stop_groups(
            [process.pid for process in processes],
            grace=self.pace.grace,
            reap=reap,
            hurry=lambda: self._signals > max(already, 1),
        )
        for process in processes:
            process.wait()
        if killed:
            names = ", ".join(r.child.name for r in self._live if r.process is not None and r.process.pid in killed)
            self.say(
                f"{names} did not stop in time and was ended; what it had claimed is taken up again at the next start."
            )
        self._live = []
        if self._reaper is not None:
            try:
                if self._reaper.stdin is not None:
                    for process in processes:
                        self._tell_reaper(f"-{process.pid}\n")
                    self._reaper.stdin.close()
            except SupervisorError:
                self.say("The process that guards against orphans had been ended from outside.")
            self._reaper.wait()
