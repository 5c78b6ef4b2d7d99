package kfm.policy

import rego.v1

permit contains "policy0" if {
	"Album::alice_vacation" in resource_in
	principal.department == "Sales"
}

forbid contains "policy1" if {
	input.context.authenticated == false
}

permit contains "policy2" if {
	input.action == "Action::view"
	principal.jobLevel >= 7
}
