"""Quality checks of a dataset's bytes: what the spec declares is measured, and nothing else passes (E1, E2)."""
