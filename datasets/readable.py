"""What a person reads as one SQL condition on versions, made of the policies' tables and nothing else (design §6).

A version that stands in PUBLISHED without a release of its round is in no list: its standing can't be believed. Asks
nothing itself: labels, embargoes and rights come in. ``enforcement`` is the door.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from django.db.models.lookups import In

from datasets.decisions import UNLABELLED
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.labels import LabelFacts
from datasets.policy.predicate import Group, Rights, reach
from datasets.policy.requests import STANDINGS, Action
from datasets.policy.roles import READ_RESTRICTED, Role
from datasets.viewing import Viewed

PUBLISHED = "PUBLISHED"
#: RFC 8785 text of the obligation in a spec: in canonical JSON no string can hold it unescaped.
_METADATA_ONLY = '{"type":"metadata_only"}'
Labels = Mapping[str, LabelFacts]


def condition(person: Person, action: Action, labels: Labels, embargoed: frozenset[int]) -> Q:
    """The versions that *person* may *action*; who looks through another's eyes is shown only what both may see."""
    everywhere, granted = rights_of(person)
    shown = _reads(person, everywhere, action, labels, embargoed)
    for rights, dataset_pks in granted.items():
        shown |= Q(dataset_id__in=dataset_pks) & _reads(person, rights, action, labels, embargoed)
    shown &= ~Q(pk__in=_unbelievable())
    return shown & condition(person.by, action, labels, embargoed) if isinstance(person, Viewed) else shown


def rights_of(person: Person) -> tuple[Rights, dict[Rights, list[int]]]:
    """What *person* holds on a dataset without a grant, and the datasets on which they hold more, by what that is."""
    granted: dict[Rights, list[int]] = {}
    everywhere = _rights(person.roles, granted=False)
    for dataset_pk, grants in person.grants.items():
        rights = _rights(person.roles_on(dataset_pk), granted=READ_RESTRICTED in grants)
        if rights != everywhere:
            granted.setdefault(rights, []).append(dataset_pk)
    return everywhere, granted


def _rights(roles: Iterable[Role], *, granted: bool) -> Rights:
    return Rights(frozenset(r.value for r in roles) or frozenset({Role.PUBLIC.value}), granted)


def _reads(person: Person, rights: Rights, action: Action, labels: Labels, embargoed: frozenset[int]) -> Q:
    readable = Q(pk__in=[])
    for group in reach(rights, action.value, labels, embargoes=bool(embargoed)).groups:
        readable |= _of_group(person, group, embargoed)
    return readable


def _of_group(person: Person, group: Group, embargoed: frozenset[int]) -> Q:
    # as an expression, so that no database begins with the label's index: half of all versions carry one label
    found = Q(In(Coalesce("policy_label_id", Value(UNLABELLED)), list(group.labels))) & _stands_in(group)
    if group.own is not None:
        own = Q(created_by=person.principal)
        found &= own if group.own else ~own
    if group.embargoed is not None:
        under = Q(dataset_id__in=sorted(embargoed))
        found &= under if group.embargoed else ~under
    if group.bare is not None:
        bare = Q(spec__canonical__contains=_METADATA_ONLY)
        found &= bare if group.bare else ~bare
    return found


def _stands_in(group: Group) -> Q:
    """That the version stands in one of the group's standings, asked the way that each kind of group is found fastest.

    There is at most one published version a dataset, so those are listed once; of the others each is looked up. All
    standings together are no condition: every version has one, and it is one of the closed list.
    """
    if set(group.standings) == set(STANDINGS):
        return Q()
    if group.standings == (PUBLISHED,):
        return Q(pk__in=_standings().filter(state=PUBLISHED).values("version_id"))
    return Q(Exists(_standings().filter(version_id=OuterRef("pk"), state__in=group.standings)))


def _unbelievable() -> QuerySet[Any]:
    """What stands in PUBLISHED without a release of its round: put there by hand, past the one writer."""
    spoken_for = Exists(releases(OuterRef("version_id"), OuterRef("round")))
    return _standings().filter(~spoken_for, state=PUBLISHED).values("version_id")


def _standings() -> QuerySet[Any]:
    """Where versions stand: promotions' rows, found as ``releases`` are."""
    model: Any = DatasetVersion._meta.get_field("standing").related_model  # noqa: SLF001 - Django's documented interface
    found: QuerySet[Any] = model.objects.all()
    return found


def releases(version: Any, round_: Any) -> QuerySet[Any]:
    """The releases of a version's round: promotions' rows, found by the name under which they point at versions."""
    model: Any = DatasetVersion._meta.get_field("releases").related_model  # noqa: SLF001 - Django's documented interface
    found: QuerySet[Any] = model.objects.filter(version=version, round=round_)
    return found
