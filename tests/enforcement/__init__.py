"""Enforcement: one decision a request, no side channels, Why?, and looking as someone else."""
