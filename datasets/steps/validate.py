"""The validate run: checks the normalized bytes as the spec declares, applies what policy requires.

Leaves a ``validate`` receipt and, when an obligation transforms bytes, a ``redact`` receipt. Keeps clauses C2, E1, E2:
checks are made on the normalized bytes, failing records are set apart, obligations are applied to the rows that go on
and verified on the bytes that would go out. Under ``metadata_only`` nothing of the data goes out. A raster goes out as
it came, or not at all: what would have to change it can't be applied.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from audit.findings import Finding
from datasets import decisions
from datasets.catalogs.released_parts import DATA_PARTS
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
from datasets.previews import write_footprint, write_preview
from datasets.runs import NewFile, current_files, new_run_id, record_run
from datasets.steps.checking import Checked, check_rows, work_path
from datasets.steps.normalize import PARQUET, Normalized
from datasets.steps.outgoing import SYSTEM_PART, parquet_system
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
    checked = check_rows(version, normalized, spec, work)
    required, faults = required_obligations(version, spec)
    transforming = [o for o in required if o.kind in TRANSFORMING]
    decision = _decide(version, Action.RUN, (), work)
    if withholds(required) and not faults:
        work.listener.line("Only the record goes out: the obligation metadata_only holds the bytes back.")
        findings = verify_obligations(None, _on_bytes(required), {})
        files = _verified(version, checked.data.digest, required, findings, work)
        _record_validate(version, normalized, checked, files, decision, work, columns=frozenset())
    elif transforming and not faults:
        protected = _protect(normalized, checked.path, transforming, work)
        if isinstance(protected, Protected):
            _record_validate(version, normalized, checked, (), decision, work, columns=protected.columns)
            _record_redact(version, checked, protected, required, decision, work)
        else:
            files = _verified(version, checked.data.digest, required, [protected], work)
            _record_validate(version, normalized, checked, files, decision, work, columns=frozenset())
    else:
        findings = faults or verify_obligations(checked.path, _on_bytes(required), {})
        files = _outgoing(version, checked.path, checked.data, work, raster=normalized.raster)
        files += _verified(version, checked.data.digest, required, findings, work)
        _record_validate(version, normalized, checked, files, decision, work)
    has_bytes = not withholds(required) or any(f.part in DATA_PARTS for f in current_files(version))
    _decide(version, Action.ASSESS, _applied(version, required), work, has_bytes=has_bytes)


def withholds(required: Sequence[Obligation]) -> bool:
    """Whether nothing of the data may go out; an obligation to change bytes is void then."""
    return any(o.kind is ObligationKind.METADATA_ONLY for o in required)


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


def _decide(
    version: DatasetVersion, action: Action, applied: Sequence[Obligation], work: Workspace, *, has_bytes: bool = True
) -> PolicyDecision:
    spec = json.loads(version.spec.canonical)
    resource = decisions.resource_of(
        version,
        person=PIPELINE,
        standing=version.standing.state,
        has_bytes=has_bytes,
        obligations=(spec.get("sensitivity") or {}).get("obligations") or (),
        applied=[o.as_json() for o in applied],
    )
    return decisions.decide(
        decisions.request_for(PIPELINE, action, resource, dataset_pk=version.dataset_id, role=Role.PIPELINE),
        version=version,
        at=work.at,
    )


def _protect(
    normalized: Normalized, source: Path, transforming: Sequence[Obligation], work: Workspace
) -> Protected | Finding:
    """The transformed file, or the finding that says why there can't be one."""
    if normalized.raster is not None:
        work.listener.line("The obligations can't be applied to a raster; nothing goes out.")
        kinds = ", ".join(sorted({o.kind.value for o in transforming}))
        message = f"A raster goes out as it came, so {kinds} can't be applied to it."
        fix = "Open a metadata-only version, or ingest a raster that its owner has made safe."
        return Finding("obligation_not_applicable", "artifacts", message, fix)
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
    checked: Checked,
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
        inputs=[checked.data],
        files=[
            *_outgoing(version, protected.path, data, work),
            NewFile(log, "work", "transform_log", work_path(version, "transform-log.json")),
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
    checked: Checked,
    files: Sequence[NewFile],
    decision: PolicyDecision,
    work: Workspace,
    *,
    columns: frozenset[str] | None = None,
) -> None:
    """The report goes out with the data: beside data of only *columns* it is told without what they hide."""
    told, whole = checked.released(version, columns), checked.whole()
    released = keep_json(told.as_json(), at=work.at)
    slug, version_id, source = version.dataset.slug, version.version_id, version.acquisition.source
    own = [
        NewFile(released, "processed", "qa_report", layout.qa(slug, version_id, "report.json")),
        NewFile(normalized.rejects, "work", "rejects", work_path(version, "rejects.jsonl")),
        *checked.files,
    ]
    if told != whole:
        kept = keep_json(whole.as_json(), at=work.at)
        own.append(NewFile(kept, "work", "qa_report_whole", work_path(version, "qa-report-whole.json")))
    if normalized.raster is not None:
        facts = keep_json(normalized.raster, at=work.at)
        own.append(NewFile(facts, "work", "raster", work_path(version, "raster.json")))
    if not any(file.part == "data" for file in files):
        name = "normalized.parquet" if normalized.raster is None else "normalized.tif"
        own.append(NewFile(checked.data, "work", "normalized", work_path(version, name)))
    every = [*own, *files]
    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="validate",
        inputs=[source],
        files=[file for file in every if file.artifact.digest != source.digest],
        handed_on=[file for file in every if file.artifact.digest == source.digest],
        passed=checked.report.status == "pass",
        report=released,
        decision=decision,
        params={"spec_hash": version.spec.spec_hash},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )


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
    return [NewFile(keep_json(document, at=work.at), "work", "verification", work_path(version, "verification.json"))]


def _outgoing(
    version: DatasetVersion, path: Path, data: Artifact, work: Workspace, *, raster: Mapping[str, Any] | None = None
) -> list[NewFile]:
    """The data that go out, a preview drawn from these very bytes (of a raster: its footprint), and what the catalogs
    say of the system that vector data's coordinates are in.
    """
    slug, version_id = version.dataset.slug, version.version_id
    target = work.directory / "preview.geojson"
    if raster is None:
        write_preview(path, target)
    else:
        write_footprint(raster, target)
    preview = keep(target, media_type=GEOJSON, at=work.at)
    name = f"{slug}.parquet" if raster is None else f"{slug}.tif"
    files = [
        NewFile(data, "processed", "data", layout.artifact(slug, version_id, name)),
        NewFile(preview, "processed", "preview", layout.artifact(slug, version_id, "preview.geojson")),
    ]
    system = parquet_system(path) if raster is None else ""
    if system:
        said = keep_json({"crs": system}, at=work.at)
        files.append(NewFile(said, "work", SYSTEM_PART, work_path(version, "reference-system.json")))
    return files
