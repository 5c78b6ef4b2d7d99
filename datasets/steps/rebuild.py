"""The rebuild run: makes a version's projections again from its recorded facts and compares the bytes.

Never changes what is current, nor the version's standing: it leaves a ``rebuild`` receipt with a report, which no gate
counts as a producing run (``runs.current_receipts``). A projection whose stored bytes are gone is put back when the
rebuilt bytes have the recorded digest; a file that differs, or lies damaged, is told by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.catalogs.facts import CatalogFacts
from datasets.errors import Refused
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.people import PIPELINE
from datasets.policy.roles import Role
from datasets.previews import write_footprint, write_preview
from datasets.runs import NewFile, current_files, current_receipts, new_run_id, record_run
from datasets.steps.catalog import catalog_facts, documents
from datasets.steps.checking import work_path
from datasets.steps.outgoing import bbox_of, fetch_data, raster_of, released
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import keep, measure, read_document

REPORT_VERSION = "v1"
Verdict = Literal["same", "differs", "missing"]
Stored = Literal["whole", "damaged", "gone", "restored"]


class ProjectionDrift(Exception):  # noqa: N818 - an answer with its cause, as ``UnreadableSource`` is
    """A rebuilt projection is not the recorded one; the report and its receipt are recorded."""

    code = "projection_drift"
    fix = (
        "The facts behind them changed since (a label, the public address, the code). Run checks and catalogs again; "
        "restore damaged files from a backup."
    )

    def __init__(self, names: list[str]) -> None:
        self.message = f"Rebuilt from the recorded facts, {len(names)} file(s) are not as recorded: {', '.join(names)}."
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class Compared:
    """One projection. ``rebuilt``: digest of what the facts give now; ``stored``: how the recorded bytes lie."""

    path: str
    recorded: str | None
    rebuilt: str
    verdict: Verdict
    stored: Stored

    @property
    def sound(self) -> bool:
        return self.verdict == "same" and self.stored != "damaged"

    def as_json(self) -> dict[str, str | None]:
        """The projection as the rebuild's report has it."""
        return {
            "path": self.path,
            "recorded_digest": self.recorded,
            "rebuilt_digest": self.rebuilt,
            "verdict": self.verdict,
            "stored": self.stored,
        }


def rebuild(version: DatasetVersion, *, proposer: str, work: Workspace) -> None:
    """Rebuilds, compares, puts back, records. Raises ``ProjectionDrift`` once the report is kept.

    Raises ``Refused`` when there are no catalogs, or the data they describe are gone.
    """
    receipt = current_receipts(version).get("catalog")
    if receipt is None:
        raise Refused("nothing_to_rebuild", "This version has no catalogs yet, so there is nothing to rebuild.")
    files = {f.part: f for f in current_files(version)}
    data = fetch_data(files, work)
    made = projections(version, receipt, files, data, proposer=proposer, work=work)
    by_path = {f.path: f for f in files.values()}
    found = [
        _compared(path, raw, media, by_path.get(path), receipt.created_at)
        for path, (media, raw) in sorted(made.items())
    ]
    _record(version, receipt, files, found, work)
    drifted = [f.path.rsplit("/", 1)[-1] for f in found if not f.sound]
    if drifted:
        raise ProjectionDrift(drifted)


def projections(  # noqa: PLR0913 - what they are made of
    version: DatasetVersion,
    receipt: RunReceipt,
    files: Mapping[str, VersionArtifact],
    data: Path | None,
    *,
    proposer: str,
    work: Workspace,
) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes of the preview and each catalog document, by path, as *receipt*'s run would make them."""
    made = {}
    if data is not None:
        preview, raster = work.directory / "preview.geojson", raster_of(files)
        if raster is None:
            write_preview(data, preview)
        else:
            write_footprint(raster, preview)
        made[files["preview"].path] = (files["preview"].artifact.media_type, preview.read_bytes())
    facts = _facts(version, receipt, files, data, proposer)
    return made | {path: (media, raw) for path, _, media, raw in documents(version, facts)}


def _facts(
    version: DatasetVersion, receipt: RunReceipt, files: Mapping[str, VersionArtifact], data: Path | None, proposer: str
) -> CatalogFacts:
    """The facts as they stood for the catalog run: its own id, time, decision and environment."""
    said: dict[str, Any] = json.loads(read_document(receipt.document_id))
    decision = PolicyDecision.objects.filter(decision_id=said["policy"]["decision_id"]).first()
    if decision is None:
        raise Refused("decision_missing", "The policy decision that the catalogs name was never recorded.")
    spec = json.loads(version.spec.canonical)
    facts = catalog_facts(
        version,
        spec=spec,
        files=files,
        bbox=bbox_of(files, data, spec),
        decision=decision,
        run_id=receipt.run_id,
        proposer=proposer,
        at=datetime.strptime(said["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
    )
    *earlier, own = facts.runs
    ran = {name: said["environment"][name] for name in ("container_digest", "git_commit")}
    return replace(facts, runs=(*earlier, replace(own, **ran)))


def _compared(path: str, raw: bytes, media_type: str, file: VersionArtifact | None, at: datetime) -> Compared:
    rebuilt = str(digest_bytes(raw))
    if file is None:
        return Compared(path, None, rebuilt, "missing", "gone")
    recorded = file.artifact_id
    lies = measure(recorded, fresh=True)
    stored: Stored = "gone" if lies is None else "whole" if lies == recorded else "damaged"
    if stored == "gone" and rebuilt == recorded:
        keep(raw, media_type=media_type, at=at)
        stored = "restored"
    return Compared(path, recorded, rebuilt, "same" if rebuilt == recorded else "differs", stored)


def _record(
    version: DatasetVersion,
    receipt: RunReceipt,
    files: Mapping[str, VersionArtifact],
    found: list[Compared],
    work: Workspace,
) -> None:
    same, back = sum(f.sound for f in found), sum(f.stored == "restored" for f in found)
    work.listener.line(f"{same} of {len(found)} projections come out as recorded; {back} put back into the store.")
    document: dict[str, Any] = {
        "kfm_rebuild_report_version": REPORT_VERSION,
        "dataset_version_id": version.version_id,
        "rebuilt_run": receipt.run_id,
        "status": "pass" if same == len(found) else "fail",
        "files": [f.as_json() for f in found],
    }
    report = keep_json(document, at=work.at)
    decision = PolicyDecision.objects.get(
        decision_id=json.loads(read_document(receipt.document_id))["policy"]["decision_id"]
    )

    def hold_and_tell() -> None:
        work.listener.hold()
        ledger.append(
            event=Event.VERSION_REBUILT,
            actor=PIPELINE.principal,
            role=Role.PIPELINE.value,
            subject=version.reference,
            references={"report": report.digest, "status": document["status"]},
            at=work.at,
        )

    record_run(
        version=version,
        run_id=new_run_id(work.at),
        operation="rebuild",
        inputs=[files[part].artifact for part in released(files)],
        files=[NewFile(report, "work", "rebuild_report", work_path(version, "rebuild-report.json"))],
        passed=document["status"] == "pass",
        report=report,
        decision=decision,
        params={"rebuilt_run": receipt.run_id},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=hold_and_tell,
    )
