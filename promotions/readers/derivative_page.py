"""What a safer derivative, or a metadata-only version, would be: spec hash, version id, obligations. Before the click.

Builds the spec with the writer's own function, so what is shown is what will be made. Reads only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import identity, specs
from datasets.errors import Refused
from datasets.models import DatasetVersion, PolicyLabel
from datasets.obligations.grids import ObligationNotApplicable, grid_for
from datasets.policy.obligation_words import metres, sentence
from datasets.policy.obligations import ObligationError, ObligationKind, parse_obligation, parse_obligations
from promotions import derivatives
from promotions.readers import modes


@dataclass(frozen=True, slots=True)
class Prospect:
    """``spec_hash`` and ``version_id`` as they will be; ``obligations``: all that the new spec holds, in words."""

    spec_hash: str
    version_id: str
    label: PolicyLabel | None
    obligations: tuple[str, ...]


def prospect(version: DatasetVersion, obligations: Sequence[dict[str, Any]], label: str) -> Prospect:
    """What opening it would make. Raises ``Refused`` as the writer would."""
    spec = derivatives.proposed_spec(version, list(obligations), label)
    spec_hash = specs.spec_hash(spec)
    try:
        version_id = modes.predicted_id(version, version.slice, spec_hash, version.inputs_digest)
    except identity.IdentityError as refusal:
        raise Refused("no_version_id", str(refusal)) from refusal
    bound = spec["sensitivity"]
    return Prospect(
        spec_hash,
        version_id,
        PolicyLabel.objects.filter(name=bound["policy_label_intent"]).first(),
        tuple(said(obligation) for obligation in bound["obligations"]),
    )


def field_names(version: DatasetVersion) -> list[str]:
    """The fields that may be removed: those of the spec, without the geometry."""
    spec: dict[str, Any] = json.loads(version.spec.canonical)
    return [name for name in sorted(spec["normalization"]["canonical_fields"]) if name != "geometry"]


def foretold(documents: Sequence[dict[str, Any]]) -> str:
    """What would become of the places, and how far off they would be; empty where nothing of it is chosen."""
    try:
        chosen = [one for one in parse_obligations(documents) if one.kind is ObligationKind.GENERALIZE_GEOMETRY]
        if not chosen:
            return ""
        grid = grid_for(chosen[0])
    except (ObligationError, ObligationNotApplicable) as refusal:
        return str(refusal)
    return f"{sentence(chosen[0])} A point is then within {metres(grid.uncertainty_m)} of where it is given."


def said(obligation: dict[str, Any]) -> str:
    """One obligation in words."""
    return sentence(parse_obligation(obligation))
