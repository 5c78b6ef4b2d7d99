"""The ledger's three tables: entries, the hashes of complete subtrees, signed checkpoints.

Rows only, written by :mod:`audit.ledger` alone and never changed: triggers in the database refuse UPDATE, DELETE and
TRUNCATE (:mod:`audit.triggers`). Actors are text, so no account that goes away takes history with it. Keeps clause F2.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from audit.events import BY_VALUE, Event


class LedgerEntry(models.Model):
    """One thing that happened. ``body`` is the RFC 8785 text that ``leaf_hash`` (hex) commits to."""

    index = models.BigIntegerField(primary_key=True)
    event = models.CharField(max_length=64)
    actor = models.CharField(max_length=200)
    role = models.CharField(max_length=64)
    subject = models.CharField(max_length=300)
    references = models.JSONField(default=dict)
    at = models.DateTimeField()
    body = models.TextField()
    leaf_hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        permissions = [("read_ledger", "Can read the ledger")]
        constraints = [models.CheckConstraint(condition=Q(index__gte=0), name="ledger_entry_index_from_zero")]
        indexes = [
            models.Index(fields=["event", "index"], name="ledger_entry_by_event"),
            models.Index(fields=["actor", "index"], name="ledger_entry_by_actor"),
            models.Index(fields=["subject", "index"], name="ledger_entry_by_subject"),
        ]

    def __str__(self) -> str:
        return f"kfm://audit/entry/{self.index}"

    @property
    def kind(self) -> Event:
        """The event as a member of the closed list; KeyError for a row that nothing here wrote."""
        return BY_VALUE[self.event]


class LedgerNode(models.Model):
    """The hash (hex) of the complete subtree that covers 2^level leaves from position · 2^level on; level 0: a leaf."""

    level = models.PositiveSmallIntegerField()
    position = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["level", "position"], name="ledger_node_once"),
            models.CheckConstraint(condition=Q(position__gte=0), name="ledger_node_in_tree"),
        ]

    def __str__(self) -> str:
        return f"subtree {self.level}/{self.position}"


class Checkpoint(models.Model):
    """A signed tree head: ``root`` (hex) of the first ``size`` entries; ``note`` is the C2SP checkpoint text."""

    size = models.BigIntegerField(unique=True)
    root = models.CharField(max_length=64)
    note = models.TextField()
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(condition=Q(size__gte=0), name="ledger_checkpoint_size_from_zero")]

    def __str__(self) -> str:
        return f"checkpoint of {self.size} entries"
