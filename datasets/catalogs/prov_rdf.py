"""PROV records out of a PROV-O graph, in the one shape that the constraints can judge.

Decides which statement of PROV-O says which record (W3C PROV-O §3); never reads bytes and never judges whether the
records agree (prov_constraints does). Serves clause D1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_records import Record
from datasets.catalogs.rdf_reading import Triples
from datasets.catalogs.triplet import Statements

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
}
"""Property, the kind of record that it states, and the arguments that its subject and object are."""
_DERIVATION: Final = {"entity": "usedEntity", "hadActivity": "activity"}
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
}
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


def records_from_rdf(triples: Triples) -> list[Record]:
    """The PROV-O statements of a graph as records (W3C PROV-O); a blank qualified influence has no identifier."""
    graph = Statements(triples)
    blank = {str(term.value) for triple in triples for term in (triple.subject,) if isinstance(term, ox.BlankNode)}
    return [*_elements(graph), *_plain(graph), *_qualified(graph, blank)]


def _elements(graph: Statements) -> Iterator[Record]:
    for name, kind in _CLASSES.items():
        for subject in sorted(graph.instances(PROV + name)):
            yield Record(kind, subject, {}, subject, frozenset([PROV + name]))
    for name, argument in (("startedAtTime", "startTime"), ("endedAtTime", "endTime")):
        for subject, value in graph.mentioned(PROV + name):
            yield Record("activity", subject, {argument: value}, subject)


def _plain(graph: Statements) -> Iterator[Record]:
    for name, (kind, first, second) in _PLAIN.items():
        for subject, target in graph.mentioned(PROV + name):
            yield Record(kind, None, {first: subject, second: target}, f"{subject} prov:{name}")


def _qualified(graph: Statements, blank: set[str]) -> Iterator[Record]:
    for name, (kind, first, parts) in _QUALIFIED.items():
        for subject, node in graph.mentioned(PROV + name):
            found = {argument: graph.objects(node, PROV + part) for part, argument in parts.items()}
            if len(found.get("usedEntity", {""})) != 1:
                continue  # a derivation from nothing named orders nothing
            single = {argument: next(iter(values)) for argument, values in found.items() if len(values) == 1}
            identifier = None if node in blank else node
            yield Record(kind, identifier, {first: subject, **single}, f"{subject} prov:{name}")
