"""A supervisor over fake children: ``fake_up.py FOLDER NAME…``. See ``fake_child.py`` for the names."""

import os
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
package = types.ModuleType("kfm_console")  # without its __init__, whose Celery takes a second to import
package.__path__ = [str(ROOT / "kfm_console")]
sys.modules["kfm_console"] = package

from kfm_console.supervisor import Child, Pace, Supervisor, SupervisorError, take_lock  # noqa: E402

folder, names = Path(sys.argv[1]), sys.argv[2:]
child = str(Path(__file__).with_name("fake_child.py"))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def all_started() -> bool:
    return all((folder / f"{name}.pids").exists() for name in names)


try:
    with Supervisor(
        children=[Child(name, (sys.executable, "-I", "-S", child, str(folder), name)) for name in names],
        log_dir=folder / "log",
        directory=ROOT,
        environment=os.environ,
        say=say,
        probe=all_started,
        serving_line="serving",
        lock=take_lock(folder / "up.lock"),
        pace=Pace(grace=1.0, first_pause=0.05, look=0.05),
    ) as supervisor:
        supervisor.run()
except SupervisorError as error:
    say(f"refused: {error}")
    sys.exit(1)
