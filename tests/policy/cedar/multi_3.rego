package kfm.policy

import rego.v1

permit contains "policy0" if {
	"UserGroup::alice_friends" in principal_in
	input.action == "Action::view"
	"Account::alice" in resource_in
}

forbid contains "policy1" if {
	resource.private == true
	not owner_asks
}

owner_asks if input.principal == input.entities[resource.account].attrs.owner
