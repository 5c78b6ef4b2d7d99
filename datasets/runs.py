"""Writer: records a finished run: its receipt, the ledger entry, and the files it gave its version. Keeps clause F1.

A run is recorded in one transaction or not at all. Runs are never edited; a later run of the same operation takes an
earlier one's place (``current_files``), and both receipts stay.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.digests import digest_json
from audit.events import Event
from datasets import identity, receipts
from datasets.environment import container_digest, git_commit
from datasets.models import Artifact, DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.people import Person
from datasets.stores import keep


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file a run made: its stored row, and the zone, part and path it has in the version."""

    artifact: Artifact
    zone: str
    part: str
    path: str


def new_run_id(at: datetime) -> str:
    """A fresh ``kfm://run/…`` whose suffix no one can guess or repeat."""
    return identity.run_id(at, secrets.token_hex(4))


@transaction.atomic
def record_run(  # noqa: PLR0913 - a receipt's own fields
    *,
    version: DatasetVersion,
    run_id: str,
    operation: str,
    inputs: Sequence[Artifact],
    files: Sequence[NewFile],
    passed: bool,
    report: Artifact,
    decision: PolicyDecision,
    params: Mapping[str, Any],
    by: Person,
    role: str,
    at: datetime,
    hold: Callable[[], None],
    handed_on: Sequence[NewFile] = (),
) -> RunReceipt:
    """Builds the receipt, stores its bytes, enters it in the ledger and files the outputs under *version*.

    ``hold`` is called first, inside the transaction: it raises when whoever runs this no longer may (a lost claim), and
    what it locked stays locked until the run is recorded. ``handed_on``: inputs that go on as they are; they are filed
    as the version's, and the receipt names them among its inputs alone, since another run brought them.
    """
    if not {file.artifact.digest for file in handed_on} <= {artifact.digest for artifact in inputs}:
        raise ValueError("A run hands on only what it took in.")
    hold()
    document = receipts.build_receipt(
        run_id=run_id,
        operation=operation,
        dataset_version_id=version.version_id,
        inputs=[(f"kfm://artifact/{a.digest}", a.digest) for a in inputs],
        outputs=[(file.path, file.artifact.digest) for file in files],
        environment=receipts.environment(
            container_digest=container_digest(), git_commit=git_commit(), params_digest=_params_digest(params)
        ),
        validation_status="pass" if passed else "fail",
        report_digest=report.digest,
        decision_id=decision.decision_id,
        created_at=at,
        actor=(by.principal, role),
    )
    stored = keep(canonical_bytes(document), media_type="application/json", at=at)
    entry = ledger.append(
        event=Event.RECEIPT_RECORDED,
        actor=by.principal,
        role=role,
        subject=version.reference,
        references={"run": run_id, "operation": operation, "receipt": stored.digest},
        at=at,
    )
    row = RunReceipt.objects.create(
        run_id=run_id,
        version=version,
        operation=operation,
        document=stored,
        ledger_index=entry.index,
        principal=by.principal,
        created_at=at,
    )
    VersionArtifact.objects.bulk_create(
        VersionArtifact(version=version, artifact=f.artifact, receipt=row, zone=f.zone, part=f.part, path=f.path)
        for f in (*files, *handed_on)
    )
    return row


def current_receipts(version: DatasetVersion) -> dict[str, RunReceipt]:
    """The latest receipt of each operation that still counts: a run of an earlier step puts later steps' runs aside."""
    order = ("ingest", "validate", "redact", "catalog")
    latest: dict[str, RunReceipt] = {}
    rows = RunReceipt.objects.filter(version=version, operation__in=order).select_related("document")
    for receipt in rows.order_by("ledger_index"):
        for later in order[order.index(receipt.operation) :]:
            latest.pop(later, None)
        latest[receipt.operation] = receipt
    return latest


def current_files(version: DatasetVersion) -> list[VersionArtifact]:
    """The files of the current runs, with their artifacts and receipts, in two queries."""
    receipts_now = [r.run_id for r in current_receipts(version).values()]
    return list(
        VersionArtifact.objects.filter(receipt_id__in=receipts_now).select_related("artifact", "receipt").order_by("pk")
    )


def _params_digest(params: Mapping[str, Any]) -> str:
    return str(digest_json(params))
