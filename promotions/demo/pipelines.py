"""An outside pipeline's account, and one run that it sent in: wells, some of which it put in the wrong place."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import User
from django.utils import timezone

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from datasets import service_accounts
from datasets.environment import container_digest, git_commit
from datasets.intake import DeclaredTerms
from datasets.models import Artifact, Dataset
from datasets.people import Person, person_for
from datasets.receipts import build_receipt, environment
from datasets.stores import keep
from promotions import submitted_runs
from promotions.demo.bringing import made_by, run
from promotions.demo.made_up import Year, wells
from promotions.demo.specs import SYNTHETIC_TERMS, TERMS_FIRST, WELLS

SLUG = "demo-pipeline"
YEAR = Year(2025, rows=50, outside=7)


def is_there() -> bool:
    return User.objects.filter(username=service_accounts.PREFIX + SLUG).exists()


def load(people: dict[str, Person]) -> list[str]:
    dataset = Dataset.objects.get(slug=WELLS["dataset_slug"])
    account = service_accounts.open_account(
        name="Demo pipeline",
        slug=SLUG,
        datasets=[dataset],
        reason="Sends the made-up wells of the demo.",
        by=people["ada"],
        at=timezone.now(),
    )
    version = _send(dataset, person_for(account))
    return [f"{version} was sent in by {account.username}, and is in quarantine."]


def _send(dataset: Dataset, by: Person) -> str:
    """A run as the API takes it: opened, one file, closed by the pipeline's own receipt."""
    at = timezone.now()
    opened, _ = submitted_runs.open_run(
        dataset=dataset,
        run_uuid=uuid.uuid4(),
        slice_=str(YEAR.year),
        terms=DeclaredTerms(*SYNTHETIC_TERMS, TERMS_FIRST),
        propose=True,
        by=by,
        at=at,
    )
    sent = keep(wells(YEAR).encode(), media_type="text/csv", at=at)
    submitted_runs.receive_file(run=opened, path=f"wells_{YEAR.year}.csv", artifact=sent, by=by, at=at)
    _, job = submitted_runs.close(run=opened, receipt=_receipt(sent), by=by, at=timezone.now())
    if job is None:
        raise RuntimeError("The demo's pipeline sent a run that was closed already.")
    return str(made_by(run(job)))


def _receipt(sent: Artifact) -> bytes:
    """What the pipeline says of its run. It checked nothing but that the file is there."""
    at = timezone.now()
    receipt = build_receipt(
        run_id=f"kfm://run/{at:%Y-%m-%dT%H:%M:%SZ}.demo",
        operation="ingest",
        dataset_version_id=f"{YEAR.year}.{digest_bytes(b'demo').hex[:8]}",
        inputs=[("demo/made_up_wells", str(digest_bytes(b"made up")))],
        outputs=[(f"wells_{YEAR.year}.csv", sent.digest)],
        environment=environment(container_digest=container_digest(), git_commit=git_commit()),
        validation_status="pass",
        report_digest=str(digest_bytes(b"The file is there.")),
        decision_id="kfm://policy_decision/demo",
        created_at=at,
    )
    return canonical_bytes(receipt)
