"""Decisions in Django's admin: to look at only, superusers included; ``transitions`` and its neighbours write."""

from __future__ import annotations

from django.contrib import admin

from datasets.admin import RecordAdmin
from promotions import models

for row in (
    models.Standing,
    models.Transition,
    models.Proposal,
    models.Dossier,
    models.Evaluation,
    models.SignOff,
    models.Release,
    models.ReleaseApproval,
    models.Tombstone,
    models.QuarantineCase,
    models.Job,
    models.JobLine,
):
    admin.site.register(row, RecordAdmin)
