"""Rows of how bytes come in: sources and their fetches, the upstream's terms as seen, runs that outside pipelines send.

What people edit (sources, tokens) has history; what was observed is append-only by triggers. Writers: ``sources``,
``terms``, ``tokens`` and ``submissions``.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from datasets.models.facts import DIGEST_LENGTH, PRINCIPAL_LENGTH, Acquisition, Artifact, Dataset


class SourceKind(models.TextChoices):
    HTTP = "http", "a web address"
    FILES = "files", "a directory or bucket"


class Cadence(models.TextChoices):
    """How often a source is fetched by itself."""

    MANUAL = "manual", "only when someone asks"
    HOURLY = "hourly", "every hour"
    DAILY = "daily", "every day"
    WEEKLY = "weekly", "every week"
    MONTHLY = "monthly", "every month"
    YEARLY = "yearly", "every year"


class SliceRule(models.TextChoices):
    """Which slice a fetch makes a version of."""

    YEAR = "year", "the year it is fetched in"
    MONTH = "month", "the month it is fetched in"
    DAY = "day", "the day it is fetched on"


class Source(models.Model):
    """Where a dataset's bytes are fetched from. ``location`` holds no credentials; ``credential`` names a setting."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="sources")
    name = models.SlugField(max_length=60, help_text="Short name, unique in the dataset.")
    kind = models.CharField(max_length=8, choices=SourceKind.choices)
    location = models.CharField(max_length=1000, help_text="An http(s) address, a directory, or s3://bucket/prefix.")
    pattern = models.CharField(max_length=200, blank=True, help_text="Which files of a directory or bucket: *.csv")
    allowed_hosts = models.JSONField(default=list, help_text="Hosts it may be fetched from, redirects included.")
    credential = models.CharField(max_length=60, blank=True, help_text="Name of an entry of KFM_SOURCE_CREDENTIALS.")
    license = models.CharField(max_length=200)
    rights_holder = models.CharField(max_length=300)
    attribution = models.CharField(max_length=500)
    terms_uri = models.CharField(max_length=500, blank=True, help_text="Page whose text is captured at each ingest.")
    terms_text = models.TextField(blank=True, help_text="The terms, where they stand on no page.")
    cadence = models.CharField(max_length=8, choices=Cadence.choices, default=Cadence.MANUAL)
    slice_rule = models.CharField(max_length=8, choices=SliceRule.choices, default=SliceRule.MONTH)
    propose = models.BooleanField(default=False, help_text="Go on to CATALOG and propose what was fetched.")
    active = models.BooleanField(default=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    recorded_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    recorded_at = models.DateTimeField()
    history = HistoricalRecords(excluded_fields=["next_due_at"])

    class Meta:
        ordering = ["dataset__slug", "name"]
        indexes = [models.Index(fields=["active", "next_due_at"])]
        constraints = [models.UniqueConstraint(fields=["dataset", "name"], name="one_source_a_name")]

    def __str__(self) -> str:
        return self.name


class TermsObservation(models.Model):
    """The upstream's terms as captured at one moment. ``words_digest``: of their words alone. Append-only."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="terms_observations")
    source = models.ForeignKey(Source, on_delete=models.PROTECT, null=True, related_name="terms_observations")
    snapshot = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    words_digest = models.CharField(max_length=DIGEST_LENGTH)
    observed_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    observed_at = models.DateTimeField()

    class Meta:
        ordering = ["-observed_at", "-pk"]
        indexes = [models.Index(fields=["dataset", "observed_at"])]

    def __str__(self) -> str:
        return self.words_digest


class TermsAcceptance(models.Model):
    """That a steward read changed terms and found that the dataset may go on under them. Append-only."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="terms_acceptances")
    observation = models.ForeignKey(TermsObservation, on_delete=models.PROTECT, related_name="acceptances")
    words_digest = models.CharField(max_length=DIGEST_LENGTH)
    accepted_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    role = models.CharField(max_length=20)
    reason = models.TextField()
    accepted_at = models.DateTimeField()

    class Meta:
        ordering = ["-accepted_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["dataset", "words_digest"], name="terms_are_accepted_once")]

    def __str__(self) -> str:
        return self.words_digest


class FetchOutcome(models.TextChoices):
    FETCHED = "fetched", "fetched"
    UNCHANGED = "unchanged", "unchanged"
    REFUSED = "refused", "refused"
    FAILED = "failed", "failed"


class FetchAttempt(models.Model):
    """One attempt at a source, as it ended. Append-only. ``job``: the run it was made in, by number."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="attempts")
    job = models.BigIntegerField(null=True)
    requested_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=FetchOutcome.choices)
    http_status = models.PositiveSmallIntegerField(null=True)
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    listing_digest = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    size_bytes = models.BigIntegerField(null=True)
    requests = models.PositiveSmallIntegerField(default=0, help_text="Requests made, retries and redirects included.")
    code = models.CharField(max_length=60, blank=True)
    message = models.TextField(blank=True)
    fix = models.TextField(blank=True)
    acquisition = models.ForeignKey(Acquisition, on_delete=models.PROTECT, null=True, related_name="fetches")
    terms = models.ForeignKey(TermsObservation, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-finished_at", "-pk"]
        indexes = [models.Index(fields=["source", "outcome", "finished_at"])]

    def __str__(self) -> str:
        return f"{self.source_id} {self.outcome}"


class ServiceToken(models.Model):
    """A service account's key to the API, as the digest of its secret. The secret is shown once and kept nowhere."""

    name = models.CharField(max_length=80)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="service_tokens")
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    hint = models.CharField(max_length=12, help_text="The first characters, to tell tokens apart.")
    issued_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords(excluded_fields=["last_used_at", "digest"])

    class Meta:
        ordering = ["-issued_at"]

    def __str__(self) -> str:
        return self.name


class SubmissionState(models.TextChoices):
    OPEN = "open", "open"
    COMPLETE = "complete", "complete"
    ABORTED = "aborted", "aborted"


class SubmittedRun(models.Model):
    """A run that an outside pipeline made and sends in. ``run_uuid``: the pipeline's own (OpenLineage runId)."""

    run_uuid = models.UUIDField(unique=True)
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="submitted_runs")
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    slice = models.CharField(max_length=10)
    terms = models.JSONField(help_text="As declared: license, rights_holder, attribution, terms_uri, text.")
    propose = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=SubmissionState.choices, default=SubmissionState.OPEN)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    receipt = models.ForeignKey(Artifact, on_delete=models.PROTECT, null=True, related_name="+")
    acquisition = models.ForeignKey(Acquisition, on_delete=models.PROTECT, null=True, related_name="submitted_runs")
    failure = models.TextField(blank=True)

    class Meta:
        ordering = ["-opened_at"]

    def __str__(self) -> str:
        return str(self.run_uuid)


class SubmittedFile(models.Model):
    """One artifact of a submitted run, by its path there. Append-only."""

    run = models.ForeignKey(SubmittedRun, on_delete=models.PROTECT, related_name="files")
    path = models.CharField(max_length=200)
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["run", "path"], name="one_submitted_file_a_path")]

    def __str__(self) -> str:
        return self.path


class LineageEvent(models.Model):
    """One OpenLineage run event as received, whole. Append-only."""

    run_uuid = models.UUIDField(db_index=True)
    event_type = models.CharField(max_length=10)
    event_time = models.DateTimeField()
    job_namespace = models.CharField(max_length=200)
    job_name = models.CharField(max_length=200)
    submitted_run = models.ForeignKey(SubmittedRun, on_delete=models.PROTECT, null=True, related_name="events")
    document = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["event_time", "pk"]
        constraints = [models.UniqueConstraint(fields=["run_uuid", "document"], name="one_row_a_lineage_event")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.run_uuid}"
