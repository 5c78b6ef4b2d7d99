# When an applied obligation meets a required one: same kind, at least as strong (C2). A kind that is not named here
# meets nothing.
package kfm.policy

import rego.v1

time_rank := {"day": 0, "month": 1, "year": 2}

# Transformations of bytes are void when no bytes go out.
byte_obligations := {"generalize_geometry", "remove_attributes", "generalize_time", "suppress_small_counts"}

unmet_obligations contains required if {
	some required in input.required_obligations
	not met(required)
	not void(required)
}

void(required) if {
	required.type in byte_obligations
	input.resource.has_bytes == false
}

met(required) if {
	required.type == "generalize_geometry"
	some applied in input.applied_obligations
	applied.type == "generalize_geometry"
	applied.min_cell_size_m >= required.min_cell_size_m
	drawn_as_required(applied, required, "grid", "square")
	drawn_as_required(applied, required, "shape", "centroid")
}

# A grid or a shape is required only where it is named and is not the customary one.
drawn_as_required(_, required, option, customary) if {
	object.get(required, option, customary) == customary
}

drawn_as_required(applied, required, option, _) if {
	applied[option] == required[option]
}

met(required) if {
	required.type == "remove_attributes"
	some applied in input.applied_obligations
	applied.type == "remove_attributes"
	missing := {name | some name in required.fields; not name in applied.fields}
	count(missing) == 0
}

met(required) if {
	required.type == "generalize_time"
	some applied in input.applied_obligations
	applied.type == "generalize_time"
	time_rank[applied.resolution] >= time_rank[required.resolution]
}

met(required) if {
	required.type == "suppress_small_counts"
	some applied in input.applied_obligations
	applied.type == "suppress_small_counts"
	applied.k >= required.k
}

met(required) if {
	required.type == "show_notice"
	some applied in input.applied_obligations
	applied.type == "show_notice"
	applied.message == required.message
}

met(required) if {
	required.type == "require_attribution"
	some applied in input.applied_obligations
	applied.type == "require_attribution"
}

# Kept by sending no bytes; the publish rule refuses bytes beside it.
met(required) if {
	required.type == "metadata_only"
	input.resource.has_bytes == false
}
