# Who reads which version: the six reading actions. All roles held count (design §6, Reading).
package kfm.policy

import rego.v1

record_actions := {"discover", "read", "read_qa", "resolve_evidence"}

reading_actions := {"discover", "read", "read_qa", "resolve_evidence", "download"}

# Roles that see versions which are not, or no longer, published.
workflow_roles := {"operator", "reviewer", "steward", "council", "auditor", "pipeline"}

# Roles that may open the bytes of a quarantined or denied version: those who judge it.
judging_roles := {"reviewer", "steward", "council"}

unpublished := {"RAW", "WORK", "PROCESSED", "CATALOG", "QUARANTINE", "DENIED"}

withdrawn_or_superseded := {"WITHDRAWN", "SUPERSEDED"}

held_back_standings := {"QUARANTINE", "DENIED"}

holds(names) if {
	some role in input.roles
	role in names
}

signed_in if {
	some role in input.roles
	role != "public"
}

# A grant is given to an account: whoever holds one is signed in, also without a role.
signed_in if "read_restricted" in input.resource.grants

label_open_by_role if {
	some role in input.roles
	role in input.label.readers
}

label_open_by_grant if {
	input.label.opened_by_grant == true
	signed_in
	"read_restricted" in input.resource.grants
}

label_open if label_open_by_role

label_open if label_open_by_grant

# While an embargo runs, a published version that the outer circle reads is read as if it were not published.
standing_open if {
	input.resource.standing == "PUBLISHED"
	not held_by_embargo
}

standing_open if holds(workflow_roles)

tombstone_held if {
	held_by_embargo
	not holds(workflow_roles)
}

# --- allow ---
allow contains "label_open_to_role" if {
	input.action in reading_actions
	standing_open
	label_open_by_role
}

allow contains "grant_opens_label" if {
	input.action in reading_actions
	standing_open
	label_open_by_grant
}

allow contains "own_proposal" if {
	input.action in record_actions
	input.resource.is_proposer == true
	signed_in
	input.resource.standing in unpublished
}

allow contains "qa_report_open_to_role" if {
	input.action == "read_qa"
	standing_open
	some role in input.roles
	role in input.label.qa_readers
}

allow contains "record_open_to_auditor" if {
	input.action in {"discover", "read", "read_qa"}
	"auditor" in input.roles
}

allow contains "tombstone_open" if {
	input.action == "read_tombstone"
	input.resource.standing in withdrawn_or_superseded
	label_open
	not tombstone_held
}

allow contains "tombstone_open" if {
	input.action == "read_tombstone"
	input.resource.standing in withdrawn_or_superseded
	"auditor" in input.roles
}

# --- deny, whatever allows ---
deny contains "no_tombstone" if {
	input.action == "read_tombstone"
	not input.resource.standing in withdrawn_or_superseded
}

deny contains "no_bytes" if {
	input.action == "download"
	input.resource.has_bytes == false
}

deny contains "metadata_only" if {
	input.action == "download"
	some required in input.required_obligations
	required.type == "metadata_only"
}

deny contains "held_back" if {
	input.action == "download"
	input.resource.standing in held_back_standings
	not holds(judging_roles)
}

# --- why nothing allows ---
nothing_allows if {
	input.action in (reading_actions | {"read_tombstone"})
	count(allow) == 0
}

deny contains "grant_required" if {
	nothing_allows
	not label_open
	input.label.opened_by_grant == true
	signed_in
}

deny contains "not_a_reader" if {
	nothing_allows
	not label_open
	not grant_would_help
}

grant_would_help if {
	input.label.opened_by_grant == true
	signed_in
}

deny contains "not_published" if {
	nothing_allows
	not standing_open
	input.resource.standing in unpublished
	input.action != "read_tombstone"
}

deny contains "tombstone_only" if {
	nothing_allows
	not standing_open
	input.resource.standing in withdrawn_or_superseded
	input.action != "read_tombstone"
}

deny contains "embargo_running" if {
	nothing_allows
	label_open
	held_by_embargo
	input.resource.standing in ({"PUBLISHED"} | withdrawn_or_superseded)
	not holds(workflow_roles)
}
