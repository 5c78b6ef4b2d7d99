"""What is asked of the policies, and what they answer: frozen values with the wire names of design §5.

Decides nothing. Keeps C1: a decision names who asked, in which role, for what, about which facts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

READING_ACTIONS: tuple[str, ...] = ("discover", "read", "read_qa", "download", "resolve_evidence", "read_tombstone")

Outcome = Literal["allow", "deny"]


class Action(StrEnum):
    """The closed list of actions. The first six read one version; the others are acts in a role."""

    DISCOVER = "discover"  # learn that it exists: a row in a list, a count
    READ = "read"  # the catalogue record and documents, no data bytes
    READ_QA = "read_qa"  # the QA report
    DOWNLOAD = "download"  # data bytes in any form: files, features, tiles
    RESOLVE_EVIDENCE = "resolve_evidence"  # an EvidenceRef into a bundle
    READ_TOMBSTONE = "read_tombstone"  # what remains of a withdrawn or superseded version
    ASSIGN_LABEL = "assign_label"  # label, current_label -> may it become the version's label
    ASSESS = "assess"  # before sign-off: would this label, these bytes and applied obligations be releasable
    PUBLISH = "publish"  # may this version go out under this label, with these bytes and applied obligations
    REGISTER = "register"  # a new dataset and its spec
    UPLOAD = "upload"  # bytes into RAW
    RUN = "run"  # normalize, process, catalog, rebuild
    TRIAGE = "triage"  # quarantine a version, work its case, release it to WORK
    DENY_VERSION = "deny_version"  # QUARANTINE -> DENIED
    SIGN_OFF = "sign_off"
    WITHDRAW = "withdraw"
    WAIVE = "waive"  # an E2 threshold
    READ_LEDGER = "read_ledger"
    MANAGE_LABELS = "manage_labels"
    MANAGE_ROLES = "manage_roles"
    SET_EMBARGO = "set_embargo"  # on a dataset; also to a later day
    LIFT_EMBARGO = "lift_embargo"  # on or after its day


STANDINGS: tuple[str, ...] = (
    "RAW",
    "WORK",
    "PROCESSED",
    "CATALOG",
    "PUBLISHED",
    "QUARANTINE",
    "DENIED",
    "SUPERSEDED",
    "WITHDRAWN",
)


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """Facts about the version asked for. ``None`` means unknown, never "no".

    ``embargo_until``: the day (RFC 3339 UTC date or instant) of an embargo that no person has lifted: it runs whatever
    the day; None for no embargo; ``grants``: grants that this principal holds on the dataset; ``obligations``:
    documents required by the spec beyond the label's own; ``applied_obligations``: those applied *and verified*;
    ``current_label``: for ``assign_label``, the label it has now.
    """

    dataset_slug: str | None
    dataset_version_id: str | None = None
    policy_label: str | None = None
    standing: str | None = None
    has_bytes: bool | None = None
    is_proposer: bool = False
    embargo_until: str | None = None
    grants: frozenset[str] = frozenset()
    obligations: tuple[Mapping[str, Any], ...] = ()
    applied_obligations: tuple[Mapping[str, Any], ...] = ()
    current_label: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "dataset_slug": self.dataset_slug,
            "dataset_version_id": self.dataset_version_id,
            "policy_label": self.policy_label,
            "standing": self.standing,
            "has_bytes": self.has_bytes,
            "is_proposer": self.is_proposer,
            "embargo_until": self.embargo_until,
            "grants": sorted(self.grants),
            "obligations": [dict(item) for item in self.obligations],
            "applied_obligations": [dict(item) for item in self.applied_obligations],
            "current_label": self.current_label,
        }


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """``roles``: every role held, globally and on this dataset; ``role``: the one acted in, which is one of them."""

    principal_ref: str
    roles: frozenset[str]
    role: str
    action: str
    resource: ResourceFacts

    def as_json(self) -> dict[str, Any]:
        return {
            "principal_ref": self.principal_ref,
            "roles": sorted(self.roles),
            "role": self.role,
            "action": self.action,
            "resource": self.resource.as_json(),
        }


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The policy decision record of design §5. ``obligations`` are what an allowed reader or release is bound to."""

    decision_id: str
    policy_label: str | None
    decision: Outcome
    reason_codes: tuple[str, ...]
    obligations: tuple[Mapping[str, Any], ...]
    evaluated_at: str
    rule_id: str
    policy_bundle_digest: str
    request: Mapping[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        return self.decision == "allow"

    def as_json(self) -> dict[str, Any]:
        return {
            "decision_id": self.decision_id,
            "policy_label": self.policy_label,
            "decision": self.decision,
            "reason_codes": list(self.reason_codes),
            "obligations": [dict(item) for item in self.obligations],
            "evaluated_at": self.evaluated_at,
            "rule_id": self.rule_id,
            "policy_bundle_digest": self.policy_bundle_digest,
            "request": dict(self.request),
        }


def request_from_json(document: Mapping[str, Any]) -> PolicyRequest:
    """The request inside a stored decision. Raises ``KeyError``, ``TypeError`` or ``ValueError`` when it is not one."""
    resource = dict(document["resource"])
    for name in ("obligations", "applied_obligations"):
        resource[name] = _objects(resource[name])
    resource["grants"] = frozenset(resource["grants"])
    return PolicyRequest(
        principal_ref=document["principal_ref"],
        roles=frozenset(document["roles"]),
        role=document["role"],
        action=document["action"],
        resource=ResourceFacts(**resource),
    )


def _objects(items: Sequence[object]) -> tuple[Mapping[str, Any], ...]:
    if not all(isinstance(item, Mapping) for item in items):
        raise TypeError("obligations must be objects")
    return tuple(item for item in items if isinstance(item, Mapping))
