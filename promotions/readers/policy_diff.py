"""Reads the decision diff: how many versions a change touches, which answers turn, and which versions those are.

One query for the pairs of label and standing that occur; the answers are the engine's (``datasets.policy.diff``).
Counts are over every version, since whoever changes a label must know how far it reaches; a version is named only to a
viewer who may know of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Count

from datasets import enforcement
from datasets.errors import Refused
from datasets.label_use import carries, occurring
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy import diff
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import unmet
from datasets.policy.requests import Action

_PAGE = 25


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of the diff: in this standing, so many versions open or close for these, for these questions."""

    direction: str
    label: str
    standing: str
    who: tuple[str, ...]
    actions: tuple[str, ...]
    versions: int


@dataclass(frozen=True, slots=True)
class LabelDiff:
    """``touched``: versions under the label; ``turned``: those with an answer that turns; ``page``: those to name."""

    lines: tuple[Line, ...]
    touched: int
    turned: int
    hidden: int
    page: Page[DatasetVersion] | None
    reasons: int = 0
    remade: int = 0


def in_use() -> dict[str, int]:
    """Label to how many versions carry it; one query."""
    rows = DatasetVersion.objects.filter(policy_label__isnull=False).order_by().values_list("policy_label")
    return dict(rows.annotate(n=Count("pk")))


def label_diff(before: LabelFacts | None, after: LabelFacts, viewer: Person, page: str | int | None = 1) -> LabelDiff:
    """What turns when the label becomes *after*. A new label is carried by nothing, so nothing turns yet.

    Raises ``Refused`` when the policies can't be asked now: what is not known is not shown as no change.
    """
    if before is None:
        return LabelDiff((), 0, 0, 0, None)
    counts = occurring(after.name)
    worlds = diff.World({before.name: before}), diff.World({after.name: after})
    try:
        found = diff.turned(counts, *worlds)
    except diff.NotAnswered as failure:
        message = "The policies could not be asked now, so what would change is not known. Try again in a minute."
        raise Refused("decisions_not_compared", message) from failure
    lines = _lines(found, counts)
    standings = {line.standing for line in lines}
    named = _named(after.name, standings, viewer)
    turned = sum(number for (_, standing), number in counts.items() if standing in standings)
    return LabelDiff(
        lines,
        touched=sum(counts.values()),
        turned=turned,
        hidden=turned - named.count,
        page=named.get_page(page) if standings else None,
        reasons=len({(c.label, c.standing) for c in found if c.direction == diff.REASONS}),
        remade=_remade(before, after, counts),
    )


def _lines(found: Iterable[diff.Turned], counts: Mapping[tuple[str, str], int]) -> tuple[Line, ...]:
    """One line for all questions that turn alike for the same people."""
    alike: dict[tuple[str, str, str, tuple[str, ...]], list[str]] = {}
    for one in diff.grouped(found):
        alike.setdefault((one.direction, one.label, one.standing, one.who), []).append(one.action)
    return tuple(Line(*key, actions=tuple(actions), versions=counts[key[1], key[2]]) for key, actions in alike.items())


def _remade(before: LabelFacts, after: LabelFacts, counts: Mapping[tuple[str, str], int]) -> int:
    """Published versions whose bytes were made under obligations that are no longer enough."""
    if not unmet(after.default_obligations, before.default_obligations):
        return 0
    return counts.get((after.name, "PUBLISHED"), 0)


def _named(label: str, standings: set[str], viewer: Person) -> Paginator[DatasetVersion]:
    rows = (
        enforcement.visible_versions(viewer, Action.DISCOVER)
        .filter(carries(label), standing__state__in=sorted(standings))
        .select_related("dataset", "standing")
        .order_by("dataset__slug", "version_id", "pk")
    )
    return Paginator(rows, _PAGE)
