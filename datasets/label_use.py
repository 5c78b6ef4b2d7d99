"""Reader: how many versions stand under each label, and how a version without one counts.

Decides nothing, and hides nothing: who changes labels or policies must know how far that reaches. A caller that names
versions asks ``enforcement`` which of them the reader may know of.
"""

from __future__ import annotations

from django.db.models import Count, Q

from datasets import decisions
from datasets.models import DatasetVersion


def carries(label: str) -> Q:
    """The versions under *label*; those that have none read as ``decisions.UNLABELLED``."""
    named = Q(policy_label=label)
    return named | Q(policy_label__isnull=True) if label == decisions.UNLABELLED else named


def occurring(label: str | None = None) -> dict[tuple[str, str], int]:
    """(label, standing) to how many versions; one without a label reads as ``decisions.UNLABELLED``. One query."""
    rows = DatasetVersion.objects.filter(standing__isnull=False)
    if label is not None:
        rows = rows.filter(carries(label))
    counts: dict[tuple[str, str], int] = {}
    for name, state, number in rows.order_by().values_list("policy_label", "standing__state").annotate(n=Count("pk")):
        key = (name or decisions.UNLABELLED, state)
        counts[key] = counts.get(key, 0) + number
    return counts
