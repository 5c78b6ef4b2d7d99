"""The promotion manifest: what a release holds, byte for byte, and who approved it.

Decides the manifest's fields (design §5, exactly those) and their order, so that the same facts give the same bytes.
Never reads the clock or the store, never adds an approval of its own. Keeps the form of clause G1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit.canonical import canonical_bytes
from audit.findings import Finding
from datasets.receipts import instant
from datasets.schemas import RecordError, check_document

# What a manifest gets only at the release itself.
AWAITED = ("released_at", "approvals")


def build_manifest(  # noqa: PLR0913 -- design §5 fixes the fields
    *,
    dataset_slug: str,
    dataset_version_id: str,
    spec_hash: str,
    released_at: datetime,
    artifacts: Sequence[tuple[str, str, str]],
    catalogs: Sequence[tuple[str, str]],
    qa_status: str,
    qa_report_digest: str,
    policy_label: str,
    decision_id: str,
    approvals: Sequence[tuple[str, str, datetime]],
) -> dict[str, Any]:
    """A promotion manifest.

    ``artifacts``: (path, ``sha256:`` digest, media type); ``catalogs``: (path, digest); ``approvals``: (role,
    principal, time with zone). Files are listed by path, approvals by role and principal, times in UTC. Raises
    ``RecordError`` when a field is not in form.
    """
    manifest = {
        "kfm_promotion_manifest_version": "v1",
        "dataset_slug": dataset_slug,
        "dataset_version_id": dataset_version_id,
        "spec_hash": str(spec_hash),
        "released_at": instant(released_at),
        "artifacts": [
            {"path": path, "digest": str(digest), "media_type": media_type}
            for path, digest, media_type in sorted(artifacts, key=lambda row: row[0])
        ],
        "catalogs": [
            {"path": path, "digest": str(digest)} for path, digest in sorted(catalogs, key=lambda row: row[0])
        ],
        "qa": {"status": qa_status, "report_digest": str(qa_report_digest)},
        "policy": {"policy_label": policy_label, "decision_id": str(decision_id)},
        "approvals": [
            {"role": role, "principal": principal, "approved_at": instant(at)}
            for role, principal, at in sorted(approvals, key=lambda row: row[:2])
        ],
    }
    findings = check_manifest(manifest)
    if findings:
        raise RecordError("promotion manifest", findings)
    return manifest


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """The manifest as RFC 8785 canonical JSON, UTF-8: the bytes that are digested, stored and exported."""
    return canonical_bytes(dict(manifest))


def check_draft(document: object) -> list[Finding]:
    """G1: as ``check_manifest``, for a manifest that may have no ``released_at`` and no ``approvals`` yet."""
    findings = check_document("promotion_manifest.v1", document, "promotions.schemas")
    if not isinstance(document, Mapping):
        return findings
    awaited = {f"/{field}" for field in AWAITED if field not in document or document[field] in (None, [])}
    findings = [finding for finding in findings if finding.where not in awaited]
    return findings or _agreement(document)


def check_manifest(document: object) -> list[Finding]:
    """G1: the findings against a parsed manifest; empty when it has KFM's form and agrees with itself.

    Whether the digests equal the stored bytes is the gate's question, not this one's.
    """
    findings = check_document("promotion_manifest.v1", document, "promotions.schemas")
    if findings or not isinstance(document, Mapping):
        return findings
    return _agreement(document) + _approvals(document)


def _agreement(document: Mapping[str, Any]) -> list[Finding]:
    findings = _paths(document)
    version_spec = document["dataset_version_id"].split(".")[1]
    if not document["spec_hash"].startswith(f"sha256:{version_spec}"):
        message = "The version id's second part is not the first 8 hex digits of this spec hash."
        findings.append(Finding("version_id_other_spec", "/dataset_version_id", message))
    return findings


def _approvals(document: Mapping[str, Any]) -> list[Finding]:
    findings = []
    seen: set[str] = set()
    for index, approval in enumerate(document["approvals"]):
        if approval["principal"] in seen:
            message = "One person fills at most one role of a quorum."
            findings.append(Finding("approval_repeated", f"/approvals/{index}/principal", message))
        seen.add(approval["principal"])
    return findings


def _paths(document: Mapping[str, Any]) -> list[Finding]:
    findings = []
    seen: set[str] = set()
    for group in ("artifacts", "catalogs"):
        for index, row in enumerate(document[group]):
            where = f"/{group}/{index}/path"
            if any(part in ("", ".", "..") for part in row["path"].split("/")):
                findings.append(Finding("path_unsafe", where, "A path has no empty part, no “.” and no “..”."))
            if row["path"] in seen:
                findings.append(Finding("path_repeated", where, "This path stands twice."))
            seen.add(row["path"])
    return findings
