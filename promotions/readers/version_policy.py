"""The Policy tab: the label, the decision with its reasons, and each obligation as planned, applied and verified.

Shows records; decides nothing. What was not recorded is said to be not recorded, never taken for granted.
"""

from __future__ import annotations

from typing import Any

from datasets.policy.reasons import ALLOW_REASONS, DENY_REASONS
from datasets.steps.validate import required_obligations
from promotions.evidence import Shelf
from promotions.readers.version_page import Opened, decision_of, obligation_words, pretty


def policy(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``versions/policy.html``."""
    decision = decision_of(shelf)
    return {
        "label": opened.version.policy_label,
        "intent": (shelf.spec.get("sensitivity") or {}).get("policy_label_intent"),
        "decision": decision,
        "decision_text": pretty(decision or None),
        "reasons": [{"code": c, "sentence": _sentence(c)} for c in decision.get("reason_codes", ())],
        "obligations": _obligations(opened, shelf, decision),
    }


def _sentence(code: str) -> str:
    return ALLOW_REASONS.get(code) or DENY_REASONS.get(code) or "This reason is not on today's list."


def _obligations(opened: Opened, shelf: Shelf, decision: dict[str, Any]) -> list[dict[str, Any]]:
    """What label and spec require, and how far each has come."""
    planned, faults = required_obligations(opened.version, shelf.spec)
    if faults:
        return [
            {"words": f"Can't be read: {fault.message}", "applied": "error", "verified": "error"} for fault in faults
        ]
    request = decision.get("request") or {}
    applied = (request.get("resource") or {}).get("applied_obligations") or []
    log = shelf.json(shelf.digest_of("transform_log")) or {}
    report = shelf.json(shelf.digest_of("catalog_verification")) or shelf.json(shelf.digest_of("verification"))
    rows = []
    for obligation in planned:
        wire = obligation.as_json()
        made = wire in applied or wire in (log.get("obligations") or [])
        seen = report is not None and wire in (report.get("obligations") or [])
        verified = ("block" if report and report["findings"] else "pass") if seen else "not_run"
        rows.append({"words": obligation_words(wire), "applied": "pass" if made else "not_run", "verified": verified})
    return rows
