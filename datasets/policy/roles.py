"""The closed list of roles, what each is for, and which may be granted on a single dataset.

Decides nothing about a request: the Rego policies do. There is no superuser role and no attribute that stands for one
(design §6: no admin bypass).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A capacity in which a principal acts. Stored values are never renamed."""

    PUBLIC = "public"
    CONTRIBUTOR = "contributor"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    STEWARD = "steward"
    COUNCIL = "council"
    AUDITOR = "auditor"
    ADMIN = "admin"
    PIPELINE = "pipeline"

    @property
    def label(self) -> str:
        """The name that pages show."""
        return ROLE_MEANINGS[self].label

    @property
    def meaning(self) -> str:
        """One sentence: what a person in this role does."""
        return ROLE_MEANINGS[self].meaning


@dataclass(frozen=True, slots=True)
class RoleMeaning:
    """``label``: shown on pages; ``meaning``: one sentence; ``per_dataset``: may be granted on one dataset alone."""

    label: str
    meaning: str
    per_dataset: bool


ROLE_MEANINGS: dict[Role, RoleMeaning] = {
    Role.PUBLIC: RoleMeaning(
        "Public", "Reads, without an account, what was published for everybody.", per_dataset=False
    ),
    Role.CONTRIBUTOR: RoleMeaning("Contributor", "Proposes datasets and uploads; signs nothing.", per_dataset=True),
    Role.OPERATOR: RoleMeaning("Operator", "Runs ingest, rebuilds and releases by runbook.", per_dataset=True),
    Role.REVIEWER: RoleMeaning(
        "Reviewer", "Triages the quarantine queue and signs what was reviewed.", per_dataset=True
    ),
    Role.STEWARD: RoleMeaning("Steward", "Owns datasets, assigns their labels and signs promotions.", per_dataset=True),
    Role.COUNCIL: RoleMeaning("Council", "Signs for material that is not simply public.", per_dataset=True),
    Role.AUDITOR: RoleMeaning("Auditor", "Checks the ledger and the records; changes nothing.", per_dataset=False),
    Role.ADMIN: RoleMeaning("Admin", "Manages accounts, roles and labels; gains no data by it.", per_dataset=False),
    Role.PIPELINE: RoleMeaning("Pipeline", "A service account that runs the truth path's steps.", per_dataset=False),
}

GRANTABLE_PER_DATASET: frozenset[Role] = frozenset(role for role, facts in ROLE_MEANINGS.items() if facts.per_dataset)

#: Who brings bytes in, and who has the console's steps run; the ledger names one of these where somebody did.
BRINGS_IN: frozenset[Role] = frozenset({Role.CONTRIBUTOR, Role.OPERATOR, Role.PIPELINE})
RUNS: frozenset[Role] = frozenset({Role.OPERATOR, Role.PIPELINE})

#: The grant that opens a restricted label of one dataset to one signed-in principal. It is no role.
READ_RESTRICTED = "read_restricted"

#: Every grant a principal can hold on a dataset: a role on it, or :data:`READ_RESTRICTED`.
GRANTS: frozenset[str] = frozenset({*GRANTABLE_PER_DATASET, READ_RESTRICTED})
