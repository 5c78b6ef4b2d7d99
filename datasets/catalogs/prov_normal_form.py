"""PROV statements in normal form: which are one, and what an unknown turns out to be (W3C PROV-CONSTRAINTS §6).

Decides uniqueness (22-29) with the inferences that feed it (11, 15); what one union makes equal is looked at again,
from the smaller side, until nothing changes, so the work is near linear. Inferences that could only add unknowns that
nothing else speaks of can make nothing equal and are left out (5-10, 13, 14, 16-18); 19-21 are prov_constraints'. Never
judges typing, order or impossibility, and never reads bytes. Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from audit.findings import Finding
from datasets.catalogs.prov_records import ELEMENTS, RELATIONS, Record, formal_names, is_time
from datasets.catalogs.prov_terms import BLANK, NONE, Terms, moment

_PLACEHOLDERS: Final = {
    "wasAssociatedWith": ("plan",),
    "wasDerivedFrom": ("activity", "generation", "usage"),
    "actedOnBehalfOf": ("activity",),
}
"""Arguments whose absence means "none" and not "unknown" (§4.1). The Recommendation lists the first two; its
implementers' suite refuses one delegation that is stated both for an activity and for none, and so do we."""
_UNIQUE: Final = {
    "wasGeneratedBy": ("entity", "activity", "c24"),
    "wasInvalidatedBy": ("entity", "activity", "c25"),
    "wasStartedBy": ("activity", "starter", "c26"),
    "wasEndedBy": ("activity", "ender", "c27"),
}
_INFLUENCES: Final = {
    "wasStartedBy": ("activity", "trigger"),
    "wasEndedBy": ("activity", "trigger"),
}
"""Inference 15, where influencee and influencer are not the first two arguments."""
_BOUNDS: Final = {"wasStartedBy": ("startTime", "c28"), "wasEndedBy": ("endTime", "c29")}


def broken(rule: str, where: str, message: str) -> Finding:
    """A finding about the rule that the records break."""
    return Finding(f"prov_{rule}", where, message, "Mend the provenance records so that they agree.")


def normal_form(records: Sequence[Record]) -> tuple[list[Record], list[Finding]]:
    """The records with every union made, and the unions that can't be. An unknown's name begins with ``_:``."""
    form = _NormalForm()
    for record in (*records, *_implied(records)):
        form.add(record)
    form.settle()
    form.bound_activities()
    return list(form.records()), list(dict.fromkeys(form.findings))


def _implied(records: Sequence[Record]) -> Iterator[Record]:
    """What named influences are besides: a relation of its own kind is an influence with its name (inference 15)."""
    if not any(record.kind == "wasInfluencedBy" and record.identifier for record in records):
        return
    for record in records:
        if record.identifier and record.kind in RELATIONS and record.kind != "wasInfluencedBy":
            names = _INFLUENCES.get(record.kind) or formal_names(record.kind)[:2]
            pair = zip(("influencee", "influencer"), names, strict=True)
            given = {role: record.arguments[name] for role, name in pair if name in record.arguments}
            yield Record("wasInfluencedBy", record.identifier, given, record.where)


@dataclass(slots=True)
class _Row:
    """A statement whose arguments are all terms; ``given`` holds those that the document states, as it states them."""

    kind: str
    identifier: str
    terms: dict[str, str]
    given: dict[str, str]
    where: str
    types: set[str] = field(default_factory=set)


class _NormalForm:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._terms = Terms()
        self._rows: list[_Row | None] = []
        self._keyed: dict[tuple[str, ...], int] = {}
        self._moved: dict[int, int] = {}
        self._users: dict[str, list[int]] = defaultdict(list)
        self._waiting: deque[int] = deque()

    def add(self, record: Record) -> None:
        """Take in a statement, and what it implies when it is a derivation by an activity (inference 11)."""
        row = self._row(record)
        self._keep(row)
        if row.kind == "wasDerivedFrom" and {"activity", "usedEntity", "generatedEntity"} <= row.given.keys():
            terms, by = row.terms, row.terms["activity"]
            for kind, name, entity in (
                ("used", "usage", "usedEntity"),
                ("wasGeneratedBy", "generation", "generatedEntity"),
            ):
                known = {"activity": by, "entity": terms[entity], "time": self._terms.unknown()}
                self._keep(_Row(kind, terms[name], known, {"activity": by, "entity": terms[entity]}, row.where))

    def _keep(self, row: _Row) -> None:
        index = len(self._rows)
        self._rows.append(row)
        keys = _UNIQUE.get(row.kind, ())[:2]
        for term in {row.identifier, *(row.terms[name] for name in keys)}:
            self._users[self._terms.root(term)].append(index)
        self._waiting.append(index)

    def _row(self, record: Record) -> _Row:
        given = {name: value for name, value in record.arguments.items() if value}
        terms = {name: moment(value) if is_time(name) else value for name, value in given.items()}
        for name in formal_names(record.kind):
            if name not in terms:
                absent = name in _PLACEHOLDERS.get(record.kind, ())
                if record.kind == "wasDerivedFrom" and name != "activity":
                    absent = "activity" not in given
                terms[name] = NONE if absent and name not in given else self._terms.unknown()
        identifier = record.identifier or self._terms.unknown()
        return _Row(record.kind, identifier, terms, given, record.where, set(record.types))

    def settle(self) -> None:
        """Make statements one until no two of them must be."""
        while self._waiting:
            index = self._waiting.popleft()
            row = self._rows[index]
            for rule, key in self._keys(row) if row else ():
                other = self._place(self._keyed.setdefault(key, index))
                index = self._place(index)
                if other != index:
                    self._become_one(other, index, rule)

    def _keys(self, row: _Row) -> list[tuple[str, tuple[str, ...]]]:
        root = self._terms.root
        keys: list[tuple[str, tuple[str, ...]]] = [
            ("c22" if row.kind in ELEMENTS else "c23", (row.kind, root(row.identifier)))
        ]
        if row.kind in _UNIQUE:
            first, second, rule = _UNIQUE[row.kind]
            keys.append((rule, (row.kind, root(row.terms[first]), root(row.terms[second]))))
        return keys

    def _place(self, index: int) -> int:
        """Where a statement is now, after those that it became one with."""
        while index in self._moved:
            if self._moved[index] in self._moved:
                self._moved[index] = self._moved[self._moved[index]]
            index = self._moved[index]
        return index

    def _become_one(self, kept: int, dropped: int, rule: str) -> None:
        one, other = self._rows[kept], self._rows[dropped]
        if one is None or other is None:
            raise AssertionError("A statement that became another's is looked up where it went.")
        self._rows[dropped], self._moved[dropped] = None, kept
        named = not one.identifier.startswith(BLANK) and rule in {"c22", "c23"}
        said = f"{one.kind} {one.identifier} is stated twice" if named else self._event(one)
        pairs = [("identifier", one.identifier, other.identifier)]
        pairs += [(name, term, other.terms[name]) for name, term in one.terms.items()]
        for name, first, second in pairs:
            if not self._unite(first, second):
                self.findings.append(broken(rule, other.where, f"{said}, with different {name}."))
        one.given = other.given | one.given
        one.types |= other.types
        self._waiting.append(kept)

    def _event(self, row: _Row) -> str:
        first, second, _ = _UNIQUE.get(row.kind, ("", "", ""))
        names = [self._terms.name(row.terms[name]) for name in (first, second) if name]
        return (
            f"{row.kind} of {' and '.join(names)} is one event, but it is stated" if names else f"{row.kind} is stated"
        )

    def _unite(self, one: str, other: str) -> bool:
        try:
            united = self._terms.unite(one, other)
        except ValueError:
            return False
        if united:
            was, now = united
            touched = self._users.pop(was, [])
            self._waiting.extend(touched)
            self._users[now].extend(touched)
        return True

    def bound_activities(self) -> None:
        """An activity's times are those of its start and end events (constraints 28 and 29); times key nothing."""
        root = self._terms.root
        activities = {root(row.identifier): row for row in self._rows if row and row.kind == "activity"}
        for row in self._rows:
            if row and row.kind in _BOUNDS:
                name, rule = _BOUNDS[row.kind]
                activity = activities.get(root(row.terms["activity"]))
                if activity and not self._unite(row.terms["time"], activity.terms[name]):
                    who = self._terms.name(activity.identifier)
                    message = f"{row.kind} of {who} says another time than its {name}, or than another {row.kind}."
                    self.findings.append(broken(rule, row.where, message))

    def records(self) -> Iterator[Record]:
        for row in self._rows:
            if row:
                identifier = self._terms.name(row.identifier)
                yield Record(row.kind, identifier, dict(self._said(row)), row.where, frozenset(row.types))

    def _said(self, row: _Row) -> Iterator[tuple[str, str]]:
        """The arguments that a rule can speak of: stated or found out, and the events that a derivation implies."""
        events = ("generation", "usage") if row.kind == "wasDerivedFrom" else ()
        for name, term in row.terms.items():
            known = self._terms.name(term)
            if is_time(name):
                if name in row.given:
                    yield name, row.given[name]
            elif known != NONE and (name in row.given or name in events or not known.startswith(BLANK)):
                yield name, known
