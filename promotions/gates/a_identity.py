"""Gate A, identity: A1 (ids well formed and deterministic) and A2 (spec hash and ids agree everywhere). Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.digests import digest_json
from datasets import identity
from promotions.gates import ClauseFinding, under


@dataclass(frozen=True, slots=True)
class DocumentIds:
    """The ids one document claims; ``None`` where the document does not say."""

    name: str
    dataset_id: str | None
    dataset_version_id: str | None
    spec_hash: str | None = None
    says_spec_hash: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """``source_digests``: the source as measured now (``None``: unreadable); ``recorded_*``: as written down."""

    dataset_slug: str
    version_id: str
    slice: str
    spec: Mapping[str, Any]
    recorded_spec_hash: str
    source_digests: tuple[str | None, ...]
    recorded_inputs_digest: str
    documents: tuple[DocumentIds, ...]


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    return [*_a1(evidence), *_a2(evidence)]


def _a1(evidence: Evidence) -> list[ClauseFinding]:
    findings = under("A1", identity.check_slug(evidence.dataset_slug))
    if not evidence.source_digests or None in evidence.source_digests:
        return [
            *findings,
            _finding(
                "A1",
                "source_missing",
                "raw",
                "The source bytes are not in the store.",
                "Ingest the source again.",
                "missing",
            ),
        ]
    measured = identity.inputs_digest([d for d in evidence.source_digests if d])
    if str(measured) != evidence.recorded_inputs_digest:
        findings.append(
            _finding(
                "A1",
                "inputs_changed",
                "raw",
                f"The source bytes hash to {measured}, but this id was given to {evidence.recorded_inputs_digest}.",
                "Ingest the changed source as a new version; an id is never reused for other bytes.",
            )
        )
    findings += under(
        "A1",
        identity.check_version_id(
            evidence.version_id, spec_hash=evidence.recorded_spec_hash, inputs=evidence.recorded_inputs_digest
        ),
    )
    if not evidence.version_id.startswith(f"{evidence.slice}."):
        findings.append(
            _finding(
                "A1",
                "version_id_other_slice",
                "dataset_version_id",
                f"The id does not begin with the slice {evidence.slice}.",
                "Ingest again; ids are derived, never typed.",
            )
        )
    return findings


def _a2(evidence: Evidence) -> list[ClauseFinding]:
    findings = []
    recomputed = str(digest_json(evidence.spec))
    if recomputed != evidence.recorded_spec_hash:
        findings.append(
            _finding(
                "A2",
                "spec_hash_differs",
                "spec",
                f"The stored spec hashes to {recomputed}; {evidence.recorded_spec_hash} was recorded.",
                "Record the spec again as a new spec and ingest under it.",
            )
        )
    if evidence.spec.get("dataset_slug") != evidence.dataset_slug:
        findings.append(
            _finding(
                "A2",
                "spec_of_other_dataset",
                "spec#/dataset_slug",
                "The spec names another dataset.",
                "Record a spec whose dataset_slug is this dataset's.",
            )
        )
    for document in evidence.documents:
        findings += _document(evidence, document)
    return findings


def _document(evidence: Evidence, document: DocumentIds) -> list[ClauseFinding]:
    claims = [
        ("dataset_id", document.dataset_id, evidence.dataset_slug),
        ("dataset_version_id", document.dataset_version_id, evidence.version_id),
    ]
    if document.says_spec_hash:
        claims.append(("spec_hash", document.spec_hash, evidence.recorded_spec_hash))
        if not any(claimed for _, claimed, _ in claims):
            return [_unread(document)]
    return [
        _finding(
            "A2",
            f"{field}_differs" if claimed else f"{field}_missing",
            f"{document.name}#/{field}",
            f"{document.name} says {field} {claimed!r}; it must be {expected!r}."
            if claimed
            else f"{document.name} does not say its {field}; it must be {expected!r}.",
            "Build the document again from the recorded facts.",
            "violated" if claimed else "missing",
        )
        for field, claimed, expected in claims
        if claimed != expected
    ]


def _unread(document: DocumentIds) -> ClauseFinding:
    """A catalog document that says none of its ids: most often one of the triplet is lost, so none could be read."""
    return _finding(
        "A2",
        "ids_unread",
        document.name,
        f"The ids in {document.name} could not be read.",
        "See what gate D says of the documents, and mend that first.",
        "error",
    )


def _finding(clause: str, code: str, where: str, message: str, fix: str, kind: Any = "violated") -> ClauseFinding:  # noqa: PLR0913 - a finding's own fields
    return ClauseFinding(clause, code, where, message, fix, kind)
