"""Fetching from upstreams that may be hostile: each address checked, each size and time limited; no rows."""
