"""Who may do which verb, as one table (design §2, last column; §6). Says nothing about a version or a person's history.

Separation of duties (the proposer signs nothing, the signer publishes nothing) depends on a version and is judged in
``quorum`` and ``permissions``.
"""

from __future__ import annotations

from datasets.policy.roles import Role
from promotions.states import Verb

#: Roles that may call each verb. ``supersede`` has no one: it happens inside a publish or restore.
MAY: dict[Verb, frozenset[Role]] = {
    Verb.INGEST: frozenset({Role.CONTRIBUTOR, Role.OPERATOR, Role.PIPELINE}),
    Verb.NORMALIZE: frozenset({Role.OPERATOR, Role.PIPELINE}),
    Verb.PROCESS: frozenset({Role.OPERATOR, Role.PIPELINE}),
    Verb.CATALOG: frozenset({Role.OPERATOR, Role.PIPELINE}),
    Verb.PUBLISH: frozenset({Role.OPERATOR}),
    Verb.QUARANTINE: frozenset({Role.REVIEWER, Role.PIPELINE}),
    Verb.RELEASE: frozenset({Role.REVIEWER}),
    Verb.DENY: frozenset({Role.STEWARD}),
    Verb.SUPERSEDE: frozenset(),
    Verb.WITHDRAW: frozenset({Role.STEWARD}),
    Verb.RESTORE: frozenset({Role.OPERATOR}),
}

#: Who may register a dataset, upload and propose; who may sign at all (the label names which of them must).
REGISTERS = frozenset({Role.CONTRIBUTOR, Role.OPERATOR, Role.STEWARD})
PROPOSES = frozenset({Role.CONTRIBUTOR, Role.OPERATOR})
SIGNS = frozenset({Role.STEWARD, Role.REVIEWER, Role.COUNCIL})
REQUESTS_RUNS = frozenset({Role.OPERATOR, Role.CONTRIBUTOR})

#: Who opens a version with obligations beside a quarantined one.
DERIVES = frozenset({Role.REVIEWER, Role.STEWARD})

#: What a signature in each role means; shown to the signer and stored with it.
MEANINGS: dict[Role, str] = {
    Role.STEWARD: "I am responsible for this dataset and approve this version's release as described in the dossier.",
    Role.REVIEWER: "I have reviewed the evidence in the dossier and found no reason to stop this version's release.",
    Role.COUNCIL: "The council agrees to the release of this material under the stated label and obligations.",
}
