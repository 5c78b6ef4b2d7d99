"""Rows of work owed: a job is a promise that survives a killed worker; its log lines are append-only."""

from __future__ import annotations

from django.db import models

from datasets.models import DIGEST_LENGTH, PRINCIPAL_LENGTH, Acquisition, Dataset, DatasetSpec, DatasetVersion, Source


class JobState(models.TextChoices):
    QUEUED = "queued", "waiting"
    RUNNING = "running", "running"
    DONE = "done", "done"
    FAILED = "failed", "failed"
    CANCELLED = "cancelled", "cancelled"


class JobKind(models.TextChoices):
    FETCH = "fetch", "fetch from the upstream"
    INTAKE = "intake", "ingest"
    PROMOTION = "promotion", "checks and catalogs"
    REBUILD = "rebuild", "rebuild of projections"
    RECOVERY = "recovery", "recovery of catalogs"
    LINKS = "links", "check of outside links"


class Mode(models.TextChoices):
    """KFM's ways of running again, by what changes: nothing, the spec, the bytes, or only what is derived."""

    FIRST = "first", "first run"
    RETRY = "retry", "retry: same bytes, same spec"
    REPROCESS = "reprocess", "reprocess: same bytes, new spec"
    BACKFILL = "backfill", "backfill: new bytes for a slice"
    REBUILD = "rebuild", "rebuild: projections only"


class Job(models.Model):
    """Work owed. The row is the promise; the broker only wakes a worker. ``attempts`` is the claim's fencing token."""

    kind = models.CharField(max_length=16, choices=JobKind.choices)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.FIRST)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="jobs")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, related_name="jobs")
    acquisition = models.ForeignKey(Acquisition, on_delete=models.PROTECT, null=True, related_name="jobs")
    spec = models.ForeignKey(DatasetSpec, on_delete=models.PROTECT, null=True, related_name="+")
    slice = models.CharField(max_length=10, blank=True, help_text="Slice a backfill is for.")
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, null=True, related_name="jobs")
    propose = models.BooleanField(default=False, help_text="Go on to CATALOG after ingest.")
    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    requested_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    requested_at = models.DateTimeField()
    note = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    step = models.CharField(max_length=24, blank=True)
    done_units = models.BigIntegerField(null=True)
    total_units = models.BigIntegerField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure = models.TextField(blank=True)
    failure_fix = models.TextField(blank=True)
    git_commit = models.CharField(max_length=64, blank=True, help_text="Code that ran it.")
    container_digest = models.CharField(max_length=DIGEST_LENGTH, blank=True, help_text="Environment that ran it.")
    retry_of = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="retries")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state", "lease_until"])]

    def __str__(self) -> str:
        return f"job {self.pk} {self.kind} {self.state}"


class JobLine(models.Model):
    """One line of a job's log. Append-only."""

    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="lines")
    at = models.DateTimeField()
    step = models.CharField(max_length=24, blank=True)
    text = models.CharField(max_length=500)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text
