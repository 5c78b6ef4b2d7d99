"""Other people's pages stay responsive while a worker reads a hostile file: measured and printed (issue 3)."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import textwrap
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from promotions import jobs
from promotions.models import Job, JobState
from tests.hostile import files
from tests.hostile.conftest import spec_of
from tests.world import World

WORKER = """
    import sys, django
    django.setup()
    from django.conf import settings
    from pathlib import Path
    var = Path(sys.argv[1])
    settings.KFM_STORAGE_URL = (var / "store").as_uri()
    settings.KFM_LEDGER_KEY_FILE = var / "ledger_ed25519.pem"
    settings.FILE_UPLOAD_TEMP_DIR = var / "incoming"
    from promotions import tasks
    for job in sys.argv[2:]:
        tasks.run_job(int(job))
"""


def started_worker(var: Path, owed: list[Job]) -> subprocess.Popen[bytes]:
    """A worker in a process of its own, on this test's database and store."""
    database: dict[str, Any] = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        server = f"{database['HOST']}:{database['PORT'] or 5432}"
        url = f"postgresql://{database['USER']}:{database['PASSWORD']}@{server}/{database['NAME']}"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "kfm_console.settings",
        "DATABASE_URL": url,
        "KFM_VAR_DIR": str(var),
    }
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WORKER), str(var), *(str(job.pk) for job in owed)],
        cwd=django_settings.BASE_DIR,
        env=environment,
    )


def answer(address: str, cookie: str) -> tuple[int, float]:
    began = time.perf_counter()
    request = urllib.request.Request(address, headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=30) as page:
        page.read()
        assert page.url == address, "sent to another page"
    return page.status, time.perf_counter() - began


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_home_page_answers_while_a_worker_reads_hostile_files(committed, live_server, var_dir, capsys):
    world = World.build(spec=spec_of())
    hostile = [
        files.in_property(b"[" + b"[]," * (33 * files.MB) + b"0]"),
        files.polygon(),
        files.flat_bomb(100 * files.MB),
        files.deep_array(),
    ]
    owed = [
        jobs.request_intake(
            acquisition=world.acquire(raw, name="data.bin"),
            propose=True,
            note="",
            by=world.person("contributor"),
            at=timezone.now(),
        )
        for raw in hostile
    ]
    client = Client()
    client.force_login(world.users["reviewer"])
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    address = f"{live_server.url}/"
    quiet = [answer(address, cookie) for _ in range(10)]
    with started_worker(var_dir, owed) as worker:
        busy = []
        while worker.poll() is None:
            busy.append(answer(address, cookie))
    assert worker.returncode == 0
    assert busy
    assert {status for status, _ in quiet + busy} == {200}
    ended = Job.objects.filter(pk__in=[job.pk for job in owed])
    assert {job.state for job in ended} == {JobState.FAILED}, [job.failure for job in ended]
    with capsys.disabled():
        sys.stdout.write(f"\nhome page, quiet: {told(quiet)}; while hostile files are read: {told(busy)}\n")


def told(answers: list[tuple[int, float]]) -> str:
    seconds = [second for _, second in answers]
    return f"{len(seconds)} answers, median {statistics.median(seconds) * 1000:.0f} ms, longest {max(seconds) * 1000:.0f} ms"  # noqa: E501 - one sentence
