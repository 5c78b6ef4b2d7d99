# Who may act, and when a label or a release is sound. Only the role acted in counts; signing rules (separation of
# duties, quorum) are the workflow's and are never replaced by an allow here.
package kfm.policy

import rego.v1

roles_for := {
	"register": {"contributor", "operator", "steward"},
	"upload": {"contributor", "operator", "pipeline"},
	"run": {"operator", "pipeline"},
	"triage": {"reviewer", "steward"},
	"deny_version": {"steward"},
	"sign_off": {"steward", "reviewer", "council"},
	"withdraw": {"steward"},
	"waive": {"steward", "reviewer"},
	"read_ledger": {"auditor", "steward", "council"},
	"manage_labels": {"admin"},
	"manage_roles": {"admin"},
	"assign_label": {"steward"},
	"publish": {"operator"},
	"assess": {"operator", "pipeline"},
	"set_embargo": {"steward", "council"},
	"lift_embargo": {"steward", "council"},
}

plain_acts := {
	"register", "upload", "run", "triage", "deny_version", "sign_off", "withdraw", "waive", "read_ledger",
	"manage_labels", "manage_roles", "set_embargo", "lift_embargo",
}

releasable_standings := {"CATALOG", "SUPERSEDED", "WITHDRAWN"}

role_may_act if input.role in roles_for[input.action]

# A reviewer who triages may tighten a label, never assign the first one.
role_may_act if {
	input.action == "assign_label"
	input.role == "reviewer"
	input.tightening == true
}

deny contains "role_may_not" if {
	roles_for[input.action]
	not role_may_act
}

allow contains "role_may_act" if {
	input.action in plain_acts
	role_may_act
}

# --- embargo: it runs until a person lifts it, whatever the clock says ---
embargo_running if input.resource.embargo_until != null

outer_readers := {"public", "contributor"}

# What contributors or the public would read.
held_by_embargo if {
	embargo_running
	some reader in input.label.readers
	reader in outer_readers
}

# The day alone ends nothing; it is only the first on which a person may.
deny contains "embargo_day_not_come" if {
	input.action == "lift_embargo"
	embargo_running
	input.evaluated_at < input.resource.embargo_until
}

deny contains "no_embargo" if {
	input.action == "lift_embargo"
	not embargo_running
}

# --- assign_label ---
allow contains "label_first_assigned" if {
	input.action == "assign_label"
	role_may_act
	input.current_label == null
}

allow contains "label_tightened" if {
	input.action == "assign_label"
	role_may_act
	input.tightening == true
}

deny contains "loosening_needs_new_version" if {
	input.action == "assign_label"
	input.current_label != null
	not input.tightening
}

deny contains "final_standing" if {
	input.action == "assign_label"
	input.resource.standing == "DENIED"
}

# While an embargo runs, no label that contributors or the public read can be assigned or released.
deny contains "embargo_running" if {
	input.action in {"assign_label", "publish", "assess"}
	held_by_embargo
}

# --- publish, and assess: the same question before the sign-offs, whatever the standing (C1, C2) ---
releasing := {"publish", "assess"}

standing_releasable if input.action == "assess"

standing_releasable if input.resource.standing in releasable_standings

allow contains "ready_for_release" if {
	input.action in releasing
	role_may_act
	standing_releasable
	input.label.releasable == true
	count(unmet_obligations) == 0
}

deny contains "standing_not_releasable" if {
	input.action == "publish"
	not standing_releasable
}

deny contains "label_not_releasable" if {
	input.action in releasing
	not input.label.releasable
}

deny contains "obligation_unmet" if {
	input.action in releasing
	count(unmet_obligations) > 0
}

deny contains "metadata_only" if {
	input.action in releasing
	input.resource.has_bytes == true
	some required in input.required_obligations
	required.type == "metadata_only"
}
