"""Writer: what the API does with an outside pipeline's run; each attempt is one transaction, and refusals are kept.

A run that closes owes its ingest in the same transaction (``jobs``). Never judges the data: the truth path does.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings

from audit.canonical import StrictJsonError, parse_strict
from audit.digests import digest_bytes
from audit.findings import Finding
from datasets import lineage_events, submission_closing, submissions
from datasets.errors import Refused
from datasets.intake import DeclaredTerms
from datasets.lineage_events import Kept
from datasets.models import Artifact, Dataset, SubmissionState, SubmittedFile, SubmittedRun
from datasets.people import Person
from datasets.schemas import RecordError
from promotions import jobs
from promotions.models import Job
from promotions.refusals import attempt

MOST_RECEIPT_BYTES = 512 * 1024
#: An acquisition is named by its bytes and its second; when that name is taken, this many later seconds are tried.
LATER_SECONDS = 4


@dataclass(frozen=True, slots=True)
class Settled:
    """A run as it stands after something came in. ``findings``: why it is still open though its COMPLETE is there."""

    run: SubmittedRun
    findings: tuple[Finding, ...] = ()
    job: Job | None = None


def open_run(  # noqa: PLR0913 - what a run is opened with
    *, dataset: Dataset, run_uuid: UUID, slice_: str, terms: DeclaredTerms, propose: bool, by: Person, at: datetime
) -> tuple[SubmittedRun, bool]:
    """Opens a run, or finds it opened with the same content."""
    with attempt(by=by, verb="submit", subject=f"kfm://dataset/{dataset.slug}", at=at):
        return submissions.open_run(
            dataset=dataset, run_uuid=run_uuid, slice_=slice_, terms=terms, propose=propose, by=by, at=at
        )


def receive_file(
    *, run: SubmittedRun, path: str, artifact: Artifact, by: Person, at: datetime
) -> tuple[SubmittedFile, bool]:
    """Files stored bytes under *path* of the run."""
    named = lineage_events.outputs_named(run)
    expected = None if named is None else frozenset(named)
    with attempt(by=by, verb="submit", subject=_subject(run), at=at):
        return submissions.receive_file(run_pk=run.pk, path=path, artifact=artifact, by=by, at=at, expected=expected)


def close(*, run: SubmittedRun, receipt: bytes, by: Person, at: datetime) -> tuple[SubmittedRun, Job | None]:
    """Closes the run by its receipt and owes its ingest; with the same receipt again, finds it closed.

    Raises ``Refused`` with findings when the receipt or the files are not whole; the run then stays open.
    """
    if run.state != SubmissionState.OPEN:
        if run.receipt_id == str(digest_bytes(receipt)):
            return run, None
        raise Refused("run_ended", f"The run has ended: it is {run.state}. Send the rest as a new run.")
    findings = submission_closing.check_receipt(_parsed(receipt), run, submissions.sent_files(run))
    if findings:
        message = f"{len(findings)} thing(s) keep the run from being closed; it stays open and nothing is lost."
        raise Refused("receipt_faulty", message, findings)
    for second in range(LATER_SECONDS):
        try:
            return _close(run=run, receipt=receipt, by=by, at=at + timedelta(seconds=second))
        except Refused as refusal:
            if refusal.code != "acquired_already":
                raise
    return _close(run=run, receipt=receipt, by=by, at=at + timedelta(seconds=LATER_SECONDS))


def _close(*, run: SubmittedRun, receipt: bytes, by: Person, at: datetime) -> tuple[SubmittedRun, Job | None]:
    with _folder() as folder:
        whole = submission_closing.make_whole(run, receipt, folder=folder, by=by, at=at)
        with attempt(by=by, verb="submit", subject=_subject(run), at=at):
            closed, new = submission_closing.close(run_pk=run.pk, whole=whole, by=by, at=at)
            if not new or closed.acquisition is None:
                return closed, None
            note = f"Sent in as run {run.run_uuid}."
            return closed, jobs.request_intake(
                acquisition=closed.acquisition, propose=closed.propose, note=note, by=by, at=at
            )


def abort(*, run: SubmittedRun, by: Person, at: datetime) -> tuple[SubmittedRun, bool]:
    """Ends an open run at the pipeline's own wish."""
    with attempt(by=by, verb="submit", subject=_subject(run), at=at):
        return submissions.abort(run_pk=run.pk, failure="Aborted by its pipeline.", by=by, at=at)


def keep_event(*, document: Mapping[str, Any], by: Person, at: datetime) -> Kept:
    """Keeps a well-formed lineage event; call ``settle`` on its run afterwards."""
    with attempt(by=by, verb="submit", subject="lineage/event", at=at):
        return lineage_events.keep_event(document=document, by=by, at=at)


def settle(*, run: SubmittedRun, by: Person, at: datetime) -> Settled:
    """Closes an open run whose START, COMPLETE and files are all there; says what is missing otherwise."""
    pair = lineage_events.finished(run) if run.state == SubmissionState.OPEN else None
    if pair is None:
        return Settled(run)
    findings = (*_unsent(run), *lineage_events.contradictions(pair, run))
    if findings:
        return Settled(run, findings)
    try:
        receipt = lineage_events.receipt_from(run, pair, by=by, at=at)
        closed, job = close(run=run, receipt=receipt, by=by, at=at)
    except RecordError as error:
        return Settled(run, error.findings)
    except Refused as refusal:
        again = SubmittedRun.objects.select_related("dataset", "acquisition").get(pk=run.pk)
        if again.state != SubmissionState.OPEN:  # another request closed it first
            return Settled(again)
        place = Finding(refusal.code, "", refusal.message)
        return Settled(again, tuple(refusal.findings) or (place,))
    return Settled(closed, (), job)


def unsettled(run: SubmittedRun) -> tuple[Finding, ...]:
    """Why an open run is not closed though its START and COMPLETE are there; empty when one of them is still to come.

    Where nothing is in the way now, closing it was interrupted or refused: then that is the finding.
    """
    pair = lineage_events.finished(run) if run.state == SubmissionState.OPEN else None
    if pair is None:
        return ()
    findings = (*_unsent(run), *lineage_events.contradictions(pair, run))
    message = "Everything is there, and closing the run did not succeed when it was last tried."
    unfinished = Finding("closing_unfinished", "", message, "Send COMPLETE again; its answer says what is in the way.")
    return findings or (unfinished,)


def _unsent(run: SubmittedRun) -> list[Finding]:
    named = lineage_events.outputs_named(run)
    return [] if named is None else submission_closing.check_outputs(named, submissions.sent_files(run))


def job_of(run: SubmittedRun) -> Job | None:
    """The latest run that the console made of what was sent."""
    if run.acquisition_id is None:
        return None
    return Job.objects.filter(acquisition_id=run.acquisition_id).select_related("version").order_by("-pk").first()


def _parsed(receipt: bytes) -> Any:
    try:
        return parse_strict(receipt, max_bytes=MOST_RECEIPT_BYTES, max_depth=20)
    except StrictJsonError as error:
        finding = Finding(error.code, error.where, error.message)
        raise Refused("receipt_faulty", "The receipt is not strict JSON.", [finding]) from error


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR, prefix="submitted-") as name:
        yield Path(name)


def _subject(run: SubmittedRun) -> str:
    return f"kfm://dataset/{run.dataset.slug}"
