"""Many stored DCAT records as one catalogue, in JSON-LD and in Turtle, one record in memory at a time.

Decides how records that were built and released one by one are joined into one document; never what a record says and
never who may read it. A record as ``build_dcat`` writes it is taken over by its bytes; any other is read and written
anew, and one that can't be read ends the catalogue (``UnreadableRecordError``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pyoxigraph

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.linked_data import TURTLE_HEAD, Node, json_ld_bytes, reference, text, turtle_body, turtle_bytes
from datasets.catalogs.namespaces import PREFIXES

Record = tuple[str, bytes]
"""The IRI of a dataset version and its stored record."""
_OPENING, _CLOSING = json_ld_bytes([]).split(b"[]")
_HEAD: Final = _OPENING + b"[\n"
_TAIL: Final = b"\n  ]" + _CLOSING
_LEAVES_GRAPH: Final = b"\n  ]"


class UnreadableRecordError(ValueError):
    """A stored record is no JSON-LD or Turtle; the message says which and why, without its text."""


def catalogue_json_ld(iri: str, records: Iterable[Record]) -> Iterator[bytes]:
    """The parts of one JSON-LD 1.1 document: the catalogue's own node, then each record's."""
    yield _HEAD + _node(_catalog(iri))
    for dataset, raw in records:
        yield b",\n" + _node(_member(iri, dataset)) + b",\n" + _nodes(dataset, raw)
    yield _TAIL


def catalogue_turtle(iri: str, records: Iterable[Record]) -> Iterator[bytes]:
    """The parts of one Turtle document: the prefixes once, the catalogue's own node, then each record's triples."""
    catalog = pyoxigraph.NamedNode(iri)
    yield turtle_bytes([_catalog(iri)])
    for dataset, raw in records:
        member = f"{catalog} dcat:dataset {pyoxigraph.NamedNode(dataset)} .\n"
        yield member.encode() + _triples(dataset, raw)


def _catalog(iri: str) -> Node:
    return {
        "@id": iri,
        "@type": "dcat:Catalog",
        "dct:title": text("KFM published datasets"),
        "dct:description": text("Published dataset versions of the Kansas Frontier Matrix."),
    }


def _member(iri: str, dataset: str) -> Node:
    return {"@id": iri, "dcat:dataset": reference(dataset)}


def _node(node: Any) -> bytes:
    return b"    " + json.dumps(node, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def _nodes(dataset: str, raw: bytes) -> bytes:
    """The text of the nodes of a record; a node keeps a context of its own where that is not the shared one."""
    body = raw[len(_HEAD) : -len(_TAIL)]
    if raw == _HEAD + body + _TAIL and body and _LEAVES_GRAPH not in body:
        return body  # a line break inside a text is escaped, so the graph ends nowhere in between
    try:
        document = parse_strict(raw)
    except StrictJsonError as error:
        raise UnreadableRecordError(f"The DCAT record of {dataset} is no JSON ({error.code}).") from error
    if not isinstance(document, dict):
        raise UnreadableRecordError(f"The DCAT record of {dataset} is no JSON object.")
    context, graph = document.get("@context"), document.get("@graph")
    nodes = graph if isinstance(graph, list) else [{key: value for key, value in document.items() if key != "@context"}]
    own = {} if context == PREFIXES else {"@context": context}
    return b",\n".join(_node({**own, **node} if isinstance(node, dict) else node) for node in nodes)


def _triples(dataset: str, raw: bytes) -> bytes:
    body = raw.removeprefix(TURTLE_HEAD)
    if raw.startswith(TURTLE_HEAD) and b"\n@" not in body and b"_:" not in body and body.endswith(b".\n"):
        return body
    try:
        triples = {str(quad.triple): quad.triple for quad in pyoxigraph.parse(raw, format=pyoxigraph.RdfFormat.TURTLE)}
    except (SyntaxError, ValueError) as error:
        raise UnreadableRecordError(f"The DCAT record of {dataset} is no Turtle.") from error
    return turtle_body(triples[name] for name in sorted(triples))
