"""What a principal may read, as a table: the policies asked once for every combination that a list can hold.

Decides nothing of its own: every cell is an answer of :func:`datasets.policy.engine.decide`, so a list filtered by the
table shows exactly what single decisions would allow (design §6: the decision point is asked before any data
is fetched).
Cells assume ``has_bytes`` and no obligation beyond the label's; a caller that lists downloads filters those two itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import LabelFacts
from datasets.policy.requests import READING_ACTIONS
from datasets.policy.roles import READ_RESTRICTED

#: No reading rule looks at the time; an instant is needed for the request to be well formed.
_ANY_INSTANT = "2000-01-01T00:00:00Z"


class Cell(NamedTuple):
    """One combination. ``has_grant``: the principal holds ``read_restricted`` on the dataset."""

    label: str
    standing: str
    is_proposer: bool
    has_grant: bool


@lru_cache(maxsize=65536)
def cell_allowed(roles: frozenset[str], action: str, cell: Cell, facts: LabelFacts) -> bool:
    """One cell's answer, asked of the policies once a process for the same roles, action and label facts."""
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
    return decide(request, labels={facts.name: facts}, decision_id="predicate", evaluated_at=_ANY_INSTANT).allowed


class ReadableGroup(NamedTuple):
    """Standings of one label that are readable when ``is_proposer`` is as given."""

    label: str
    standings: frozenset[str]
    is_proposer: bool


def readable(
    roles: frozenset[str],
    action: str,
    labels: Mapping[str, LabelFacts],
    *,
    among: Iterable[tuple[str, str]],
    granted: bool,
) -> tuple[ReadableGroup, ...]:
    """What may be read of the (label, standing) pairs in *among*, grouped for one OR of conditions.

    ``granted``: the principal holds ``read_restricted``. For datasets with a role grant, call again with that role
    added. A label without facts is unknown, so nothing under it is readable. Raises ``ValueError`` for an action that
    reads no version.
    """
    if action not in READING_ACTIONS:
        raise ValueError(f"{action!r} reads no version; use one of {', '.join(READING_ACTIONS)}.")
    groups: dict[tuple[str, bool], set[str]] = {}
    for (label, standing), is_proposer in product(sorted(set(among)), (False, True)):
        facts = labels.get(label)
        if facts is not None and cell_allowed(roles, action, Cell(label, standing, is_proposer, granted), facts):
            groups.setdefault((label, is_proposer), set()).add(standing)
    return tuple(ReadableGroup(label, frozenset(found), own) for (label, own), found in sorted(groups.items()))
