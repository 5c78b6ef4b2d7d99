"""Rows of policy: whole policy bundles as they decided, what admins asked to change, grants with their end, embargoes.

Rows decide nothing; writers are ``decisions``, ``people``, ``policy_changes`` and ``embargoes``. A django-guardian
permission is the grant itself; ``DatasetGrant`` says why it was given, by whom, and until when. Both must be there.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from datasets.models.facts import DIGEST_LENGTH, PRINCIPAL_LENGTH, Dataset


class PolicyBundle(models.Model):
    """Policies and label facts that made decisions, whole, so that those can be replayed after a change. Append-only.

    ``canonical``: RFC 8785 text of ``{"labels": [...], "policies": {file name: Rego text}}``.
    """

    digest = models.CharField(max_length=DIGEST_LENGTH, primary_key=True)
    canonical = models.TextField()
    first_used_at = models.DateTimeField()

    class Meta:
        ordering = ["first_used_at"]

    def __str__(self) -> str:
        return self.digest


class DatasetGrant(models.Model):
    """A grant on one dataset: who holds it, why, who gave and who confirmed it, and when it ends."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="dataset_grants")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="grants")
    grant = models.CharField(max_length=24)
    reason = models.TextField()
    given_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    confirmed_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    given_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["user", "revoked_at"])]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "dataset", "grant"],
                condition=models.Q(revoked_at__isnull=True),
                name="one_active_grant_a_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(revoked_at__isnull=True, revoked_by="")
                | (models.Q(revoked_at__isnull=False) & ~models.Q(revoked_by="")),
                name="revoked_grants_say_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.grant} on {self.dataset_id}"


class PolicyChangeState(models.TextChoices):
    PENDING = "pending", "waits for a second person"
    APPLIED = "applied", "applied"
    REFUSED = "refused", "refused"
    TAKEN_BACK = "taken_back", "taken back"


class PolicyChangeKind(models.TextChoices):
    LABEL_CREATE = "label.create", "new label"
    LABEL_EDIT = "label.edit", "edited label"
    ROLE_ASSIGN = "role.assign", "role for a person"
    GRANT_GIVE = "grant.give", "grant on a dataset"


class PolicyChange(models.Model):
    """A change of policy that someone asked for. What opens waits for a second person; what closes is applied at once.

    ``document``: canonical JSON of what would be; ``basis_digest``: of what it was asked against, so that a change
    which was overtaken can't be applied.
    """

    kind = models.CharField(max_length=16, choices=PolicyChangeKind.choices)
    subject = models.CharField(max_length=200, help_text="label/<name>, user/<principal> or dataset/<slug>.")
    document = models.TextField()
    basis_digest = models.CharField(max_length=DIGEST_LENGTH)
    needs_second = models.BooleanField()
    state = models.CharField(max_length=12, choices=PolicyChangeState.choices, default=PolicyChangeState.PENDING)
    reason = models.TextField()
    asked_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    asked_at = models.DateTimeField()
    decided_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    decided_role = models.CharField(max_length=20, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["state", "asked_at"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="pending", decided_at__isnull=True, decided_by="")
                | (~models.Q(state="pending") & models.Q(decided_at__isnull=False) & ~models.Q(decided_by="")),
                name="decided_changes_say_by_whom",
            ),
            models.CheckConstraint(
                condition=~models.Q(state="applied", needs_second=True, decided_by=models.F("asked_by")),
                name="who_asks_to_open_does_not_confirm",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject} {self.state}"


class Embargo(models.Model):
    """Until when nothing of a dataset goes to the outer circle. The day alone ends nothing: a person lifts it."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="embargoes")
    until = models.DateField(help_text="First day on which it may be lifted.")
    reason = models.TextField()
    set_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    set_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lift_reason = models.TextField(blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=models.Q(lifted_at__isnull=True), name="one_open_embargo_a_dataset"
            ),
            models.CheckConstraint(
                condition=models.Q(lifted_at__isnull=True, lifted_by="")
                | (models.Q(lifted_at__isnull=False) & ~models.Q(lifted_by="")),
                name="lifted_embargoes_say_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"embargo of {self.dataset_id} until {self.until}"
