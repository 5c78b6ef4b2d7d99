# The one document that is asked for: data.kfm.policy.decision. Default deny (design §6).
# input: {action, role, roles, resource, label, current_label, tightening, required_obligations, applied_obligations,
#         evaluated_at}; the resource without its ids, the time only where an embargo is set: like versions are decided
#         alike. Every rule below adds to `allow` or to `deny`; one `deny` outweighs every `allow`.
package kfm.policy

import rego.v1

default decision := {
	"decision": "deny",
	"reason_codes": ["no_rule_allows"],
	"rule_id": "kfm.policy.default_deny",
}

decision := {
	"decision": "deny",
	"reason_codes": sort([code | some code in deny]),
	"rule_id": concat(".", ["kfm.policy", input.action]),
} if {
	count(deny) > 0
}

decision := {
	"decision": "allow",
	"reason_codes": sort([code | some code in allow]),
	"rule_id": concat(".", ["kfm.policy", input.action]),
} if {
	count(deny) == 0
	count(allow) > 0
}
