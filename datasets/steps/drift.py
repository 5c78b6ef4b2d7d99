"""Whether a version's catalogs still are what their recorded facts make: rebuilt in memory, compared byte by byte.

Compares and records; mends nothing (``rebuild`` does) and decides no gate. "Could not be checked" is its own outcome,
never shown as the same. Rebuilt bytes that differ are kept beside the report, so that people can see the difference.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from django.conf import settings
from django.db import transaction

from audit import ledger
from audit.digests import digest_bytes, digest_json
from audit.events import Event
from datasets.catalogs.facts import CatalogFacts, IncompleteFactsError
from datasets.catalogs.released_parts import RELEASED
from datasets.environment import container_digest, git_commit
from datasets.errors import Refused
from datasets.formats.errors import UnreadableSource
from datasets.models import DatasetVersion, DriftCheck, DriftOutcome, PolicyDecision, RunReceipt, VersionArtifact
from datasets.people import Person
from datasets.policy.roles import RUNS
from datasets.previews import write_footprint, write_preview
from datasets.runs import current_files, current_receipts
from datasets.steps.catalog import catalog_facts, documents
from datasets.steps.outgoing import bbox_of, fetch_data, raster_of
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import keep, measure, read_document
from datasets.zones.store import StoreError

REPORT_VERSION = "v1"
Verdict = Literal["same", "differs", "missing", "not_rebuilt"]
Stored = Literal["whole", "damaged", "gone", "restored"]
#: What ends a rebuild in memory without a comparison; anything else is a fault of ours and is raised.
CANNOT = (Refused, IncompleteFactsError, StoreError, UnreadableSource)
_UNFORESEEN = "The check stopped on an error no one foresaw ({})."
_EVENTS = {
    DriftOutcome.DRIFTED: Event.CATALOG_DRIFTED,
    DriftOutcome.SAME: Event.CATALOG_HOLDS,
    DriftOutcome.NOT_CHECKED: Event.CATALOG_UNCHECKED,
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One file. ``rebuilt``: digest of what the facts give now (``None``: not made of facts, or not rebuilt);
    ``content``: those bytes; ``stored``: how the recorded bytes lie.
    """

    path: str
    part: str
    recorded: str | None
    rebuilt: str | None
    stored: Stored
    media_type: str = ""
    content: bytes = b""

    @property
    def verdict(self) -> Verdict:
        if self.rebuilt is None:
            return "not_rebuilt"
        return "missing" if self.recorded is None else "same" if self.rebuilt == self.recorded else "differs"

    @property
    def sound(self) -> bool:
        """As recorded, and whole in the store; bytes that are gone count as sound only once they were put back."""
        return self.verdict in {"same", "not_rebuilt"} and self.stored in {"whole", "restored"}

    @property
    def can_be_put_back(self) -> bool:
        return self.verdict == "same" and self.stored in {"gone", "damaged"}

    def as_json(self) -> dict[str, str | None]:
        """The file as reports have it."""
        return {
            "path": self.path,
            "part": self.part,
            "recorded_digest": self.recorded,
            "rebuilt_digest": self.rebuilt,
            "verdict": self.verdict,
            "stored": self.stored,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All files of one version. ``error``: why nothing was rebuilt; ``causes``: code and sentence of each."""

    receipt: RunReceipt
    files: tuple[Compared, ...]
    causes: tuple[tuple[str, str], ...] = ()
    error: Exception | None = None

    @property
    def problem(self) -> str:
        """Why nothing was rebuilt, in words; they name digests and parts, never a value."""
        if self.error is None:
            return ""
        said = str(self.error) if isinstance(self.error, CANNOT) else _UNFORESEEN.format(type(self.error).__name__)
        return " ".join(str(getattr(self.error, "message", said)).split())[:300]

    @property
    def outcome(self) -> DriftOutcome:
        if not all(file.sound for file in self.files):
            return DriftOutcome.DRIFTED
        return DriftOutcome.NOT_CHECKED if self.problem else DriftOutcome.SAME

    @property
    def unsound(self) -> list[str]:
        """Names of the files that are not as recorded."""
        return [file.path.rsplit("/", 1)[-1] for file in self.files if not file.sound]


def compare(version: DatasetVersion, *, proposer: str, work: Workspace, preview: bool) -> Comparison:
    """Hashes every stored file again and rebuilds the catalogs in memory.

    ``preview``: also the small map, which reads all data; without it, only where its stored bytes are not whole.
    Raises ``Refused`` when there are no catalogs.
    """
    receipt = current_receipts(version).get("catalog")
    if receipt is None:
        raise Refused("nothing_to_rebuild", "This version has no catalogs yet, so there is nothing to rebuild.")
    files = {f.part: f for f in current_files(version)}
    stored = _stored(version, files)
    try:
        drawn = preview or ("preview" in files and stored[files["preview"].path].stored != "whole")
        data = fetch_data(files, work)
        made = projections(version, receipt, files, data, proposer=proposer, work=work, preview=drawn)
    except CANNOT as problem:
        found = tuple(stored.values())
        return Comparison(receipt, found, _causes(found, {}), problem)
    by_path = {f.path: f for f in files.values()}
    for path, (media, raw) in made.items():
        digest = str(digest_bytes(raw))
        held = stored.get(path) or Compared(path, _part(by_path, path), None, None, "gone")
        stored[path] = replace(held, rebuilt=digest, media_type=media, content=raw)
    found = tuple(stored[path] for path in sorted(stored))
    return Comparison(receipt, found, _causes(found, _receipt_said(receipt)))


def _part(by_path: Mapping[str, VersionArtifact], path: str) -> str:
    return by_path[path].part if path in by_path else ""


def _stored(version: DatasetVersion, files: Mapping[str, VersionArtifact]) -> dict[str, Compared]:
    """Every file that a release hands out, by path, as its bytes lie now; receipts by their run."""
    listed = [(f.path, f.part, f.artifact_id) for f in files.values() if f.part in RELEASED or f.zone == "catalog"]
    listed += [(r.run_id, "receipt", r.document_id) for r in current_receipts(version).values()]
    return {path: Compared(path, part, digest, None, _lies(digest)) for path, part, digest in sorted(listed)}


def _lies(digest: str) -> Stored:
    measured = measure(digest, fresh=True)
    return "gone" if measured is None else "whole" if measured == digest else "damaged"


def stopped(version: DatasetVersion, error: Exception) -> Comparison | None:
    """The comparison of a check that an unforeseen *error* ended; ``None`` where there are no catalogs to check."""
    receipt = current_receipts(version).get("catalog")
    return None if receipt is None else Comparison(receipt, (), (), error)


def _receipt_said(receipt: RunReceipt) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(read_document(receipt.document_id))
    return document


def _causes(found: tuple[Compared, ...], said: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What it can have come from, as far as the records tell."""
    causes = []
    lost = sum(file.stored not in {"whole", "restored"} for file in found)
    if lost:
        causes.append(("store_damaged", f"The store lost or damaged {lost} file{'' if lost == 1 else 's'}."))
    if not any(file.verdict in {"differs", "missing"} for file in found):
        return tuple(causes)
    ran = said["environment"]
    if ran.get("params_digest") != str(digest_json({"api_base_url": f"{settings.KFM_PUBLIC_URL}/api/v1"})):
        causes.append(("address_changed", "The console's public address is another one than when they were built."))
    if (ran["git_commit"], ran["container_digest"]) != (git_commit(), container_digest()):
        message = f"They were built by code {ran['git_commit'][:12]}; this console runs {git_commit()[:12]}."
        causes.append(("code_changed", message))
    if len(causes) == bool(lost):
        message = "The code and the address are the same: a recorded fact changed (a label, a term, a row)."
        causes.append(("facts_changed", message))
    return tuple(causes)


def projections(  # noqa: PLR0913 - what they are made of
    version: DatasetVersion,
    receipt: RunReceipt,
    files: Mapping[str, VersionArtifact],
    data: Path | None,
    *,
    proposer: str,
    work: Workspace,
    preview: bool = True,
) -> dict[str, tuple[str, bytes]]:
    """Media type and bytes of the preview and each catalog document, by path, as *receipt*'s run would make them."""
    made = {}
    if data is not None and preview:
        path, raster = work.directory / "preview.geojson", raster_of(files)
        if raster is None:
            write_preview(data, path)
        else:
            write_footprint(raster, path)
        made[files["preview"].path] = (files["preview"].artifact.media_type, path.read_bytes())
    facts = _facts(version, receipt, files, data, proposer)
    return made | {path: (media, raw) for path, _, media, raw in documents(version, facts)}


def _facts(
    version: DatasetVersion, receipt: RunReceipt, files: Mapping[str, VersionArtifact], data: Path | None, proposer: str
) -> CatalogFacts:
    """The facts as they stood for the catalog run: its own id, time, decision and environment."""
    said = _receipt_said(receipt)
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


def as_document(version: DatasetVersion, comparison: Comparison) -> dict[str, Any]:
    """The comparison as it is kept and shown."""
    return {
        "kfm_drift_report_version": REPORT_VERSION,
        "dataset_version_id": version.version_id,
        "rebuilt_run": comparison.receipt.run_id,
        "outcome": comparison.outcome.value,
        "problem": comparison.problem,
        "causes": [{"code": code, "message": message} for code, message in comparison.causes],
        "checked_with": {"git_commit": git_commit(), "container_digest": container_digest()},
        "files": [file.as_json() for file in comparison.files],
    }


def record_check(version: DatasetVersion, comparison: Comparison, *, by: Person, at: datetime) -> DriftCheck | None:
    """Keeps the check, in the ledger only where the outcome is another one than before.

    ``None``: the catalogs were built anew, or checked by someone else, while this one was made; it says nothing then.
    """
    for file in comparison.files:
        if file.verdict == "differs":
            keep(file.content, media_type=file.media_type, at=at)
    report = keep_json(as_document(version, comparison), at=at)
    with transaction.atomic():
        DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        now = current_receipts(version).get("catalog")
        last = DriftCheck.objects.filter(version=version).order_by("-pk").first()
        overtaken = last is not None and last.at > at
        if now is None or now.run_id != comparison.receipt.run_id or overtaken:
            return None
        outcome = comparison.outcome
        if outcome != (last.outcome if last else DriftOutcome.SAME):
            _tell_ledger(version, outcome, report.digest, by, at)
        return DriftCheck.objects.create(
            version=version,
            at=at,
            outcome=outcome,
            report=report,
            detail=comparison.problem,
            principal=by.principal,
        )


def _tell_ledger(version: DatasetVersion, outcome: DriftOutcome, report: str, by: Person, at: datetime) -> None:
    ledger.append(
        event=_EVENTS[outcome],
        actor=by.principal,
        role=by.role_told(version.dataset_id, RUNS).value,
        subject=version.reference,
        references={"report": report, "outcome": outcome.value},
        at=at,
    )
