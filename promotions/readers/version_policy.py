"""The Policy tab: the label, the decision with its reasons, and the plan of obligations, which has a page of its own.

Shows records; decides nothing. What was not recorded is said to be not recorded, never taken for granted.
"""

from __future__ import annotations

from typing import Any

from datasets.policy.reasons import ALLOW_REASONS, DENY_REASONS
from promotions.readers import redaction
from promotions.readers.version_page import Opened, decision_of, pretty
from promotions.shelf import Shelf


def policy(opened: Opened, shelf: Shelf) -> dict[str, Any]:
    """The values of ``versions/policy.html``."""
    decision = decision_of(shelf)
    return {
        "label": opened.version.policy_label,
        "intent": (shelf.spec.get("sensitivity") or {}).get("policy_label_intent"),
        "decision": decision,
        "decision_text": pretty(decision or None),
        "reasons": [{"code": c, "sentence": _sentence(c)} for c in decision.get("reason_codes", ())],
        "rows": redaction.rows(opened, shelf, redaction.recorded(shelf)),
    }


def _sentence(code: str) -> str:
    return ALLOW_REASONS.get(code) or DENY_REASONS.get(code) or "This reason is not on today's list."
