"""The closed list of reason codes a policy decision can carry, and the sentence each stands for.

Decides nothing; a code outside this list makes an engine's answer malformed, hence a denial (design §6).
"""

from __future__ import annotations

ALLOW_REASONS: dict[str, str] = {
    "label_open_to_role": "The label is open to a role that you hold.",
    "grant_opens_label": "A grant on this dataset opens its restricted label to you.",
    "own_proposal": "You proposed this version and it is not published yet.",
    "qa_report_open_to_role": "QA reports under this label are open to a role that you hold.",
    "record_open_to_auditor": "Auditors read records, not bytes, under every label.",
    "tombstone_open": "The tombstone of a withdrawn or superseded version is open to its former readers.",
    "role_may_act": "The role you act in may do this.",
    "label_tightened": "A label may be tightened at once.",
    "label_first_assigned": "The version had no label yet.",
    "ready_for_release": "Label, obligations, embargo and bytes agree with a release.",
}

DENY_REASONS: dict[str, str] = {
    "no_rule_allows": "No rule allows this.",
    "not_a_reader": "None of your roles reads this label.",
    "grant_required": "This label needs a grant on the dataset.",
    "not_published": "Only published versions are open to you.",
    "tombstone_only": "This version is withdrawn or superseded; only its tombstone can be read.",
    "no_tombstone": "This version has no tombstone: it was neither withdrawn nor superseded.",
    "held_back": "The bytes of a quarantined or denied version go only to those who review it.",
    "no_bytes": "This version carries no bytes.",
    "metadata_only": "An obligation says that only metadata may go out.",
    "obligation_unmet": "A required obligation was not applied, or not strongly enough.",
    "role_may_not": "The role you act in may not do this.",
    "loosening_needs_new_version": "A label is never loosened in place: make a new version with its own sign-offs.",
    "embargo_running": "The dataset is under embargo until a person lifts it.",
    "embargo_day_not_come": "The embargo's day has not come.",
    "no_embargo": "The dataset is under no embargo.",
    "label_not_releasable": "A version under this label is never released.",
    "standing_not_releasable": "Only a version in CATALOG, SUPERSEDED or WITHDRAWN can be released.",
    "final_standing": "A denied version is at its end.",
    "unknown_role": "A role in the request is not in the closed list.",
    "role_not_held": "The role acted in is not among the roles held.",
    "unknown_action": "The action is not in the closed list.",
    "unknown_label": "The policy label is not known.",
    "unknown_standing": "The standing is not known.",
    "unknown_grant": "A grant in the request is not in the closed list.",
    "unknown_obligation": "An obligation is of an unknown kind.",
    "invalid_obligation": "An obligation's parameters are not valid.",
    "missing_attribute": "The request lacks an attribute that this action needs.",
    "malformed_request": "The request is not of the right shape.",
    "label_looser_than_built_in": "The facts given for a built-in label are looser than the built-in ones.",
    "engine_error": "The policy engine failed.",
    "engine_timeout": "The policy engine gave no answer in time.",
    "engine_undefined": "The policy engine gave no answer.",
    "engine_malformed": "The policy engine's answer is not of the right shape.",
}

#: Denials that say nothing of the policies: the engine failed. They can't be replayed.
NO_ANSWER: frozenset[str] = frozenset({"engine_error", "engine_timeout", "engine_undefined", "engine_malformed"})
