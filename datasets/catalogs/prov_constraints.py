"""Whether PROV records are valid together: the rules of W3C PROV-CONSTRAINTS, by their numbers there.

Decides typing and impossibility (50-56) within one bundle, once prov_normal_form has made one what must be one (22-29),
and asks prov_ordering for the order of events (30-49); never compares clock times (PROV does not; prov_clock does, for
KFM's profile) and never reads bytes. Stricter than the Recommendation in three places that its implementers'
unification suite refuses: an entity is the mention of one other (PROV-LINKS), one usage has one time unless identifiers
tell two usages apart, and a delegation for no activity is none for one. docs/adr/0035 lists every rule. Serves
clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from audit.findings import Finding
from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_normal_form import broken, normal_form
from datasets.catalogs.prov_ordering import impossible_events, ring_edges
from datasets.catalogs.prov_records import ELEMENTS, RELATIONS, Record
from datasets.catalogs.prov_terms import BLANK, moment

EMPTY: Final = PROV + "EmptyCollection"
_ENTITY: Final = (
    "entity",
    "generatedEntity",
    "usedEntity",
    "specificEntity",
    "generalEntity",
    "alternate1",
    "alternate2",
)
_TYPED: Final = dict.fromkeys((*_ENTITY, "trigger", "plan", "collection", "bundle"), "entity") | dict.fromkeys(
    ("activity", "starter", "ender", "informed", "informant"), "activity"
)


def check_constraints(records: Sequence[Record], *, flattened: bool = False) -> list[Finding]:
    """Findings about the records of one bundle; [] when every rule judged here holds.

    ``flattened``: the records come from several bundles that their form could not keep apart, and a type holds within
    its bundle only (PROV-CONSTRAINTS §7.2), so clashes of type (53-55) are not judged.
    """
    findings = list(_required(records))
    one, clashes = normal_form(records)
    findings += clashes
    findings += _unique_usages(one)
    if not flattened:
        findings += _kinds(one)
        findings += _types(one)
    findings += _impossible(one)
    findings += _collections(one)
    findings += [
        broken("ordering", event[1], f"The {event[0]} of {event[1]} would come before itself.")
        for event in impossible_events(one)
    ]
    return findings


def _required(records: Sequence[Record]) -> Iterator[Finding]:
    """Arguments that must be there and are in no statement of that name (PROV-DM §5)."""
    stated: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        if record.identifier:
            stated[record.kind, record.identifier].update(record.arguments)
    for record in records:
        known = (
            stated.get((record.kind, record.identifier), record.arguments) if record.identifier else record.arguments
        )
        for name in RELATIONS.get(record.kind, ()):
            if name.endswith("!") and name[:-1] not in known:
                yield broken("argument_missing", record.where, f"{record.kind} needs {name[:-1]} (PROV-DM §5).")


def _unique_usages(records: Sequence[Record]) -> Iterator[Finding]:
    """Usages of an entity by an activity that no identifiers tell apart are one usage, with one time."""
    times: dict[tuple[str, str], set[str]] = defaultdict(set)
    unnamed: dict[tuple[str, str], Record] = {}
    for record in records:
        given = record.arguments
        if record.kind == "used" and {"entity", "activity", "time"} <= given.keys():
            usage = (given["entity"], given["activity"])
            times[usage].add(moment(given["time"]))
            if not _named(record):
                unnamed[usage] = record
    for (entity, activity), record in unnamed.items():
        if len(times[entity, activity]) > 1:
            message = f"The usage of {entity} by {activity} is stated twice, with different times and no identifiers."
            yield broken("usage_twice", record.where, message)


def _named(record: Record) -> bool:
    """Whether the document names it; an unknown may be any thing, so it overlaps with nothing by its name."""
    return bool(record.identifier and not record.identifier.startswith(BLANK))


def _kinds(records: Sequence[Record]) -> Iterator[Finding]:
    """An identifier names one kind of relation, and no element besides (constraints 53 and 54).

    An influence is no kind beside the others: each of them is one (inference 15).
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.identifier and _named(record):
            kinds[record.identifier].add(record.kind)
    for identifier, found in sorted(kinds.items()):
        relations = found - set(ELEMENTS)
        if len(relations - {"wasInfluencedBy"}) > 1:
            names = ", ".join(sorted(relations))
            yield broken("c53", identifier, f"{identifier} names relations of two kinds: {names}.")
        if relations and found & set(ELEMENTS):
            yield broken("c54", identifier, f"{identifier} names a relation and an element.")


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
            yield broken("c55", identifier, f"{identifier} is both an entity and an activity.")


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
            yield broken("c51", record.where, "A derivation names a generation or usage but no activity.")
        if record.kind == "specializationOf" and given.get("specificEntity") == given.get("generalEntity"):
            yield broken("c52", record.where, "Nothing is a specialization of itself.")
        if record.kind == "mentionOf" and "specificEntity" in given:
            said = (given.get("generalEntity"), given.get("bundle"))
            if mentions.setdefault(given["specificEntity"], said) != said:
                yield broken("mention", record.where, "An entity is a mention of two different entities.")


def _collections(records: Sequence[Record]) -> Iterator[Finding]:
    """Nothing specializes itself (52), and an empty collection has no member (56), by way of others either.

    Specialization is transitive (inference 19) and hands down what is said of the general entity (inference 21).
    """
    general: dict[str, dict[str, bool]] = defaultdict(dict)
    specific: dict[str, list[str]] = defaultdict(list)
    for record in records:
        one, other = record.arguments.get("specificEntity"), record.arguments.get("generalEntity")
        if record.kind in {"specializationOf", "mentionOf"} and one and other and one != other:
            general[one][other] = True
            specific[other].append(one)
    for entity in sorted({before for before, _ in ring_edges(general)}):
        yield broken("c52", entity, f"{entity} is, by way of others, a specialization of itself.")
    waiting = [record.identifier or "" for record in records if record.kind == "entity" and EMPTY in record.types]
    empty: set[str] = set()
    while waiting:
        entity = waiting.pop()
        if entity not in empty:
            empty.add(entity)
            waiting += specific[entity]
    for record in records:
        if record.kind == "hadMember" and record.arguments.get("collection") in empty:
            yield broken("c56", record.where, f"{record.arguments['collection']} is an empty collection with a member.")
