"""Rows of decision: ``decisions`` (standing, signatures, releases), ``inbox`` (quarantine), ``work`` (jobs)."""

from promotions.models.decisions import (
    Dossier,
    Evaluation,
    Proposal,
    Release,
    ReleaseApproval,
    SignOff,
    Standing,
    Tombstone,
    Transition,
)
from promotions.models.inbox import CaseComment, Delivery, Notice, QuarantineCase, Resolution, Severity, WebhookEndpoint
from promotions.models.work import Job, JobKind, JobLine, JobState, Mode

__all__ = [
    "CaseComment",
    "Delivery",
    "Dossier",
    "Evaluation",
    "Job",
    "JobKind",
    "JobLine",
    "JobState",
    "Mode",
    "Notice",
    "Proposal",
    "QuarantineCase",
    "Release",
    "ReleaseApproval",
    "Resolution",
    "Severity",
    "SignOff",
    "Standing",
    "Tombstone",
    "Transition",
    "WebhookEndpoint",
]
