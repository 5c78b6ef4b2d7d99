"""How a quarantine case begins: which gate must pass again, how grave it is, which runbook helps, and what groups it.

Called inside the transaction that quarantines or reopens, by ``transitions`` and ``cases``, never elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from audit import ledger
from audit.digests import digest_bytes
from audit.events import Event
from datasets.errors import Refused
from datasets.models import DatasetVersion
from datasets.people import Person
from datasets.policy.roles import Role
from promotions.models import QuarantineCase, Severity
from promotions.states import ReasonCode

#: How long a quarantine case may stay open, and the runbook that helps, by reason.
CASE_DAYS = 14
RUNBOOKS: dict[ReasonCode, str] = {
    ReasonCode.VALIDATION_FAILED: "RB-DATA-020",
    ReasonCode.LICENSE_UNCLEAR: "RB-DATA-010",
    ReasonCode.SENSITIVITY_UNCLEAR: "RB-DATA-040",
    ReasonCode.REDACTION_REQUIRED: "RB-DATA-040",
    ReasonCode.UPSTREAM_UNSTABLE: "RB-DATA-010",
}
GATE_OF_REASON: dict[ReasonCode, str] = {
    ReasonCode.VALIDATION_FAILED: "E",
    ReasonCode.LICENSE_UNCLEAR: "B",
    ReasonCode.SENSITIVITY_UNCLEAR: "C",
    ReasonCode.REDACTION_REQUIRED: "C",
    ReasonCode.UPSTREAM_UNSTABLE: "E",
}

SEVERITY_OF_REASON: dict[ReasonCode, Severity] = {
    ReasonCode.REDACTION_REQUIRED: Severity.HIGH,
    ReasonCode.SENSITIVITY_UNCLEAR: Severity.HIGH,
    ReasonCode.LICENSE_UNCLEAR: Severity.MEDIUM,
    ReasonCode.VALIDATION_FAILED: Severity.NORMAL,
    ReasonCode.UPSTREAM_UNSTABLE: Severity.NORMAL,
}


def open_case(  # noqa: PLR0913 - the facts of a case
    *,
    version: DatasetVersion,
    reason_code: ReasonCode,
    gate: str | None,
    from_state: str,
    findings: list[dict[str, Any]],
    reason: str,
    by: Person,
    role: Role,
    at: datetime,
) -> QuarantineCase:
    """The case of a version that was just quarantined, and its ledger entry."""
    gate = gate or GATE_OF_REASON[reason_code]
    case = QuarantineCase.objects.create(
        version=version,
        reason_code=reason_code.value,
        gate=gate,
        from_state=from_state,
        findings=findings,
        root_cause=root_cause(findings, reason_code, gate),
        severity=SEVERITY_OF_REASON[reason_code],
        reason=reason,
        due=(at + timedelta(days=CASE_DAYS)).date(),
        runbook=RUNBOOKS[reason_code],
        opened_by=by.principal,
        opened_at=at,
    )
    ledger.append(
        event=Event.CASE_OPENED,
        actor=by.principal,
        role=role.value,
        subject=version.reference,
        references={"case": str(case.pk), "reason_code": case.reason_code, "gate": case.gate},
        at=at,
    )
    return case


def reopen_case(  # noqa: PLR0913 - the facts of a case
    ended: QuarantineCase, *, from_state: str, reason: str, by: Person, role: Role, at: datetime
) -> QuarantineCase:
    """A new open case that goes on where *ended* stopped, its plan and its author with it, and its ledger entry."""
    later = ended.reopened_as.order_by("-pk").first()
    if later is not None:
        raise Refused("reopened_already", f"Already reopened by {later.opened_by} as case {later.pk}. Look there.")
    case = QuarantineCase.objects.create(
        version=ended.version,
        reason_code=ended.reason_code,
        gate=ended.gate,
        from_state=from_state,
        findings=ended.findings,
        root_cause=ended.root_cause,
        severity=ended.severity,
        reason=reason,
        owner=ended.owner,
        plan=ended.plan,
        plan_by=ended.plan_by,
        due=(at + timedelta(days=CASE_DAYS)).date(),
        runbook=ended.runbook,
        opened_by=by.principal,
        opened_at=at,
        reopens=ended,
    )
    ledger.append(
        event=Event.CASE_REOPENED,
        actor=by.principal,
        role=role.value,
        subject=ended.version.reference,
        references={
            "case": str(case.pk),
            "reopens": str(ended.pk),
            "reason_code": case.reason_code,
            "gate": case.gate,
            "reason_digest": str(digest_bytes(reason.encode())),
        },
        at=at,
    )
    return case


def root_cause(findings: list[dict[str, Any]], reason_code: ReasonCode, gate: str) -> str:
    """What groups cases in the inbox: clause and code of the gate's first finding, or the reason a reviewer named."""
    told = [f for f in findings if f.get("code")]
    first = next((f for f in told if str(f.get("clause", "")).startswith(gate)), told[0] if told else None)
    return cause_of(first) if first else f"reason:{reason_code.value}"


def cause_of(finding: Mapping[str, Any]) -> str:
    """Clause and code of one finding; of a missed check its name too, since each check has its own cause."""
    check = str(finding.get("where", "")).partition("qa#/checks/")[2]
    return ":".join(str(p) for p in (finding.get("clause", ""), finding.get("code", ""), check) if p)[:120]
