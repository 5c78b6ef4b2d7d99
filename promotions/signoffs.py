"""Writer: signatures, and requests for changes. A signature binds person, role, meaning, time and the dossier seen.

Keeps the separation of duties (design §6): enforced here, below the views, and by CHECKs in the rows. The password was
asked for again: ``Reauthenticated`` can only come from ``reauthenticate``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets import password_tries
from datasets.decisions import decide, document_of, request_for, resource_of
from datasets.errors import Refused
from datasets.models import DatasetVersion, Prompt
from datasets.people import Person, person_for
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import dossier as dossiers
from promotions import gates, permissions, roles
from promotions.dossier import GatesFailed
from promotions.models import Dossier, Proposal, SignOff, Standing
from promotions.refusals import attempt
from promotions.states import PUBLISHING_VERB, State

FRESH = timedelta(minutes=2)
_MADE_HERE = object()


@dataclass(frozen=True, slots=True)
class Reauthenticated:
    """That *principal* gave their password at *at*. Made only by ``reauthenticate``."""

    principal: str
    at: datetime
    made_by: object


def reauthenticate(*, user: User, password: str, at: datetime) -> Reauthenticated:
    """Checks the password again; raises ``Refused`` when it is wrong or locked, which the ledger keeps."""
    name, by = user.get_username(), person_for(user)
    until = password_tries.count_try(name=name, prompt=Prompt.CONFIRM, by=by, at=at)
    with attempt(by=by, verb="reauthenticate", subject=f"user/{name}", at=at):
        if until is not None:
            raise Refused("password_locked", password_tries.words_of(until))
        found = authenticate(username=name, password=password)
        if found is None or found.pk != user.pk:
            raise Refused("password_wrong", "The password is not right, so nothing was signed. Try again.")
    password_tries.forget_tries(name=name, prompt=Prompt.CONFIRM)
    return Reauthenticated(name, at, _MADE_HERE)


def sign(  # noqa: PLR0913 - what a signature binds
    *, version_pk: int, by: Person, role: Role, seen: str, proof: Reauthenticated, at: datetime
) -> SignOff:
    """Signs the dossier with digest *seen* in *role*. Everything is looked at again under the lock first."""
    with attempt(by=by, verb="sign", subject=f"version/{version_pk}", at=at) as made:
        standing = _lock(version_pk)
        made.about(standing.version, {role})
        return _sign(standing, by, role, seen, proof, at)


def _sign(standing: Standing, by: Person, role: Role, seen: str, proof: Reauthenticated, at: datetime) -> SignOff:  # noqa: PLR0913 - as above
    version = standing.version
    _check_proof(proof, by, at)
    if State(standing.state) not in PUBLISHING_VERB:
        raise Refused(
            "not_signable",
            f"A version is signed when it is in CATALOG, SUPERSEDED or WITHDRAWN; this one is in {standing.state}.",
        )
    proposal = Proposal.objects.filter(version=version).first()
    required = tuple(version.policy_label.sign_off_roles) if version.policy_label else ()
    permissions.check_sign(by, version, role, required=required, proposer=proposal.proposer if proposal else None)
    _check_policy(version, standing, by, role, at)
    gathered = dossiers.gather(standing, letters=gates.LETTERS)
    if gathered.digest != seen:
        raise Refused(
            "dossier_changed", "What you saw has changed since, so nothing was signed. Look at the board again."
        )
    results = gates.evaluate_all(gathered.evidence)
    if not all(result.passed for result in results.values()):
        raise GatesFailed(gathered, results)
    dossiers.keep_evaluation(gathered, results, by=by, role=role, at=at)
    try:
        with transaction.atomic():
            signature = SignOff.objects.create(
                version=version,
                dossier=Dossier.objects.get(version=version, digest=gathered.digest),
                round=standing.round,
                principal=by.principal,
                role=role.value,
                meaning=roles.MEANINGS[role],
                proposer=proposal.proposer if proposal else "",
                signed_at=at,
            )
    except IntegrityError as error:
        raise Refused("signed_already", _who_signed(version, standing, by, role)) from error
    ledger.append(
        event=Event.SIGNOFF_RECORDED,
        actor=by.principal,
        role=role.value,
        subject=version.reference,
        references={
            "dossier": gathered.digest,
            "meaning_digest": str(digest_bytes(signature.meaning.encode())),
            "round": str(standing.round),
        },
        at=at,
    )
    return signature


def request_changes(*, version_pk: int, by: Person, note: str, at: datetime) -> Proposal:
    """Asks the proposer for changes; publishing waits until the proposer answers by proposing again."""
    with attempt(by=by, verb="request_changes", subject=f"version/{version_pk}", at=at) as made:
        standing = _lock(version_pk)
        made.about(standing.version, roles.SIGNS)
        return _request_changes(standing, by, note.strip(), at)


def _request_changes(standing: Standing, by: Person, note: str, at: datetime) -> Proposal:
    role = permissions.check_request_changes(by, standing.version)
    if not note:
        raise Refused("note_missing", "Say what should change: the proposer reads it.")
    proposal = Proposal.objects.select_for_update().filter(version=standing.version).first()
    if proposal is None:
        raise Refused("not_proposed", "No one has proposed this version yet.")
    proposal.changes_requested_by, proposal.changes_requested = by.principal, note
    proposal.save()
    ledger.append(
        event=Event.CHANGES_REQUESTED,
        actor=by.principal,
        role=role.value,
        subject=standing.version.reference,
        references={"note_digest": str(digest_bytes(note.encode()))},
        at=at,
    )
    return proposal


def _check_proof(proof: Reauthenticated, by: Person, at: datetime) -> None:
    if proof.made_by is not _MADE_HERE or proof.principal != by.principal or not timedelta(0) <= at - proof.at <= FRESH:
        raise Refused("not_reauthenticated", "Give your password again to sign.")


def _check_policy(version: DatasetVersion, standing: Standing, by: Person, role: Role, at: datetime) -> None:
    resource = resource_of(version, person=by, standing=standing.state, has_bytes=True)
    decision = decide(
        request_for(by, Action.SIGN_OFF, resource, dataset_pk=version.dataset_id, role=role), version=version, at=at
    )
    if decision.decision != "allow":
        codes = ", ".join(document_of(decision)["reason_codes"])
        raise Refused(
            "policy_denies", f"The policy does not let you sign here ({codes}). A steward can look the decision up."
        )


def _who_signed(version: DatasetVersion, standing: Standing, by: Person, role: Role) -> str:
    rows = SignOff.objects.filter(version=version, round=standing.round)
    own = rows.filter(principal=by.principal).last()
    if own is not None:
        return f"You signed as {own.role} at {own.signed_at:%Y-%m-%d %H:%M} UTC already; one person fills one role."
    other = rows.filter(role=role.value).last()
    return (
        f"Already signed as {role} by {other.principal} at {other.signed_at:%Y-%m-%d %H:%M} UTC."
        if other
        else "This role is signed already."
    )


def _lock(version_pk: int) -> Standing:
    standing = (
        Standing.objects.select_for_update(of=("self",))
        .select_related("version__dataset", "version__spec", "version__acquisition", "version__policy_label")
        .filter(version_id=version_pk)
        .first()
    )
    if standing is None:
        raise Refused("no_such_version", "There is no such version.")
    return standing
