"""Writer: asks the decision point and keeps the answer. Keeps clause C1's record.

Every answer that someone acts on is a row with its canonical document and the digest of the policies that made it;
those are kept whole, once, so that it can be replayed (``replays``). Label facts come from the rows admins manage; the
engine itself knows no database.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from audit.canonical import canonical_bytes
from audit.findings import Finding
from datasets.models import DatasetVersion, Embargo, PolicyBundle, PolicyDecision, PolicyLabel
from datasets.people import Person
from datasets.policy import bundle, engine
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import ObligationError, parse_obligations
from datasets.policy.requests import Action, PolicyRequest, ResourceFacts, request_from_json
from datasets.policy.roles import READ_RESTRICTED, Role
from datasets.receipts import instant

logger = logging.getLogger(__name__)

#: A version without a label is read as if it carried this one: by those who triage, and its proposer.
UNLABELLED = "quarantine"


def label_facts() -> dict[str, LabelFacts]:
    """Every label as the engine needs it, in one query. One whose row can't be read is left out: unknown, so denied."""
    labels: dict[str, LabelFacts] = {}
    for row in PolicyLabel.objects.all():
        try:
            labels[row.name] = facts_of(row)
        except ObligationError:
            logger.exception("The label %s can't be read; whatever carries it is denied.", row.name)
    return labels


def facts_of(row: PolicyLabel) -> LabelFacts:
    """One label row as facts. Raises ``ObligationError`` when its lists are none or its obligations not well formed."""
    for field in ("readers", "qa_readers", "sign_off_roles", "default_obligations"):
        if not isinstance(getattr(row, field), list):
            raise ObligationError([Finding("label_unreadable", field, f"{field} is no list.", "Restore the row.")])
    return LabelFacts(
        name=row.name,
        title=row.title,
        meaning=row.meaning,
        readers=tuple(row.readers),
        sign_off_roles=tuple(row.sign_off_roles),
        tightness=row.tightness,
        colour=row.colour,  # type: ignore[arg-type]  # a CharField of the colour tokens
        default_obligations=parse_obligations(row.default_obligations),
        qa_readers=tuple(row.qa_readers),
        opened_by_grant=row.opened_by_grant,
        releasable=row.releasable,
        built_in=row.built_in,
    )


def resource_of(  # noqa: PLR0913 - the facts a decision rests on
    version: DatasetVersion,
    *,
    person: Person,
    standing: str,
    has_bytes: bool,
    obligations: Sequence[Mapping[str, Any]] = (),
    applied: Sequence[Mapping[str, Any]] = (),
    reading: bool = False,
) -> ResourceFacts:
    """The facts about *version* that a decision for *person* rests on. ``reading``: no label reads as UNLABELLED."""
    grants = person.grants.get(version.dataset_id, frozenset())
    return ResourceFacts(
        dataset_slug=version.dataset.slug,
        dataset_version_id=version.version_id,
        policy_label=version.policy_label_id or (UNLABELLED if reading else None),
        standing=standing,
        has_bytes=has_bytes,
        is_proposer=version.created_by == person.principal,
        embargo_until=embargo_day(version.dataset_id),
        grants=frozenset({READ_RESTRICTED} & grants),
        obligations=tuple(obligations),
        applied_obligations=tuple(applied),
    )


def embargo_day(dataset_pk: int) -> str | None:
    """The day of the dataset's embargo that no person has lifted, as the policies read it; ``None``: there is none."""
    until = Embargo.objects.filter(dataset=dataset_pk, lifted_at__isnull=True).values_list("until", flat=True).first()
    return until.isoformat() if until is not None else None


def request_for(
    person: Person, action: Action, resource: ResourceFacts, *, dataset_pk: int | None, role: Role | None = None
) -> PolicyRequest:
    """A request by *person*, in *role* or, for reading, in all the roles held."""
    roles = frozenset(r.value for r in person.roles_on(dataset_pk)) or frozenset({Role.PUBLIC.value})
    return PolicyRequest(
        principal_ref=person.principal,
        roles=roles,
        role=role.value if role else min(roles),
        action=action.value,
        resource=resource,
    )


def ask(request: PolicyRequest, *, at: datetime) -> engine.PolicyDecision:
    """The engine's answer, not kept."""
    return _ask(request, label_facts(), at)


def _ask(request: PolicyRequest, labels: Mapping[str, LabelFacts], at: datetime) -> engine.PolicyDecision:
    return engine.decide(request, labels=labels, decision_id=uuid.uuid4().hex, evaluated_at=instant(at))


def decide(request: PolicyRequest, *, version: DatasetVersion | None, at: datetime) -> PolicyDecision:
    """Asks, and keeps the answer as a row, beside the bundle that made it."""
    labels = label_facts()
    row = row_of(_ask(request, labels, at).as_json(), version=version, at=at)
    keep(row, labels)
    return row


def row_of(document: Mapping[str, Any], *, version: DatasetVersion | None, at: datetime) -> PolicyDecision:
    """The row of an answer's *document*, not stored yet: ``keep`` stores it."""
    return PolicyDecision(
        decision_id=document["decision_id"],
        version=version,
        action=document["request"]["action"],
        decision=document["decision"],
        principal=document["request"]["principal_ref"],
        canonical=canonical_bytes(document).decode(),
        decided_at=at,
    )


def keep(row: PolicyDecision, labels: Mapping[str, LabelFacts]) -> None:
    """Stores *row*, and the policies and *labels* that made it."""
    _keep_bundle(document_of(row)["policy_bundle_digest"], labels, row.decided_at)
    row.save(force_insert=True)


def _keep_bundle(digest: str, labels: Mapping[str, LabelFacts], at: datetime) -> None:
    """Keeps the policies and label facts, whole, once. Two that come at the same time leave one row."""
    if PolicyBundle.objects.filter(digest=digest).exists():
        return
    whole = bundle.Policies(bundle.policy_sources(), labels)
    if whole.digest != digest:
        raise RuntimeError("The decision names other policies than those that are kept beside it.")
    PolicyBundle.objects.get_or_create(digest=digest, defaults={"canonical": whole.canonical, "first_used_at": at})


def document_of(row: PolicyDecision) -> dict[str, Any]:
    """The stored decision as its document."""
    document: dict[str, Any] = json.loads(row.canonical)
    return document


def ask_again(row: PolicyDecision) -> dict[str, Any] | None:
    """What today's policies answer to yesterday's request, with today's embargo; ``None``: it can't be read."""
    document = document_of(row)
    try:
        request = request_from_json(document["request"])
        if row.version is not None:
            until = embargo_day(row.version.dataset_id)
            request = replace(request, resource=replace(request.resource, embargo_until=until))
        decision_id, evaluated_at = document["decision_id"], document["evaluated_at"]
    except (KeyError, TypeError, ValueError):
        return None
    labels = label_facts()
    again = engine.decide(request, labels=labels, decision_id=decision_id, evaluated_at=evaluated_at)
    return again.as_json()
