"""User rules: who may do which verb on which version, and the sentence when not. State rules are in ``transitions``.

``check_x`` raises ``Refused`` with a sentence a steward can act on; ``can_x`` wraps it for templates. Roles come from
``Person`` only: ``is_superuser`` is never asked, so a superuser passes no rule.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from datasets import enforcement
from datasets.errors import Refused
from datasets.models import DatasetVersion, ServiceToken
from datasets.people import Person, names_of
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.service_accounts import PREFIX as SERVICE_PREFIX
from promotions import roles
from promotions.models import QuarantineCase, SignOff, Standing
from promotions.states import Verb


def role_for(person: Person, allowed: frozenset[Role], version: DatasetVersion) -> Role | None:
    """The role *person* acts in: the first of *allowed* they hold on this dataset, in a fixed order."""
    return person.role_among(allowed, version.dataset_id)


def cases_open_to(person: Person, action: Action) -> QuerySet[QuarantineCase]:
    """The cases on versions that *person* may *action*, of datasets on which they hold a role.

    How a case was worked is the workflow's: it does not become the public's when its version is published.
    """
    visible = enforcement.visible_versions(person, action).values("pk")
    cases = QuarantineCase.objects.filter(version__in=visible)
    if person.roles:
        return cases
    return cases.filter(version__dataset__in=[pk for pk in person.grants if person.roles_on(pk)])


def check_verb(person: Person, verb: Verb, version: DatasetVersion) -> Role:
    """The role in which *person* may call *verb* on *version*; separation of duties for publish and restore."""
    allowed = roles.MAY[verb]
    role = role_for(person, allowed, version)
    if role is None:
        raise Refused("role_missing", _only(verb, allowed, version))
    if verb in {Verb.PUBLISH, Verb.RESTORE}:
        _check_signed_nothing(person, version)
    return role


def _only(verb: Verb, allowed: frozenset[Role], version: DatasetVersion) -> str:
    """``Only an operator of ks_counties may publish its versions, and you are none.``"""
    people = sorted(role.value for role in allowed if role is not Role.PIPELINE)
    if not people:
        return f"Only the console itself may {verb} a version, as part of its own work. Nobody needs to ask for it."
    who = " or ".join(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in people)
    whence = " from quarantine" if verb is Verb.RELEASE else ""
    return f"Only {who} of {version.dataset.slug} may {verb} its versions{whence}, and you are none."


def _check_signed_nothing(person: Person, version: DatasetVersion) -> None:
    round_now = Standing.objects.only("round").get(version=version).round
    if SignOff.objects.filter(version=version, round=round_now, principal=person.principal).exists():
        raise Refused("signer_publishes", "You signed this version, so another operator must publish it.")


def check_release_case(person: Person, case: QuarantineCase) -> None:
    """A reviewer releases a case, but not the author of the fix, nor the version's proposer."""
    proposal = getattr(case.version, "proposal", None)
    authors = {case.plan_by, case.version.created_by, proposal.proposer if proposal else ""}
    if person.principal in authors or _sends_as(person, authors):
        raise Refused(
            "author_releases", "You wrote the plan or brought the version in, so another reviewer must release it."
        )


def check_sign(
    person: Person, version: DatasetVersion, role: Role, *, required: tuple[str, ...], proposer: str | None
) -> None:
    """Whether *person* may sign *version* in *role*."""
    if role not in roles.SIGNS:
        raise Refused("role_signs_nothing", f"No one signs as {role}.")
    if role.value not in required:
        raise Refused(
            "role_not_required",
            f"This version's label asks for {', '.join(required)}; a {role}'s signature has no place in it.",
        )
    if role not in person.roles_on(version.dataset_id):
        raise Refused("role_missing", f"You are not a {role} of {version.dataset.slug}.")
    if proposer is None:
        raise Refused("not_proposed", "No one has proposed this version yet.")
    if person.principal in {proposer, version.created_by}:
        raise Refused("proposer_signs", "You proposed this version, so another person must sign it.")
    if _sends_as(person, {proposer, version.created_by}):
        raise Refused(
            "issuer_signs",
            "You issued a token of the account that sent this version in, so another person must sign it.",
        )


def _sends_as(person: Person, authors: set[str]) -> bool:
    """Whether *person* was shown the secret of a token of one of *authors*, and so could send as that account."""
    accounts = [author for author in authors if author.startswith(SERVICE_PREFIX)]
    rows = ServiceToken.objects.filter(user__username__in=accounts, issued_by=person.principal)
    return bool(accounts) and rows.exists()


def check_propose(person: Person, version: DatasetVersion) -> Role:
    """Whether *person* may propose *version*."""
    role = role_for(person, roles.PROPOSES, version)
    if role is None:
        raise Refused(
            "role_missing", f"Only a contributor or operator of {version.dataset.slug} proposes its versions."
        )
    return role


def check_request_changes(person: Person, version: DatasetVersion) -> Role:
    """Whoever may sign may ask for changes."""
    role = role_for(person, roles.SIGNS, version)
    if role is None:
        raise Refused("role_missing", f"Only those who sign for {version.dataset.slug} ask for changes.")
    return role


def check_work_case(person: Person, version: DatasetVersion) -> Role:
    """Who keeps a quarantine case: owner, due date, plan."""
    role = role_for(person, frozenset({Role.REVIEWER, Role.STEWARD, Role.OPERATOR, Role.CONTRIBUTOR}), version)
    if role is None:
        raise Refused("role_missing", f"You have no role on {version.dataset.slug} that works its quarantine cases.")
    return role


def check_derive(person: Person, version: DatasetVersion) -> Role:
    """Who opens a safer derivative or a metadata-only version, and who reopens a case that ended so."""
    role = role_for(person, roles.DERIVES, version)
    if role is None:
        raise Refused(
            "role_missing",
            f"Only a reviewer or steward of {version.dataset.slug} opens a version beside a quarantined one.",
        )
    return role


def holder_of(case: QuarantineCase, at: datetime) -> str:
    """Who holds the case at *at*; ``""`` when nobody does. A claim ends by itself when its time has run out."""
    return case.claimed_by if case.claim_until is not None and case.claim_until > at else ""


def check_not_held(person: Person, case: QuarantineCase, at: datetime) -> None:
    """A live claim of another is respected; a steward's decision is not held up by it."""
    holder = holder_of(case, at)
    if holder in {"", person.principal} or Role.STEWARD in person.roles_on(case.version.dataset_id):
        return
    raise Refused("claimed_by_other", f"{_held(case, holder)} Ask them to hand it over, or a steward to.")


def check_claim(person: Person, case: QuarantineCase, at: datetime) -> Role:
    """A claim is for whoever works cases here, while nobody else holds it. A steward too takes over by handing over."""
    role = check_work_case(person, case.version)
    holder = holder_of(case, at)
    if holder not in {"", person.principal}:
        raise Refused("claimed_by_other", f"{_held(case, holder)} A steward may hand it over to someone else.")
    return role


def check_hand_over(person: Person, case: QuarantineCase, at: datetime) -> Role:
    """The holder hands a case over; a steward may at any time; while nobody holds it, its owner may."""
    role = check_work_case(person, case.version)
    holder = holder_of(case, at)
    if Role.STEWARD in person.roles_on(case.version.dataset_id):
        return Role.STEWARD
    if person.principal != (holder or case.owner):
        who = _held(case, holder) if holder else "Nobody holds this case. Claim it, or assign it."
        raise Refused(
            "not_yours", f"{who} Only its holder, its owner while nobody holds it, or a steward hands it over."
        )
    return role


def _held(case: QuarantineCase, holder: str) -> str:
    name = names_of({holder})[holder]
    return f"{name} holds this case until {case.claim_until:%Y-%m-%d %H:%M} UTC."


def can(check: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[bool, str]:
    """``(True, "")``, or ``(False, sentence)``: for templates, which show why."""
    try:
        check(*args, **kwargs)
    except Refused as refusal:
        return False, refusal.message
    return True, ""
