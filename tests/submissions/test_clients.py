"""Real clients against a live server: OpenLineage's own, and curl as the page for pipeline authors says. And races."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attr
import pytest
import requests
import yaml
from django.conf import settings as django_settings
from django.db import connection
from django.utils import timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job as ClientJob
from openlineage.client.event_v2 import OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import OutputDatasetFacet, RunFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.transport.http import HttpConfig, HttpTransport

from audit import ledger
from audit.events import Event
from datasets import service_accounts, tokens
from datasets.errors import Refused
from datasets.models import Acquisition, LineageEvent, ServiceToken, SubmittedFile, SubmittedRun
from datasets.stores import keep
from promotions import submitted_runs
from promotions.models import Job
from tests.submissions.conftest import DATA, DIGEST, build, event, receipt, submission

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PAGE = Path(django_settings.BASE_DIR) / "docs" / "submitting-runs.md"


@pytest.fixture
def sender(transactional_db):
    return build()


@attr.define
class KfmSubmission(RunFacet):
    slice: str
    terms: dict
    propose: bool
    environment: dict


@attr.define
class KfmArtifact(OutputDatasetFacet):
    digest: str


def block(mark: str) -> str:
    """The fenced block of the page that follows the comment *mark*."""
    return re.search(rf"<!-- {mark} -->\n```\w+\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]


def client(url: str, secret: str) -> OpenLineageClient:
    """Configured as the page says."""
    config = yaml.safe_load(block("config"))["transport"]
    config["url"], config["auth"]["apiKey"] = url, secret
    return OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(config)))


def sent(kind: RunState, run: str, *, facets=None, output=None) -> RunEvent:
    return RunEvent(
        eventType=kind,
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(run, facets=facets or {}),
        job=ClientJob("airflow", "wells.publish"),
        producer="https://example.invalid",
        inputs=[],
        outputs=[OutputDataset("kfm", "test_ks_wells", outputFacets=output or {})],
    )


def test_the_real_openlineage_client_brings_a_run_in(sender, live_server):
    ours, run = client(live_server.url, sender.secret), str(uuid.uuid4())
    ours.emit(sent(RunState.START, run, facets={"kfm_submission": KfmSubmission(**submission())}))
    ours.emit(sent(RunState.RUNNING, run))
    headers = {"Authorization": f"Bearer {sender.secret}"}
    requests.put(
        f"{live_server.url}/api/v1/runs/{run}/files/w", data=DATA, headers=headers, timeout=20
    ).raise_for_status()
    ours.emit(sent(RunState.COMPLETE, run, output={"kfm_artifact": KfmArtifact(digest=DIGEST)}))
    said = requests.get(f"{live_server.url}/api/v1/runs/{run}", headers=headers, timeout=20).json()
    assert (said["state"], len(said["events"]), said["job"]["state"]) == ("complete", 3, "queued")


def test_the_real_openlineage_clients_failure_aborts_the_run(sender, live_server):
    ours, run = client(live_server.url, sender.secret), str(uuid.uuid4())
    ours.emit(sent(RunState.START, run, facets={"kfm_submission": KfmSubmission(**submission())}))
    ours.emit(sent(RunState.FAIL, run, facets={"errorMessage": ErrorMessageRunFacet("disk full", "PYTHON", "Trace")}))
    assert (SubmittedRun.objects.get().state, SubmittedRun.objects.get().failure) == ("aborted", "disk full")


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("bash")), reason="No curl or bash here")
def test_the_pages_requests_work_as_they_stand(sender, live_server, tmp_path):
    (tmp_path / "wells.geojson").write_bytes(DATA)
    environment = {"KFM": live_server.url, "TOKEN": sender.secret, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-e", "-c", block("run")],
        check=False,
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"state": "complete"' in done.stdout.rpartition("run_uuid")[2]
    assert (Acquisition.objects.get().source_id, Job.objects.count()) == (DIGEST, 1)


def test_the_pages_events_work_as_they_stand(sender):
    start, complete = (block(f"event {kind}") for kind in ("START", "COMPLETE"))
    assert sender.lineage(json.loads(start)).status_code == 201
    sender.send(json.loads(start)["run"]["runId"])
    answer = sender.lineage(json.loads(complete.replace("sha256:DIGEST_OF_THE_FILE", DIGEST)))
    assert answer.json()["state"] == "complete"


def together(*calls):
    """Calls all at once, each in its own thread and connection; what each returned or raised."""
    answers, start = [None] * len(calls), threading.Barrier(len(calls))

    def call(place):
        try:
            start.wait()
            answers[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - every outcome is judged by the test
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults = [a for a in answers if isinstance(a, Exception) and not isinstance(a, Refused)]
    assert not faults, faults[:2]
    return answers


def test_of_two_files_for_one_path_at_once_one_is_kept(sender):
    run, by, now = (
        SubmittedRun.objects.get(run_uuid=sender.opened()),
        sender.world.person("svc-airflow"),
        timezone.now(),
    )
    artifacts = [keep(data, media_type="text/csv", at=now) for data in (b"one", b"two", b"one", b"two")]
    answers = together(
        *(
            lambda a=a: submitted_runs.receive_file(run=run, path="x.csv", artifact=a, by=by, at=timezone.now())
            for a in artifacts
        )
    )
    assert SubmittedFile.objects.count() == 1
    assert sorted(a.code if isinstance(a, Refused) else "kept" for a in answers) == [
        "kept",
        "kept",
        "path_holds_other_bytes",
        "path_holds_other_bytes",
    ]


def test_of_many_receipts_at_once_one_closes_the_run(sender):
    name = sender.opened()
    sender.send(name)
    run, by = (
        SubmittedRun.objects.select_related("dataset__current_spec").get(run_uuid=name),
        sender.world.person("svc-airflow"),
    )
    bodies = [json.dumps(receipt(operation=o)).encode() for o in ("ingest", "validate", "ingest", "validate")]
    answers = together(
        *(lambda b=b: submitted_runs.close(run=run, receipt=b, by=by, at=timezone.now()) for b in bodies)
    )
    assert len([a for a in answers if not isinstance(a, Refused) and a[1] is not None]) == 1
    assert {a.code for a in answers if isinstance(a, Refused)} == {"run_ended"}
    assert (Acquisition.objects.count(), Job.objects.count()) == (1, 1)


def test_the_same_event_many_times_at_once_is_one_row(sender):
    run, by = str(uuid.uuid4()), sender.world.person("svc-airflow")
    calls = [
        lambda kind=kind: submitted_runs.keep_event(document=event(kind, run), by=by, at=timezone.now())
        for kind in ("START", "FAIL") * 3
    ]
    together(*calls)
    assert (LineageEvent.objects.count(), SubmittedRun.objects.get().state) == (2, "aborted")


def test_a_token_issued_while_its_account_is_closed_is_revoked_or_refused(sender):
    admin, account, now = sender.world.person("admin"), sender.account, timezone.now()
    later = now + timedelta(days=1)
    issues = [
        lambda n=n: tokens.issue(account=account, name=f"t{n}", expires_at=later, by=admin, at=now) for n in range(3)
    ]
    close = {"account_pk": account.pk, "reason": "Gone.", "by": admin, "at": now}
    together(*issues[:2], *[lambda: service_accounts.close_account(**close)] * 2, *issues[2:])
    assert not ServiceToken.objects.filter(revoked_at__isnull=True).exists()
    assert Event.ACCOUNT_CLOSED in {entry.event for entry in ledger.entries_about(f"user/{account.username}")}


def test_of_one_name_asked_for_many_times_at_once_one_account_is_opened(sender):
    facts = {"name": "D", "slug": "dagster", "datasets": [sender.world.dataset], "reason": "Nightly."}
    facts |= {"by": sender.world.person("admin"), "at": timezone.now()}
    answers = together(*[lambda: service_accounts.open_account(**facts)] * 4)
    assert sorted(a.code if isinstance(a, Refused) else a.username for a in answers) == [
        "principal_taken",
        "principal_taken",
        "principal_taken",
        "svc-dagster",
    ]
