"""What the page of a dataset's embargo shows: whether one runs, what it holds back, what the reader may do, its steps.

Decides nothing: ``datasets.embargoes`` and the policies do. Only versions the reader may see are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from datasets import embargoes
from datasets.enforcement import visible_versions
from datasets.models import Dataset, Embargo
from datasets.people import Person, names_of
from datasets.policy.roles import Role
from promotions.readers.people import holders, who_can
from promotions.states import State

#: Labels that the embargo lets be, because neither contributors nor the public read what is under them.
OUTER_READERS = frozenset({Role.PUBLIC.value, Role.CONTRIBUTOR.value})
STEPS = 100


def embargo_view(person: Person, dataset: Dataset, now: datetime) -> dict[str, Any]:
    """The values of ``embargoes/embargo.html``."""
    row = embargoes.embargo_on(dataset.pk)
    role = embargoes.role_that_acts(person, dataset)
    steps = [step for past in Embargo.objects.filter(dataset=dataset)[:STEPS] for step in _steps(past)][:STEPS]
    return {
        "embargo": row,
        "due": row is not None and row.until <= now.astimezone(UTC).date(),
        "held_back": _held_back(person, dataset) if row else [],
        "may_act": role is not None,
        "who_can": "" if role else who_can(holders(dataset.pk), embargoes.SETS),
        "steps": steps,
        "names": names_of({step["by"] for step in steps} - {""}),
    }


def embargo_line(person: Person, dataset: Dataset, now: datetime) -> dict[str, Any] | None:
    """The dataset page's own words on it; ``None`` for those without a role on the dataset."""
    if not person.roles_on(dataset.pk):
        return None
    row = embargoes.embargo_on(dataset.pk)
    return {
        "embargo": row,
        "due": row is not None and row.until <= now.astimezone(UTC).date(),
        "may_act": embargoes.role_that_acts(person, dataset) is not None,
    }


def find_embargo(person: Person, pk: int) -> Embargo | None:
    """The embargo by its number, for someone with a role on its dataset."""
    row = Embargo.objects.select_related("dataset").filter(pk=pk).first()
    return row if row is not None and person.roles_on(row.dataset_id) else None


def _held_back(person: Person, dataset: Dataset) -> list[str]:
    """Ids of published versions that the outer circle would read, of those that the reader sees."""
    rows = visible_versions(person).filter(dataset=dataset, standing__state=State.PUBLISHED.value)
    return [
        version.version_id
        for version in rows.select_related("policy_label").order_by("-created_at", "-pk")
        if version.policy_label is not None and OUTER_READERS & set(version.policy_label.readers)
    ]


def _steps(row: Embargo) -> Iterator[dict[str, Any]]:
    """The embargo's steps, newest first: lifted, moved to a later day, set."""
    past = list(row.history.select_related("history_user").order_by("-history_date", "-history_id"))
    for now, before in zip(past, [*past[1:], None], strict=True):
        by = now.history_user.username if now.history_user else ""
        if now.lifted_at is not None:
            yield {"at": now.lifted_at, "by": now.lifted_by, "what": "lifted", "until": None, "reason": now.lift_reason}
        elif before is None:
            yield {"at": now.set_at, "by": now.set_by, "what": "set until", "until": now.until, "reason": now.reason}
        else:
            yield {"at": now.history_date, "by": by, "what": "moved to", "until": now.until, "reason": now.reason}
