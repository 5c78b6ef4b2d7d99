"""Tells of overdue cases, once a day each: the owner, or else every reviewer who may see it; and every webhook.

Decides nothing about the case. An owner who left, lost their role or may not see the version counts as none.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.urls import reverse

from datasets import enforcement, questions
from datasets.models import DatasetVersion
from datasets.people import Person, person_named
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import deliveries, notices, permissions
from promotions.models import QuarantineCase
from promotions.readers.people import holders

KIND = "case.overdue"


def tell_overdue(now: datetime) -> int:
    """Tells of every open case whose day has passed; how many there are. Told today already: not told again."""
    cases = list(
        QuarantineCase.objects.filter(resolution="", due__lt=now.date())
        .select_related("version__dataset")
        .order_by("pk")
    )
    seen = _Sight([case.version_id for case in cases])
    reviewers: dict[int, list[str]] = {}
    for case in cases:
        version = case.version
        if version.dataset_id not in reviewers:
            reviewers[version.dataset_id] = list(holders(version.dataset_id)[Role.REVIEWER])
        owner = [case.owner] if case.owner and seen.works(case.owner, version) else []
        told = owner or [p for p in reviewers[version.dataset_id] if seen.works(p, version)]
        _tell(case, told, now)
    return len(cases)


class _Sight:
    """Who may see which of the versions; each person is looked up once."""

    def __init__(self, version_pks: list[int]) -> None:
        self._among = version_pks
        self._people: dict[str, Person] = {}
        self._visible: dict[str, frozenset[int]] = {}

    def works(self, principal: str, version: DatasetVersion) -> bool:
        """Whether they work cases of the version's dataset and may see the version."""
        if principal not in self._people:
            self._people[principal] = person = person_named(principal)
            with questions.one_question("overdue cases"):
                visible = enforcement.visible_versions(person, Action.DISCOVER).filter(pk__in=self._among)
                self._visible[principal] = frozenset(visible.values_list("pk", flat=True))
        may = permissions.can(permissions.check_work_case, self._people[principal], version)[0]
        return may and version.pk in self._visible[principal]


def _tell(case: QuarantineCase, told: list[str], now: datetime) -> None:
    key = f"{KIND}:{case.pk}:{now:%Y-%m-%d}"
    path = reverse("promotions:case", args=[case.pk])
    text = f"Case {case.pk} is overdue since {case.due:%d %B %Y}."
    with transaction.atomic():
        notices.tell(principals=told, kind=KIND, text=text, path=path, key=key, at=now)
        deliveries.owe_webhooks(kind=KIND, case=case.pk, path=path, key=key, at=now)
