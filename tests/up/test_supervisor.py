"""``make up`` keeps its processes alive together and leaves none behind, however it ends."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from kfm_console.supervisor import SupervisorError, require_free_port, take_lock
from tests.up.conftest import Stage, eventually, gone

pytestmark = pytest.mark.slow

Start = Callable[..., Stage]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_leaves_no_child_and_no_grandchild(stage: Start, number: int) -> None:
    console = stage("web", "worker")
    pids = console.pids("web") + console.pids("worker")
    console.said("serving")
    console.signal(number)
    assert console.ended() == 0
    eventually(lambda: all(gone(pid) for pid in pids), "every process has ended")


def test_a_child_that_ignores_sigterm_is_killed_after_the_grace(stage: Start) -> None:
    console = stage("deaf")
    pids = console.pids("deaf")
    console.said("serving")
    console.signal(signal.SIGTERM)
    console.said("deaf did not stop in time")
    assert console.ended() == 0
    eventually(lambda: all(gone(pid) for pid in pids), "every process has ended")


def test_kill_9_of_the_supervisor_orphans_nothing(stage: Start) -> None:
    console = stage("web", "deaf")
    pids = console.pids("web") + console.pids("deaf")
    console.signal(signal.SIGKILL)
    assert console.ended() == -signal.SIGKILL
    eventually(lambda: all(gone(pid) for pid in pids), "every process has ended")


def test_a_child_that_dies_is_started_again_without_its_leftovers(stage: Start) -> None:
    console = stage("worker")
    first, grandchild = console.pids("worker")
    console.said("serving")
    os.kill(first, signal.SIGKILL)
    assert "starting it again" in console.said("worker ended")
    again = console.pids("worker", starts=2)[2]
    assert again != first
    eventually(lambda: gone(grandchild), "the dead child's own process has ended")


def test_a_start_that_cannot_succeed_is_given_up_with_the_childs_last_words(stage: Start) -> None:
    console = stage("web", "broken")
    line = console.said("refused")
    assert "'broken' ended 4 times (last exit 3)" in line
    assert "no such module: kansas" in console.said("kansas")
    assert console.ended() == 1
    eventually(lambda: all(gone(pid) for pid in console.pids("web")), "the healthy child has ended too")


def test_a_second_start_on_the_same_var_is_refused_by_name(stage: Start) -> None:
    console = stage("web")
    console.said("serving")
    with pytest.raises(SupervisorError, match=rf"already running on .* \(process {console.process.pid}\)"):
        take_lock(console.folder / "up.lock")


def test_the_lock_is_free_again_once_killed_children_have_ended(stage: Start) -> None:
    console = stage("web")
    pids = console.pids("web")
    console.signal(signal.SIGKILL)
    console.ended()
    os.close(take_lock(console.folder / "up.lock", patience=10))
    assert all(gone(pid) for pid in pids)


def test_a_port_in_use_is_a_sentence_with_the_next_step() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SupervisorError, match=rf"Port {port} .* PORT={port + 1} make up"):
            require_free_port("127.0.0.1", port)


def test_a_free_port_is_accepted() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    require_free_port("127.0.0.1", port)


def test_the_lock_file_names_its_owner(tmp_path: Path) -> None:
    descriptor = take_lock(tmp_path / "up.lock")
    assert (tmp_path / "up.lock").read_text() == f"{os.getpid()}\n"
    os.close(descriptor)
