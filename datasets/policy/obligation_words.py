"""Obligations in a steward's words: what will be done, what was done, and how far off a place may then be.

Decides wording only; the same sentence stands on forms, pages and in the catalogs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.policy.obligations import Obligation, ObligationKind

_KILOMETRE = 1000


def metres(value: float) -> str:
    """``850 m``, ``1.15 km``, ``11.5 km``; never less than the value."""
    if value < _KILOMETRE:
        return f"{-(-value // 1):g} m"
    step = 10 if value < 10 * _KILOMETRE else 100
    return f"{-(-value // step) * step / _KILOMETRE:,.2f}".rstrip("0").rstrip(".") + " km"


def sentence(obligation: Obligation) -> str:
    """What the obligation does, as one sentence."""
    value = obligation.value
    if obligation.kind is ObligationKind.GENERALIZE_GEOMETRY:
        return f"Places are given {_drawn(obligation)}."
    if obligation.kind is ObligationKind.REMOVE_ATTRIBUTES and isinstance(value, tuple):
        return f"These fields are removed: {', '.join(value)}."
    words = {
        ObligationKind.GENERALIZE_TIME: f"Times are cut off at the {value}.",
        ObligationKind.SUPPRESS_SMALL_COUNTS: f"Cells that hold fewer than {value} rows are left out.",
        ObligationKind.SHOW_NOTICE: f"Readers are shown: “{value}”",
        ObligationKind.REQUIRE_ATTRIBUTION: "Readers are told whom to name.",
        ObligationKind.METADATA_ONLY: "Only the record is published, never the bytes.",
    }
    return words[obligation.kind]


def _drawn(obligation: Obligation) -> str:
    size = metres(float(str(obligation.value)))
    h3 = obligation.option("grid") == "h3"
    cell = f"H3 cell that is at least {size} wide" if h3 else f"{size} square"
    if obligation.option("shape") == "cell":
        return f"as the outline of {'an' if h3 else 'a'} {cell}"
    return f"to the nearest {cell}, as its centre"


def displaced(generalization: Mapping[str, Any] | None) -> str:
    """How far off the places of a generalized file are, out of its ``kfm:generalization``; empty for any other."""
    if not generalization or "uncertainty_m" not in generalization:
        return ""
    size = metres(float(generalization["cell_size_m"]))
    if generalization.get("grid") == "h3":
        cells = f"H3 cells of resolution {generalization['resolution']}, each at least {size} wide"
    else:
        cells = f"squares of {size} on an equal-area grid"
    farthest = metres(float(generalization["uncertainty_m"]))
    return f"Places are generalized to {cells}; the true place is within {farthest} of the centre that is given."
