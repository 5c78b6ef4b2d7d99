"""Reader: why something was allowed or refused, looked up by its audit reference, in words.

A reference is a stored decision's or a ledger entry's. Stewards and council of the dataset, and auditors, are told all:
rule, facts, policies, and what would have allowed it, asked of the very policies that decided. Whoever asked is told
that they were refused and whom to ask, in words that don't tell hidden from absent. For everyone else, and for a
reference that never was, there is nothing (``None``). Decides nothing about versions and shows no value of data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit import ledger
from audit.events import Event
from datasets import decisions, enforcement, replays
from datasets.models import Dataset, DatasetVersion, PolicyBundle, PolicyDecision
from datasets.people import Person, names_of
from datasets.policy import bundle
from datasets.policy.counterfactuals import what_would_allow
from datasets.policy.engine import NotAnswered
from datasets.policy.lists import LIST_RULE
from datasets.policy.reasons import ALLOW_REASONS, DENY_REASONS
from datasets.policy.requests import Action, request_from_json
from datasets.policy.roles import Role
from promotions.readers.people import holders, who_can
from promotions.readers.why_words import facts_of, readable_of, sentence_of, sentences, what_of

DECISION = re.compile(r"(?:kfm://policy_decision/)?([0-9a-f]{32})")
ENTRY = re.compile(r"(?:kfm://audit/entry/|entry/)([0-9]{1,15})")
MOST = 200
#: Who is told everything, of the datasets on which they are that.
TOLD = frozenset({Role.STEWARD, Role.COUNCIL})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the Rego that gave a reason: its file, the line it begins on, and its text."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    words: str
    rules: Sequence[Rule] = ()


@dataclass(frozen=True, slots=True)
class Why:
    """What a person may know of one decision or refusal. ``whole``: they are told all of it."""

    reference: str
    whole: bool
    allowed: bool
    asked_by: str
    asked_as: str
    at: datetime
    what: str
    sentence: str
    rule_id: str = ""
    reasons: Sequence[Reason] = ()
    facts: Sequence[tuple[str, str]] = ()
    readable: Sequence[Mapping[str, Any]] = ()
    bundle_digest: str = ""
    bundle_kept: bool = False
    counterfactuals: Sequence[str] = ()
    searched: bool = False
    version: DatasetVersion | None = None
    who_to_ask: str = ""
    document: str = ""
    entry: int | None = None
    obligations: Sequence[str] = field(default_factory=tuple)


def look_up(person: Person, given: str, now: datetime) -> Why | None:
    """What *person* may know of the reference, or ``None``: not open to them, and never there, are the same."""
    text = given.strip()[:MOST]
    entry = ENTRY.fullmatch(text)
    if entry:
        return _of_entry(person, int(entry[1]))
    decision = DECISION.fullmatch(text)
    row = PolicyDecision.objects.filter(pk=f"kfm://policy_decision/{decision[1] if decision else ''}").first()
    return _of_decision(person, row, now) if row is not None else None


def _of_decision(person: Person, row: PolicyDecision, now: datetime) -> Why | None:
    document = decisions.document_of(row)
    request, scope = document["request"], document["request"].get("scope") or {}
    slug = request["resource"].get("dataset_slug") or scope.get("slug")
    version_id = request["resource"].get("dataset_version_id") or scope.get("version_id")
    dataset = Dataset.objects.filter(slug=slug).first() if slug else None
    version = _version(row, dataset, version_id)
    if _told(person, dataset, version, now):
        return _whole(row, document, version)
    if row.principal != person.principal:
        return None
    return Why(
        reference=row.decision_id,
        whole=False,
        allowed=row.decision == "allow",
        asked_by=person.name,
        asked_as="",
        at=row.decided_at,
        what=what_of(request["action"], slug, version_id, of_list=document["rule_id"] == LIST_RULE),
        sentence="The policies let you read something of what you asked for."
        if row.decision == "allow"
        else "There is nothing at that address that you may read. Whether something is there is not said.",
        who_to_ask="A steward of the dataset can look this reference up and tell you what would open it to you.",
    )


def _version(row: PolicyDecision, dataset: Dataset | None, version_id: str | None) -> DatasetVersion | None:
    named = DatasetVersion.objects.select_related("dataset", "spec", "standing", "policy_label")
    if row.version_id is not None:
        return named.filter(pk=row.version_id).first()
    return named.filter(dataset=dataset, version_id=version_id).first() if dataset and version_id else None


def _told(person: Person, dataset: Dataset | None, version: DatasetVersion | None, now: datetime) -> bool:
    if Role.AUDITOR not in person.roles and not TOLD & person.roles_on(dataset.pk if dataset else None):
        return False
    # a label of ours may be closed to stewards too: then what was asked of such a version is closed with it
    return version is None or enforcement.may(person, version, Action.DISCOVER, now)


def _whole(row: PolicyDecision, document: dict[str, Any], version: DatasetVersion | None) -> Why:
    request = document["request"]
    scope = request.get("scope") or {}
    of_list = document["rule_id"] == LIST_RULE
    kept = PolicyBundle.objects.filter(pk=document["policy_bundle_digest"]).first()
    policies = replays.whole_bundle(kept) if kept is not None else None
    resource = request["resource"]
    slug, version_id = resource.get("dataset_slug") or scope.get("slug"), resource.get("dataset_version_id")
    principal, _, eyes = str(request["principal_ref"]).partition(" viewing as ")
    searched = not of_list and row.decision == "deny" and resource.get("policy_label") is not None
    ways = _counterfactuals(document, policies) if searched and policies is not None else None
    return Why(
        reference=row.decision_id,
        whole=True,
        allowed=row.decision == "allow",
        asked_by=names_of({principal})[principal],
        asked_as=eyes or ", ".join(request["roles"]),
        at=row.decided_at,
        what=what_of(request["action"], slug, version_id, of_list=of_list),
        sentence=sentence_of(document, version, of_list=of_list),
        rule_id=document["rule_id"],
        reasons=[_reason(code, policies) for code in document["reason_codes"]],
        facts=facts_of(request),
        readable=[readable_of(kind) for kind in document.get("readable", ())],
        bundle_digest=document["policy_bundle_digest"],
        bundle_kept=policies is not None,
        counterfactuals=ways or (),
        searched=ways is not None,
        version=version,
        document=json.dumps(document, indent=2, ensure_ascii=False),
        obligations=[str(item["type"]).replace("_", " ") for item in document["obligations"]],
    )


def _reason(code: str, policies: bundle.Policies | None) -> Reason:
    words = (ALLOW_REASONS | DENY_REASONS).get(code, "This reason has no sentence any more.")
    return Reason(code, words, _rules(code, policies) if policies is not None else ())


def _rules(code: str, policies: bundle.Policies) -> list[Rule]:
    """The rules of the kept Rego whose head gives the reason, each with its body."""
    head = re.compile(rf'^(?:allow|deny) contains "{re.escape(code)}"')
    found = []
    for name, text in sorted(policies.sources.items()):
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if head.match(line):
                end = next((n for n in range(number, len(lines)) if lines[n] == "}" or "{" not in line), number)
                found.append(Rule(name, number + 1, "\n".join(lines[number : end + 1])))
    return found


def _counterfactuals(document: Mapping[str, Any], policies: bundle.Policies) -> list[str] | None:
    """What would have allowed it, in sentences; ``None``: the engine can't be asked now, so it is not known."""
    try:
        found = what_would_allow(
            request_from_json(document["request"]),
            labels=policies.labels,
            evaluated_at=document["evaluated_at"],
            evaluator=bundle.evaluator_of(policies.sources),
        )
    except NotAnswered:
        return None
    return sentences(found)


def _of_entry(person: Person, index: int) -> Why | None:
    try:
        entry = ledger.entry(index)
    except ledger.NotInLedger:
        return None
    if entry.event != Event.ACTION_REFUSED.value:
        return None
    slug = entry.subject.removeprefix("kfm://dataset/").partition("@")[0]
    dataset = Dataset.objects.filter(slug=slug).first() if entry.subject.startswith("kfm://dataset/") else None
    whole = Role.AUDITOR in person.roles or bool(TOLD & person.roles_on(dataset.pk if dataset else None))
    if not whole and entry.actor != person.principal:
        return None
    verb, code = str(entry.references.get("verb", "")), str(entry.references.get("code", ""))
    refused = "The attempt was refused and undone; nothing changed."
    return Why(
        reference=str(entry),
        whole=whole,
        allowed=False,
        asked_by=names_of({entry.actor})[entry.actor],
        asked_as=entry.role,
        at=entry.at,
        what=f"{verb.replace('_', ' ')} {entry.subject.removeprefix('kfm://dataset/')}",
        sentence=refused,
        reasons=[Reason(code, f"Refused as {code.replace('_', ' ')}.")] if whole or code != "not_found" else (),
        who_to_ask=who_can(holders(dataset.pk), {Role.STEWARD}) if dataset and whole else "",
        entry=index if whole else None,
    )
