package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.action == "Action::view"
	principal.department == input.entities[input.entities[resource.account].attrs.owner].attrs.department
}
