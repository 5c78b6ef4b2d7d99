package kfm.policy

import rego.v1

permit contains "policy0" if {
	input.action == "Action::view"
	"Album::jane_vacation" in resource_in
}

forbid contains "policy1" if {
	input.principal == "User::bob"
	input.action == "Action::view"
	"Album::jane_vacation" in resource_in
}
