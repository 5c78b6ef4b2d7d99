"""The one place where reading is decided: pages, API and exports ask here before they fetch anything.

Lists are filtered by one SQL predicate derived from the same policies that decide about single versions. Hidden and
absent are the same answer: ``None``. Superusers are nobody special. (Design §6.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, QuerySet

from datasets import decisions
from datasets.models import DatasetVersion, PolicyDecision
from datasets.people import Person
from datasets.policy.labels import LabelFacts
from datasets.policy.predicate import readable
from datasets.policy.requests import Action
from datasets.policy.roles import READ_RESTRICTED, Role


def visible_versions(person: Person, action: Action = Action.DISCOVER) -> QuerySet[DatasetVersion]:
    """The versions that *person* may *action*, as one query."""
    return DatasetVersion.objects.filter(predicate(person, action))


def predicate(person: Person, action: Action) -> Q:
    """The condition on ``DatasetVersion`` that holds just where a decision would say allow.

    Two queries: the labels, and the pairs of label and standing that occur, since only those need an answer.
    """
    among = _Occurring(decisions.label_facts(), _occurring())
    condition = _for_roles(person, person.roles, action, among, granted=False)
    alike: dict[tuple[frozenset[Role], bool], list[int]] = {}
    for dataset_pk, grants in person.grants.items():
        alike.setdefault((person.roles_on(dataset_pk), READ_RESTRICTED in grants), []).append(dataset_pk)
    for (roles, granted), dataset_pks in alike.items():
        condition |= Q(dataset_id__in=dataset_pks) & _for_roles(person, roles, action, among, granted=granted)
    return condition


class _Occurring(NamedTuple):
    """Label facts, and the (label, standing) pairs that versions have now."""

    labels: Mapping[str, LabelFacts]
    pairs: frozenset[tuple[str, str]]


def _occurring() -> frozenset[tuple[str, str]]:
    rows = DatasetVersion.objects.order_by().values_list("policy_label_id", "standing__state").distinct()
    return frozenset((label or decisions.UNLABELLED, state) for label, state in rows if state is not None)


def _for_roles(person: Person, roles: frozenset[Role], action: Action, among: _Occurring, *, granted: bool) -> Q:
    names = frozenset(r.value for r in roles) or frozenset({Role.PUBLIC.value})
    condition = Q(pk__in=[])
    for group in readable(names, action.value, among.labels, among=among.pairs, granted=granted):
        labelled = Q(policy_label_id=group.label)
        if group.label == decisions.UNLABELLED:
            labelled |= Q(policy_label_id__isnull=True)
        part = labelled & Q(standing__state__in=sorted(group.standings))
        own = Q(created_by=person.principal)
        condition |= part & (own if group.is_proposer else ~own)
    return condition


def find_version(person: Person, slug: str, version_id: str, action: Action = Action.READ) -> DatasetVersion | None:
    """The version, when it exists and *person* may *action* it; ``None`` otherwise, whichever of the two it was."""
    return (
        visible_versions(person, action)
        .filter(dataset__slug=slug, version_id=version_id)
        .select_related("dataset", "spec", "acquisition", "policy_label", "standing")
        .first()
    )


def enforce(person: Person, version: DatasetVersion, action: Action, *, at: datetime) -> PolicyDecision:
    """Asks about one version and keeps the answer. The caller shows nothing unless ``decision == "allow"``."""
    resource = decisions.resource_of(
        version,
        person=person,
        standing=version.standing.state,
        has_bytes=True,
        obligations=(json.loads(version.spec.canonical).get("sensitivity") or {}).get("obligations") or (),
        reading=True,
    )
    request = decisions.request_for(person, action, resource, dataset_pk=version.dataset_id)
    return decisions.decide(request, version=version, at=at)
