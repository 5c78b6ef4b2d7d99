"""Rows of the quarantine inbox: cases, what was said on them, and who was told.

Cases are resolved, never deleted, and have history; comments are append-only. A delivery owed is a row.
"""

from __future__ import annotations

from django.db import models
from simple_history.models import HistoricalRecords

from datasets.models import PRINCIPAL_LENGTH, DatasetSpec, DatasetVersion
from promotions.models.decisions import STATES
from promotions.states import ReasonCode

REASONS = [(r.value, r.value) for r in ReasonCode]


class Severity(models.IntegerChoices):
    """Sensitive material first, then rights, then quality."""

    HIGH = 0, "high"
    MEDIUM = 1, "medium"
    NORMAL = 2, "normal"


class Resolution(models.TextChoices):
    RELEASED = "released", "released"
    DENIED = "denied", "denied"
    DERIVED = "derived", "a safer derivative was opened"
    METADATA_ONLY = "metadata_only", "a metadata-only version was opened"


class QuarantineCase(models.Model):
    """Why a version is in quarantine, who sees to it, and how it ended. Resolved, never deleted."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="cases")
    reason_code = models.CharField(max_length=24, choices=REASONS)
    gate = models.CharField(
        max_length=1, help_text="The gate that failed, or the one a reviewer names; it must pass before release."
    )
    from_state = models.CharField(max_length=12, choices=STATES)
    findings = models.JSONField(default=list)
    reason = models.TextField()
    owner = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    due = models.DateField()
    plan = models.TextField(blank=True)
    plan_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    runbook = models.CharField(max_length=40)
    opened_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    opened_at = models.DateTimeField()
    root_cause = models.CharField(max_length=120, blank=True, help_text="Clause and code; groups the inbox.")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.NORMAL)
    claimed_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    claim_until = models.DateTimeField(null=True)
    reopens = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="reopened_as")
    derivative_spec = models.ForeignKey(DatasetSpec, on_delete=models.PROTECT, null=True, related_name="+")
    resolution = models.CharField(max_length=14, blank=True, choices=Resolution.choices)
    resolved_by = models.CharField(max_length=PRINCIPAL_LENGTH, blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolution_reason = models.TextField(blank=True)
    history = HistoricalRecords()

    class Meta:
        ordering = ["due", "pk"]
        indexes = [models.Index(fields=["resolution", "severity", "due"])]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(claimed_by="", claim_until__isnull=True)
                | (~models.Q(claimed_by="") & models.Q(claim_until__isnull=False)),
                name="claims_say_until_when",
            ),
            models.UniqueConstraint(
                fields=["version"], condition=models.Q(resolution=""), name="one_open_case_a_version"
            ),
            models.CheckConstraint(
                condition=models.Q(resolution="", resolved_at__isnull=True)
                | (~models.Q(resolution="") & models.Q(resolved_at__isnull=False)),
                name="resolved_cases_say_when",
            ),
        ]

    def __str__(self) -> str:
        return f"case {self.pk}: {self.reason_code}"


class CaseComment(models.Model):
    """What someone said on a case. Append-only."""

    case = models.ForeignKey(QuarantineCase, on_delete=models.PROTECT, related_name="comments")
    author = models.CharField(max_length=PRINCIPAL_LENGTH)
    role = models.CharField(max_length=20)
    text = models.TextField()
    at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.author} on case {self.case_id}"


class Notice(models.Model):
    """Something one person should know, shown in the console. ``key``: the same thing is told once."""

    principal = models.CharField(max_length=PRINCIPAL_LENGTH)
    kind = models.CharField(max_length=40)
    text = models.CharField(max_length=300)
    path = models.CharField(max_length=300, help_text="Where in the console it leads.")
    key = models.CharField(max_length=120)
    told_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["principal", "read_at"])]
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="one_notice_a_thing")]

    def __str__(self) -> str:
        return self.text


class WebhookEndpoint(models.Model):
    """Where signed notices are sent to. The signature is Ed25519, so no secret is shared or kept."""

    name = models.CharField(max_length=80, unique=True)
    url = models.CharField(max_length=1000)
    active = models.BooleanField(default=True)
    recorded_by = models.CharField(max_length=PRINCIPAL_LENGTH)
    recorded_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DeliveryState(models.TextChoices):
    OWED = "owed", "owed"
    SENT = "sent", "sent"
    GIVEN_UP = "given_up", "given up"


class Delivery(models.Model):
    """A message owed to a mailbox or a webhook. The row is the promise; ``attempts`` counts and fences."""

    channel = models.CharField(max_length=8, choices=[("email", "e-mail"), ("webhook", "webhook")])
    recipient = models.CharField(max_length=PRINCIPAL_LENGTH, help_text="Principal, or the webhook's name.")
    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.PROTECT, null=True, related_name="deliveries")
    message_id = models.CharField(max_length=80)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.OWED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    owed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["state", "next_at"])]
        constraints = [
            models.UniqueConstraint(fields=["channel", "recipient", "message_id"], name="one_delivery_a_message")
        ]

    def __str__(self) -> str:
        return self.message_id
