package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.action in {"Action::listPhotos", "Action::view"}
	"Album::device_prototypes" in resource_in
	principal.department == "HardwareEngineering"
	principal.jobLevel >= 5
}
