"""The ingest run: makes a dataset version from an acquisition. Keeps clauses A1 (derived id) and B2 (terms kept)."""

from __future__ import annotations

import json
from datetime import datetime

from audit import ledger
from audit.events import Event
from datasets import identity
from datasets.decisions import decide, request_for, resource_of
from datasets.errors import Refused
from datasets.formats.instructions import instructions
from datasets.formats.sniff import HEAD_BYTES, sniff
from datasets.intake import snapshot_name
from datasets.models import Acquisition, Artifact, DatasetSpec, DatasetVersion, PolicyLabel
from datasets.people import PIPELINE
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.runs import NewFile, new_run_id, record_run
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import console_store
from datasets.zones import layout

REPORT_VERSION = "v1"


def inspect(acquisition: Acquisition, work: Workspace, spec: DatasetSpec | None = None) -> Artifact:
    """Reads the source's first bytes and stores what was found as the intake report. Raises ``UnreadableSource``.

    Text is read in the encoding that *spec* (the acquisition's own) declares.
    """
    told = instructions(json.loads((spec or acquisition.spec).canonical))
    head = b""
    for chunk in console_store().open(acquisition.source_id):
        head = head or chunk[:HEAD_BYTES]
        work.listener.progress(len(chunk), acquisition.source.size_bytes)
    found = sniff(head, encoding=told.encoding or "utf-8")
    work.listener.line(f"The source is {found.format}, {acquisition.source.size_bytes} bytes; its digest was verified.")
    return keep_json(
        {
            "kfm_intake_report_version": REPORT_VERSION,
            "acquisition_id": acquisition.acquisition_id,
            "source_digest": acquisition.source_id,
            "size_bytes": acquisition.source.size_bytes,
            "format": found.format,
            "status": "pass",
        },
        at=work.at,
    )


def existing_version(acquisition: Acquisition, spec: DatasetSpec | None = None) -> DatasetVersion | None:
    """The version these very bytes already are under this slice and *spec* (the acquisition's own), if any."""
    inputs = str(identity.inputs_digest([acquisition.source_id]))
    return DatasetVersion.objects.filter(
        dataset=acquisition.dataset, slice=acquisition.slice, spec=spec or acquisition.spec, inputs_digest=inputs
    ).first()


def make_version(
    acquisition: Acquisition, spec: DatasetSpec | None = None, created_by: str = "", at: datetime | None = None
) -> DatasetVersion:
    """Records the version with its derived id and the label its spec intends. Called inside a transaction.

    *spec*: another than the acquisition's own (a reprocess); *created_by*: who asked for it, and at what time.
    """
    spec = spec or acquisition.spec
    inputs = str(identity.inputs_digest([acquisition.source_id]))
    taken = dict(DatasetVersion.objects.filter(dataset=acquisition.dataset).values_list("version_id", "inputs_digest"))
    try:
        version_id = identity.version_id(acquisition.slice, spec.spec_hash, inputs, taken)
    except identity.IdentityError as refusal:
        raise Refused("identity_refused", str(refusal)) from refusal
    intent = (json.loads(spec.canonical).get("sensitivity") or {}).get("policy_label_intent")
    return DatasetVersion.objects.create(
        dataset=acquisition.dataset,
        version_id=version_id,
        slice=acquisition.slice,
        spec=spec,
        acquisition=acquisition,
        inputs_digest=inputs,
        policy_label=PolicyLabel.objects.filter(name=intent).first(),
        created_by=created_by or acquisition.acquired_by,
        created_at=at or acquisition.acquired_at,
    )


def record(version: DatasetVersion, report: Artifact, work: Workspace) -> None:
    """Leaves the ingest receipt, and the label's assignment in the ledger. Called inside the same transaction."""
    acquisition = version.acquisition
    resource = resource_of(version, person=PIPELINE, standing="RAW", has_bytes=True)
    decision = decide(
        request_for(PIPELINE, Action.UPLOAD, resource, dataset_pk=version.dataset_id, role=Role.PIPELINE),
        version=version,
        at=work.at,
    )
    if decision.decision != "allow":
        raise Refused("policy_denies", "The policy does not let these bytes in. A steward can look the decision up.")
    terms_name = snapshot_name(acquisition.terms.media_type)
    paths = {
        "source": acquisition.source,
        terms_name: acquisition.terms,
        "acquisition.json": acquisition.manifest,
        "intake.json": report,
    }
    parts = {
        "source": "source",
        terms_name: "terms",
        "acquisition.json": "acquisition_manifest",
        "intake.json": "intake_report",
    }
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="ingest",
        inputs=[acquisition.source],
        files=[
            NewFile(artifact, "raw", parts[name], layout.raw(version.dataset.slug, acquisition.acquisition_id, name))
            for name, artifact in paths.items()
        ],
        passed=True,
        report=report,
        decision=decision,
        params={"slice": version.slice, "spec_hash": version.spec.spec_hash},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )
    if version.policy_label is not None:
        ledger.append(
            event=Event.LABEL_ASSIGNED,
            actor=PIPELINE.principal,
            role=Role.PIPELINE.value,
            subject=version.reference,
            references={"label": version.policy_label.name, "from": "spec"},
            at=work.at,
        )
