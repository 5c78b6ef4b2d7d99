package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.principal == input.entities[resource.account].attrs.owner
}

permit contains "policy0" if {
	input.principal in resource.admins
}
