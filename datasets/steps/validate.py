"""The validate run: checks the normalized bytes as the spec declares, applies what policy requires.

Leaves a ``validate`` receipt and, when an obligation transforms bytes, a ``redact`` receipt. Keeps clauses C2, E1, E2:
checks are made on the normalized bytes, obligations are verified on the bytes that would go out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from audit.findings import Finding
from datasets import decisions
from datasets.models import Artifact, DatasetVersion, PolicyDecision
from datasets.obligations.apply import ObligationNotApplicable, TransformLog, apply_obligations
from datasets.obligations.verify import verify_obligations
from datasets.people import PIPELINE
from datasets.policy.obligations import (
    TRANSFORMING,
    Obligation,
    ObligationError,
    ObligationKind,
    parse_obligations,
    union,
)
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.previews import write_preview
from datasets.quality.checks import run_checks
from datasets.quality.report import QualityReport
from datasets.runs import NewFile, current_files, new_run_id, record_run
from datasets.steps.normalize import PARQUET, Normalized
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import keep, read_document
from datasets.zones import layout

GEOJSON = "application/geo+json"


@dataclass(frozen=True, slots=True)
class Protected:
    """A transformed file on disk, the log of what was done, and the obligations it was done for."""

    path: Path
    log: TransformLog
    obligations: tuple[Obligation, ...]

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns that go out."""
        return frozenset(pq.read_schema(self.path).names)


def check_and_protect(version: DatasetVersion, normalized: Normalized, work: Workspace) -> None:
    """Runs the declared checks, applies and verifies the obligations, asks for the release decision, records the runs.

    Obligations that can't be applied leave no outgoing bytes, and a finding that gate C quarantines for.
    """
    spec = json.loads(version.spec.canonical)
    report = run_checks(
        normalized.path,
        spec=spec,
        rows_rejected=normalized.rows_rejected,
        previous_rows=_previous_rows(version),
        artifact_digest=normalized.data.digest,
        as_of=version.acquisition.acquired_at.date(),
    )
    work.listener.line(f"{len(report.checks)} checks made: {report.status}.")
    required, faults = required_obligations(version, spec)
    transforming = [o for o in required if o.kind in TRANSFORMING]
    decision = _decide(version, Action.RUN, (), work)
    if transforming and not faults:
        protected = _protect(normalized.path, transforming, work)
        if isinstance(protected, Protected):
            _record_validate(version, normalized, report, (), decision, work, protected=protected)
            _record_redact(version, normalized, protected, required, decision, work)
        else:
            files = _verified(version, normalized.data.digest, required, [protected], work)
            _record_validate(version, normalized, report, files, decision, work)
    else:
        findings = faults or verify_obligations(normalized.path, _on_bytes(required), {})
        files = _outgoing(version, normalized.path, normalized.data, work)
        files += _verified(version, normalized.data.digest, required, findings, work)
        _record_validate(version, normalized, report, files, decision, work)
    _decide(version, Action.ASSESS, _applied(version, required), work)


def _on_bytes(required: Sequence[Obligation]) -> list[Obligation]:
    """The obligations that the bytes alone show to be kept, or broken; the catalogs' own come with the catalog run."""
    return [o for o in required if o.kind in {*TRANSFORMING, ObligationKind.METADATA_ONLY}]


def required_obligations(version: DatasetVersion, spec: dict[str, Any]) -> tuple[tuple[Obligation, ...], list[Finding]]:
    """What the label and the spec together require; findings where they can't be read."""
    label = version.policy_label
    declared = (spec.get("sensitivity") or {}).get("obligations") or []
    try:
        return union(decisions.facts_of(label).default_obligations if label else (), parse_obligations(declared)), []
    except ObligationError as error:
        return (), list(error.findings)


def _applied(version: DatasetVersion, required: Sequence[Obligation]) -> list[Obligation]:
    """The obligations that can be said to be applied: transforms that verified, and words the catalogs will carry."""
    files = {f.part: f for f in current_files(version)}
    verification = (
        json.loads(read_document(files["verification"].artifact_id)) if "verification" in files else {"findings": [1]}
    )
    verified = not verification["findings"]
    carried = {ObligationKind.REQUIRE_ATTRIBUTION, ObligationKind.SHOW_NOTICE}
    return [o for o in required if (o.kind in TRANSFORMING and verified) or o.kind in carried]


def _decide(version: DatasetVersion, action: Action, applied: Sequence[Obligation], work: Workspace) -> PolicyDecision:
    spec = json.loads(version.spec.canonical)
    resource = decisions.resource_of(
        version,
        person=PIPELINE,
        standing=version.standing.state,
        has_bytes=True,
        obligations=(spec.get("sensitivity") or {}).get("obligations") or (),
        applied=[o.as_json() for o in applied],
    )
    return decisions.decide(
        decisions.request_for(PIPELINE, action, resource, dataset_pk=version.dataset_id, role=Role.PIPELINE),
        version=version,
        at=work.at,
    )


def _protect(source: Path, transforming: Sequence[Obligation], work: Workspace) -> Protected | Finding:
    """The transformed file, or the finding that says why there can't be one."""
    target = work.directory / "protected.parquet"
    try:
        log = apply_obligations(source, target, transforming)
    except ObligationNotApplicable as refusal:
        work.listener.line("The obligations can't be applied to these data; nothing goes out.")
        fix = "Record a spec that names what to remove or generalize, and ingest under it."
        return Finding("obligation_not_applicable", "artifacts", str(refusal), fix)
    kinds = ", ".join(o.kind for o in transforming)
    work.listener.line(f"Obligations applied: {kinds}; {log.rows_out} of {log.rows_in} rows go out.")
    return Protected(target, log, tuple(transforming))


def _record_redact(  # noqa: PLR0913 - what a redaction is made of
    version: DatasetVersion,
    normalized: Normalized,
    protected: Protected,
    required: Sequence[Obligation],
    decision: PolicyDecision,
    work: Workspace,
) -> None:
    data = keep(protected.path, media_type=PARQUET, at=work.at)
    findings = verify_obligations(protected.path, _on_bytes(required), {})
    verified = _verified(version, data.digest, required, findings, work)
    log = keep_json(protected.log.as_json(), at=work.at)
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="redact",
        inputs=[normalized.data],
        files=[
            *_outgoing(version, protected.path, data, work),
            NewFile(log, "work", "transform_log", _work_path(version, "transform-log.json")),
            *verified,
        ],
        passed=not findings,
        report=verified[0].artifact,
        decision=decision,
        params={"obligations": [o.as_json() for o in protected.obligations]},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )


def _record_validate(  # noqa: PLR0913 - what a run is made of
    version: DatasetVersion,
    normalized: Normalized,
    report: QualityReport,
    files: Sequence[NewFile],
    decision: PolicyDecision,
    work: Workspace,
    *,
    protected: Protected | None = None,
) -> None:
    """The report goes out with the data: beside transformed data it is told without what they hide."""
    whole = keep_json(report.as_json(), at=work.at)
    released = keep_json(report.beside(protected.columns).as_json(), at=work.at) if protected else whole
    slug, version_id = version.dataset.slug, version.version_id
    own = [
        NewFile(released, "processed", "qa_report", layout.qa(slug, version_id, "report.json")),
        NewFile(normalized.rejects, "work", "rejects", _work_path(version, "rejects.jsonl")),
    ]
    if protected is not None:
        own.append(NewFile(whole, "work", "qa_report_whole", _work_path(version, "qa-report-whole.json")))
    if not any(file.part == "data" for file in files):
        own.append(NewFile(normalized.data, "work", "normalized", _work_path(version, "normalized.parquet")))
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="validate",
        inputs=[version.acquisition.source],
        files=[*own, *files],
        passed=report.status == "pass",
        report=released,
        decision=decision,
        params={"spec_hash": version.spec.spec_hash},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )


def _work_path(version: DatasetVersion, name: str) -> str:
    return f"work/{version.dataset.slug}/{version.version_id}/{name}"


def _verified(
    version: DatasetVersion, digest: str, required: Sequence[Obligation], findings: Sequence[Finding], work: Workspace
) -> list[NewFile]:
    """What verifying the bytes of *digest* found, as a file of the run."""
    document = {
        "kfm_obligation_verification_version": "v1",
        "verified_digest": digest,
        "obligations": [o.as_json() for o in required],
        "findings": [f.as_json() for f in findings],
    }
    return [NewFile(keep_json(document, at=work.at), "work", "verification", _work_path(version, "verification.json"))]


def _outgoing(version: DatasetVersion, parquet: Path, data: Artifact, work: Workspace) -> list[NewFile]:
    """The data that go out, and a preview drawn from these very bytes."""
    slug, version_id = version.dataset.slug, version.version_id
    target = work.directory / "preview.geojson"
    write_preview(parquet, target)
    preview = keep(target, media_type=GEOJSON, at=work.at)
    return [
        NewFile(data, "processed", "data", layout.artifact(slug, version_id, f"{slug}.parquet")),
        NewFile(preview, "processed", "preview", layout.artifact(slug, version_id, "preview.geojson")),
    ]


def _previous_rows(version: DatasetVersion) -> int | None:
    """Rows of the dataset's published version, 0 when none is published; ``None`` when its report can't be read."""
    published = (
        DatasetVersion.objects.filter(dataset=version.dataset, standing__state="PUBLISHED")
        .exclude(pk=version.pk)
        .first()
    )
    if published is None:
        return 0
    report = next((f for f in current_files(published) if f.part == "qa_report"), None)
    return None if report is None else json.loads(read_document(report.artifact_id)).get("rows")
