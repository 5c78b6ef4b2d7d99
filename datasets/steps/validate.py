"""The validate run: normalizes the source to GeoParquet, checks it as the spec declares, and applies what policy requires.

Leaves a ``validate`` receipt and, when an obligation transforms bytes, a ``redact`` receipt. Keeps clauses C2, E1 and E2:
checks are made on the normalized bytes, obligations are verified on the bytes that would go out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.findings import Finding
from datasets import decisions
from datasets.errors import Refused
from datasets.formats.normalize import normalize
from datasets.models import Artifact, DatasetVersion, PolicyDecision
from datasets.obligations.apply import ObligationNotApplicable, apply_obligations
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
from datasets.runs import NewFile, current_files, new_run_id, record_run
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import console_store, keep, read_document
from datasets.zones import layout

PARQUET = "application/vnd.apache.parquet"
GEOJSON = "application/geo+json"


@dataclass(frozen=True, slots=True)
class Normalized:
    """The normalized file and its rejects on disk, what was counted, and both as kept."""

    path: Path
    data: Artifact
    rejects: Artifact
    rows_rejected: int


def normalize_source(version: DatasetVersion, work: Workspace) -> Normalized:
    """Fetches the verified source and writes GeoParquet. Raises ``UnreadableSource`` for a file no one can use."""
    source, target, rejects = (work.directory / name for name in ("source", "data.parquet", "rejects.jsonl"))
    console_store().fetch_to(version.acquisition.source_id, source)
    found = normalize(
        source, spec=json.loads(version.spec.canonical), target=target, rejects=rejects, progress=work.listener.progress
    )
    source.unlink()
    work.listener.line(f"{found.rows_written} of {found.rows_read} records written; {found.rows_rejected} rejected.")
    if not rejects.exists():
        rejects.touch()
    return Normalized(
        target,
        keep(target, media_type=PARQUET, at=work.at),
        keep(rejects, media_type="application/x-ndjson", at=work.at),
        found.rows_rejected,
    )


def check_and_protect(version: DatasetVersion, normalized: Normalized, work: Workspace) -> None:
    """Runs the declared checks, applies and verifies the obligations, asks for the release decision, records the runs."""
    spec = json.loads(version.spec.canonical)
    report = run_checks(
        normalized.path,
        spec=spec,
        rows_rejected=normalized.rows_rejected,
        previous_rows=_previous_rows(version),
        artifact_digest=normalized.data.digest,
        as_of=version.acquisition.acquired_at.date(),
    )
    document = keep_json(report.as_json(), at=work.at)
    work.listener.line(f"{len(report.checks)} checks made: {report.status}.")
    required, faults = required_obligations(version, spec)
    transforming = [o for o in required if o.kind in TRANSFORMING]
    run_decision = _decide(version, Action.RUN, (), work)
    if transforming and not faults:
        _record_validate(version, normalized, document, None, run_decision, work, passed=report.status == "pass")
        _redact(version, normalized, transforming, required, run_decision, work)
    else:
        findings = faults or verify_obligations(normalized.path, transforming, {})
        verification = _verification(normalized.data.digest, required, findings, work)
        preview = _preview(normalized.path, work)
        _record_validate(
            version, normalized, document, (verification, preview), run_decision, work, passed=report.status == "pass"
        )
    _decide(version, Action.ASSESS, _applied(version, required), work)


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


def _redact(  # noqa: PLR0913 - what a redaction is made of
    version: DatasetVersion,
    normalized: Normalized,
    transforming: Sequence[Obligation],
    required: Sequence[Obligation],
    decision: PolicyDecision,
    work: Workspace,
) -> None:
    target = work.directory / "protected.parquet"
    try:
        log = apply_obligations(normalized.path, target, transforming)
    except ObligationNotApplicable as refusal:
        raise Refused("obligation_not_applicable", str(refusal)) from refusal
    work.listener.line(
        f"Obligations applied: {', '.join(o.kind for o in transforming)}; {log.rows_out} of {log.rows_in} rows go out."
    )
    data = keep(target, media_type=PARQUET, at=work.at)
    findings = verify_obligations(target, transforming, {})
    verification = _verification(data.digest, required, findings, work)
    preview = _preview(target, work)
    slug, version_id = version.dataset.slug, version.version_id
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="redact",
        inputs=[normalized.data],
        files=[
            NewFile(data, "processed", "data", layout.artifact(slug, version_id, f"{slug}.parquet")),
            NewFile(preview, "processed", "preview", layout.artifact(slug, version_id, "preview.geojson")),
            NewFile(
                keep_json(log.as_json(), at=work.at),
                "work",
                "transform_log",
                f"work/{slug}/{version_id}/transform-log.json",
            ),
            NewFile(verification, "work", "verification", f"work/{slug}/{version_id}/verification.json"),
        ],
        passed=not findings,
        report=verification,
        decision=decision,
        params={"obligations": [o.as_json() for o in transforming]},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
    )


def _record_validate(  # noqa: PLR0913 - what a run is made of
    version: DatasetVersion,
    normalized: Normalized,
    report: Artifact,
    outgoing: tuple[Artifact, Artifact] | None,
    decision: PolicyDecision,
    work: Workspace,
    *,
    passed: bool,
) -> None:
    slug, version_id = version.dataset.slug, version.version_id
    files = [
        NewFile(report, "processed", "qa_report", layout.qa(slug, version_id, "report.json")),
        NewFile(normalized.rejects, "work", "rejects", f"work/{slug}/{version_id}/rejects.jsonl"),
    ]
    if outgoing is None:
        files.append(NewFile(normalized.data, "work", "normalized", f"work/{slug}/{version_id}/normalized.parquet"))
    else:
        verification, preview = outgoing
        files += [
            NewFile(normalized.data, "processed", "data", layout.artifact(slug, version_id, f"{slug}.parquet")),
            NewFile(preview, "processed", "preview", layout.artifact(slug, version_id, "preview.geojson")),
            NewFile(verification, "work", "verification", f"work/{slug}/{version_id}/verification.json"),
        ]
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="validate",
        inputs=[version.acquisition.source],
        files=files,
        passed=passed,
        report=report,
        decision=decision,
        params={"spec_hash": version.spec.spec_hash},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
    )


def _verification(digest: str, required: Sequence[Obligation], findings: list[Finding], work: Workspace) -> Artifact:
    return keep_json(
        {
            "kfm_obligation_verification_version": "v1",
            "verified_digest": digest,
            "obligations": [o.as_json() for o in required],
            "findings": [f.as_json() for f in findings],
        },
        at=work.at,
    )


def _preview(parquet: Path, work: Workspace) -> Artifact:
    target = work.directory / "preview.geojson"
    write_preview(parquet, target)
    return keep(target, media_type=GEOJSON, at=work.at)


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
