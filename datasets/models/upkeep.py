"""Rows of upkeep: whether catalogs still are what their facts make, and whether outside links still answer.

Neither decides a gate: gate D judges the triplet anew, and outside links are told, never trusted (design §7).
"""

from __future__ import annotations

from django.db import models

from datasets.models.facts import DIGEST_LENGTH, PRINCIPAL_LENGTH, Artifact, Dataset, DatasetVersion


class DriftOutcome(models.TextChoices):
    SAME = "same", "as recorded"
    DRIFTED = "drifted", "differs from what its facts make"
    NOT_CHECKED = "not_checked", "could not be checked"


class DriftCheck(models.Model):
    """One rebuild in memory of a version's catalogs, compared with the stored bytes. Append-only.

    ``report``: the comparison by document, as stored; ``detail``: why it could not be made.
    """

    version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="drift_checks")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=12, choices=DriftOutcome.choices)
    report = models.ForeignKey(Artifact, on_delete=models.PROTECT, null=True, related_name="+")
    detail = models.CharField(max_length=300, blank=True)
    principal = models.CharField(max_length=PRINCIPAL_LENGTH)

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["version", "at"])]

    def __str__(self) -> str:
        return f"drift check {self.pk}: {self.outcome}"


class LinkOutcome(models.TextChoices):
    ANSWERS = "answers", "answers"
    GONE = "gone", "gone"
    FAILS = "fails", "does not answer"
    REFUSED = "refused", "not asked: the address is not allowed"


class ExternalLink(models.Model):
    """An outside address that a dataset's catalogs name, and when it is asked next. ``failures``: in a row."""

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="external_links")
    url = models.CharField(max_length=2000)
    url_digest = models.CharField(max_length=DIGEST_LENGTH)
    named_as = models.CharField(max_length=80, help_text="Catalog field that names it.")
    first_seen_at = models.DateTimeField()
    next_check_at = models.DateTimeField(null=True, help_text="Empty: no catalog names it any more.")
    failures = models.PositiveIntegerField(default=0)
    last_outcome = models.CharField(max_length=10, choices=LinkOutcome.choices, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["next_check_at"])]
        constraints = [models.UniqueConstraint(fields=["dataset", "url_digest"], name="one_row_a_link")]

    def __str__(self) -> str:
        return f"link {self.pk} of {self.dataset_id}"


class LinkCheck(models.Model):
    """One time an outside link was asked. Append-only. ``status``: HTTP's, where there was an answer."""

    link = models.ForeignKey(ExternalLink, on_delete=models.PROTECT, related_name="checks")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=LinkOutcome.choices)
    status = models.PositiveSmallIntegerField(null=True)
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"link check {self.pk}: {self.outcome}"
