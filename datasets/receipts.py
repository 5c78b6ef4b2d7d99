"""Run receipts and acquisition manifests: the records that a run leaves behind.

Decides what a receipt must hold (design §5, exactly those fields) and builds it from facts that are passed in. Never
reads the clock, the environment or the store. Keeps the form of clause F1, and B2's for the captured terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from audit.findings import Finding
from datasets.schemas import RecordError, check_document


def environment(*, container_digest: str, git_commit: str, params_digest: str | None = None) -> dict[str, str]:
    """The receipt's ``environment``: digests are ``sha256:``, ``git_commit`` is lower-case hex; all are facts given."""
    facts = {"container_digest": str(container_digest), "git_commit": git_commit}
    if params_digest is not None:
        facts["params_digest"] = str(params_digest)
    return facts


def build_receipt(  # noqa: PLR0913 -- design §5 fixes the fields
    *,
    run_id: str,
    operation: str,
    dataset_version_id: str,
    inputs: Sequence[tuple[str, str]],
    outputs: Sequence[tuple[str, str]],
    environment: Mapping[str, str],
    validation_status: str,
    report_digest: str,
    decision_id: str,
    created_at: datetime,
    actor: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """A run receipt. ``inputs``, ``outputs``: (uri, ``sha256:`` digest), listed by uri; ``actor``: (principal, role).

    ``created_at`` must know its time zone and is written in UTC. Raises ``RecordError`` when a field is not in form.
    """
    receipt: dict[str, Any] = {
        "kfm_run_receipt_version": "v1",
        "run_id": str(run_id),
        "operation": operation,
        "dataset_version_id": dataset_version_id,
        "inputs": _references(inputs),
        "outputs": _references(outputs),
        "environment": dict(environment),
        "validation": {"status": validation_status, "report_digest": str(report_digest)},
        "policy": {"decision_id": str(decision_id)},
        "created_at": instant(created_at),
    }
    if actor is not None:
        receipt["actor"] = {"principal": actor[0], "role": actor[1]}
    findings = check_receipt(receipt)
    if findings:
        raise RecordError("run receipt", findings)
    return receipt


def check_receipt(document: object) -> list[Finding]:
    """F1: the findings against a parsed run receipt; empty when it has KFM's form and agrees with itself."""
    findings = check_document("run_receipt.v1", document)
    if findings or not isinstance(document, Mapping):
        return findings
    for side in ("inputs", "outputs"):
        findings += _one_digest_each(document[side], f"/{side}")
    if (
        document["created_at"] < document["run_id"].removeprefix("kfm://run/")[:20]
        and document["created_at"][-1] == "Z"
    ):
        message = "The receipt was made before its run began."
        findings.append(Finding("receipt_before_run", "/created_at", message))
    return findings


def build_acquisition_manifest(  # noqa: PLR0913 -- design §5 fixes the fields
    *,
    dataset_slug: str,
    acquisition_id: str,
    fetched_at: datetime,
    source: Mapping[str, str],
    terms: Mapping[str, str],
    artifacts: Sequence[Mapping[str, Any]],
    notes: str = "",
) -> dict[str, Any]:
    """An acquisition manifest; ``artifacts`` are ``{path, media_type, sha256 (bare hex), size_bytes}``, listed by path.

    Raises ``RecordError`` when a field is not in form.
    """
    manifest = {
        "kfm_acquisition_manifest_version": "v1",
        "dataset_slug": dataset_slug,
        "acquisition_id": acquisition_id,
        "fetched_at": instant(fetched_at),
        "source": dict(source),
        "terms": dict(terms),
        "artifacts": sorted((dict(artifact) for artifact in artifacts), key=lambda artifact: str(artifact.get("path"))),
        "notes": notes,
    }
    findings = check_acquisition_manifest(manifest)
    if findings:
        raise RecordError("acquisition manifest", findings)
    return manifest


def check_acquisition_manifest(document: object) -> list[Finding]:
    """B2: the findings against a parsed acquisition manifest; empty when it has KFM's form."""
    findings = check_document("acquisition_manifest.v1", document)
    if findings or not isinstance(document, Mapping):
        return findings
    return _repeated(document["artifacts"], "path", "/artifacts")


def instant(at: datetime) -> str:
    """RFC 3339 in UTC, whole seconds, ``Z``; refuses a time without a zone."""
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError("The time has no time zone; give it in UTC.")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _references(pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"uri": uri, "digest": str(digest)} for uri, digest in sorted(pairs, key=lambda pair: pair[0])]


def _repeated(rows: Sequence[Mapping[str, Any]], key: str, where: str) -> list[Finding]:
    seen: set[str] = set()
    findings = []
    for index, row in enumerate(rows):
        if row[key] in seen:
            findings.append(Finding(f"{key}_repeated", f"{where}/{index}/{key}", f"This {key} stands twice."))
        seen.add(row[key])
    return findings


def _one_digest_each(rows: Sequence[Mapping[str, Any]], where: str) -> list[Finding]:
    held: dict[str, str] = {}
    findings = []
    for index, row in enumerate(rows):
        if held.setdefault(row["uri"], row["digest"]) != row["digest"]:
            message = "This uri stands twice with different digests."
            findings.append(Finding("uri_two_digests", f"{where}/{index}/digest", message))
    return findings
