"""Reads the quarantine: open cases by root cause, and one case with its findings, history and ways out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import permissions, roles
from promotions.models import QuarantineCase, Resolution
from promotions.readers.deciding import Offer
from promotions.readers.people import holders, who_can
from promotions.states import ReasonCode, Verb

WORDS: dict[str, str] = {
    ReasonCode.VALIDATION_FAILED: "Checks were not met",
    ReasonCode.LICENSE_UNCLEAR: "The licence is not clear",
    ReasonCode.SENSITIVITY_UNCLEAR: "Whether it is sensitive is not clear",
    ReasonCode.REDACTION_REQUIRED: "Something must be redacted first",
    ReasonCode.UPSTREAM_UNSTABLE: "The upstream is not stable",
}
#: Sensitive material first, then rights, then quality.
SEVERITY: dict[str, tuple[int, str]] = {
    ReasonCode.REDACTION_REQUIRED: (0, "high"),
    ReasonCode.SENSITIVITY_UNCLEAR: (0, "high"),
    ReasonCode.LICENSE_UNCLEAR: (1, "medium"),
    ReasonCode.VALIDATION_FAILED: (2, "normal"),
    ReasonCode.UPSTREAM_UNSTABLE: (2, "normal"),
}


@dataclass(slots=True)
class CaseLine:
    """One case in a list. ``overdue``: its day has passed."""

    case: QuarantineCase
    owner: str
    overdue: bool
    findings: int
    severity: str


@dataclass(slots=True)
class Group:
    """Cases with one root cause: the reason code and the code of the first finding."""

    reason: str
    cause: str
    severity: str
    rank: int
    cases: list[CaseLine] = field(default_factory=list)


def grouped(cases: Sequence[QuarantineCase], names: Mapping[str, str], today: date) -> list[Group]:
    """The cases by root cause, the gravest first; inside a group the soonest due first."""
    groups: dict[tuple[str, str], Group] = {}
    for case in cases:
        rank, severity = SEVERITY.get(case.reason_code, (2, "normal"))
        key = (case.reason_code, _cause(case))
        group = groups.setdefault(key, Group(WORDS.get(case.reason_code, case.reason_code), key[1], severity, rank))
        owner = names.get(case.owner, case.owner)
        group.cases.append(CaseLine(case, owner, case.due < today, len(case.findings), severity))
    return sorted(groups.values(), key=lambda group: (group.rank, -len(group.cases)))


def _cause(case: QuarantineCase) -> str:
    messages = [str(finding.get("message", "")) for finding in case.findings if isinstance(finding, dict)]
    if not messages:
        return case.reason
    codes = Counter(str(finding.get("code", "")) for finding in case.findings)
    code = codes.most_common(1)[0][0]
    return next(str(f["message"]) for f in case.findings if str(f.get("code", "")) == code)


def ways_out(person: Person, case: QuarantineCase) -> list[Offer]:
    """Release, deny, run again: each with why not and who can."""
    version, held = case.version, holders(case.version.dataset_id)
    return [_release(person, case, version, held), _deny(person, version, held), _run(person, version, held)]


def all_ways(person: Person, case: QuarantineCase, now: datetime) -> list[Offer]:
    """Every way out of an open case, or of an ended one the way back; another's live claim is respected."""
    held = holders(case.version.dataset_id)
    if case.resolution:
        return [_reopen(person, case, held)]
    version = case.version
    deciding = [
        _release(person, case, version, held),
        _derive(person, version, held, "derive", "Open a safer derivative"),
        _derive(person, version, held, "metadata-only", "Open a metadata-only version"),
        _deny(person, version, held),
    ]
    free, why = permissions.can(permissions.check_not_held, person, case, now)
    offers = deciding if free else [replace(o, allowed=False, why_not=o.why_not or why) for o in deciding]
    return [*offers, _run(person, version, held)]


def _derive(
    person: Person, version: DatasetVersion, held: Mapping[Role, Mapping[str, str]], name: str, label: str
) -> Offer:
    may, why = permissions.can(permissions.check_derive, person, version)
    return Offer(name, label, "plain", may, why, "" if may else who_can(held, roles.DERIVES))


def _reopen(person: Person, case: QuarantineCase, held: Mapping[Role, Mapping[str, str]]) -> Offer:
    version = case.version
    released = case.resolution == Resolution.RELEASED
    allowed = roles.MAY[Verb.QUARANTINE] if released else roles.DERIVES
    if case.resolution == Resolution.DENIED:
        why = "A denied version is denied for good. Ingest its source under a mended spec: that makes a new version."
        return Offer("reopen", "Reopen", "plain", allowed=False, why_not=why, direct=True)
    if released:
        may, why = permissions.can(permissions.check_verb, person, Verb.QUARANTINE, version)
    else:
        may, why = permissions.can(permissions.check_derive, person, version)
    return Offer("reopen", "Reopen", "plain", may, why, "" if may else who_can(held, allowed), direct=True)


def may_plan(person: Person, case: QuarantineCase) -> tuple[bool, str]:
    """Whether *person* keeps the case's plan."""
    return permissions.can(permissions.check_work_case, person, case.version)


def people_of(case: QuarantineCase) -> dict[str, str]:
    """Who can own the case: everyone with a working role on the dataset."""
    held = holders(case.version.dataset_id)
    wanted = (Role.CONTRIBUTOR, Role.OPERATOR, Role.REVIEWER, Role.STEWARD)
    return {principal: f"{name} ({role.value})" for role in wanted for principal, name in held[role].items()}


def _release(
    person: Person, case: QuarantineCase, version: DatasetVersion, held: Mapping[Role, Mapping[str, str]]
) -> Offer:
    may, why = permissions.can(permissions.check_verb, person, Verb.RELEASE, version)
    if may:
        may, why = permissions.can(permissions.check_release_case, person, case)
    proposal: Any = getattr(version, "proposal", None)
    authors = frozenset({case.plan_by, version.created_by, proposal.proposer if proposal else ""})
    return Offer(
        "release",
        "Release to WORK",
        "primary",
        may,
        why,
        "" if may else who_can(held, roles.MAY[Verb.RELEASE], but=authors),
    )


def _deny(person: Person, version: DatasetVersion, held: Mapping[Role, Mapping[str, str]]) -> Offer:
    may, why = permissions.can(permissions.check_verb, person, Verb.DENY, version)
    return Offer("deny", "Deny", "danger", may, why, "" if may else who_can(held, roles.MAY[Verb.DENY]))


def _run(person: Person, version: DatasetVersion, held: Mapping[Role, Mapping[str, str]]) -> Offer:
    may = permissions.role_for(person, roles.REQUESTS_RUNS | {Role.REVIEWER, Role.STEWARD}, version) is not None
    why = "" if may else "You have no role on this dataset that asks for runs."
    return Offer(
        "run", "Run the checks again", "plain", may, why, "" if may else who_can(held, roles.REQUESTS_RUNS), direct=True
    )
