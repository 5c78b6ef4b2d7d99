"""Writer: OpenLineage run events, each kept whole but for credentials, and what they make of a submitted run.

Decides by the set of a run's events, never by their order: one may come before the START that it belongs to, or twice.
START opens the run, FAIL and ABORT end it, COMPLETE lets it be closed once its files are there. A run has one ending.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from audit import ledger
from audit.canonical import canonical_bytes
from audit.events import Event
from audit.findings import Finding
from datasets import decisions, identity, intake, lineage, submissions
from datasets.errors import Refused
from datasets.intake import DeclaredTerms
from datasets.lineage import STOPPED, EventType, RunEvent
from datasets.models import Artifact, Dataset, DatasetSpec, LineageEvent, SubmissionState, SubmittedRun
from datasets.people import Person
from datasets.policy.requests import Action, ResourceFacts
from datasets.policy.roles import Role
from datasets.schemas import RecordError
from datasets.stores import keep, read_document

ENDINGS = frozenset({EventType.COMPLETE, *STOPPED})


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of an event: ``run``, when it has one by now; ``new``: it was not known; ``ours``: it is kept."""

    run: SubmittedRun | None
    new: bool
    ours: bool = True


def dataset_of(event: RunEvent, run: SubmittedRun | None, by: Person) -> Dataset | None:
    """The dataset of ours that the event is about; ``None``: none. ``not_found`` when hidden from *by*, or absent."""
    slug = next(iter(event.slugs), run.dataset.slug if run else "")
    if not slug:
        return None
    dataset = submissions.find_dataset(slug, by)
    if dataset is None:
        raise Refused("not_found", f"There is no dataset {slug} to which this account may send runs.")
    if run is not None and run.dataset_id != dataset.pk:
        message = "The run was opened for another dataset."
        raise Refused("run_differs", message, [Finding("run_differs", "/outputs", message, "Use a new runId.")])
    return dataset


def keep_event(*, document: Mapping[str, Any], by: Person, at: datetime) -> Kept:
    """Keeps one well-formed event, without credentials, and lets it act on its run. The same again changes nothing.

    Raises ``Refused``; with findings where the event itself is at fault.
    """
    document = lineage.kept_form(document)
    event = lineage.read_event(document)
    stored = keep(canonical_bytes(document), media_type="application/json", at=at)
    with transaction.atomic():
        run = _run_of(event, by)
        dataset = dataset_of(event, run, by)
        if dataset is None:
            return Kept(None, new=False, ours=False)
        Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)  # a run's events are taken one by one
        run = _run_of(event, by)
        if _events(event.run_uuid, by).filter(document=stored).exists():
            return Kept(run, new=False)
        _check_ending(event, run, by)
        if event.type is EventType.START:
            run = _open(event, run, dataset, by, at)
        _create(event, run, dataset, stored, by, at)
        return Kept(_stopped(run, by, at), new=True)


def _run_of(event: RunEvent, by: Person) -> SubmittedRun | None:
    """The run by its UUID; ``run_uuid_taken`` when another account uses it."""
    run = SubmittedRun.objects.select_related("dataset__current_spec").filter(run_uuid=event.run_uuid).first()
    others = LineageEvent.objects.filter(run_uuid=event.run_uuid).exclude(principal=by.principal)
    if (run is not None and run.principal != by.principal) or others.exists():
        raise Refused("run_uuid_taken", "This runId can't be used. Make a new random one.")
    return run


def _events(run_uuid: Any, by: Person) -> Any:
    return LineageEvent.objects.filter(run_uuid=run_uuid, principal=by.principal)


def _check_ending(event: RunEvent, run: SubmittedRun | None, by: Person) -> None:
    """One ending a run, and a COMPLETE that can close it."""
    if event.type not in ENDINGS:
        return
    ended = run is not None and run.state != SubmissionState.OPEN
    if ended or _events(event.run_uuid, by).filter(event_type__in=[e.value for e in ENDINGS]).exists():
        raise Refused("run_ended", "The run has ended already; another ending is not taken. Use a new runId.")
    if event.type is not EventType.COMPLETE:
        return
    findings = []
    if not event.outputs:
        message = "COMPLETE names no output of ours with the facet kfm_artifact."
        fix = "Give each output in namespace kfm the facet kfm_artifact with the digest of its file."
        findings.append(Finding("artifact_facet_missing", "/outputs", message, fix, "missing"))
    if event.failed_assertions:
        message = f"{event.failed_assertions} of the outputs' data quality assertions did not hold."
        findings.append(Finding("assertions_failed", "/outputs", message, "Mend the data, or send FAIL."))
    if findings:
        raise Refused("event_faulty", "The run can't be closed by this event.", findings)


def _open(event: RunEvent, run: SubmittedRun | None, dataset: Dataset, by: Person, at: datetime) -> SubmittedRun:
    said = event.submission
    if said is None:
        message = (
            "START has no run facet kfm_submission, so there is no slice and there are no terms to open a run with."
        )
        finding = Finding("submission_missing", "/run/facets/kfm_submission", message, "Add the facet.", "missing")
        raise Refused("event_faulty", message, [finding])
    if run is not None and run.state != SubmissionState.OPEN:
        raise Refused("run_ended", f"The run has ended: it is {run.state}. Use a new runId.")
    opened, _ = submissions.open_run(
        dataset=dataset,
        run_uuid=event.run_uuid,
        slice_=said.slice,
        terms=DeclaredTerms(**said.terms),
        propose=said.propose,
        by=by,
        at=at,
    )
    return opened


def _create(  # noqa: PLR0913 - the row's own facts
    event: RunEvent, run: SubmittedRun | None, dataset: Dataset, stored: Artifact, by: Person, at: datetime
) -> None:
    LineageEvent.objects.create(
        run_uuid=event.run_uuid,
        event_type=event.type.value,
        event_time=event.at,
        job_namespace=event.job_namespace,
        job_name=event.job_name,
        submitted_run=run,
        document=stored,
        principal=by.principal,
        received_at=at,
    )
    ledger.append(
        event=Event.LINEAGE_RECEIVED,
        actor=by.principal,
        role=intake.check_may_upload(by, dataset).value,
        subject=f"kfm://dataset/{dataset.slug}",
        references={"run": str(event.run_uuid), "type": event.type.value, "event": stored.digest},
        at=at,
    )


def _stopped(run: SubmittedRun | None, by: Person, at: datetime) -> SubmittedRun | None:
    """Aborts an open run that has a FAIL or ABORT, whenever that came."""
    if run is None or run.state != SubmissionState.OPEN:
        return run
    ending = _events(run.run_uuid, by).filter(event_type__in=[e.value for e in STOPPED]).first()
    if ending is None:
        return run
    failure = _read(ending).failure or f"The pipeline sent {ending.event_type} and no message."
    return submissions.abort(run_pk=run.pk, failure=failure, by=by, at=at)[0]


def finished(run: SubmittedRun) -> tuple[LineageEvent, LineageEvent] | None:
    """The run's first START and its COMPLETE; ``None`` while one of them is missing."""
    rows = LineageEvent.objects.filter(run_uuid=run.run_uuid, principal=run.principal).order_by(
        "event_time", "document"
    )
    start = rows.filter(event_type=EventType.START.value).first()
    complete = rows.filter(event_type=EventType.COMPLETE.value).first()
    return None if start is None or complete is None else (start, complete)


def contradictions(pair: tuple[LineageEvent, LineageEvent], run: SubmittedRun) -> list[Finding]:
    """Why no receipt can be made of a run's START and COMPLETE, whoever asks and whenever; empty when one can."""
    spec = run.dataset.current_spec
    if spec is None:
        message = f"{run.dataset.slug} has no spec yet, so nothing can be made from the run."
        return [Finding("no_spec", "", message, "Record a spec, then send COMPLETE again.", "missing")]
    try:
        _receipt(
            pair, run, spec, decision_id="kfm://policy_decision/unasked", actor=(run.principal, Role.PIPELINE.value)
        )
    except RecordError as error:
        return list(error.findings)
    return []


def outputs_named(run: SubmittedRun) -> tuple[str, ...] | None:
    """The digests that the run's COMPLETE names; ``None`` while it has none."""
    pair = finished(run)
    return None if pair is None else tuple(digest for _, digest in _read(pair[1]).outputs)


def receipt_from(run: SubmittedRun, pair: tuple[LineageEvent, LineageEvent], *, by: Person, at: datetime) -> bytes:
    """The run receipt that the events amount to, under a decision of our policies on the upload.

    Raises ``datasets.schemas.RecordError`` when START and COMPLETE contradict each other, ``Refused`` on a denial.
    """
    spec = run.dataset.current_spec
    if spec is None:
        raise Refused("no_spec", f"{run.dataset.slug} has no spec yet. Record one first.")
    role = intake.check_may_upload(by, run.dataset)
    resource = ResourceFacts(dataset_slug=run.dataset.slug)
    request = decisions.request_for(by, Action.UPLOAD, resource, dataset_pk=run.dataset_id, role=role)
    decision = decisions.decide(request, version=None, at=at)
    if decision.decision != "allow":
        raise Refused("upload_denied", "The policies do not allow this account to send data to this dataset.")
    return canonical_bytes(
        _receipt(pair, run, spec, decision_id=decision.decision_id, actor=(by.principal, role.value))
    )


def _receipt(
    pair: tuple[LineageEvent, LineageEvent],
    run: SubmittedRun,
    spec: DatasetSpec,
    *,
    decision_id: str,
    actor: tuple[str, str],
) -> dict[str, Any]:
    start, complete = (_read(row) for row in pair)
    inputs = identity.inputs_digest([digest for _, digest in complete.outputs])
    return lineage.receipt_of(
        start,
        complete,
        start_digest=pair[0].document_id,
        complete_digest=pair[1].document_id,
        dataset_version_id=identity.candidate_ids(run.slice, spec.spec_hash, inputs)[0],
        decision_id=decision_id,
        actor=actor,
    )


def _read(row: LineageEvent) -> RunEvent:
    return lineage.read_event(json.loads(read_document(row.document_id)))
