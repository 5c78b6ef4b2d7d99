"""A worker that is really killed: its own process on the same database, ended by SIGKILL in the middle of a run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone

from promotions import jobs, tasks
from promotions.models import Job, JobState, Standing
from promotions.states import State
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
    from datasets.steps import validate
    from promotions import tasks
    real = validate.check_and_protect
    def here(*args):
        print("here", flush=True)
        sys.stdin.read()  # held until the test kills this process
        return real(*args)
    validate.check_and_protect = here
    tasks.run_job(int(sys.argv[2]))
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_loses_nothing_and_the_sweep_finishes_the_work(committed, var_dir, monkeypatch):
    """A real process, really killed (SIGKILL) in the middle of the checks."""
    world = World.build()
    job = jobs.request_intake(
        acquisition=world.acquire(), propose=True, note="Please.", by=world.person("contributor"), at=timezone.now()
    )
    with started_worker(job, var_dir) as worker:
        assert worker.stdout.readline() == b"here\n"
        os.kill(worker.pid, signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL
    left = Job.objects.get(pk=job.pk)
    assert (left.state, left.attempts, left.step) == (JobState.RUNNING, 1, "check")
    assert Standing.objects.get(version=left.version).state == State.WORK
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))  # as 20 s later
    monkeypatch.setattr(tasks.run_job, "apply_async", lambda args, **_: tasks.run_job(*args))
    tasks.sweep_owed_work()
    done = Job.objects.get(pk=job.pk)
    assert (done.state, done.attempts, done.failure) == (JobState.DONE, 2, "")
    assert Standing.objects.get(version=done.version).state == State.CATALOG
    world.sign_all(done.version)
    assert world.publish(done.version).to_state == State.PUBLISHED


def started_worker(job: Job, var: Path) -> subprocess.Popen[bytes]:
    database = connection.settings_dict
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
        [sys.executable, "-c", textwrap.dedent(WORKER), str(var), str(job.pk)],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
