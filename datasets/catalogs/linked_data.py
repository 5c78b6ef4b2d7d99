"""The one way JSON-LD and Turtle bytes are written: sorted, inline context, no blank nodes, no clock.

Decides the bytes of an RDF document from its nodes; never what the nodes say. Keeps design §7's byte-identical rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from json.encoder import encode_basestring
from typing import Any, Final

import pyoxigraph

from datasets.catalogs.namespaces import PREFIXES, RDF, XSD

Node = dict[str, Any]


def reference(iri: str) -> Node:
    return {"@id": iri}


def text(value: str) -> Node:
    """A human text in English."""
    return {"@value": value, "@language": "en"}


def typed(value: str, datatype: str) -> Node:
    """A literal; ``datatype`` is the local name of an XML Schema type or a full IRI."""
    return {"@value": value, "@type": datatype if ":" in datatype else f"xsd:{datatype}"}


def moment(value: str) -> Node:
    """``YYYY``, ``YYYY-MM``, ``YYYY-MM-DD`` or an RFC 3339 time, typed by its precision."""
    return typed(value, {4: "gYear", 7: "gYearMonth", 10: "date"}.get(len(value), "dateTime"))


def json_bytes(document: object) -> bytes:
    """Sorted keys, two spaces, UTF-8, one newline at the end; NaN is refused (ValueError)."""
    return (_written(document, "\n") + "\n").encode("utf-8")


def _written(value: object, margin: str) -> str:
    """The text of ``json.dumps(…, ensure_ascii=False, sort_keys=True, indent=2)``, several times as quickly.

    The standard library has no fast way to indent. ``margin``: a line break and the indentation of the holder.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    deeper = margin + "  "
    if isinstance(value, dict):
        if not value:
            return "{}"
        parts = [f"{encode_basestring(key)}: {_written(value[key], deeper)}" for key in sorted(value)]
        return f"{{{deeper}{(',' + deeper).join(parts)}{margin}}}"
    if isinstance(value, (list, tuple)):
        if not value:
            return "[]"
        return f"[{deeper}{(',' + deeper).join([_written(part, deeper) for part in value])}{margin}]"
    return json.dumps(value, allow_nan=False)


def json_ld_bytes(nodes: Sequence[Node]) -> bytes:
    """A JSON-LD 1.1 document: the shared prefixes as an inline context, nodes in order of their ``@id``."""
    graph: list[Node] = sorted(nodes, key=lambda node: str(node["@id"]))
    return json_bytes({"@context": PREFIXES, "@graph": graph})


def turtle_bytes(nodes: Sequence[Node]) -> bytes:
    """The same triples as Turtle, sorted by subject, predicate and object."""
    stated = {text: triple for node in nodes for text, triple in _triples(node)}
    return TURTLE_HEAD + turtle_body(stated[text] for text in sorted(stated))


def turtle_body(triples: Iterable[pyoxigraph.Triple]) -> bytes:
    """Triples in Turtle, in their order, without the prefix lines (``TURTLE_HEAD``)."""
    written = pyoxigraph.serialize(triples, format=pyoxigraph.RdfFormat.TURTLE, prefixes=PREFIXES)
    if written is None:  # only with an output stream, which is not given here
        raise TypeError("The Turtle serializer returned no bytes.")
    # The serializer writes prefixes in the order of a randomly seeded hash map; TURTLE_HEAD has them sorted.
    return b"".join(written.splitlines(keepends=True)[len(PREFIXES) :])


def _triples(node: Node) -> Iterator[tuple[str, pyoxigraph.Triple]]:
    """Each triple with its N-Triples text, by which it is sorted."""
    iri = expanded(node["@id"])
    subject, opening = pyoxigraph.NamedNode(iri), f"<{iri}> <"
    for name, value in node.items():
        if name == "@id":
            continue
        full = RDF + "type" if name == "@type" else expanded(name)
        predicate, begun = _named(full), f"{opening}{full}> "
        for part in value if isinstance(value, list) else [value]:
            term = _term(part)
            yield begun + str(term), pyoxigraph.Triple(subject, predicate, term)


_named = lru_cache(maxsize=256)(pyoxigraph.NamedNode)


def _term(part: str | Node) -> pyoxigraph.NamedNode | pyoxigraph.Literal:
    if isinstance(part, str):  # under @type
        return pyoxigraph.NamedNode(expanded(part))
    if "@id" in part:
        return pyoxigraph.NamedNode(expanded(part["@id"]))
    if "@language" in part:
        return pyoxigraph.Literal(part["@value"], language=part["@language"])
    return pyoxigraph.Literal(part["@value"], datatype=pyoxigraph.NamedNode(expanded(part["@type"])))


def expanded(name: str) -> str:
    """A compact IRI in full, as JSON-LD 1.1 §5.2 reads it; any other IRI as it is."""
    prefix, colon, rest = name.partition(":")
    return PREFIXES[prefix] + rest if colon and prefix in PREFIXES and not rest.startswith("//") else name


TURTLE_HEAD: Final = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(PREFIXES.items())).encode()

__all__ = [
    "TURTLE_HEAD",
    "XSD",
    "Node",
    "expanded",
    "json_bytes",
    "json_ld_bytes",
    "moment",
    "reference",
    "text",
    "turtle_body",
    "turtle_bytes",
    "typed",
]
