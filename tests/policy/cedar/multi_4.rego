package kfm.policy

import rego.v1

permit contains "policy0" if {
	"UserGroup::alice_friends" in principal_in
	input.action == "Action::view"
	"Account::alice" in resource_in
}

permit contains "policy1" if {
	"Album::alice_vacation" in resource_in
	principal.department == "Sales"
}

forbid contains "policy2" if {
	resource.private == true
	not owner_asks
}

forbid contains "policy3" if {
	input.context.authenticated == false
}

owner_asks if input.principal == input.entities[resource.account].attrs.owner
