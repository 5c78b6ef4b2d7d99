"""Rows of fact: ``facts`` holds what datasets and versions are, ``upstream`` how their bytes come in."""

from datasets.models.facts import (
    DIGEST_LENGTH,
    PRINCIPAL_LENGTH,
    Acquisition,
    Artifact,
    Dataset,
    DatasetSpec,
    DatasetVersion,
    PolicyDecision,
    PolicyLabel,
    RoleAssignment,
    RunReceipt,
    VersionArtifact,
)
from datasets.models.upstream import (
    FetchAttempt,
    LineageEvent,
    ServiceToken,
    Source,
    SubmittedFile,
    SubmittedRun,
    TermsAcceptance,
    TermsObservation,
)

__all__ = [
    "DIGEST_LENGTH",
    "PRINCIPAL_LENGTH",
    "Acquisition",
    "Artifact",
    "Dataset",
    "DatasetSpec",
    "DatasetVersion",
    "FetchAttempt",
    "LineageEvent",
    "PolicyDecision",
    "PolicyLabel",
    "RoleAssignment",
    "RunReceipt",
    "ServiceToken",
    "Source",
    "SubmittedFile",
    "SubmittedRun",
    "TermsAcceptance",
    "TermsObservation",
    "VersionArtifact",
]
