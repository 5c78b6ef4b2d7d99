"""Starts one grandchild, writes both pids, and waits. ``deaf`` ignores SIGTERM; ``broken`` ends at once with exit 3."""

import os
import signal
import subprocess
import sys
from pathlib import Path

folder, name = Path(sys.argv[1]), sys.argv[2]
if name == "broken":
    sys.stderr.write("no such module: kansas\n")
    sys.exit(3)
if name == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; read -r line"], stdin=subprocess.PIPE)
with (folder / f"{name}.pids").open("a") as file:
    file.write(f"{os.getpid()} {grandchild.pid}\n")
while True:
    signal.pause()
