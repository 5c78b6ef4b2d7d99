package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.action == "Action::addPhoto"
	"Account::alice" in resource_in
	input.context.photo.filetype in {"JPEG", "PNG"}
	input.context.photo.filesize_mb <= 1
}

permit contains "policy0" if {
	input.action == "Action::addPhoto"
	"Account::alice" in resource_in
	input.context.photo.filetype == "RAW"
	input.context.photo.filesize_mb <= 100
	"UserGroup::AVTeam" in principal_in
}
