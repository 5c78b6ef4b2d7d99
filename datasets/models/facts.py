"""Rows of fact: what datasets, specs, artifacts, acquisitions, versions, receipts and policy decisions are.

What people edit has history (simple-history); what is recorded is append-only, and triggers in the migrations refuse
UPDATE and DELETE whoever asks. Rows decide nothing; writers are ``registry``, ``intake``, ``runs`` and ``people``.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from datasets.policy.roles import Role

DIGEST_LENGTH = 71
PRINCIPAL_LENGTH = 150


class PolicyLabel(models.Model):
    """A policy label that admins manage; the seven of design §6 are built in."""

    name = models.CharField(max_length=64, primary_key=True)
    title = models.CharField(max_length=80)
    meaning = models.TextField()
    readers = models.JSONField(default=list, help_text="Roles that read published versions under this label.")
    qa_readers = models.JSONField(default=list, help_text="Roles that may read its QA reports only.")
    sign_off_roles = models.JSONField(default=list, help_text="Roles whose signatures a release needs.")
    default_obligations = models.JSONField(default=list)
    tightness = models.PositiveSmallIntegerField(help_text="Higher is tighter; 0 is public.")
    opened_by_grant = models.BooleanField(default=False, help_text="A read_restricted grant on the dataset opens it.")
    releasable = models.BooleanField(default=True, help_text="A version under it may be published at all.")
    colour = models.CharField(max_length=20, default="idle")
    built_in = models.BooleanField(default=False)
    history = HistoricalRecords()

    class Meta:
        ordering = ["tightness", "name"]

    def __str__(self) -> str:
        return self.name


class RoleAssignment(models.Model):
    """A role a person holds in the whole console. Per-dataset grants are django-guardian's."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="role_assignments")
    role = models.CharField(max_length=20, choices=[(r.value, r.value) for r in Role if r.value != "public"])
    reason = models.TextField()
    assigned_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    assigned_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"],
                condition=models.Q(revoked_at__isnull=True),
                name="one_active_assignment_a_role",
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role}"


class Dataset(models.Model):
    """A registered dataset; ``slug`` is its ``dataset_id`` and is never reused."""

    slug = models.CharField(max_length=100, unique=True)
    title = models.CharField(max_length=300)
    registered_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    registered_at = models.DateTimeField()
    current_spec = models.ForeignKey("DatasetSpec", on_delete=models.PROTECT, null=True, related_name="+")
    history = HistoricalRecords()

    class Meta:
        ordering = ["slug"]
        permissions = [
            ("contribute_dataset", "Contributor of this dataset"),
            ("operate_dataset", "Operator of this dataset"),
            ("review_dataset", "Reviewer of this dataset"),
            ("steward_dataset", "Steward of this dataset"),
            ("council_dataset", "Council for this dataset"),
            ("read_restricted", "May read this dataset's restricted versions"),
        ]

    def __str__(self) -> str:
        return self.slug


class DatasetSpec(models.Model):
    """One recorded spec, as RFC 8785 canonical text: its hash can be recomputed from exactly what was stored."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="specs")
    spec_hash = models.CharField(max_length=DIGEST_LENGTH)
    canonical = models.TextField()
    recorded_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    recorded_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["-recorded_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["dataset", "spec_hash"], name="one_row_a_spec")]

    def __str__(self) -> str:
        return f"{self.dataset_id} {self.spec_hash[:15]}"


class Artifact(models.Model):
    """Bytes the store holds, by digest. Append-only."""

    digest = models.CharField(max_length=DIGEST_LENGTH, primary_key=True)
    size_bytes = models.PositiveBigIntegerField()
    media_type = models.CharField(max_length=120)
    stored_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest


class Acquisition(models.Model):
    """One intake from upstream: the bytes, where they came from, and the terms as captured then. Append-only."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="acquisitions")
    spec = models.ForeignKey(DatasetSpec, on_delete=models.PROTECT, related_name="+")
    acquisition_id = models.CharField(max_length=80, unique=True)
    slice = models.CharField(max_length=10)
    file_name = models.CharField(max_length=200)
    source = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    terms = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    manifest = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    license = models.CharField(max_length=200)
    rights_holder = models.CharField(max_length=300)
    attribution = models.CharField(max_length=500)
    terms_uri = models.CharField(max_length=500, blank=True)
    acquired_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    acquired_at = models.DateTimeField()
    upstream = models.ForeignKey("Source", on_delete=models.PROTECT, null=True, related_name="acquisitions")

    class Meta:
        ordering = ["-acquired_at"]

    def __str__(self) -> str:
        return self.acquisition_id


class DatasetVersion(models.Model):
    """A dataset version. Its identity never changes; its label may be tightened (``labels``), with history."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="versions")
    version_id = models.CharField(max_length=40)
    slice = models.CharField(max_length=10)
    spec = models.ForeignKey(DatasetSpec, on_delete=models.PROTECT, related_name="versions")
    acquisition = models.ForeignKey(Acquisition, on_delete=models.PROTECT, related_name="versions")
    inputs_digest = models.CharField(max_length=DIGEST_LENGTH)
    policy_label = models.ForeignKey(PolicyLabel, on_delete=models.PROTECT, null=True, related_name="+")
    created_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    created_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["dataset", "version_id"], name="one_version_an_id")]

    def __str__(self) -> str:
        return f"{self.dataset.slug} @ {self.version_id}"

    @property
    def reference(self) -> str:
        """``kfm://dataset/<slug>@<version>``."""
        return f"kfm://dataset/{self.dataset.slug}@{self.version_id}"


class PolicyDecision(models.Model):
    """One stored answer of the decision point, as its canonical document. Append-only."""

    decision_id = models.CharField(max_length=120, primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, null=True, related_name="decisions")
    action = models.CharField(max_length=40)
    decision = models.CharField(max_length=5)
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    canonical = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["version", "action", "decided_at"]),
            models.Index(fields=["decided_at"]),
        ]

    def __str__(self) -> str:
        return self.decision_id


class RunReceipt(models.Model):
    """The receipt a producing run left, as canonical bytes in the store and in the ledger. Append-only."""

    run_id = models.CharField(max_length=80, primary_key=True)
    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="receipts")
    operation = models.CharField(max_length=20)
    document = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="+")
    ledger_index = models.BigIntegerField(unique=True)
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["ledger_index"]

    def __str__(self) -> str:
        return self.run_id


class VersionArtifact(models.Model):
    """Which bytes a run gave a version, in which zone and part. The latest run of an operation counts. Append-only."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="files")
    artifact = models.ForeignKey(Artifact, on_delete=models.PROTECT, related_name="uses")
    receipt = models.ForeignKey(RunReceipt, on_delete=models.PROTECT, related_name="files")
    zone = models.CharField(max_length=10, choices=[(z, z) for z in ("raw", "work", "processed", "catalog")])
    part = models.CharField(max_length=24)
    path = models.CharField(max_length=300)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["receipt", "path"], name="one_file_a_path_a_run")]

    def __str__(self) -> str:
        return self.path
