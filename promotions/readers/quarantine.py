"""Reads the ways out of a quarantine case, each with why not and who can, and who can own the case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import permissions, roles
from promotions.models import QuarantineCase, Resolution
from promotions.readers.offers import Offer
from promotions.readers.people import holders, who_can
from promotions.states import ReasonCode, Verb

WORDS: dict[str, str] = {
    ReasonCode.VALIDATION_FAILED: "Checks were not met",
    ReasonCode.LICENSE_UNCLEAR: "The licence is not clear",
    ReasonCode.SENSITIVITY_UNCLEAR: "Whether it is sensitive is not clear",
    ReasonCode.REDACTION_REQUIRED: "Something must be redacted first",
    ReasonCode.UPSTREAM_UNSTABLE: "The upstream is not stable",
}


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
