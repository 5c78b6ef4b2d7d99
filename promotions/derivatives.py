"""Writer: the two ways out of quarantine that make another version: a safer derivative, and one of metadata only.

The version stays in quarantine for good; its case ends, naming the derived spec. The new version is made from the same
bytes under that spec, passes every gate itself, and is its opener's work: they sign nothing on it. The dataset's
current spec stays as it is. Obligations are only ever added here, never taken away or weakened (design §6).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets import registry
from datasets.errors import Refused
from datasets.models import DatasetSpec, DatasetVersion, PolicyLabel
from datasets.people import Person
from datasets.policy.obligations import (
    TRANSFORMING,
    Obligation,
    ObligationError,
    ObligationKind,
    parse_obligations,
    union,
    unmet,
)
from datasets.policy.roles import Role
from promotions import casework, jobs, permissions, resolutions, roles
from promotions.models import Job, QuarantineCase, Resolution, Standing
from promotions.refusals import attempt
from promotions.states import State

METADATA_ONLY = {"type": ObligationKind.METADATA_ONLY.value}


def open_derivative(  # noqa: PLR0913 - the facts of a derivative
    *, case_pk: int, obligations: list[dict[str, Any]], label: str, reason: str, by: Person, at: datetime
) -> Job:
    """Owes a version of the same bytes with *obligations* besides the spec's own, under *label* (``""``: as now).

    Raises ``Refused`` with findings for an obligation that is not well formed, when nothing is added, and when a looser
    label comes without an obligation that changes the bytes.
    """
    return _open(case_pk, obligations, label.strip(), reason.strip(), by, at, Resolution.DERIVED)


def open_metadata_only(*, case_pk: int, reason: str, by: Person, at: datetime) -> Job:
    """Owes a version that publishes the record and no bytes, under the label that the version has."""
    return _open(case_pk, [METADATA_ONLY], "", reason.strip(), by, at, Resolution.METADATA_ONLY)


def derived_spec(spec: Mapping[str, Any], added: Sequence[Obligation], label: str) -> dict[str, Any]:
    """*spec* with *added* obligations and the label intent *label*; nothing else differs."""
    sensitivity = spec.get("sensitivity") or {}
    every = union(parse_obligations(sensitivity.get("obligations") or ()), added)
    bound = {
        **sensitivity,
        "policy_label_intent": label,
        "obligations": [obligation.as_json() for obligation in every],
    }
    return {**spec, "sensitivity": bound}


def check_derives(case: QuarantineCase, standing: Standing, by: Person, at: datetime) -> Role:
    """Whether *by* may open a version beside this quarantined one now."""
    role = permissions.check_derive(by, case.version)
    casework.check_open(case)
    permissions.check_not_held(by, case, at)
    if standing.state != State.QUARANTINE:
        raise Refused("moved_meanwhile", f"The version is in {standing.state} now; only a quarantined one has a case.")
    return role


def _open(  # noqa: PLR0913 - as above
    case_pk: int,
    obligations: list[dict[str, Any]],
    label: str,
    reason: str,
    by: Person,
    at: datetime,
    resolution: Resolution,
) -> Job:
    with attempt(by=by, verb="derive", subject=f"case/{case_pk}", at=at) as made:
        standing, case = casework.lock_standing(case_pk), casework.locked(case_pk)
        version = case.version
        made.about(version, roles.DERIVES)
        DatasetVersion.objects.select_for_update(no_key=True).get(pk=version.pk)  # before the ledger, as ``jobs`` does
        role = check_derives(case, standing, by, at)
        if not reason:
            raise Refused("reason_missing", "Say why: the reason is kept with the case, and both versions point to it.")
        spec = registry.record_derived_spec(
            source=version.spec, spec=proposed_spec(version, obligations, label), by=by, role=role, at=at
        )
        job = jobs.owe_reprocess(version=version, spec=spec, by=by, at=at)
        _append(case, spec, job, reason, by, role, at)
        resolutions.resolve(case=case, resolution=resolution, reason=reason, by=by, role=role, at=at, derived=spec)
        return job


def proposed_spec(version: DatasetVersion, obligations: list[dict[str, Any]], label: str) -> dict[str, Any]:
    """The spec that opening would record; pages show it before the click. Raises ``Refused`` as opening would."""
    try:
        added = parse_obligations(obligations)
    except ObligationError as problem:
        raise Refused("obligations_faulty", str(problem), list(problem.findings)) from problem
    spec: dict[str, Any] = json.loads(version.spec.canonical)
    held = parse_obligations((spec.get("sensitivity") or {}).get("obligations") or ())
    new = unmet(added, held)
    if not new:
        raise Refused("nothing_added", "Every one of these obligations is in the spec already. Add one that is not.")
    name = label or version.policy_label_id
    if not name:
        raise Refused(
            "label_missing", "The version has no label, so name the one that its derivative is meant to have."
        )
    _check_label(version, name, new)
    return derived_spec(spec, added, name)


def _check_label(version: DatasetVersion, name: str, new: Sequence[Obligation]) -> None:
    wanted, current = PolicyLabel.objects.filter(name=name).first(), version.policy_label
    if wanted is None:
        raise Refused("label_unknown", "There is no such label. Choose one of the list.")
    if not wanted.releasable:
        raise Refused(
            "label_not_releasable", f"Nothing is published under {name}. Choose the label it is meant to have."
        )
    changes_bytes = any(o.kind in TRANSFORMING or o.kind is ObligationKind.METADATA_ONLY for o in new)
    if current is not None and wanted.tightness < current.tightness and not changes_bytes:
        raise Refused(
            "label_loosened",
            f"{name} is looser than {current.name}. Add an obligation that changes or withholds the bytes.",
        )


def _append(  # noqa: PLR0913 - an entry's own fields
    case: QuarantineCase, spec: DatasetSpec, job: Job, reason: str, by: Person, role: Role, at: datetime
) -> None:
    ledger.append(
        event=Event.VERSION_DERIVED,
        actor=by.principal,
        role=role.value,
        subject=case.version.reference,
        references={
            "case": str(case.pk),
            "job": str(job.pk),
            "spec_hash": spec.spec_hash,
            "reason_digest": str(digest_bytes(reason.encode())),
        },
        at=at,
    )
