"""The one way JSON-LD and Turtle bytes are written: sorted, inline context, no blank nodes, no clock.

Decides the bytes of an RDF document from its nodes; never what the nodes say. Keeps design §7's byte-identical rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pyoxigraph

from datasets.catalogs.namespaces import PREFIXES, XSD

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
    written = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=2, allow_nan=False)
    return (written + "\n").encode("utf-8")


def json_ld_bytes(nodes: Sequence[Node]) -> bytes:
    """A JSON-LD 1.1 document: the shared prefixes as an inline context, nodes in order of their ``@id``."""
    graph: list[Node] = sorted(nodes, key=lambda node: str(node["@id"]))
    return json_bytes({"@context": PREFIXES, "@graph": graph})


def turtle_bytes(json_ld: bytes) -> bytes:
    """The same triples as Turtle, sorted by subject, predicate and object."""
    triples: list[pyoxigraph.Triple] = [
        quad.triple for quad in pyoxigraph.parse(json_ld, format=pyoxigraph.RdfFormat.JSON_LD)
    ]
    written = pyoxigraph.serialize(sorted(triples, key=str), format=pyoxigraph.RdfFormat.TURTLE, prefixes=PREFIXES)
    if written is None:  # only with an output stream, which is not given here
        raise TypeError("The Turtle serializer returned no bytes.")
    lines = written.splitlines(keepends=True)
    # The serializer writes prefixes in the order of a randomly seeded hash map; sorted, they never move.
    prefixes = sorted(line for line in lines[: len(PREFIXES)])
    return b"".join([*prefixes, *lines[len(PREFIXES) :]])


__all__ = ["XSD", "Node", "json_bytes", "json_ld_bytes", "moment", "reference", "text", "turtle_bytes", "typed"]
