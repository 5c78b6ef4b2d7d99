"""Whether the signatures on one dossier are complete: the quorum rule, purely.

Keeps the separation of duties of design §6: the proposer signs nothing, one person fills at most one role, every role
the label requires is filled, and every signature is on exactly the dossier that is about to be released. A signature
on another digest is void; it is named, never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from audit.findings import Finding


@dataclass(frozen=True, slots=True)
class Signature:
    """One recorded sign-off: ``principal`` and ``role`` as stored; ``dossier_digest`` is what the person saw."""

    principal: str
    role: str
    dossier_digest: str


@dataclass(frozen=True, slots=True)
class Quorum:
    """The answer: which required roles are filled by whom, which are open, which signatures are void, what is wrong."""

    filled: dict[str, str]
    missing: tuple[str, ...]
    void: tuple[Signature, ...]
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        return not self.missing and not self.findings


def count(
    signatures: Sequence[Signature], *, required: Sequence[str], dossier_digest: str, proposer: str | None
) -> Quorum:
    """Counts *signatures* against the *required* roles for the dossier with *dossier_digest*."""
    findings: list[Finding] = []
    if not required:
        findings.append(
            _finding(
                "no_roles_required",
                "The policy label requires no sign-off role at all.",
                "Ask an admin to mend the label.",
            )
        )
    if proposer is None:
        findings.append(
            _finding(
                "no_proposer",
                "The version has no proposer, so no one can be told apart from its signers.",
                "Propose it first.",
            )
        )
    live = [s for s in signatures if s.dossier_digest == dossier_digest]
    void = tuple(s for s in signatures if s.dossier_digest != dossier_digest)
    filled: dict[str, str] = {}
    people: set[str] = set()
    for signature in live:
        if signature.principal == proposer:
            findings.append(
                _finding(
                    "proposer_signed",
                    f"{signature.principal} proposed this version and may sign nothing on it.",
                    "Another person must sign.",
                )
            )
        elif signature.principal in people:
            findings.append(
                _finding(
                    "signed_twice",
                    f"{signature.principal} signed in more than one role.",
                    "Another person must sign in the second role.",
                )
            )
        elif signature.role in filled:
            findings.append(
                _finding(
                    "role_filled_twice",
                    f"The role {signature.role} was signed for more than once.",
                    "One signature per role.",
                )
            )
        else:
            filled[signature.role] = signature.principal
            people.add(signature.principal)
    missing = tuple(role for role in required if role not in filled)
    return Quorum(filled, missing, void, tuple(findings))


def _finding(code: str, message: str, fix: str) -> Finding:
    return Finding(code=code, where="sign_offs", message=message, fix=fix)
