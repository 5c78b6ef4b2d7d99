"""Whether a label's signatures can be gathered at all: distinct people for every place, purely (design §6).

Decides it from names alone, by bipartite matching: each role of the quorum needs a person of its own who did not bring
the version in, and one more, an operator, publishes and signed nothing. Knows no rows and no clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from datasets.policy.roles import Role

#: The place of whoever publishes: an operator who signed nothing.
PUBLISHES = Role.OPERATOR.value


@dataclass(frozen=True, slots=True)
class Staff:
    """``holders``: for one dataset, role to the principals who hold it there, globally or by grant."""

    holders: Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Need:
    """A workflow that must stay possible: a dataset's versions under a label, brought in by ``author``."""

    dataset: str
    label: str
    sign_off_roles: tuple[str, ...]
    author: str = ""


def open_place(need: Need, staff: Staff) -> str:
    """The first role that nobody is left for, or ``""`` when a distinct person can be found for every place.

    The author signs nothing, but an operator who brought a version in may publish it.
    """
    taken: dict[str, str] = {}
    for place in (*need.sign_off_roles, PUBLISHES):
        if not _seat(place, _candidates(need, staff), taken, set()):
            return place
    return ""


def _candidates(need: Need, staff: Staff) -> dict[str, tuple[str, ...]]:
    places = {role: staff.holders.get(role, frozenset()) - {need.author} for role in need.sign_off_roles}
    places[PUBLISHES] = staff.holders.get(PUBLISHES, frozenset())
    return {place: tuple(sorted(people)) for place, people in places.items()}


def _seat(place: str, candidates: Mapping[str, tuple[str, ...]], taken: dict[str, str], tried: set[str]) -> bool:
    """Finds a person for *place*, moving others to another place of theirs where that helps (an augmenting path)."""
    for person in candidates[place]:
        if person in tried:
            continue
        tried.add(person)
        if person not in taken or _seat(taken[person], candidates, taken, tried):
            taken[person] = place
            return True
    return False


@dataclass(frozen=True, slots=True)
class Broken:
    """A workflow that a change would end: nobody would be left for ``role``."""

    dataset: str
    label: str
    role: str

    @property
    def sentence(self) -> str:
        if self.role == PUBLISHES:
            return f"no operator who signed nothing would be left to publish {self.label} versions of {self.dataset}"
        return f"nobody would be left to sign {self.label} versions of {self.dataset} as {self.role}"


def broken_by(before: Iterable[tuple[Need, Staff]], after: Iterable[tuple[Need, Staff]]) -> tuple[Broken, ...]:
    """What can be staffed in *before* and no longer in *after*, each dataset and label once.

    What was impossible already is no reason against a change, however little it helps. A workflow that is new in
    *after* was never possible, so it is not broken.
    """
    could = {(need.dataset, need.label, need.author) for need, staff in before if not open_place(need, staff)}
    found: dict[tuple[str, str], Broken] = {}
    for need, staff in after:
        place = open_place(need, staff)
        if place and (need.dataset, need.label, need.author) in could:
            found.setdefault((need.dataset, need.label), Broken(need.dataset, need.label, place))
    return tuple(found[key] for key in sorted(found))
