"""One measurement in a process of its own: its processor time, its peak, and an end to what takes too long."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable

Told = dict[str, float]
#: The argument after which a benchmark's own ``main`` gives one measurement, by ``tell``.
ONE = "--one"


def timed(work: Callable[[], int]) -> Told:
    """The seconds of processor time that *work* takes, and the number that it gives."""
    begun = time.process_time()
    number = work()
    return {"seconds": time.process_time() - begun, "number": number}


def tell(work: Callable[[], Told], limit: int) -> None:
    """In the child: measures, at most *limit* seconds of processor time in all, and prints the answer with the peak."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 5))
    told = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told | {"peak_mib": peak}))


def in_a_process(module: str, one: list[str], limit: int) -> Told | None:
    """In the parent: the child's answer; ``None`` when the kernel stopped it at *limit* seconds."""
    call = [sys.executable, "-m", module, "--limit", str(limit), ONE, *one]
    done = subprocess.run(call, stdout=subprocess.PIPE, check=False)
    if done.returncode == -signal.SIGXCPU:
        return None
    done.check_returncode()
    answer: Told = json.loads(done.stdout.splitlines()[-1])
    return answer
