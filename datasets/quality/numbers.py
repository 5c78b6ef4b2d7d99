"""Numbers as RFC 8785 writes them, one way each. Words only."""

from __future__ import annotations

_DIGITS = 12
# Beyond this a double no longer holds every whole number (RFC 8785 section 3.2.2.3).
_LARGEST = 2**53


def canonical_number(value: float | None) -> float | int | None:
    """A number that RFC 8785 writes one way: whole numbers as integers, others to 12 decimals, no minus zero."""
    if value is None:
        return None
    rounded = round(float(value), _DIGITS)
    whole = abs(rounded) <= _LARGEST and rounded == int(rounded)
    return int(rounded) if whole else rounded
