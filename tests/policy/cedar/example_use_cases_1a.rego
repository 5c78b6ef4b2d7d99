package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.principal == "User::alice"
	input.action == "Action::view"
	input.resource == "Photo::VacationPhoto94.jpg"
}
