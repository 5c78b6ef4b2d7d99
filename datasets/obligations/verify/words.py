"""How verification says what it found: a rule that is broken, or a check that could not be made (C2)."""

from __future__ import annotations

from audit.findings import Finding


def found(code: str, message: str, where: str = "") -> Finding:
    """The obligation does not show in the bytes."""
    return Finding(code, where, message, "Apply the obligation again, as a new run, and publish its output.")


def missing(code: str, message: str, where: str = "") -> Finding:
    """What the check needs is not there."""
    return Finding(code, where, message, "Apply the obligation again, as a new run.", "missing")


def error(code: str, where: str, message: str) -> Finding:
    """The check could not be made: not checked is not fine."""
    return Finding(code, where, message, "Give a readable GeoParquet output and a known obligation.", "error")
