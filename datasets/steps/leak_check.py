"""The leak report of a catalog run: the leak linter over all that goes out, and differencing against what went out.

Made where an obligation changes bytes, on the bytes that are about to be catalogued; gate C judges it. A look that
could not be made whole is a finding of its own: not run is failed (clause C2, ADR 0029). Tells no value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely
from django.db.models import Q

from audit.digests import digest_bytes
from audit.findings import Finding
from datasets import decisions
from datasets.models import DatasetVersion, PolicyDecision, PolicyLabel, VersionArtifact
from datasets.obligations.differencing import Released, compare
from datasets.obligations.leak_sources import repeated_columns, scan_released, secrets_of
from datasets.obligations.leaks import LeakScan
from datasets.policy.labels import OUTER_CIRCLE
from datasets.policy.obligations import TRANSFORMING, Obligation, ObligationError, ObligationKind, parse_obligations
from datasets.policy.requests import Action
from datasets.receipts import instant
from datasets.runs import NewFile, current_files, current_receipts
from datasets.steps.checking import work_path
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import console_store, read_document
from datasets.zones.store import StoreError

PART = "leak_report"
#: Standings of versions whose bytes are, or once were, handed out.
WENT_OUT = ("PUBLISHED", "SUPERSEDED", "WITHDRAWN")
#: So many earlier releases are compared; more is "could not compare", not "fine".
MOST_RELEASES = 40
_MOST_BYTES = 64 * 1024 * 1024
_UNREADABLE = (StoreError, OSError, pa.ArrowException, TypeError, ValueError, LookupError, shapely.errors.ShapelyError)
Earlier = dict[str, tuple[DatasetVersion, tuple[Obligation, ...] | None]]
Built = Sequence[tuple[str, str, str, bytes]]


def report_on(  # noqa: PLR0913 - what a look is made of
    version: DatasetVersion,
    required: Sequence[Obligation],
    files: Mapping[str, VersionArtifact],
    built: Built,
    data: Path | None,
    work: Workspace,
) -> list[NewFile]:
    """The report as a file of the run; nothing where neither this release nor one beside it owes a change of bytes."""
    changed = any(item.kind in TRANSFORMING for item in required)
    if data is None or "raster" in files:
        return []
    earlier = _earlier(version)
    if not changed and not any(item.kind in TRANSFORMING for _, owed in earlier.values() for item in owed or ()):
        return []
    scanned, findings = _scanned(version, required, files, built, data, work) if changed else ([], [])
    compared, isolated = _compared(version, required, earlier, data, work)
    findings = [*findings, *isolated]
    said = {
        "kfm_leak_report_version": "v1",
        "verified_digest": files["data"].artifact_id,
        "scanned": scanned,
        "compared": compared,
        "findings": [finding.as_json() for finding in findings],
    }
    verdict = "nothing found" if not findings else f"{len(findings)} finding(s)"
    work.listener.line(f"Leak check of {len(scanned)} files, against {len(compared)} other releases: {verdict}.")
    return [NewFile(keep_json(said, at=work.at), "work", PART, work_path(version, "leak-report.json"))]


def _going_out(
    version: DatasetVersion, files: Mapping[str, VersionArtifact], built: Built
) -> dict[str, tuple[str, bytes]]:
    """(digest, bytes) by path of what goes out beside the data: small files, catalogs, receipts."""
    going = {files[p].path: (files[p].artifact_id, b"") for p in ("preview", "qa_report", "terms") if p in files}
    going = {path: (digest, console_store().read(digest, _MOST_BYTES)) for path, (digest, _) in going.items()}
    going |= {path: (str(digest_bytes(raw)), raw) for path, _, _, raw in built}
    for operation, receipt in current_receipts(version).items():
        if operation != "catalog":
            going[f"receipt/{operation}"] = (receipt.document_id, read_document(receipt.document_id))
    return going


def _scanned(  # noqa: PLR0913 - what a look is made of
    version: DatasetVersion,
    required: Sequence[Obligation],
    files: Mapping[str, VersionArtifact],
    built: Built,
    data: Path,
    work: Workspace,
) -> tuple[list[dict[str, str]], list[Finding]]:
    """What was looked through, and what was found; nothing counts as looked through when the look broke off."""
    released = files["data"]
    try:
        going = _going_out(version, files, built)
        source = work.directory / "precise"
        console_store().fetch_to((files.get("measured") or files["normalized"]).artifact_id, source)
        scan = LeakScan(secrets_of(source, data, required, public=_public(version, work)))
        scan_released(scan, data, released.path)
        for path, (_, raw) in going.items():
            scan.raw(path, raw)
        scan.text("file names", "\n".join([released.path, *going]))
        findings = [*scan.findings(), *repeated_columns(source, required)]
    except _UNREADABLE as problem:
        return [], [_not_made(problem)]
    every = {released.path: released.artifact_id, **{path: digest for path, (digest, _) in going.items()}}
    return [{"path": path, "digest": digest} for path, digest in sorted(every.items())], findings


def _not_made(problem: Exception) -> Finding:
    message = f"The leak check could not be made whole: {type(problem).__name__}."
    return Finding(
        "leak_check_not_made", "artifacts", message, "Build the catalogs again; else ask an operator.", "error"
    )


def _public(version: DatasetVersion, work: Workspace) -> list[str]:
    """Words and days that are public whatever the data say: the spec's, the terms', and those of the runs."""
    acquisition = version.acquisition
    texts = [version.spec.canonical, version.slice, instant(work.at), instant(acquisition.acquired_at)]
    texts += [console_store().read(acquisition.terms_id, _MOST_BYTES).decode("utf-8", "replace")]
    texts += [acquisition.rights_holder, acquisition.attribution]
    return texts + [instant(receipt.created_at) for receipt in current_receipts(version).values()]


def _compared(
    version: DatasetVersion, required: Sequence[Obligation], earlier: Earlier, data: Path, work: Workspace
) -> tuple[list[str], list[Finding]]:
    """The other releases it was compared with, and what they give away together."""
    if version.policy_label is not None and not OUTER_CIRCLE & set(version.policy_label.readers):
        return [], []
    if len(earlier) > MOST_RELEASES:
        message = f"There are {len(earlier)} other releases, and {MOST_RELEASES} can be compared."
        fix = "Ask an operator: the dataset needs one grid and one set of columns for all its versions."
        return [], [Finding("differencing_not_comparable", "artifacts", message, fix, "error")]
    new = Released(data, version.reference, tuple(required))
    names: list[str] = []
    findings: list[Finding] = []
    for digest, (other, owed) in earlier.items():
        path = work.directory / "earlier"
        try:
            console_store().fetch_to(digest, path)
            if owed is None:
                raise ValueError("what it was obliged to can't be read")
        except (StoreError, ValueError) as problem:
            message = f"{other.reference} could not be read to compare: {type(problem).__name__}."
            fix = "Ask an operator to bring its bytes and its decision back."
            findings.append(Finding("differencing_not_comparable", other.reference, message, fix, "error"))
            continue
        names.append(other.reference)
        findings += compare(new, Released(path, other.reference, owed))
    return names, findings


def _earlier(version: DatasetVersion) -> Earlier:
    """By the digest of its data, each release of this dataset, or of the same source bytes, that the outer circle had.

    A release counts under the label it was decided under: tightening it later takes nothing back. What an earlier
    version of this very dataset had to remove is decided anew by this one's policy and sign-offs.
    """
    same = Q(dataset=version.dataset) | Q(acquisition__source=version.acquisition.source_id)
    others = DatasetVersion.objects.filter(same, standing__state__in=WENT_OUT).exclude(pk=version.pk)
    found: Earlier = {}
    for other in others.select_related("dataset", "policy_label").order_by("-pk"):
        files = {file.part: file for file in current_files(other)}
        decision = PolicyDecision.objects.filter(version=other, action=Action.ASSESS.value).order_by("-pk").first()
        if "data" not in files or "raster" in files or files["data"].artifact_id in found:
            continue
        document: dict[str, Any] = decisions.document_of(decision) if decision else {}
        if not _outside({document.get("policy_label"), other.policy_label_id}):
            continue
        owed = _owed(document) if decision else None
        if owed is not None and other.dataset_id == version.dataset_id:
            owed = tuple(item for item in owed if item.kind is not ObligationKind.REMOVE_ATTRIBUTES)
        found[files["data"].artifact_id] = (other, owed)
    return found


def _owed(document: Mapping[str, Any]) -> tuple[Obligation, ...] | None:
    try:
        return parse_obligations(document.get("obligations") or ())
    except ObligationError:
        return None


def _outside(labels: set[str | None]) -> bool:
    """Whether the outer circle reads, or read, what stands under one of *labels*; an unknown label counts as read."""
    named = labels - {None}
    rows = {row.name: row for row in PolicyLabel.objects.filter(name__in=named)}
    return any(label not in rows or OUTER_CIRCLE & set(rows[label].readers) for label in named)
