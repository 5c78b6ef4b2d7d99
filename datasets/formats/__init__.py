"""Reading what upstreams send and writing it as GeoParquet: values and paths in, values out; no Django, no clock."""
