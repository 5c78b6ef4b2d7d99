"""Rows of sign-in: how many wrong passwords were given for a name, and until when none is looked at.

A working count, not history: the ledger has each lock and each lift.
"""

from __future__ import annotations

from django.db import models


class Prompt(models.TextChoices):
    """Where a password is asked for. Each counts for itself, so that who only knows a name stops nobody's signing."""

    SIGN_IN = "sign_in", "signing in"
    CONFIRM = "confirm", "confirming with the password again"


class PasswordTries(models.Model):
    """Tries since the last right password. ``name_digest``: keyed, since people type passwords into the wrong field."""

    name_digest = models.CharField(max_length=64)
    prompt = models.CharField(max_length=8, choices=Prompt.choices)
    tries = models.PositiveSmallIntegerField(default=0)
    last_at = models.DateTimeField()
    locked_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["last_at"])]
        constraints = [models.UniqueConstraint(fields=["name_digest", "prompt"], name="one_count_a_name_and_prompt")]

    def __str__(self) -> str:
        return f"{self.tries} tries at {self.prompt}"
