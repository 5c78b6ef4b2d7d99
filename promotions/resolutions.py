"""How a quarantine case ended, kept: the case resolution document, and the run receipt that holds it.

Called inside the transaction that ends the case, by ``transitions`` and ``derivatives``, never elsewhere. The receipt
is of the operation ``promote``, which makes no file: no gate asks for it, no dossier holds it, no signature is voided.
"""

from __future__ import annotations

from datetime import datetime

from audit import ledger
from audit.canonical import canonical_bytes
from audit.digests import digest_bytes, digest_json
from audit.events import Event
from datasets.errors import Refused
from datasets.models import DatasetSpec, PolicyDecision, RunReceipt
from datasets.people import Person
from datasets.policy.roles import Role
from datasets.receipts import instant
from datasets.runs import new_run_id, record_run
from datasets.stores import keep
from promotions.models import QuarantineCase, Resolution

OPERATION = "promote"


def resolve(  # noqa: PLR0913 - the facts of an ending
    *,
    case: QuarantineCase,
    resolution: Resolution,
    reason: str,
    by: Person,
    role: Role,
    at: datetime,
    dossier: str = "",
    derived: DatasetSpec | None = None,
) -> RunReceipt:
    """Ends the locked, open *case* with a receipt and a ledger entry. ``dossier``: its digest, for a release."""
    ended = QuarantineCase.objects.filter(pk=case.pk, resolution="").update(
        resolution=resolution.value,
        resolved_by=by.principal,
        resolved_at=at,
        resolution_reason=reason,
        derivative_spec=derived,
        claimed_by="",
        claim_until=None,
    )
    if ended != 1:
        raise Refused("case_ended", "The case was ended meanwhile. Look again.")
    case.refresh_from_db()
    case.history.bulk_history_create([case], update=True, default_date=at)
    receipt = _receipt(case, by, role, at, dossier)
    ledger.append(
        event=Event.CASE_RESOLVED,
        actor=by.principal,
        role=role.value,
        subject=case.version.reference,
        references={
            "case": str(case.pk),
            "resolution": resolution.value,
            "reason_digest": str(digest_bytes(reason.encode())),
            "receipt": receipt.document_id,
        },
        at=at,
    )
    return receipt


def receipt_of(case: QuarantineCase) -> RunReceipt | None:
    """The receipt that the end of *case* left; ``None`` while it is open."""
    if case.resolved_at is None:
        return None
    left = RunReceipt.objects.filter(version_id=case.version_id, operation=OPERATION, created_at=case.resolved_at)
    return left.select_related("document").first()


def _receipt(case: QuarantineCase, by: Person, role: Role, at: datetime, dossier: str) -> RunReceipt:
    version = case.version
    decision = PolicyDecision.objects.filter(version=version).order_by("-decided_at", "-pk").first()
    if decision is None:
        raise Refused("no_decision", "No policy decision on this version is recorded, so a receipt can't name one.")
    document = {
        "kfm_case_resolution_version": "v1",
        "case": case.pk,
        "reopens": case.reopens_id,
        "dataset_slug": version.dataset.slug,
        "dataset_version_id": version.version_id,
        "gate": case.gate,
        "reason_code": case.reason_code,
        "findings_digest": str(digest_json(case.findings)),
        "resolution": case.resolution,
        "reason_digest": str(digest_bytes(case.resolution_reason.encode())),
        "derivative_spec_hash": case.derivative_spec.spec_hash if case.derivative_spec else None,
        "dossier": dossier or None,
        "actor": {"principal": by.principal, "role": role.value},
        "resolved_at": instant(at),
    }
    return record_run(
        version=version,
        run_id=new_run_id(at),
        operation=OPERATION,
        inputs=[version.acquisition.source],
        files=[],
        passed=case.resolution == Resolution.RELEASED,
        report=keep(canonical_bytes(document), media_type="application/json", at=at),
        decision=decision,
        params={"case": case.pk, "resolution": case.resolution},
        by=by,
        role=role.value,
        at=at,
        hold=lambda: None,
    )
