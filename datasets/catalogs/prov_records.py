"""What a PROV record is: the one shape that comes out of every notation and that the constraints can judge.

Decides which kinds of records there are, their arguments (PROV-DM §5) and what a name or a time means; never reads a
notation (prov_rdf, prov_json, prov_xml and prov_notation do) and never judges whether records agree (prov_constraints
does). Serves clause D1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from audit.findings import Finding
from datasets.catalogs.namespaces import PROV, XSD
from datasets.catalogs.xsd_forms import may_mean

ELEMENTS: Final = ("entity", "activity", "agent")
RELATIONS: Final[dict[str, tuple[str, ...]]] = {
    "wasGeneratedBy": ("entity!", "activity", "time"),
    "used": ("activity!", "entity", "time"),
    "wasInformedBy": ("informed!", "informant!"),
    "wasStartedBy": ("activity!", "trigger", "starter", "time"),
    "wasEndedBy": ("activity!", "trigger", "ender", "time"),
    "wasInvalidatedBy": ("entity!", "activity", "time"),
    "wasDerivedFrom": ("generatedEntity!", "usedEntity!", "activity", "generation", "usage"),
    "wasAttributedTo": ("entity!", "agent!"),
    "wasAssociatedWith": ("activity!", "agent", "plan"),
    "actedOnBehalfOf": ("delegate!", "responsible!", "activity"),
    "wasInfluencedBy": ("influencee!", "influencer!"),
    "specializationOf": ("specificEntity!", "generalEntity!"),
    "alternateOf": ("alternate1!", "alternate2!"),
    "mentionOf": ("specificEntity!", "generalEntity!", "bundle!"),
    "hadMember": ("collection!", "entity!"),
}
"""PROV-DM §5: the formal arguments of each relation; ``!`` marks those that must be there."""
NAMELESS: Final = frozenset({"specializationOf", "alternateOf", "mentionOf", "hadMember"})
"""Relations that have no identifier (PROV-DM §5.5-5.6); a notation may number them all the same."""
OWN_PREFIXES: Final[Mapping[str, str]] = {"prov": PROV, "xsd": XSD}


class MalformedProvError(ValueError):
    """The bytes are not PROV in the form they claim; ``where`` points at the place."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True, slots=True)
class Record:
    """One element or relation: ``kind`` (``entity``, ``used``, …), ``identifier`` or None, formal arguments by name.

    Names are whole IRIs: two prefixes of one namespace name the same thing, one prefix bound twice does not. A name
    that begins with ``_:`` is an unknown of its bundle, which may be the same as any other thing.
    """

    kind: str
    identifier: str | None
    arguments: Mapping[str, str]
    where: str
    types: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The records of one instance: a named bundle's, or the document's own, whose ``name`` is None."""

    name: str | None
    where: str
    records: Sequence[Record]


def bundle_names(bundles: Sequence[Bundle]) -> Iterator[Finding]:
    """A document's bundles are told apart by their names (PROV-CONSTRAINTS §7.2)."""
    count = Counter(bundle.name for bundle in bundles)
    for bundle in bundles:
        if count[bundle.name] > 1:
            count[bundle.name] = 0
            message = f"Two bundles of the document are named {bundle.name}."
            yield Finding("prov_bundle_twice", bundle.where, message, "Give each bundle a name of its own.")


@cache
def formal_names(kind: str) -> tuple[str, ...]:
    """The formal argument names of a kind, without their marks."""
    if kind in ELEMENTS:
        return ("startTime", "endTime") if kind == "activity" else ()
    return tuple(name.rstrip("!") for name in RELATIONS[kind])


def expanded(name: str, known: Mapping[str, str], where: str) -> str:
    """The IRI of a qualified name; an unknown's stays as it is. MalformedProvError for a prefix not declared."""
    prefix, colon, local = name.partition(":")
    if colon and prefix == "_":
        return name
    namespace = known.get(prefix if colon else "default")
    if not name or namespace is None:
        raise MalformedProvError(where, f"{name!r:.80} uses a prefix that is not declared.")
    return namespace + (local if colon else name)


def checked_time(value: str, where: str) -> str:
    """A time as it is written. MalformedProvError when it is no xsd:dateTime."""
    if not may_mean("dateTime", value.strip()):
        raise MalformedProvError(where, f"{value!r:.80} is no xsd:dateTime.")
    return value


def is_time(name: str) -> bool:
    """Whether a formal argument of that name is a time, and not a name."""
    return name.lower().endswith("time")


def type_name(text: str, known: Mapping[str, str]) -> str:
    """The IRI of a ``prov:type`` when it is a qualified name; any other type is a text of its own."""
    prefix, colon, local = text.partition(":")
    return known[prefix] + local if colon and prefix in known else text


def several(kind: str, arguments: Mapping[str, str], members: Sequence[str]) -> list[Mapping[str, str]]:
    """The arguments of each statement that one record makes: a collection's, one for each of its members."""
    if kind != "hadMember" or not members:
        return [arguments]
    return [{**arguments, "entity": member} for member in members]


def malformed(error: MalformedProvError) -> Finding:
    return Finding(
        "prov_malformed", error.where, str(error), "Write the document in PROV-O, PROV-JSON, PROV-XML or PROV-N."
    )
