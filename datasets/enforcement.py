"""The one place where reading is decided: pages, API and exports ask here before they fetch anything.

Lists are filtered by one SQL predicate derived from the same policies that decide about single versions. Hidden and
absent are the same answer: ``None``, after the same steps. Superusers are nobody special. A version that stands in
PUBLISHED without a release of its round reads as one whose standing is unknown: nobody is shown it. What was asked is
kept by ``questions``, one decision a request. (Design §6.)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from datasets import decisions, identity, questions
from datasets.embargoes import embargoed_datasets
from datasets.models import DatasetVersion, Embargo, PolicyDecision
from datasets.people import Person
from datasets.policy import engine
from datasets.policy.labels import LabelFacts
from datasets.policy.lists import ListQuestion, decide_list
from datasets.policy.requests import Action, ResourceFacts
from datasets.policy.roles import READ_RESTRICTED
from datasets.readable import PUBLISHED, Labels, condition, releases, rights_of
from datasets.receipts import instant
from datasets.viewing import Viewed

logger = logging.getLogger(__name__)

# --- lists ---


def visible_versions(person: Person, action: Action = Action.DISCOVER) -> QuerySet[DatasetVersion]:
    """The versions that *person* may *action*, as one query."""
    return DatasetVersion.objects.filter(predicate(person, action))


def predicate(person: Person, action: Action) -> Q:
    """The condition on ``DatasetVersion`` that holds just where a decision would say allow.

    Two queries: the labels, and the datasets under embargo. In a request that only reads, both are asked once.
    """
    labels, embargoed = _labels(), _embargoed()
    _note_list(person, action, labels, embargoes=bool(embargoed))
    return questions.remember(  # type: ignore[no-any-return]  # it gives back what the lambda gives
        ("predicate", _key(person), action), lambda: condition(person, action, labels, embargoed)
    )


def _note_list(person: Person, action: Action, labels: Labels, *, embargoes: bool) -> None:
    opened = questions.current()
    if opened is None:
        return
    at = timezone.now()

    def make(reference: str) -> PolicyDecision:
        everywhere, granted = rights_of(person)
        kinds = tuple(sorted(((r, len(pks)) for r, pks in granted.items()), key=lambda kind: sorted(kind[0].roles)))
        question = ListQuestion(person.principal, action.value, everywhere, kinds, embargoes, opened.scope())
        document = decide_list(question, labels=labels, decision_id=reference, evaluated_at=instant(at))
        return decisions.row_of(document, version=None, at=at)

    opened.listed(make, labels)


def _key(person: Person) -> Any:
    grants = frozenset((pk, held) for pk, held in person.grants.items())
    return (person.principal, person.roles, grants, _key(person.by) if isinstance(person, Viewed) else None)


def _labels() -> Labels:
    labels: Labels = questions.remember("labels", decisions.label_facts)
    return labels


def _embargoed() -> frozenset[int]:
    pks: frozenset[int] = questions.remember("embargoes", embargoed_datasets)
    return pks


# --- single versions ---


@dataclass(frozen=True, slots=True)
class Found:
    """A version that may be read, and by which of the actions that were asked for."""

    version: DatasetVersion
    action: Action


def look_up(person: Person, slug: str, version_id: str, *actions: Action) -> Found | None:
    """The version, when it exists and *person* may do one of *actions*: the first that is allowed.

    ``None`` otherwise, after the same steps whichever of the two it was; the first denial is what is kept of it.
    """
    version = _named(slug, version_id)
    labels, at = _labels(), timezone.now()
    denied: engine.PolicyDecision | None = None
    for action in actions:
        answer = _answer_about(person, version, slug, version_id, action, labels, at)
        if version is not None and answer.allowed:
            _note(answer, version, labels, at)
            return Found(version, action)
        denied = denied or answer
    if denied is not None:
        _note(denied, None, labels, at)
    return None


def find_version(person: Person, slug: str, version_id: str, action: Action = Action.READ) -> DatasetVersion | None:
    """The version, when it exists and *person* may *action* it; ``None`` otherwise, whichever of the two it was."""
    found = look_up(person, slug, version_id, action)
    return found.version if found is not None else None


def enforce(person: Person, version: DatasetVersion, action: Action, *, at: datetime) -> PolicyDecision:
    """Asks about one version and keeps the answer. The caller shows nothing unless ``decision == "allow"``."""
    labels = _labels()
    answer = _decide(person, version, action, labels, at)
    return _note(answer, version, labels, at)


def ask_act(person: Person, action: Action, *, at: datetime) -> PolicyDecision:
    """Asks whether *person* may do *action*, which is on no dataset in particular, and keeps the answer."""
    labels = _labels()
    return _note(_ask(person, action, ResourceFacts(None), None, labels, at), None, labels, at)


def deny_unseen(person: Person, slug: str | None, version_id: str | None, action: Action, *, at: datetime) -> str:
    """Keeps that *person* was told "not found" about what these name, hidden or absent; the reference of that."""
    version = _named(slug or "", version_id or "")
    labels = _labels()
    answer = _answer_about(person, version, slug, version_id, action, labels, at)
    return _note(answer, None, labels, at).decision_id


def may(
    person: Person,
    version: DatasetVersion,
    action: Action,
    at: datetime,
    *,
    obligations: Sequence[Mapping[str, Any]] = (),
) -> bool:
    """Whether *person* may *action* the version, for what a page offers beside what was asked; nothing is kept."""
    return _decide(person, version, action, _labels(), at, obligations=obligations).allowed


def declared_obligations(version: DatasetVersion) -> Sequence[Mapping[str, Any]]:
    """What the version's spec asks for beyond its label's own."""
    return (json.loads(version.spec.canonical).get("sensitivity") or {}).get("obligations") or ()


def label_of(version: DatasetVersion) -> LabelFacts | None:
    """The version's label as it is now; ``None``: it can't be read, or is not there."""
    return _labels().get(version.policy_label_id or decisions.UNLABELLED)


def _named(slug: str, version_id: str) -> DatasetVersion | None:
    rows = DatasetVersion.objects.filter(dataset__slug=slug, version_id=version_id).select_related(
        "dataset", "spec", "acquisition", "policy_label", "standing"
    )
    until = Embargo.objects.filter(dataset=OuterRef("dataset"), lifted_at__isnull=True).values("until")[:1]
    return rows.annotate(
        has_release=Exists(releases(OuterRef("pk"), OuterRef("standing__round"))), embargo_until=Subquery(until)
    ).first()


def _answer_about(  # noqa: PLR0913 - the question and what it rests on
    person: Person,
    version: DatasetVersion | None,
    slug: str | None,
    version_id: str | None,
    action: Action,
    labels: Labels,
    at: datetime,
) -> engine.PolicyDecision:
    """The answer about *version*, or about nothing of that name, which is a denial: its attributes are missing."""
    if version is not None:
        return _decide(person, version, action, labels, at)
    good_slug = slug if slug and not identity.check_slug(slug) else None
    good_id = version_id if version_id and not identity.check_version_form(version_id) else None
    # the engine is asked here too, about a version that stands for none, so that absent takes the time of hidden
    decoy = ResourceFacts(good_slug or "none", good_id, decisions.UNLABELLED, "DENIED", has_bytes=True)
    _ask(person, action, decoy, None, labels, at)
    return _ask(person, action, ResourceFacts(good_slug, good_id), None, labels, at)


def _decide(  # noqa: PLR0913 - the question and what it rests on
    person: Person,
    version: DatasetVersion,
    action: Action,
    labels: Labels,
    at: datetime,
    *,
    obligations: Sequence[Mapping[str, Any]] | None = None,
) -> engine.PolicyDecision:
    """The answer; who looks through another's eyes is shown only what both may see."""
    declared = declared_obligations(version) if obligations is None else obligations
    answer = _ask(person, action, _facts(version, person, declared), version.dataset_id, labels, at)
    if answer.allowed and isinstance(person, Viewed):
        own = _ask(person.by, action, _facts(version, person.by, declared), version.dataset_id, labels, at)
        return answer if own.allowed else own
    return answer


def _facts(version: DatasetVersion, person: Person, obligations: Sequence[Mapping[str, Any]]) -> ResourceFacts:
    if hasattr(version, "embargo_until"):
        until = version.embargo_until
        day = until.isoformat() if until is not None else None
    else:
        day = decisions.embargo_day(version.dataset_id)
    return ResourceFacts(
        dataset_slug=version.dataset.slug,
        dataset_version_id=version.version_id,
        policy_label=version.policy_label_id or decisions.UNLABELLED,
        standing=_standing(version),
        has_bytes=True,
        is_proposer=version.created_by == person.principal,
        embargo_until=day,
        grants=frozenset({READ_RESTRICTED} & person.grants.get(version.dataset_id, frozenset())),
        obligations=tuple(obligations),
    )


def _standing(version: DatasetVersion) -> str | None:
    """Where the version stands; ``None``, unknown, when it stands in PUBLISHED without a release of that round."""
    standing = version.standing
    if standing.state != PUBLISHED:
        return str(standing.state)
    has_release = version.has_release if hasattr(version, "has_release") else None
    if has_release is None:
        has_release = releases(version.pk, standing.round).exists()
    if has_release:
        return PUBLISHED
    logger.error("version %s stands in PUBLISHED without a release of its round; nobody is shown it", version.pk)
    return None


def _ask(  # noqa: PLR0913 - the question and what it rests on
    person: Person, action: Action, resource: ResourceFacts, dataset_pk: int | None, labels: Labels, at: datetime
) -> engine.PolicyDecision:
    request = decisions.request_for(person, action, resource, dataset_pk=dataset_pk)
    opened = questions.current()
    reference = opened.reference if opened is not None else questions.new_reference()
    return engine.decide(request, labels=labels, decision_id=reference, evaluated_at=instant(at))


def _note(
    answer: engine.PolicyDecision, version: DatasetVersion | None, labels: Labels, at: datetime
) -> PolicyDecision:
    """The answer's row: kept by the request that is being answered, or at once outside one."""
    row = decisions.row_of(answer.as_json(), version=version, at=at)
    opened = questions.current()
    if opened is None:
        decisions.keep(row, labels)
    else:
        opened.single(row, labels)
    return row
