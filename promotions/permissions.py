"""User rules: who may do which verb on which version, and the sentence when not. State rules are in ``transitions``.

``check_x`` raises ``Refused`` with a sentence a steward can act on; ``can_x`` wraps it for templates. Roles come from
``Person`` only: ``is_superuser`` is never asked, so a superuser passes no rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions import roles
from promotions.models import QuarantineCase, SignOff, Standing
from promotions.states import Verb


def role_for(person: Person, allowed: frozenset[Role], version: DatasetVersion) -> Role | None:
    """The role *person* acts in: the first of *allowed* they hold on this dataset, in a fixed order."""
    held = person.roles_on(version.dataset_id)
    return next((role for role in Role if role in allowed and role in held), None)


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
    if person.principal in authors:
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


def can(check: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[bool, str]:
    """``(True, "")``, or ``(False, sentence)``: for templates, which show why."""
    try:
        check(*args, **kwargs)
    except Refused as refusal:
        return False, refusal.message
    return True, ""
