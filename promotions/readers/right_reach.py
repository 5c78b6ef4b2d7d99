"""How far a role or a grant reaches: how many versions it opens to someone, and which of them a viewer may be told.

Decides nothing. Counts are over every version, since whoever gives a right must know how far it reaches; a version is
named only to a viewer who may know of it. Asked of the lists' condition, never of single versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet

from datasets import decisions, embargoes, enforcement, readable
from datasets.models import Dataset, DatasetVersion
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role

_PAGE = 25
_ACTIONS = (Action.READ, Action.DOWNLOAD)


@dataclass(frozen=True, slots=True)
class Reach:
    """How many versions someone may read or download, before and after a right."""

    action: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The versions that a right opens: those to name on this ``page``, and how many are ``hidden`` from the viewer."""

    page: Page[DatasetVersion]
    total: int
    hidden: int


def reach_of(person: Person, document: Mapping[str, Any]) -> list[Reach]:
    """What the right in *document* would open to *person*, in figures."""
    after = _with(person, document)
    return [
        Reach(action.value, _readable(person, action).count(), _readable(after, action).count()) for action in _ACTIONS
    ]


def opened_by(person: Person, document: Mapping[str, Any], viewer: Person, page: str) -> Opened:
    """The versions that the right in *document* opens to *person*, to read or to download."""
    after = _with(person, document)
    turned = Q()
    for action in _ACTIONS:
        now, then = _readable(person, action).values("pk"), _readable(after, action).values("pk")
        turned |= Q(pk__in=then) & ~Q(pk__in=now)
    total = DatasetVersion.objects.filter(turned).count()
    named = enforcement.visible_versions(viewer, Action.DISCOVER).filter(turned).select_related("dataset", "standing")
    pages = Paginator(named.order_by("dataset__slug", "version_id", "pk"), _PAGE)
    return Opened(pages.get_page(page), total, total - pages.count)


def _readable(person: Person, action: Action) -> QuerySet[DatasetVersion]:
    labels, embargoed = decisions.label_facts(), embargoes.embargoed_datasets()
    return DatasetVersion.objects.filter(readable.condition(person, action, labels, embargoed))


def _with(person: Person, document: Mapping[str, Any]) -> Person:
    if document["dataset"] is None:
        return Person(person.principal, person.name, person.roles | {Role(document["right"])}, person.grants)
    pk = Dataset.objects.get(slug=document["dataset"]).pk
    grants = {**person.grants, pk: person.grants.get(pk, frozenset()) | {document["right"]}}
    return Person(person.principal, person.name, person.roles, grants)
