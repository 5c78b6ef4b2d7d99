"""Rows of decision: where versions stand, every transition, what was proposed, signed and released.

``Standing`` is the only row the state machine updates, and it is rebuildable from ``Transition``. Everything decided is
append-only by database triggers; the separation of duties is also a CHECK here, below every writer.
"""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from datasets.models import DIGEST_LENGTH, PRINCIPAL_LENGTH, Dataset, DatasetVersion
from promotions.states import State, Verb

STATES = [(s.value, s.value) for s in State]
VERBS = [(v.value, v.value) for v in Verb]


class Standing(models.Model):
    """Where a version is now. ``round`` counts its promotions: a signature made in one round counts in no other."""

    version = models.OneToOneField(DatasetVersion, on_delete=models.PROTECT, primary_key=True, related_name="standing")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="standings")
    state = models.CharField(max_length=12, choices=STATES)
    since = models.DateTimeField()
    round = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["state", "since"])]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"],
                condition=models.Q(state=State.PUBLISHED.value),
                name="one_published_version_a_dataset",
            ),
            models.CheckConstraint(condition=models.Q(state__in=[s.value for s in State]), name="standing_is_a_state"),
        ]

    def __str__(self) -> str:
        return f"{self.version_id} {self.state}"


class Transition(models.Model):
    """One move on the truth path. Append-only; the truth that ``Standing`` summarizes."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="transitions")
    verb = models.CharField(max_length=12, choices=VERBS)
    from_state = models.CharField(max_length=12, choices=STATES, blank=True)
    to_state = models.CharField(max_length=12, choices=STATES)
    round = models.PositiveIntegerField()
    actor = models.CharField(max_length=PRINCIPAL_LENGTH)
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    reason_code = models.CharField(max_length=24, blank=True)
    reason = models.TextField(blank=True)
    dossier_digest = models.CharField(max_length=DIGEST_LENGTH, blank=True)
    ledger_index = models.BigIntegerField(unique=True)

    class Meta:
        ordering = ["ledger_index"]

    def __str__(self) -> str:
        return f"{self.verb} {self.from_state}→{self.to_state}"


class Proposal(models.Model):
    """That someone wants this version published. The proposer signs nothing on it."""

    version = models.OneToOneField(DatasetVersion, on_delete=models.PROTECT, related_name="proposal")
    proposer = models.CharField(max_length=PRINCIPAL_LENGTH)
    note = models.TextField(blank=True)
    proposed_at = models.DateTimeField()
    changes_requested_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    changes_requested = models.TextField(blank=True)
    history = HistoricalRecords()

    def __str__(self) -> str:
        return f"proposal of {self.version_id}"


class Dossier(models.Model):
    """What was on the table at an evaluation or a signature: the evidence as canonical text. Append-only."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="dossiers")
    digest = models.CharField(max_length=DIGEST_LENGTH)
    canonical = models.TextField()
    gathered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "digest"], name="one_row_a_dossier")]

    def __str__(self) -> str:
        return self.digest


class Evaluation(models.Model):
    """The gates' answers on one dossier. Append-only; ``results``: ``[{"gate", "findings"}]``."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="evaluations")
    dossier = models.ForeignKey(Dossier, on_delete=models.PROTECT, related_name="evaluations")
    results = models.JSONField()
    actor = models.CharField(max_length=PRINCIPAL_LENGTH)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"evaluation {self.pk}"


class SignOff(models.Model):
    """A signature in a role on exactly one dossier. History is kept; nothing edits it."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="sign_offs")
    dossier = models.ForeignKey(Dossier, on_delete=models.PROTECT, related_name="sign_offs")
    round = models.PositiveIntegerField()
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    role = models.CharField(max_length=20)
    meaning = models.TextField()
    proposer = models.CharField(max_length=PRINCIPAL_LENGTH)
    signed_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["dossier", "principal"], name="one_signature_a_person_a_dossier"),
            models.UniqueConstraint(fields=["dossier", "role"], name="one_signature_a_role_a_dossier"),
            models.CheckConstraint(condition=~models.Q(principal=models.F("proposer")), name="proposer_signs_nothing"),
        ]

    def __str__(self) -> str:
        return f"{self.principal} as {self.role}"


class Release(models.Model):
    """One publication: the promotion manifest as canonical bytes. Append-only; exactly one a version and round."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="releases")
    round = models.PositiveIntegerField()
    verb = models.CharField(max_length=12, choices=VERBS)
    manifest = models.TextField()
    manifest_digest = models.CharField(max_length=DIGEST_LENGTH)
    dossier = models.ForeignKey(Dossier, on_delete=models.PROTECT, related_name="releases")
    released_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    released_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["version", "round"], name="one_release_a_round")]

    def __str__(self) -> str:
        return self.manifest_digest


class ReleaseApproval(models.Model):
    """A sign-off a release rested on. The CHECK keeps who released apart from who signed. Append-only."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="approvals")
    sign_off = models.OneToOneField(SignOff, on_delete=models.PROTECT, related_name="approval")
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    role = models.CharField(max_length=20)
    released_by = models.CharField(max_length=PRINCIPAL_LENGTH)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["release", "role"], name="one_approval_a_role"),
            models.UniqueConstraint(fields=["release", "principal"], name="one_approval_a_person"),
            models.CheckConstraint(
                condition=~models.Q(principal=models.F("released_by")), name="signer_releases_nothing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.principal} as {self.role}"


class Tombstone(models.Model):
    """What stands where a withdrawn or superseded version was served. Append-only; the latest one speaks."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="tombstones")
    state = models.CharField(max_length=12, choices=STATES)
    round = models.PositiveIntegerField()
    reason = models.TextField(help_text="Read by the public.")
    incident = models.CharField(max_length=80, blank=True)
    successor = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"tombstone of {self.version_id}"
