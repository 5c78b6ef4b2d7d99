package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	"UserGroup::jane_friends" in principal_in
	input.action == "Action::view"
	input.resource == "Photo::VacationPhoto94.jpg"
}
