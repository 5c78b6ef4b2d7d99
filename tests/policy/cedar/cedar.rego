# Cedar's way of deciding, in Rego: a request is allowed when a permit applies and no forbid does. A rule over an
# attribute that is not there does not apply, as a Cedar policy that errs is skipped. Entities are asked by their name,
# "Type::id": {"attrs": {...}, "parents": ["Type::id", ...]}.
package kfm.policy

import rego.v1

principal := object.get(input.entities, input.principal, {"attrs": {}}).attrs

resource := object.get(input.entities, input.resource, {"attrs": {}}).attrs

parents[name] := entity.parents if some name, entity in input.entities

# `x in y`: x itself, or below it however far.
principal_in contains name if some name in graph.reachable(parents, {input.principal})

resource_in contains name if some name in graph.reachable(parents, {input.resource})

default decision := {"decision": "deny", "reason_codes": [], "rule_id": "cedar"}

decision := {"decision": "deny", "reason_codes": sort([id | some id in forbid]), "rule_id": "cedar"} if {
	count(forbid) > 0
}

decision := {"decision": "allow", "reason_codes": sort([id | some id in permit]), "rule_id": "cedar"} if {
	count(forbid) == 0
	count(permit) > 0
}
