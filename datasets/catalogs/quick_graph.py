"""RDF in memory for the SHACL judge: pyoxigraph's terms as rdflib's, in a graph that looks up in maps of its own.

Decides nothing about a document. It says the same triples as rdflib's own graph would, in the order they were stated;
rdflib's store keeps contexts that no record has, and they cost more than the look-ups. Serves clause D1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import pyoxigraph as ox
import rdflib
from rdflib.plugins.stores.memory import Memory

Node = Any
"""An rdflib term; rdflib's own annotations of patterns are too wide to repeat."""
_TEXT: Final = "http://www.w3.org/2001/XMLSchema#string"


class NewerTermError(ValueError):
    """A triple term or a directed text of RDF 1.2, which rdflib has no terms for."""


class _Store(Memory):
    """rdflib's store in memory with maps of its own for the triples, which are all in one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.stated: dict[tuple[Node, Node, Node], None] = {}
        self.by_subject: dict[Node, dict[Node, list[Node]]] = {}
        self.by_predicate: dict[Node, list[tuple[Node, Node]]] = {}
        self.by_object: dict[tuple[Node, Node], list[Node]] = {}
        self._graphs: list[Any] = []

    def add(self, triple: Any, context: Any, quoted: bool = False) -> None:  # noqa: FBT001, FBT002 - rdflib's signature
        if quoted or (self._graphs and context is not self._graphs[0]):
            raise TypeError("This store holds one graph, and nothing quoted.")
        self._graphs = [context]
        if triple not in self.stated:
            subject, predicate, value = triple
            self.stated[triple] = None
            self.by_subject.setdefault(subject, {}).setdefault(predicate, []).append(value)
            self.by_predicate.setdefault(predicate, []).append((subject, value))
            self.by_object.setdefault((predicate, value), []).append(subject)

    def remove(self, triple_pattern: Any, context: Any = None) -> None:
        raise TypeError(f"A graph that is judged is not changed: {triple_pattern}, {context}.")

    def __len__(self, context: Any = None) -> int:
        return len(self.stated)

    def contexts(self, triple: Any = None) -> Generator[Any, None, None]:
        yield from self._graphs if triple is None or triple in self.stated else ()

    def triples(self, triple_pattern: Any, context: Any = None) -> Generator[Any, None, None]:
        subject, predicate, value = triple_pattern
        found: Iterable[Any]
        if subject is not None and predicate is not None and value is not None:
            found = [triple_pattern] if triple_pattern in self.stated else []
        elif subject is not None:
            held = self.by_subject.get(subject, {})
            names = held if predicate is None else [predicate]
            found = [(subject, name, one) for name in names for one in held.get(name, ())]
        elif predicate is not None:
            found = [(s, predicate, o) for s, o in self.by_predicate.get(predicate, ())]
        else:
            found = list(self.stated)
        graphs = self._graphs if context is None else [context]
        return ((one, (graph for graph in graphs)) for one in found if value is None or one[2] == value)


class QuickGraph(rdflib.Graph):
    """An rdflib graph that is only added to; the look-ups of the judge are one or two steps in a dictionary."""

    def __init__(self) -> None:
        self._held = _Store()
        super().__init__(store=self._held)

    def objects(self, subject: Any = None, predicate: Any = None, unique: bool = False) -> Generator[Any, None, None]:  # noqa: FBT001, FBT002 - rdflib's signature
        if subject is None or predicate is None or unique or isinstance(subject, list) or _is_path(predicate):
            return super().objects(subject, predicate, unique)
        return (one for one in self._held.by_subject.get(subject, {}).get(predicate, ()))

    def subjects(self, predicate: Any = None, object: Any = None, unique: bool = False) -> Generator[Any, None, None]:  # noqa: A002, FBT001, FBT002 - rdflib's signature
        if predicate is None or object is None or unique or isinstance(object, list) or _is_path(predicate):
            return super().subjects(predicate, object, unique)
        return (one for one in self._held.by_object.get((predicate, object), ()))

    def subject_objects(self, predicate: Any = None, unique: bool = False) -> Generator[Any, None, None]:  # noqa: FBT001, FBT002 - rdflib's signature
        if predicate is None or unique or _is_path(predicate):
            return super().subject_objects(predicate, unique)
        return (one for one in self._held.by_predicate.get(predicate, ()))

    def predicate_objects(self, subject: Any = None, unique: bool = False) -> Generator[Any, None, None]:  # noqa: FBT001, FBT002 - rdflib's signature
        if subject is None or unique:
            return super().predicate_objects(subject, unique)
        return ((name, one) for name, held in self._held.by_subject.get(subject, {}).items() for one in held)


def graph_of(triples: Iterable[ox.Triple]) -> QuickGraph:
    """The same triples in rdflib's terms. NewerTermError.

    Blank nodes get new names: pyshacl remembers their text by name and by the graph's place in memory, across graphs.
    """
    graph, blank = QuickGraph(), defaultdict[str, rdflib.BNode](rdflib.BNode)
    for triple in triples:
        graph.add((_term(triple.subject, blank), _name(triple.predicate.value), _term(triple.object, blank)))
    return graph


def _is_path(predicate: object) -> bool:
    return isinstance(predicate, rdflib.paths.Path)


def _term(term: object, blank: Mapping[str, rdflib.BNode]) -> Node:
    if isinstance(term, ox.NamedNode):
        return rdflib.URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return blank[term.value]
    if not isinstance(term, ox.Literal) or term.direction is not None:
        raise NewerTermError("it has terms of RDF 1.2")
    if term.language is not None:
        return rdflib.Literal(term.value, lang=term.language)
    datatype = term.datatype.value
    return rdflib.Literal(term.value, datatype=None if datatype == _TEXT else _name(datatype))


@lru_cache(maxsize=512)
def _name(iri: str) -> rdflib.URIRef:
    """Predicates and datatypes are few and come again and again."""
    return rdflib.URIRef(iri)
