package kfm.policy

import rego.v1

forbid contains id if some id in set()

permit contains "policy0" if {
	input.principal == "User::alice"
	input.action in {"Action::listAlbums", "Action::listPhotos", "Action::view"}
	"Account::jane" in resource_in
}
