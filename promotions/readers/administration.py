"""Reads what the pages of labels, people and changes show: rows, words, histories. Decides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from datasets import label_writing, policy_changes
from datasets.errors import Refused
from datasets.models import Dataset, PolicyChange, PolicyChangeKind, PolicyChangeState, PolicyLabel
from datasets.people import CONFIRMS, Person, names_of
from datasets.policy.label_rules import SIGNS
from datasets.policy.labels import LabelFacts
from datasets.policy.roles import READ_RESTRICTED, Role
from promotions.readers.people import Act
from promotions.readers.version_page import obligation_words

GRANT_WORDS: dict[str, str] = dict(Dataset._meta.permissions)  # noqa: SLF001 - _meta is Django's documented interface
_LABELS = frozenset({PolicyChangeKind.LABEL_CREATE, PolicyChangeKind.LABEL_EDIT})
#: A label's fields as the pages name them, in order.
FIELDS: dict[str, str] = {
    "title": "Title",
    "meaning": "Meaning",
    "readers": "Read what is published",
    "qa_readers": "Read QA reports alone",
    "sign_off_roles": "Sign a release",
    "default_obligations": "Obligations",
    "tightness": "Tightness",
    "opened_by_grant": "Opened by a grant on the dataset",
    "releasable": "Ever released",
    "colour": "Colour",
}


def label_words(facts: LabelFacts, field: str) -> str:
    """What *facts* say in *field*, in words."""
    value = getattr(facts, field)
    if field == "default_obligations":
        return " ".join(obligation_words(item.as_json()) for item in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        order = SIGNS if field == "sign_off_roles" else tuple(role.value for role in Role)
        return ", ".join(role for role in order if role in value) or "nobody"
    return str(value)


def label_rows(facts: LabelFacts) -> list[dict[str, str]]:
    """A label's facts for ``components/kv.html``."""
    return [{"key": words, "value": label_words(facts, field)} for field, words in FIELDS.items()]


def facts_diff(before: LabelFacts | None, after: LabelFacts, opened: Iterable[str]) -> list[dict[str, str]]:
    """Field by field for ``components/diff.html``, those that open said so; unchanged fields are left out."""
    opening = set(opened)
    rows = []
    for field, words in FIELDS.items():
        old, new = label_words(before, field) if before else "", label_words(after, field)
        if old != new:
            note = "opens" if field in opening else ""
            rows.append(
                {
                    "what": words,
                    "before": old,
                    "after": new,
                    "state": "changed" if before else "added",
                    "note": note,
                }
            )
    return rows


def label_history(row: PolicyLabel) -> list[Act]:
    """How the label came to be as it is, newest first, each by the change that made it so; two queries."""
    changes = PolicyChange.objects.filter(subject=f"label/{row.name}", state=PolicyChangeState.APPLIED)
    found = list(changes.order_by("-decided_at", "-pk")[:100])
    names = names_of({name for c in found for name in (c.asked_by, c.decided_by)})
    return [Act(c.decided_at, _by(c, names), c.get_kind_display(), c.reason) for c in found if c.decided_at]


def _by(change: PolicyChange, names: Mapping[str, str]) -> str:
    asked, decided = names[change.asked_by], names[change.decided_by]
    return asked if change.asked_by == change.decided_by else f"{asked}, confirmed by {decided}"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change as a row shows it."""

    change: PolicyChange
    what: str
    asker: str
    decider: str
    tone: str


_TONES = {"pending": "waived", "applied": "pass", "refused": "block", "taken_back": "idle"}


def change_lines(found: Iterable[PolicyChange]) -> list[ChangeLine]:
    """Rows of a page of changes, in two queries besides."""
    changes = list(found)
    documents = {c.pk: json.loads(c.document) for c in changes}
    principals = {name for c in changes for name in (c.asked_by, c.decided_by)}
    principals |= {d["user"] for d in documents.values() if "user" in d}
    names = names_of(principals - {""})
    return [
        ChangeLine(
            c, what_of(documents[c.pk], names), names[c.asked_by], names.get(c.decided_by, ""), _TONES[str(c.state)]
        )
        for c in changes
    ]


def what_of(document: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """One line: what the change is about."""
    if "user" not in document:
        return f"Label {document['name']}"
    who = names.get(document["user"], document["user"])
    if document["dataset"] is None:
        return f"{who}: the role {document['right']}"
    return f"{who}: {GRANT_WORDS.get(document['right'], document['right'])} ({document['dataset']})"


def pending_for(person: Person) -> QuerySet[PolicyChange]:
    """The pending changes that *person* may confirm or refuse."""
    if not person.roles & CONFIRMS:
        return PolicyChange.objects.none()
    theirs = Q(asked_by=person.principal) | Q(subject=f"user/{person.principal}")
    return PolicyChange.objects.filter(state=PolicyChangeState.PENDING).exclude(theirs)


def overtaken(change: PolicyChange) -> str:
    """Why a pending change can't be put into force any more; ``""`` when it can."""
    try:
        policy_changes.check_current(change)
    except Refused as refusal:
        return refusal.message
    return ""


def is_label(change: PolicyChange) -> bool:
    return change.kind in _LABELS


def wanted_label(change: PolicyChange) -> LabelFacts:
    """The facts that a change of a label asks for."""
    return label_writing.facts_from(json.loads(change.document))


def right_meaning(document: Mapping[str, Any]) -> str:
    """What a person does by the right, in a sentence."""
    if document["dataset"] is None:
        return Role(document["right"]).meaning
    return GRANT_WORDS.get(document["right"], "") + (
        ". It opens restricted versions to them, and lets them decide nothing."
        if document["right"] == READ_RESTRICTED
        else ", and of no other."
    )


def accounts(asked: str) -> QuerySet[User]:
    """People's accounts, the open ones first; service accounts have pages of their own."""
    found = User.objects.exclude(groups__name="service accounts")
    for word in asked.split()[:5]:
        found = found.filter(Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word))
    return found.order_by("-is_active", "username")


def ends_soonest(ends: Iterable[datetime | None]) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)
