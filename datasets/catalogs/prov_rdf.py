"""PROV records out of a PROV-O graph, in the one shape that the constraints can judge.

Decides which statement of PROV-O says which record (W3C PROV-O §3), and which value can't be the time that it is given
as; never reads bytes and never judges whether the records agree (prov_constraints does). Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

import pyoxigraph as ox

from audit.findings import Finding
from datasets.catalogs.namespaces import PROV, RDF, XSD
from datasets.catalogs.prov_records import Record
from datasets.catalogs.prov_terms import BLANK
from datasets.catalogs.rdf_reading import Triples
from datasets.catalogs.xsd_forms import may_mean

_DERIVED: Final = ("generatedEntity", "usedEntity")
_PLAIN: Final = {
    "wasGeneratedBy": ("wasGeneratedBy", "entity", "activity"),
    "generated": ("wasGeneratedBy", "activity", "entity"),
    "generatedAtTime": ("wasGeneratedBy", "entity", "time"),
    "used": ("used", "activity", "entity"),
    "wasInformedBy": ("wasInformedBy", "informed", "informant"),
    "wasStartedBy": ("wasStartedBy", "activity", "trigger"),
    "wasEndedBy": ("wasEndedBy", "activity", "trigger"),
    "wasInvalidatedBy": ("wasInvalidatedBy", "entity", "activity"),
    "invalidated": ("wasInvalidatedBy", "activity", "entity"),
    "invalidatedAtTime": ("wasInvalidatedBy", "entity", "time"),
    "wasDerivedFrom": ("wasDerivedFrom", *_DERIVED),
    "wasRevisionOf": ("wasDerivedFrom", *_DERIVED),
    "wasQuotedFrom": ("wasDerivedFrom", *_DERIVED),
    "hadPrimarySource": ("wasDerivedFrom", *_DERIVED),
    "wasAttributedTo": ("wasAttributedTo", "entity", "agent"),
    "wasAssociatedWith": ("wasAssociatedWith", "activity", "agent"),
    "actedOnBehalfOf": ("actedOnBehalfOf", "delegate", "responsible"),
    "specializationOf": ("specializationOf", "specificEntity", "generalEntity"),
    "alternateOf": ("alternateOf", "alternate1", "alternate2"),
    "hadMember": ("hadMember", "collection", "entity"),
    "wasInfluencedBy": ("wasInfluencedBy", "influencee", "influencer"),
    "influenced": ("wasInfluencedBy", "influencer", "influencee"),
}
"""Property, the kind of record that it states, and the arguments that its subject and object are."""
_DERIVATION: Final = {
    "entity": "usedEntity",
    "hadActivity": "activity",
    "hadGeneration": "generation",
    "hadUsage": "usage",
}
_QUALIFIED: Final[dict[str, tuple[str, str, dict[str, str]]]] = {
    "qualifiedGeneration": ("wasGeneratedBy", "entity", {"activity": "activity", "atTime": "time"}),
    "qualifiedUsage": ("used", "activity", {"entity": "entity", "atTime": "time"}),
    "qualifiedCommunication": ("wasInformedBy", "informed", {"activity": "informant"}),
    "qualifiedStart": ("wasStartedBy", "activity", {"entity": "trigger", "hadActivity": "starter", "atTime": "time"}),
    "qualifiedEnd": ("wasEndedBy", "activity", {"entity": "trigger", "hadActivity": "ender", "atTime": "time"}),
    "qualifiedInvalidation": ("wasInvalidatedBy", "entity", {"activity": "activity", "atTime": "time"}),
    "qualifiedDerivation": ("wasDerivedFrom", "generatedEntity", _DERIVATION),
    "qualifiedRevision": ("wasDerivedFrom", "generatedEntity", _DERIVATION),
    "qualifiedQuotation": ("wasDerivedFrom", "generatedEntity", _DERIVATION),
    "qualifiedPrimarySource": ("wasDerivedFrom", "generatedEntity", _DERIVATION),
    "qualifiedAttribution": ("wasAttributedTo", "entity", {"agent": "agent"}),
    "qualifiedAssociation": ("wasAssociatedWith", "activity", {"agent": "agent", "hadPlan": "plan"}),
    "qualifiedDelegation": ("actedOnBehalfOf", "delegate", {"agent": "responsible", "hadActivity": "activity"}),
    "qualifiedInfluence": (
        "wasInfluencedBy",
        "influencee",
        {"influencer": "influencer", "entity": "influencer", "activity": "influencer", "agent": "influencer"},
    ),
}
_TYPES: Final = {
    "wasRevisionOf": "Revision",
    "wasQuotedFrom": "Quotation",
    "hadPrimarySource": "PrimarySource",
    "qualifiedRevision": "Revision",
    "qualifiedQuotation": "Quotation",
    "qualifiedPrimarySource": "PrimarySource",
}
_TIMES: Final = ("startedAtTime", "endedAtTime", "atTime", "generatedAtTime", "invalidatedAtTime")
_CLASSES: Final = {
    "Entity": "entity",
    "Plan": "entity",
    "Collection": "entity",
    "EmptyCollection": "entity",
    "Bundle": "entity",
    "Activity": "activity",
    "Agent": "agent",
    "Person": "agent",
    "Organization": "agent",
    "SoftwareAgent": "agent",
}


class _Graph:
    """What is said in PROV's terms, by predicate and by subject; a blank node is named as an unknown."""

    def __init__(self, triples: Triples) -> None:
        self.said: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self.objects: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.members: dict[str, list[str]] = defaultdict(list)
        for triple in triples:
            if isinstance(triple.subject, ox.Triple) or isinstance(triple.object, ox.Triple):
                continue  # a quoted triple states nothing by itself
            name = triple.predicate.value
            if name == RDF + "type":
                self.members[_name(triple.object)].append(_name(triple.subject))
            elif name.startswith(PROV):
                name, subject, value = name.removeprefix(PROV), _name(triple.subject), _name(triple.object)
                self.said[name].append((subject, value))
                self.objects[subject, name].append(value)


def _name(term: Any) -> str:
    return BLANK + term.value if isinstance(term, ox.BlankNode) else str(term.value)


def records_from_rdf(triples: Triples) -> list[Record]:
    """The PROV-O statements of one graph as records (W3C PROV-O)."""
    graph = _Graph(triples)
    return [*_elements(graph), *_plain(graph), *_mentions(graph), *_qualified(graph)]


def ill_timed(triples: Triples) -> Iterator[Finding]:
    """Values given as times that can be none, and don't claim to be: strict reading has found those that do."""
    for triple in triples:
        name, value = triple.predicate.value, triple.object
        if name.startswith(PROV) and name.removeprefix(PROV) in _TIMES:
            typed = isinstance(value, ox.Literal) and value.datatype.value == XSD + "dateTime"
            if not typed and not (isinstance(value, ox.Literal) and may_mean("dateTime", value.value.strip())):
                message = f"{str(getattr(value, 'value', value))!r:.80} is no xsd:dateTime."
                where = f"{triple.subject} prov:{name.removeprefix(PROV)}"
                yield Finding("prov_time_form", where[:300], message, "Write the time as an xsd:dateTime.")


def _elements(graph: _Graph) -> Iterator[Record]:
    for name, kind in _CLASSES.items():
        for subject in sorted(set(graph.members[PROV + name])):
            yield Record(kind, subject, {}, subject, frozenset([PROV + name]))
    for name, argument in (("startedAtTime", "startTime"), ("endedAtTime", "endTime")):
        for subject, value in sorted(graph.said[name]):
            yield Record("activity", subject, {argument: value}, subject)


def _plain(graph: _Graph) -> Iterator[Record]:
    for name, (kind, first, second) in _PLAIN.items():
        types = frozenset([PROV + _TYPES[name]] if name in _TYPES else [])
        for subject, target in sorted(set(graph.said[name])):
            yield Record(kind, None, {first: subject, second: target}, f"{subject} prov:{name}", types)


def _mentions(graph: _Graph) -> Iterator[Record]:
    """``prov:mentionOf`` names the general entity and ``prov:asInBundle`` its bundle (PROV-LINKS)."""
    for subject, general in sorted(set(graph.said["mentionOf"])):
        given = {"specificEntity": subject, "generalEntity": general}
        bundles = sorted(set(graph.objects.get((subject, "asInBundle"), ())))
        for more in [{"bundle": bundle} for bundle in bundles] or [{}]:
            yield Record("mentionOf", None, given | more, f"{subject} prov:mentionOf")


def _qualified(graph: _Graph) -> Iterator[Record]:
    """The records that a node of a qualified relation stands for: several when it says one thing several times."""
    for name, (kind, first, parts) in _QUALIFIED.items():
        types = frozenset([PROV + _TYPES[name]] if name in _TYPES else [])
        for subject, node in sorted(set(graph.said[name])):
            found: dict[str, set[str]] = defaultdict(set)
            for part, argument in parts.items():
                found[argument].update(graph.objects.get((node, part), ()))
            rows = list(zip_longest(*(sorted(values) for values in found.values())))
            for row in rows or [()]:
                given = {key: value for key, value in zip(found, row, strict=False) if value is not None}
                yield Record(kind, node, {first: subject, **given}, f"{subject} prov:{name}", types)
