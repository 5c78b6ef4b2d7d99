"""Gate G, manifest: G1. It lists every artifact and catalog, and their digests equal the stored bytes. Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from promotions.gates import ClauseFinding, under
from promotions.manifest import check_draft

KINDS = ("artifacts", "catalogs")


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that belongs to the release; ``measured``: the stored bytes' digest now, ``None`` when unreadable."""

    listed_in: str
    path: str
    recorded_digest: str
    measured_digest: str | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """``draft``: the manifest as it would be written, without approvals and release time."""

    draft: Mapping[str, Any]
    files: tuple[StoredFile, ...]


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    findings = under("G1", check_draft(evidence.draft))
    listed = {(kind, row.get("path")): row.get("digest") for kind in KINDS for row in evidence.draft.get(kind) or []}
    if not any(file.listed_in == "artifacts" for file in evidence.files):
        findings.append(
            _finding("no_artifacts", "artifacts", "There is no artifact to release.", "Run the steps again.")
        )
    for file in evidence.files:
        findings += _file(file, listed.pop((file.listed_in, file.path), None))
    findings += [
        _finding(
            "listed_but_absent",
            f"{kind}/{path}",
            f"The manifest lists {path}, which this version does not have.",
            "Build the manifest again.",
        )
        for kind, path in listed
    ]
    return findings


def _file(file: StoredFile, listed: str | None) -> list[ClauseFinding]:
    if file.measured_digest is None:
        return [
            _finding(
                "bytes_missing",
                file.path,
                f"The bytes of {file.path} can't be read from the store.",
                "Restore them from a backup, or run the step that makes them again.",
                "missing",
            )
        ]
    if listed is None:
        return [
            _finding("not_listed", file.path, f"The manifest does not list {file.path}.", "Build the manifest again.")
        ]
    if file.measured_digest != listed or file.recorded_digest != listed:
        return [
            _finding(
                "bytes_changed",
                file.path,
                f"The stored bytes of {file.path} hash to {file.measured_digest}; the manifest says {listed}.",
                "Restore the file from a backup, or run the step that makes it again.",
            )
        ]
    return []


def _finding(code: str, where: str, message: str, fix: str, kind: Any = "violated") -> ClauseFinding:
    return ClauseFinding("G1", code, where, message, fix, kind)
