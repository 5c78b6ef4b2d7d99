"""What a principal may read, as a table: the policies asked once for every combination that a list can hold.

Decides nothing of its own: every cell is an answer of :func:`datasets.policy.engine.decide`, so a list filtered by the
table shows exactly what single decisions would allow (design §6: the decision point is asked before any data
is fetched).
Cells assume ``has_bytes`` and no obligation beyond the label's; a caller that lists downloads filters those two itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import LabelFacts
from datasets.policy.requests import READING_ACTIONS, STANDINGS
from datasets.policy.roles import READ_RESTRICTED

#: No reading rule looks at the time; an instant is needed for the request to be well formed.
_ANY_INSTANT = "2000-01-01T00:00:00Z"


class Cell(NamedTuple):
    """One combination. ``has_grant``: the principal holds ``read_restricted`` on the dataset."""

    label: str
    standing: str
    is_proposer: bool
    has_grant: bool


def allowed_matrix(roles: frozenset[str], action: str, labels: Mapping[str, LabelFacts]) -> Mapping[Cell, bool]:
    """Cell to allowed, for every label x standing x proposer x grant. Cached per roles, action and label facts.

    For datasets on which the principal holds a role grant, call again with that role added. Raises
    ``ValueError`` for an
    action that does not read a version.
    """
    if action not in READING_ACTIONS:
        raise ValueError(f"{action!r} reads no version; use one of {', '.join(READING_ACTIONS)}.")
    return _matrix(roles, action, tuple(labels[name] for name in sorted(labels)))


@lru_cache(maxsize=256)
def _matrix(roles: frozenset[str], action: str, labels: tuple[LabelFacts, ...]) -> Mapping[Cell, bool]:
    by_name = {facts.name: facts for facts in labels}
    combinations = product(sorted(by_name), STANDINGS, (False, True), (False, True))
    cells = (Cell(*combination) for combination in combinations)
    return MappingProxyType({cell: _allowed(roles, action, cell, by_name) for cell in cells})


def _allowed(roles: frozenset[str], action: str, cell: Cell, labels: Mapping[str, LabelFacts]) -> bool:
    request = PolicyRequest(
        principal_ref="predicate",
        roles=roles,
        role=min(roles, default=""),
        action=action,
        resource=ResourceFacts(
            dataset_slug="any",
            policy_label=cell.label,
            standing=cell.standing,
            has_bytes=True,
            is_proposer=cell.is_proposer,
            grants=frozenset({READ_RESTRICTED}) if cell.has_grant else frozenset(),
        ),
    )
    return decide(request, labels=labels, decision_id="predicate", evaluated_at=_ANY_INSTANT).allowed


class ReadableGroup(NamedTuple):
    """Standings of one label that are readable when ``is_proposer`` and ``has_grant`` are as given."""

    label: str
    standings: frozenset[str]
    is_proposer: bool
    has_grant: bool


def readable(roles: frozenset[str], action: str, labels: Mapping[str, LabelFacts]) -> tuple[ReadableGroup, ...]:
    """The allowed cells grouped by label and flags, for building one OR of conditions; empty groups are left out."""
    groups: dict[tuple[str, bool, bool], set[str]] = {}
    for cell, allowed in allowed_matrix(roles, action, labels).items():
        if allowed:
            groups.setdefault((cell.label, cell.is_proposer, cell.has_grant), set()).add(cell.standing)
    return tuple(
        ReadableGroup(label, frozenset(standings), is_proposer, has_grant)
        for (label, is_proposer, has_grant), standings in sorted(groups.items())
    )
