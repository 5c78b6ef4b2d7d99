package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.principal == "User::alice"
	input.action in {"Action::view", "Action::edit", "Action::comment"}
	"Album::jane_vacation" in resource_in
}
