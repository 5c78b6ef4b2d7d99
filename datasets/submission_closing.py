"""Writer: closes a submitted run: its files and the pipeline's own receipt become one acquisition in RAW.

Decides when a run is whole: its receipt has KFM's form and names exactly the files that were sent. A fault
leaves the run open and loses nothing. Keeps clause B2 and the intake half of F1. Owes no job (``promotions`` does).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from audit.findings import Finding
from datasets import credentials, identity, intake, receipts
from datasets.errors import Refused
from datasets.intake import DeclaredTerms, Origin, Prepared
from datasets.models import Acquisition, Artifact, SubmissionState, SubmittedRun
from datasets.people import Person
from datasets.stores import console_store, keep
from datasets.submissions import Sent, check_open, end, locked, record, sent_files
from datasets.upstream.bundle import OVERHEAD_BYTES, Member, write_bundle
from datasets.upstream.draft import Draft

RECEIPT_NAME = "receipt.json"


@dataclass(frozen=True, slots=True)
class Whole:
    """A run's files and receipt, in the store and ready to be recorded; ``sent``: the files they were made from."""

    sent: tuple[Sent, ...]
    receipt: Artifact
    prepared: Prepared


def check_outputs(outputs: Sequence[str], sent: Sequence[Sent]) -> list[Finding]:
    """Whether a run's outputs, by digest, are exactly the files that were sent."""
    findings = []
    held = {file.digest for file in sent}
    for index, digest in enumerate(outputs):
        if digest not in held:
            message = "This output was not sent: no file of the run has its digest."
            findings.append(
                Finding("output_not_sent", f"/outputs/{index}/digest", message, "Send the file, then close.", "missing")
            )
    named = frozenset(outputs)
    for file in sent:
        if file.digest not in named:
            message = "This file was sent, and is no output of the run."
            findings.append(Finding("file_not_an_output", file.path, message, "Name it among the outputs."))
    if not sent and not outputs:
        message = "The run has no outputs: there is nothing to acquire."
        findings.append(Finding("no_outputs", "/outputs", message, "Send a file, or abort the run.", "missing"))
    return findings


def check_receipt(receipt: object, run: SubmittedRun, sent: Sequence[Sent]) -> list[Finding]:
    """F1: the findings against the pipeline's own receipt: its form, that it is this run's, that nothing in it opens
    anything: it is kept byte for byte.
    """
    findings = [*receipts.check_receipt(receipt), *credentials.check_absent(receipt)]
    if findings or not isinstance(receipt, Mapping):
        return findings
    findings += identity.check_run_id(receipt["run_id"])
    findings += identity.check_version_form(receipt["dataset_version_id"])
    if receipt["dataset_version_id"].partition(".")[0] != run.slice:
        message = "The receipt's version id is of another slice than the run."
        findings.append(Finding("receipt_other_slice", "/dataset_version_id", message, "Correct the one or the other."))
    if receipt["validation"]["status"] != "pass":
        message = "By its own receipt the run did not pass its validation."
        findings.append(Finding("validation_failed", "/validation/status", message, "Mend it and run again, or abort."))
    return findings + check_outputs([output["digest"] for output in receipt["outputs"]], sent)


def make_whole(run: SubmittedRun, receipt: bytes, *, folder: Path, by: Person, at: datetime) -> Whole:
    """Puts the run together in *folder*: its one file, or a bundle of all; with its checked receipt and the manifest.

    Outside every transaction, because it may take long. Raises ``Refused``.
    """
    sent = sent_files(run)
    stored = keep(receipt, media_type="application/json", at=at)
    file, name, media_type = _one_file(sent, folder)
    members = [_member(RECEIPT_NAME, stored.media_type, stored.digest, stored.size_bytes)]
    if len(sent) > 1:
        members += [_member(f"files/{f.path}", f.media_type, f.digest, f.size_bytes) for f in sent]
    prepared = intake.prepare_acquisition(
        dataset=run.dataset,
        file=file,
        file_name=name,
        media_type=media_type,
        slice_=run.slice,
        terms=DeclaredTerms(**run.terms),
        by=by,
        at=at,
        origin=Origin("submitted_run", "api_submission", f"urn:uuid:{run.run_uuid}"),
        members=members,
    )
    return Whole(sent, stored, prepared)


def _one_file(sent: Sequence[Sent], folder: Path) -> tuple[Path, str, str]:
    """The file to acquire, its name and media type."""
    target = folder / "source"
    if len(sent) == 1:
        console_store().fetch_to(sent[0].digest, target)
        return target, sent[0].path, sent[0].media_type
    members = [Member(f.path, f.size_bytes, partial(console_store().open, f.digest)) for f in sent]
    with Draft(target, sum(f.size_bytes + OVERHEAD_BYTES for f in sent)) as draft:
        write_bundle(draft, members)
        draft.keep()
    return target, "files.zip", "application/zip"


def _member(path: str, media_type: str, digest: str, size_bytes: int) -> dict[str, Any]:
    return {
        "path": path,
        "media_type": media_type,
        "sha256": digest.removeprefix("sha256:"),
        "size_bytes": size_bytes,
    }


def close(*, run_pk: int, whole: Whole, by: Person, at: datetime) -> tuple[SubmittedRun, bool]:
    """Records the acquisition and ends the run; with the same receipt again changes nothing (the flag: new).

    Raises ``Refused`` when the run has ended otherwise, or its files changed since it was put together.
    """
    with transaction.atomic():
        run = locked(run_pk)
        if run.state == SubmissionState.COMPLETE and run.receipt_id == whole.receipt.digest:
            return run, False
        check_open(run)
        if sent_files(run) != whole.sent:
            raise Refused("files_changed", "A file arrived while the run was being closed. Send the receipt again.")
        role = intake.check_may_upload(by, run.dataset)
        acquisition = _acquire(whole)
        end(run, state=SubmissionState.COMPLETE, closed_at=at, receipt=whole.receipt, acquisition=acquisition)
        references = {"receipt": whole.receipt.digest, "acquisition": acquisition.acquisition_id}
        record(run, by, role, {"state": run.state, **references}, at)
    return run, True


def _acquire(whole: Whole) -> Acquisition:
    try:
        with transaction.atomic():
            return intake.record_prepared(whole.prepared)
    except IntegrityError as error:
        message = "These very bytes arrived already, this same second. Send the receipt again in a moment."
        raise Refused("acquired_already", message) from error
