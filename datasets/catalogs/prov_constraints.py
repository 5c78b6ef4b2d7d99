"""Whether PROV records are valid together: the main rules of W3C PROV-CONSTRAINTS, by their numbers there.

Decides uniqueness (22-29), typing and impossibility (50-56) within one bundle, and asks prov_ordering for the order of
events (30-49); never compares clock times with each other (PROV does not), and never reads bytes. Stricter than the
Recommendation in two places that its implementers' unification suite refuses: an entity is the mention of one other
(PROV-LINKS), and one usage has one time unless identifiers tell two usages apart. Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from audit.findings import Finding
from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_ordering import impossible_events, ring_edges
from datasets.catalogs.prov_records import ELEMENTS, RELATIONS, Record, formal_names

EMPTY: Final = PROV + "EmptyCollection"
_PLACEHOLDERS: Final = {"wasAssociatedWith": ("plan",), "wasDerivedFrom": ("activity", "generation", "usage")}
"""Arguments whose absence means "none" and not "unknown" (PROV-CONSTRAINTS §4.1, expansion)."""
_UNIQUE: Final = {
    "wasGeneratedBy": ("entity", "activity", "c24"),
    "wasInvalidatedBy": ("entity", "activity", "c25"),
    "wasStartedBy": ("activity", "starter", "c26"),
    "wasEndedBy": ("activity", "ender", "c27"),
}
_ENTITY: Final = (
    "entity",
    "generatedEntity",
    "usedEntity",
    "specificEntity",
    "generalEntity",
    "alternate1",
    "alternate2",
)
_TYPED: Final = dict.fromkeys((*_ENTITY, "trigger", "plan", "collection"), "entity") | dict.fromkeys(
    ("activity", "starter", "ender", "informed", "informant"), "activity"
)


def check_constraints(records: Sequence[Record], *, flattened: bool = False) -> list[Finding]:
    """Findings about the records of one bundle; [] when every rule judged here holds.

    ``flattened``: the records come from several bundles that their form could not keep apart, and a type holds within
    its bundle only (PROV-CONSTRAINTS §7.2), so clashes of type (53-55) are not judged.
    """
    findings = list(_required(records))
    records = [*records, *_implied(records)]
    merged, clashes = _merge(records)
    findings += clashes
    findings += _unique_events(merged)
    findings += _unique_usages(merged)
    findings += _activity_times(merged)
    if not flattened:
        findings += _kinds(records)
        findings += _types(merged)
    findings += _impossible(merged)
    findings += _specializations(merged)
    findings += _members(merged)
    findings += [
        _broken("ordering", event[1], f"The {event[0]} of {event[1]} would come before itself.")
        for event in impossible_events(merged)
    ]
    return findings


def _broken(rule: str, where: str, message: str) -> Finding:
    return Finding(f"prov_{rule}", where, message, "Mend the provenance records so that they agree.")


def _required(records: Sequence[Record]) -> Iterator[Finding]:
    for record in records:
        for name in RELATIONS.get(record.kind, ()):
            if name.endswith("!") and not record.arguments.get(name[:-1]):
                yield _broken("argument_missing", record.where, f"{record.kind} needs {name[:-1]} (PROV-DM §5).")


def _implied(records: Sequence[Record]) -> Iterator[Record]:
    """A derivation that names its activity implies a usage and a generation by it (inference 11)."""
    for record in records:
        given = record.arguments
        activity, used, made = given.get("activity"), given.get("usedEntity"), given.get("generatedEntity")
        if record.kind == "wasDerivedFrom" and activity and used and made:
            yield Record("used", given.get("usage"), {"activity": activity, "entity": used}, record.where)
            yield Record(
                "wasGeneratedBy", given.get("generation"), {"entity": made, "activity": activity}, record.where
            )


def _same(name: str, first: str, second: str) -> bool:
    if not name.lower().endswith("time") or first == second:
        return first == second
    try:
        moments = [datetime.fromisoformat(value) for value in (first, second)]
    except ValueError:
        return False
    return (moments[0].tzinfo is None) == (moments[1].tzinfo is None) and moments[0] == moments[1]


def _is_none(name: str, record: Record) -> bool:
    """Whether an argument that is not given stands for "none"; a derivation that names its activity leaves it open."""
    if record.kind == "wasDerivedFrom" and name != "activity" and record.arguments.get("activity"):
        return False
    return name in _PLACEHOLDERS.get(record.kind, ())


def _unify(one: Record, other: Record) -> tuple[Record, list[str]]:
    """One record of two that must be the same, and the names of the arguments that can't be made equal."""
    clashes = []
    arguments = dict(one.arguments)
    for name in formal_names(one.kind):
        first, second = one.arguments.get(name), other.arguments.get(name)
        if first and second:
            differ = not _same(name, first, second)
        else:
            differ = bool(first or second) and _is_none(name, other if first else one)
        if differ:
            clashes.append(name)
        elif second:
            arguments[name] = second
    if one.identifier and other.identifier and one.identifier != other.identifier:
        clashes.append("identifier")
    return Record(one.kind, one.identifier or other.identifier, arguments, one.where, one.types | other.types), clashes


def _merge(records: Sequence[Record]) -> tuple[list[Record], list[Finding]]:
    """Records of one kind and identifier are one record (constraints 22 and 23)."""
    keyed: dict[tuple[str, str], Record] = {}
    merged: list[Record] = []
    findings: list[Finding] = []
    for record in records:
        if record.identifier is None:
            merged.append(record)
            continue
        key = (record.kind, record.identifier)
        if key not in keyed:
            keyed[key] = record
            continue
        keyed[key], clashes = _unify(keyed[key], record)
        rule = "c22" if record.kind in ELEMENTS else "c23"
        for name in clashes:
            message = f"{record.kind} {record.identifier} is stated twice, with different {name}."
            findings.append(_broken(rule, record.where, message))
    return [*keyed.values(), *merged], findings


def _unique_events(records: Sequence[Record]) -> Iterator[Finding]:
    """One generation of an entity by an activity, and so on (constraints 24-27)."""
    events: dict[tuple[str, str, str], Record] = {}
    for record in records:
        if record.kind not in _UNIQUE:
            continue
        first, second, rule = _UNIQUE[record.kind]
        one, other = record.arguments.get(first), record.arguments.get(second)
        if not one or not other:
            continue
        key = (record.kind, one, other)
        if key not in events:
            events[key] = record
            continue
        events[key], clashes = _unify(events[key], record)
        for name in clashes:
            message = f"{record.kind} of {one} and {other} is one event, but it is stated with different {name}."
            yield _broken(rule, record.where, message)


def _unique_usages(records: Sequence[Record]) -> Iterator[Finding]:
    """Usages of an entity by an activity that no identifiers tell apart are one usage, with one time."""
    usages: dict[tuple[str, str], Record] = {}
    for record in records:
        entity, activity = record.arguments.get("entity"), record.arguments.get("activity")
        if record.kind != "used" or not entity or not activity:
            continue
        other = usages.setdefault((activity, entity), record)
        times = [one.arguments["time"] for one in (other, record) if one.arguments.get("time")]
        apart = other.identifier and record.identifier
        if len(times) == 2 and not apart and not _same("time", *times):  # noqa: PLR2004
            message = f"The usage of {entity} by {activity} is stated twice, with different times and no identifiers."
            yield _broken("usage_twice", record.where, message)


def _activity_times(records: Sequence[Record]) -> Iterator[Finding]:
    """An activity's times are those of its start and end events (constraints 28 and 29)."""
    activities = {record.identifier: record for record in records if record.kind == "activity"}
    sides = {"wasStartedBy": ("startTime", "c28"), "wasEndedBy": ("endTime", "c29")}
    for record in records:
        if record.kind not in sides:
            continue
        name, rule = sides[record.kind]
        activity = activities.get(record.arguments.get("activity"))
        told, stated = record.arguments.get("time"), activity.arguments.get(name) if activity else None
        if told and stated and not _same("time", told, stated):
            yield _broken(rule, record.where, f"{record.kind} says {told}, the activity's {name} says {stated}.")


def _kinds(records: Sequence[Record]) -> Iterator[Finding]:
    """An identifier names one kind of relation, and no element besides (constraints 53 and 54)."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.identifier:
            kinds[record.identifier].add(record.kind)
    for identifier, found in sorted(kinds.items()):
        relations = found - set(ELEMENTS)
        if len(relations) > 1:
            yield _broken(
                "c53", identifier, f"{identifier} names relations of two kinds: {', '.join(sorted(relations))}."
            )
        if relations and found & set(ELEMENTS):
            yield _broken("c54", identifier, f"{identifier} names a relation and an element.")


def _types(records: Sequence[Record]) -> Iterator[Finding]:
    """Nothing is both entity and activity, stated or implied by a relation's arguments (constraints 50 and 55)."""
    types: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.kind in ELEMENTS and record.identifier:
            types[record.identifier].add(record.kind)
        for name, value in record.arguments.items():
            if name in _TYPED and record.kind not in ELEMENTS:
                types[value].add(_TYPED[name])
    for identifier, found in sorted(types.items()):
        if {"entity", "activity"} <= found:
            yield _broken("c55", identifier, f"{identifier} is both an entity and an activity.")


def _impossible(records: Sequence[Record]) -> Iterator[Finding]:
    """Constraints 51 and 52; and one general entity a mention (PROV-LINKS, unique-mention)."""
    mentions: dict[str, tuple[str | None, str | None]] = {}
    for record in records:
        given = record.arguments
        if (
            record.kind == "wasDerivedFrom"
            and not given.get("activity")
            and (given.get("generation") or given.get("usage"))
        ):
            yield _broken("c51", record.where, "A derivation names a generation or usage but no activity.")
        if record.kind == "specializationOf" and given.get("specificEntity") == given.get("generalEntity"):
            yield _broken("c52", record.where, "Nothing is a specialization of itself.")
        if record.kind == "mentionOf" and "specificEntity" in given:
            said = (given.get("generalEntity"), given.get("bundle"))
            if mentions.setdefault(given["specificEntity"], said) != said:
                yield _broken("mention", record.where, "An entity is a mention of two different entities.")


def _specializations(records: Sequence[Record]) -> Iterator[Finding]:
    """Specialization is transitive (inference 19), so a ring of it makes a thing its own specialization (52)."""
    edges: dict[str, dict[str, bool]] = defaultdict(dict)
    for record in records:
        specific, general = record.arguments.get("specificEntity"), record.arguments.get("generalEntity")
        if record.kind in {"specializationOf", "mentionOf"} and specific and general and specific != general:
            edges[specific][general] = True
    for entity in sorted({before for before, _ in ring_edges(edges)}):
        yield _broken("c52", entity, f"{entity} is, by way of others, a specialization of itself.")


def _members(records: Sequence[Record]) -> Iterator[Finding]:
    """An empty collection has no member (constraint 56)."""
    empty = {record.identifier for record in records if record.kind == "entity" and EMPTY in record.types}
    for record in records:
        if record.kind == "hadMember" and record.arguments.get("collection") in empty:
            yield _broken(
                "c56", record.where, f"{record.arguments['collection']} is an empty collection with a member."
            )
