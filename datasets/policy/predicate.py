"""What a principal may read, as a table: the policies asked once for every combination that a list can hold.

Decides nothing of its own: every cell is an answer of :func:`datasets.policy.engine.decide`, so a list filtered by the
table shows exactly what single decisions would allow (design §6: the decision point is asked before any data
is fetched). What is kept of a list's decision is made of the same tables (``lists``).
Cells assume that there are bytes; ``bare`` says that the spec lets only metadata out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

from datasets.policy.bundle import Evaluator
from datasets.policy.engine import PolicyRequest, ResourceFacts, decide
from datasets.policy.labels import LabelFacts
from datasets.policy.reasons import NO_ANSWER
from datasets.policy.requests import READING_ACTIONS, STANDINGS
from datasets.policy.roles import READ_RESTRICTED

#: No reading rule looks at the time; an instant is needed for the request to be well formed.
_ANY_INSTANT = "2000-01-01T00:00:00Z"
_ANY_EMBARGO = "9999-12-31"
_METADATA_ONLY = ({"type": "metadata_only"},)


class Rights(NamedTuple):
    """One kind of standing toward a dataset: roles held there, and whether ``read_restricted`` is granted on it."""

    roles: frozenset[str]
    granted: bool


class Cell(NamedTuple):
    """One combination that a version can be in, for one principal."""

    label: str
    standing: str
    own: bool
    embargoed: bool
    bare: bool


class Group(NamedTuple):
    """Labels and standings that are read together. ``None`` in ``own``, ``embargoed``, ``bare``: it does not matter."""

    labels: tuple[str, ...]
    standings: tuple[str, ...]
    own: bool | None
    embargoed: bool | None
    bare: bool | None

    def as_json(self) -> dict[str, Any]:
        return {
            "labels": list(self.labels),
            "standings": list(self.standings),
            "own": self.own,
            "embargoed": self.embargoed,
            "bare": self.bare,
        }


class Reach(NamedTuple):
    """What one kind of rights reads, and the reason codes of all that it reads, or of why the engine gave none."""

    groups: tuple[Group, ...]
    reasons: frozenset[str]


@lru_cache(maxsize=65536)
def cell_answer(
    rights: Rights, action: str, cell: Cell, facts: LabelFacts, evaluator: Any = None
) -> tuple[bool, tuple[str, ...]]:
    """One cell's answer and its reasons, asked of the policies once a process for the same question."""
    request = PolicyRequest(
        principal_ref="predicate",
        roles=rights.roles,
        role=min(rights.roles, default=""),
        action=action,
        resource=ResourceFacts(
            dataset_slug="any",
            policy_label=cell.label,
            standing=cell.standing,
            has_bytes=True,
            is_proposer=cell.own,
            embargo_until=_ANY_EMBARGO if cell.embargoed else None,
            grants=frozenset({READ_RESTRICTED}) if rights.granted else frozenset(),
            obligations=_METADATA_ONLY if cell.bare else (),
        ),
    )
    answer = decide(
        request,
        labels={facts.name: facts},
        decision_id="predicate",
        evaluated_at=_ANY_INSTANT,
        evaluator=evaluator,
    )
    if NO_ANSWER & set(answer.reason_codes):
        raise _NotAnswered(answer.reason_codes)
    return answer.allowed, answer.reason_codes


class _NotAnswered(Exception):  # noqa: N818 - it is no fault: it only keeps a passing failure out of the cache
    """The engine failed just now: nothing is readable, and it is asked again next time."""

    def __init__(self, codes: tuple[str, ...]) -> None:
        super().__init__(*codes)
        self.codes = frozenset(codes)


def reach(
    rights: Rights,
    action: str,
    labels: Mapping[str, LabelFacts],
    *,
    embargoes: bool,
    evaluator: Evaluator | None = None,
) -> Reach:
    """What *rights* read by *action*. ``embargoes``: whether any dataset is embargoed, so that it makes a difference.

    Raises ``ValueError`` for an action that reads no version.
    """
    if action not in READING_ACTIONS:
        raise ValueError(f"{action!r} reads no version; use one of {', '.join(READING_ACTIONS)}.")
    known = tuple(labels[name] for name in sorted(labels) if labels[name].name == name)
    table = _Table(rights, action, known, embargoes, evaluator)
    try:
        return _reach(table)
    except _NotAnswered as failure:
        return Reach((), failure.codes)


class _Table(NamedTuple):
    """Everything that a table depends on; it is the key under which the table is remembered."""

    rights: Rights
    action: str
    labels: tuple[LabelFacts, ...]
    embargoes: bool
    evaluator: Any = None  # an Evaluator; a Protocol is not known to be hashable

    def variants(self) -> Iterable[tuple[bool, bool, bool]]:
        """(own, embargoed, bare), as far as they can differ: obligations bind only those who get bytes."""
        embargoed = (False, True) if self.embargoes else (False,)
        return product((False, True), embargoed, (False, True) if self.action == "download" else (False,))


Pairs = frozenset[tuple[str, str]]


@lru_cache(maxsize=4096)
def _reach(table: _Table) -> Reach:
    reasons: set[str] = set()
    tables: dict[tuple[bool, bool, bool], Pairs] = {}
    for variant in table.variants():
        found = set()
        for facts, standing in product(table.labels, STANDINGS):
            cell = Cell(facts.name, standing, *variant)
            allowed, codes = cell_answer(table.rights, table.action, cell, facts, table.evaluator)
            if allowed:
                found.add((facts.name, standing))
                reasons.update(codes)
        tables[variant] = frozenset(found)
    return Reach(tuple(_groups(tables)), frozenset(reasons))


def _groups(tables: Mapping[tuple[bool, bool, bool], Pairs]) -> Iterable[Group]:
    """The tables as few groups: what does not depend on who proposed it stands first, without saying so."""
    by_variant: dict[tuple[bool, bool], dict[bool, Pairs]] = {}
    for (own, *variant), pairs in tables.items():
        by_variant.setdefault((variant[0], variant[1]), {})[own] = pairs
    embargo_matters = _matters(by_variant, 0)
    bare_matters = _matters(by_variant, 1)
    for (embargoed, bare), found in sorted(by_variant.items()):
        if (embargoed and not embargo_matters) or (bare and not bare_matters):
            continue  # the same as without
        variants = (embargoed if embargo_matters else None, bare if bare_matters else None)
        common = found[True] & found[False]
        yield from (Group(*pair, None, *variants) for pair in _rectangles(common))
        for own in (True, False):
            yield from (Group(*pair, own, *variants) for pair in _rectangles(found[own] - common))


def _matters(by_variant: Mapping[tuple[bool, bool], dict[bool, Pairs]], place: int) -> bool:
    """Whether the answers differ by what stands in *place* of the variant."""
    seen: dict[bool, list[Any]] = {}
    for variant, found in sorted(by_variant.items()):
        seen.setdefault(variant[place], []).append(found)
    return len(seen) > 1 and seen[True] != seen[False]


def _rectangles(pairs: Pairs) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The pairs as products of labels and standings, one for each set of standings that occurs."""
    standings: dict[str, set[str]] = {}
    for label, standing in pairs:
        standings.setdefault(label, set()).add(standing)
    labels: dict[tuple[str, ...], list[str]] = {}
    for label, found in sorted(standings.items()):
        labels.setdefault(tuple(sorted(found)), []).append(label)
    return [(tuple(names), found) for found, names in sorted(labels.items())]
