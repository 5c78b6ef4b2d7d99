"""Writer's part: how a label's row is judged, digested and written. Only ``policy_changes`` calls it.

Keeps: no label is deleted or renamed, none is looser than it is built in, and none leaves a dataset without people who
could sign under it.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes, digest_json
from audit.events import Event
from audit.findings import Finding
from datasets import staffing
from datasets.decisions import facts_of, label_facts
from datasets.errors import Refused
from datasets.models import PolicyChange, PolicyLabel
from datasets.persons import Person
from datasets.policy.label_rules import SIGNS, label_findings, openings
from datasets.policy.labels import STAFF_AND_PUBLIC, LabelFacts
from datasets.policy.obligations import ObligationError, parse_obligations
from datasets.policy.roles import Role

_FIELDS = (
    "title",
    "meaning",
    "readers",
    "qa_readers",
    "sign_off_roles",
    "default_obligations",
    "tightness",
    "opened_by_grant",
    "releasable",
    "colour",
)


def lock(name: str) -> LabelFacts | None:
    """The label's facts under a lock until the transaction ends; ``None`` when there is none. One change at a time.

    Raises ``Refused`` for a label that can't be read.
    """
    rows = {row.name: row for row in PolicyLabel.objects.select_for_update().order_by("name")}
    return _readable(rows[name]) if name in rows else None


def check(before: LabelFacts | None, after: LabelFacts, *, new: bool, at: datetime) -> None:
    """Whether the label may become *after*. Raises ``Refused`` with findings by field."""
    findings = label_findings(after)
    if new and before is not None:
        findings.append(Finding("name_taken", "name", f"There is a label {after.name}.", "Choose another name."))
    findings += _title_findings(before, after)
    if not new and before is None:
        raise Refused("no_such_label", "There is no such label.")
    if findings:
        raise Refused("label_faulty", "The label was not changed: " + findings[0].message, findings)
    if before is not None and document_of(before) == document_of(after):
        raise Refused("label_same", f"{after.name} is like that already; nothing would change.")
    if before is not None:
        asked = after.sign_off_roles if after.releasable else ()
        staffing.refuse_broken(staffing.broken_by_label(after.name, asked, at), f"This edit of {after.name}")


def _title_findings(before: LabelFacts | None, after: LabelFacts) -> list[Finding]:
    """A title is one label's alone, or a label could pass for another where pages show titles."""
    if before is not None and before.title == after.title:
        return []
    alike = (
        other for other in PolicyLabel.objects.exclude(name=after.name) if _plain(other.title) == _plain(after.title)
    )
    return [
        Finding("title_taken", "title", f"The label {other.name} has that title.", "Choose another title.")
        for other in alike
    ][:1]


def _plain(title: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", title).casefold().split())


def openings_of(before: LabelFacts | None, after: LabelFacts) -> tuple[str, ...]:
    """The fields in which *after* opens more, beside every other label there is."""
    return openings(before, after, label_facts().values())


def document_of(facts: LabelFacts) -> dict[str, Any]:
    """Everything that a label's row says but whether it is built in, with lists in order."""
    return {
        **facts.as_json(),
        "readers": _ordered(facts.readers),
        "qa_readers": _ordered(facts.qa_readers),
        "sign_off_roles": _ordered(facts.sign_off_roles, SIGNS),
        "title": facts.title,
        "meaning": facts.meaning,
        "colour": facts.colour,
    }


def _ordered(roles: tuple[str, ...], order: tuple[str, ...] = STAFF_AND_PUBLIC) -> list[str]:
    """Each role once, in the house's order; one that is unknown comes last."""
    return [*(role for role in order if role in roles), *sorted(set(roles) - set(order))]


def facts_from(document: dict[str, Any]) -> LabelFacts:
    """A label's facts from its document. Raises ``KeyError`` or ``ObligationError`` when it is none."""
    return LabelFacts(
        name=document["name"],
        title=document["title"],
        meaning=document["meaning"],
        readers=tuple(document["readers"]),
        sign_off_roles=tuple(document["sign_off_roles"]),
        tightness=document["tightness"],
        colour=document["colour"],
        default_obligations=parse_obligations(document["default_obligations"]),
        qa_readers=tuple(document["qa_readers"]),
        opened_by_grant=document["opened_by_grant"],
        releasable=document["releasable"],
    )


def basis_of(name: str) -> str:
    """The digest of the label as it is now, or of its absence."""
    row = PolicyLabel.objects.filter(name=name).first()
    if row is None:
        return str(digest_json({"absent": name}))
    return str(digest_json(document_of(_readable(row))))


def _readable(row: PolicyLabel) -> LabelFacts:
    try:
        return facts_of(row)
    except ObligationError as error:
        raise Refused("label_unreadable", f"The label {row.name} can't be read: {error}") from error


def write(document: dict[str, Any], *, by: Person, confirmed: bool, change: PolicyChange, at: datetime) -> None:
    """Makes the row what *document* says. Looks again: what opens is written only when it was confirmed."""
    facts = facts_from(document)
    row = PolicyLabel.objects.filter(name=facts.name).first()
    before = _readable(row) if row is not None else None
    check(before, facts, new=before is None, at=at)
    if openings_of(before, facts) and not confirmed:
        raise Refused("second_missing", f"This opens {facts.name}, so a second person must confirm it.")
    row = row or PolicyLabel(name=facts.name)
    for field in _FIELDS:
        setattr(row, field, document[field])
    row._change_reason = f"change {change.pk}: {change.reason}"[:100]  # type: ignore[attr-defined]  # noqa: SLF001 - simple-history's own door
    try:
        with transaction.atomic():
            row.save(force_insert=before is None)
    except IntegrityError as error:
        raise Refused("overtaken", f"The label {facts.name} was made meanwhile.") from error
    _record(facts, before, by, change, at)


def _record(facts: LabelFacts, before: LabelFacts | None, by: Person, change: PolicyChange, at: datetime) -> None:
    references = {
        "change": str(change.pk),
        "facts": str(digest_json(document_of(facts))),
        "reason_digest": str(digest_bytes(change.reason.encode())),
    }
    if before is not None:
        references["was"] = str(digest_json(document_of(before)))
    role = next((r for r in (Role.ADMIN, Role.COUNCIL) if r in by.roles), Role.ADMIN)
    ledger.append(
        event=Event.LABEL_CREATED if before is None else Event.LABEL_EDITED,
        actor=by.principal,
        role=role.value,
        subject=f"label/{facts.name}",
        references=references,
        at=at,
    )
