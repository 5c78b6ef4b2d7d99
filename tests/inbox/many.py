"""More quarantined versions with their cases, as rows: a list is tested by many, and real runs are slow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from datasets.models import DatasetVersion, PolicyDecision
from promotions.models import QuarantineCase, Standing


def more_cases(like: QuarantineCase, count: int, **case: Any) -> list[QuarantineCase]:
    """*count* further versions in quarantine like that of *like*, each with an open case; *case*: other fields."""
    made = []
    for n in range(count):
        taken = DatasetVersion.objects.filter(dataset=like.version.dataset_id).count()
        version = DatasetVersion.objects.get(pk=like.version_id)
        version.pk, version.version_id = None, f"2026.{taken:08x}.{n:08x}"
        version._state.adding = True
        version.save()
        decided = PolicyDecision.objects.filter(version_id=like.version_id).order_by("decided_at").first()
        assert decided is not None
        decided.pk, decided.version = f"{decided.pk[:80]}-{version.version_id}", version
        decided._state.adding = True
        decided.save()
        Standing.objects.create(version=version, dataset=version.dataset, state="QUARANTINE", since=like.opened_at)
        facts = {
            "reason_code": like.reason_code, "gate": like.gate, "from_state": "WORK", "findings": like.findings,
            "root_cause": like.root_cause, "severity": like.severity, "reason": like.reason,
            "due": like.due + timedelta(days=n), "runbook": like.runbook, "opened_by": "pipeline",
            "opened_at": like.opened_at,
        }  # fmt: skip
        made.append(QuarantineCase.objects.create(version=version, **(facts | case)))
    return made
