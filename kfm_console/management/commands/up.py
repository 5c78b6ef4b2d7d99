"""``manage.py up``: make ready what isn't, then serve the console with its worker and scheduler until a stop signal."""

from __future__ import annotations

import http.client
import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from kfm_console.preparation import Layout, record, steps_due
from kfm_console.public_address import difference, public_url, remember
from kfm_console.supervisor import Child, Pace, StopRequested, Supervisor, SupervisorError, require_free_port, take_lock

HOST = "127.0.0.1"
_PORT_LIMIT = 65_535
_SAID = {
    "migrate": "Preparing the database",
    "collectstatic": "collecting static files",
    "load_demo": "Loading the demo (once)",
}


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _PORT_LIMIT:
        raise SupervisorError(f"PORT must be a number from 1 to {_PORT_LIMIT}, not {text!r}.")
    return int(text)


def layout() -> Layout:
    database = settings.DATABASES["default"]
    embedded = database["ENGINE"] == "django.db.backends.sqlite3"
    sources = [Path(str(entry[1] if isinstance(entry, tuple) else entry)) for entry in settings.STATICFILES_DIRS]
    return Layout(
        base=settings.BASE_DIR,
        static_root=settings.STATIC_ROOT,
        static_sources=(*sources, *(d for d in settings.BASE_DIR.glob("*/static") if d != settings.STATIC_ROOT)),
        database_file=Path(str(database["NAME"])) if embedded else None,
        stamp_file=settings.VAR_DIR / "prepared.json",
        demo=settings.KFM_DEMO,
    )


def children(port: int) -> list[Child]:
    """Web, worker and scheduler. The worker has threads: a fork after psycopg's pool opened was seen to hang."""
    python, celery = sys.executable, ("-m", "celery", "-A", "kfm_console")
    quiet, alone = ("--loglevel", "WARNING"), ("--without-gossip", "--without-mingle", "--without-heartbeat")
    web = ("-m", "granian", "--interface", "wsgi", "--host", HOST, "--port", str(port), "--workers", "1")
    return [
        Child(
            "web",
            (
                python,
                *web,
                "--blocking-threads",
                "8",
                "--workers-kill-timeout",
                "5",
                "--no-ws",
                "kfm_console.wsgi:application",
            ),
        ),
        Child(
            "worker",
            (python, *celery, "worker", "--pool", "threads", "--concurrency", "2", *quiet, *alone),
        ),
        Child("scheduler", (python, *celery, "beat", *quiet, "--pidfile=")),
    ]


def serves(port: int) -> bool:
    """Whether the web child answers: ``/healthz`` with 200, or ``/`` with anything where there is no such page."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return status in {200, 301, 404}  # 301: production answers http with its https address


def prepare(supervisor: Supervisor, plan: Layout) -> None:
    """Run what is due: database and static files side by side, then the demo. Raises SupervisorError."""
    due = steps_due(plan)
    first = [step for step in due if step != "load_demo"]
    manage = (sys.executable, str(settings.BASE_DIR / "manage.py"))
    for steps in (first, [step for step in due if step == "load_demo"]):
        if steps:
            supervisor.say(", ".join(_SAID[step] for step in steps) + " …")
            supervisor.run_steps([Child(step, (*manage, step, *_quietly(step))) for step in steps])
            record(plan, steps)


def _quietly(step: str) -> tuple[str, ...]:
    return () if step == "load_demo" else ("--noinput", "--verbosity", "1")


class Command(BaseCommand):
    help = "Serve the console on 127.0.0.1 with its worker and scheduler; Ctrl-C stops everything."
    requires_system_checks: list[str] = []  # migrate runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000", help="default: PORT, else 8000")
        parser.add_argument("--stop-with-parent", action="store_true", help="stop when the calling process is gone")

    def handle(self, *_args: Any, **options: Any) -> None:
        parent = os.getppid() if options["stop_with_parent"] else None
        try:
            port = _port(str(options["port"]))
            lock = take_lock(settings.VAR_DIR / "up.lock")
            require_free_port(HOST, port)
            self._settle_address(f"http://{HOST}:{port}")
            with self._supervisor(port, lock, parent) as supervisor:
                prepare(supervisor, layout())
                supervisor.run()
                self._say("Stopping …")
        except StopRequested:
            self._say("Stopped before serving.")
        except SupervisorError as error:
            raise CommandError(str(error)) from error
        else:
            self._say("Stopped.")

    def _settle_address(self, serving: str) -> None:
        """On the first start, links lead to where it serves; on a later one it says so when they lead elsewhere."""
        if os.environ.get("KFM_PUBLIC_URL") or settings.PRODUCTION:
            return
        public, file = settings.KFM_PUBLIC_URL, layout().database_file
        if file is not None and not file.exists():
            remember(serving, settings.KFM_PUBLIC_URL_FILE)
            public = public_url(None, settings.KFM_PUBLIC_URL_FILE)
        if words := difference(serving, public):
            self._say(words)

    def _supervisor(self, port: int, lock: int, parent: int | None) -> Supervisor:
        logs = settings.VAR_DIR / "log"
        return Supervisor(
            children=children(port),
            log_dir=logs,
            directory=settings.BASE_DIR,
            environment={**os.environ, "PYTHONUNBUFFERED": "1"},
            say=self._say,
            probe=lambda: serves(port),
            serving_line=f"KFM Console is serving http://{HOST}:{port}/ (Ctrl-C stops it; logs in {logs})",
            lock=lock,
            pace=Pace(head_start=10.0),
            parent=parent,
        )

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
