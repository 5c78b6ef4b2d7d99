"""Gate B, rights: B1 (licence, holder, attribution, the same everywhere) and B2 (terms captured). Quarantines.

B2 holds as long as the upstream's terms, as observed last, and those that the bytes came under, are words that stand
accepted: those seen first, or those that a steward accepted since. How they are wrapped or marked up does not count
(``datasets.terms_words``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from datasets import rights
from promotions.gates import ClauseFinding, under


@dataclass(frozen=True, slots=True)
class Terms:
    """What one document says of rights; ``None``: it does not say."""

    name: str
    license: str | None
    rights_holder: str | None = None
    attribution: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """``captured``: as recorded at ingest; ``documents``: what spec and catalogs say; digests: ``sha256:…``.

    ``terms_captured_words``: words digest of the snapshot that this version's bytes came under; ``""``: from before
    terms were watched. ``terms_observed``: words digests that the upstream shows now, by source; ``terms_accepted``:
    those that stand accepted; the two dates are for the message alone.
    """

    captured: Terms
    documents: tuple[Terms, ...]
    carries_bytes: bool
    terms_recorded_digest: str | None
    terms_measured_digest: str | None
    terms_size_bytes: int | None
    terms_captured_words: str = ""
    terms_observed: tuple[str, ...] = ()
    terms_accepted: tuple[str, ...] = ()
    terms_observed_on: str = field(default="", metadata={"volatile": True})
    terms_accepted_on: str = field(default="", metadata={"volatile": True})


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    return [*_b1(evidence), *_b2(evidence)]


def _b1(evidence: Evidence) -> list[ClauseFinding]:
    captured = evidence.captured
    findings = under("B1", rights.check_license(captured.license or ""))
    for name in ("rights_holder", "attribution"):
        if not (getattr(captured, name) or "").strip():
            findings.append(
                ClauseFinding(
                    "B1",
                    f"{name}_missing",
                    f"terms#/{name}",
                    f"The terms name no {name.replace('_', ' ')}.",
                    "Ingest again with it filled in.",
                    "missing",
                )
            )
    if evidence.carries_bytes and captured.license and rights.forbids_redistribution(captured.license):
        findings.append(
            ClauseFinding(
                "B1",
                "redistribution_forbidden",
                "terms#/license",
                f"{captured.license} forbids redistribution, and this version carries bytes.",
                "Publish metadata only, or obtain a licence that allows it.",
            )
        )
    for document in evidence.documents:
        findings += _conflicts(captured, document)
    return findings


def _conflicts(captured: Terms, document: Terms) -> list[ClauseFinding]:
    findings = []
    for name in ("license", "rights_holder", "attribution"):
        said, recorded = getattr(document, name), getattr(captured, name)
        if name == "license" and said is None:
            findings.append(
                ClauseFinding(
                    "B1",
                    "license_missing",
                    f"{document.name}#/license",
                    f"{document.name} names no licence, or could not be read.",
                    "Build the document again.",
                    "missing",
                )
            )
        elif said is not None and said != recorded:
            findings.append(
                ClauseFinding(
                    "B1",
                    f"{name}_conflicts",
                    f"{document.name}#/{name}",
                    f"{document.name} says {said!r}; the terms captured at ingest say {recorded!r}.",
                    "Find out which one upstream means; record a corrected spec, or ingest again with the right terms.",
                )
            )
    return findings


def _b2(evidence: Evidence) -> list[ClauseFinding]:
    return [*_captured(evidence), *_reopened(evidence), *_unaccepted(evidence)]


def _unaccepted(evidence: Evidence) -> list[ClauseFinding]:
    """An upstream that shows accepted terms again does not make good bytes that came under others."""
    own = evidence.terms_captured_words
    if not own or own in {*evidence.terms_accepted, *evidence.terms_observed}:
        return []
    return [
        ClauseFinding(
            "B2",
            "terms_unaccepted",
            "terms",
            "These bytes came under terms that no steward accepted, and that the upstream does not show any more.",
            "Ingest them again under the terms that stand, and deny this version.",
        )
    ]


def _reopened(evidence: Evidence) -> list[ClauseFinding]:
    if set(evidence.terms_observed) <= set(evidence.terms_accepted):
        return []
    return [
        ClauseFinding(
            "B2",
            "terms_reopened",
            "terms",
            f"The upstream's terms observed on {evidence.terms_observed_on or 'an unknown day'} are not those that "
            f"stand accepted since {evidence.terms_accepted_on or 'an unknown day'}.",
            "A steward reads the difference and accepts it, or withdraws or denies the version.",
        )
    ]


def _captured(evidence: Evidence) -> list[ClauseFinding]:
    if not evidence.terms_recorded_digest:
        return [
            ClauseFinding(
                "B2",
                "terms_not_captured",
                "terms",
                "No terms snapshot was captured at ingest.",
                "Ingest again with the upstream's terms.",
                "missing",
            )
        ]
    if evidence.terms_size_bytes == 0:
        return [
            ClauseFinding(
                "B2",
                "terms_empty",
                "terms",
                "The terms snapshot is empty.",
                "Ingest again with the upstream's terms.",
                "missing",
            )
        ]
    if evidence.terms_measured_digest is None:
        return [
            ClauseFinding(
                "B2",
                "terms_lost",
                "terms",
                "The terms snapshot is not in the store any more.",
                "Restore it from a backup, or ingest again.",
                "missing",
            )
        ]
    if evidence.terms_measured_digest != evidence.terms_recorded_digest:
        return [
            ClauseFinding(
                "B2",
                "terms_changed",
                "terms",
                f"The stored terms hash to {evidence.terms_measured_digest}, not {evidence.terms_recorded_digest}.",
                "Restore the snapshot from a backup, or ingest again.",
            )
        ]
    return []
