"""Ends process groups whose supervisor is gone: the reason no orphan outlives a ``kill -9`` of ``manage.py up``.

Runs as its own tiny process (standard library only, started by path) and reads its standard input: ``+<pgid>`` watch a
group, ``-<pgid>`` forget it. End of input means the supervisor is dead or done: every group still watched gets SIGTERM
and, after the grace, SIGKILL. It never starts anything and never touches a group it wasn't told of.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable

_LOOK_AGAIN_SECONDS = 0.05


def signal_group(group: int, number: int) -> bool:
    """Send signal *number* to process group *group*; False when the group has no process left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
    return True


def stop_groups(
    groups: Iterable[int], *, grace: float, reap: Callable[[], None], hurry: Callable[[], bool]
) -> list[int]:
    """SIGTERM to every group, then SIGKILL to what is left after *grace* seconds or once *hurry()* is true.

    *reap* collects the caller's dead children (a zombie keeps its group alive). Returns the groups it had to kill.
    """
    left = [group for group in groups if signal_group(group, signal.SIGTERM)]
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline and not hurry():
        time.sleep(_LOOK_AGAIN_SECONDS)
        reap()
        left = [group for group in left if signal_group(group, 0)]
    for group in left:
        signal_group(group, signal.SIGKILL)
    return left


def main(grace: float) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            watched.add(group)
        else:
            watched.discard(group)
    stop_groups(watched, grace=grace, reap=lambda: None, hurry=lambda: False)


if __name__ == "__main__":
    main(float(sys.argv[1]))
