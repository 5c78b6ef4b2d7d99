"""What the app refuses, and how it says so.

``code`` is stable; the message names the thing, the rule and the next step.
"""

from __future__ import annotations

from audit.findings import Finding


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a fault
    """An action that a rule does not allow. ``findings`` name the single faults, for a form or an API answer.

    ``audit_ref``: the ledger's entry of the refused attempt, once it is kept.
    """

    def __init__(self, code: str, message: str, findings: list[Finding] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.findings = findings or []
        self.audit_ref = ""
