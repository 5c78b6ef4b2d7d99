"""Writer: assigns a version's first policy label, or a tighter one. Keeps clause C1's record.

Loosening is never possible here: it needs a new version with its own transform and sign-offs (design §6). The policy
decides; its answer is kept, and so is a refusal.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.decisions import decide, document_of, request_for, resource_of
from datasets.errors import Refused
from datasets.models import DatasetVersion, PolicyLabel
from datasets.one_row import change_row
from datasets.people import Person
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from promotions import permissions
from promotions.models import Standing
from promotions.refusals import attempt

#: Who may ask; the policy decides which of them may do what (a reviewer tightens, a steward also assigns the first).
ASSIGNS = frozenset({Role.STEWARD, Role.REVIEWER})


def assign_label(*, version_pk: int, label: str, by: Person, reason: str, at: datetime) -> DatasetVersion:
    """Gives the version *label*. Raises ``Refused`` for loosening, for an unknown label, and for who may not."""
    with attempt(by=by, verb=Action.ASSIGN_LABEL.value, subject=f"version/{version_pk}", at=at) as made:
        standing = (
            Standing.objects.select_for_update(of=("self",))
            .select_related("version__dataset", "version__policy_label")
            .filter(version_id=version_pk)
            .first()
        )
        if standing is None:
            raise Refused("no_such_version", "There is no such version.")
        made.about(standing.version, ASSIGNS)
        return _assign(standing, label, by, reason.strip(), at)


def _assign(standing: Standing, label: str, by: Person, reason: str, at: datetime) -> DatasetVersion:
    version, current = standing.version, standing.version.policy_label
    role = permissions.role_for(by, ASSIGNS, version)
    if role is None:
        raise Refused("role_missing", f"Only a steward or reviewer of {version.dataset.slug} changes its labels.")
    wanted = PolicyLabel.objects.filter(name=label).first()
    if wanted is None:
        raise Refused("label_unknown", "There is no such label. Choose one of the list.")
    if not reason:
        raise Refused("reason_missing", "Say why: the reason is kept with the label.")
    if current is not None and wanted.name == current.name:
        raise Refused("label_same", f"The version's label is {current.name} already.")
    if current is not None and wanted.tightness <= current.tightness:
        raise Refused(
            "label_loosened",
            f"{wanted.name} is not tighter than {current.name}. Loosening needs a new version with its own sign-offs.",
        )
    _ask_policy(standing, wanted, current, by, role, at)
    was = {"policy_label": current}
    if not change_row(version, was=was, changes={"policy_label": wanted}, at=at, by=by.principal, reason=reason):
        raise Refused("changed_meanwhile", "The version's label was changed by someone else just now. Look again.")
    references = {"label": wanted.name, "reason_digest": str(digest_bytes(reason.encode()))}
    ledger.append(
        event=Event.LABEL_ASSIGNED if current is None else Event.LABEL_CHANGED,
        actor=by.principal,
        role=role.value,
        subject=version.reference,
        references=references if current is None else {**references, "was": current.name},
        at=at,
    )
    return version


def _ask_policy(  # noqa: PLR0913 - what the policy is asked
    standing: Standing, wanted: PolicyLabel, current: PolicyLabel | None, by: Person, role: Role, at: datetime
) -> None:
    version = standing.version
    facts = resource_of(version, person=by, standing=standing.state, has_bytes=True)
    resource = dataclasses.replace(facts, policy_label=wanted.name, current_label=current.name if current else None)
    request = request_for(by, Action.ASSIGN_LABEL, resource, dataset_pk=version.dataset_id, role=role)
    decision = decide(request, version=version, at=at)
    if decision.decision != "allow":
        codes = ", ".join(document_of(decision)["reason_codes"])
        raise Refused("policy_denies", f"The policy does not let a {role} give this label here ({codes}).")
