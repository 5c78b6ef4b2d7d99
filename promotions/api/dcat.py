"""Edges: all published datasets as one DCAT catalogue, in JSON-LD and in Turtle, streamed.

One version's document is in memory at a time. A document that can't be read cuts the stream: a catalogue that silently
lacks a dataset would be a wrong answer.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pyoxigraph
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.linked_data import Node, reference, text
from datasets.catalogs.namespaces import PREFIXES, dataset_iri
from datasets.policy.requests import Action
from promotions.api import files, shapes
from promotions.api.answers import CACHE_CONTROL, ApiError, NotServable
from promotions.api.base import ApiView
from promotions.api.reading import Reader, released
from promotions.api.shapes import responses

logger = logging.getLogger(__name__)

_CHUNK = 50
#: Chunks made before the answer starts: the head, the catalogue's own node, and the first dataset.
_READ_AHEAD = 3


class DcatJsonLdView(ApiView):
    @extend_schema(
        operation_id="dcat_jsonld", tags=["dcat"], responses=responses({(200, "application/ld+json"): shapes.OBJECT})
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The catalogue as JSON-LD 1.1."""
        return _stream(request, _json_ld(self.reader()), "application/ld+json")


class DcatTurtleView(ApiView):
    @extend_schema(operation_id="dcat_turtle", tags=["dcat"], responses=responses({(200, "text/turtle"): shapes.TEXT}))
    def get(self, request: Request) -> HttpResponseBase:
        """The catalogue as Turtle."""
        return _stream(request, _turtle(self.reader()), "text/turtle")


def _stream(request: Request, chunks: Iterator[bytes], media_type: str) -> HttpResponseBase:
    """The first dataset is read before the answer starts, so that a store that is away is a 503."""
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=media_type)
    else:
        first = list(_first(chunks))
        response = StreamingHttpResponse(chain(first, chunks), content_type=media_type)
    response["Cache-Control"] = CACHE_CONTROL
    return response


def _first(chunks: Iterator[bytes]) -> Iterator[bytes]:
    for position, chunk in enumerate(chunks):
        yield chunk
        if position == _READ_AHEAD:
            return


def _documents(reader: Reader) -> Iterator[tuple[str, bytes]]:
    """(dataset IRI, stored ``dcat.jsonld``) of each published version that the reader may read, by slug."""
    for version in reader.published(Action.READ).iterator(chunk_size=_CHUNK):
        try:
            raw, _ = files.catalog_bytes(released(version), "dcat.jsonld")
        except ApiError:
            logger.exception("the DCAT catalogue was cut at a version whose record is not whole")
            raise
        yield dataset_iri(version.dataset.slug, version.version_id), raw


def _catalog() -> Node:
    return {
        "@id": f"{files.base_url()}/dcat/catalog",
        "@type": "dcat:Catalog",
        "dct:title": text("KFM published datasets"),
        "dct:description": text("Published dataset versions of the Kansas Frontier Matrix."),
    }


def _member(iri: str) -> Node:
    return {"@id": f"{files.base_url()}/dcat/catalog", "dcat:dataset": reference(iri)}


def _written(node: object) -> str:
    return json.dumps(node, ensure_ascii=False, sort_keys=True)


def _json_ld(reader: Reader) -> Iterator[bytes]:
    yield f'{{"@context": {_written(PREFIXES)},\n"@graph": [\n{_written(_catalog())}'.encode()
    for iri, raw in _documents(reader):
        nodes = [_member(iri), *_nodes(raw)]
        yield "".join(f",\n{_written(node)}" for node in nodes).encode()
    yield b"\n]}\n"


def _nodes(raw: bytes) -> list[Any]:
    """The nodes of a stored document; each keeps a context of its own when that is not the shared one."""
    try:
        document = parse_strict(raw)
    except StrictJsonError as error:
        raise NotServable(f"A released DCAT document can't be read as JSON ({error.code}).") from error
    context = document.get("@context")
    graph = document.get("@graph")
    nodes = graph if isinstance(graph, list) else [{key: value for key, value in document.items() if key != "@context"}]
    return nodes if context == PREFIXES else [{"@context": context, **node} for node in nodes]


def _turtle(reader: Reader) -> Iterator[bytes]:
    yield "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in sorted(PREFIXES.items())).encode()
    head = {"@context": PREFIXES, "@graph": [_catalog()]}
    yield _as_turtle(_written(head).encode())
    for iri, raw in _documents(reader):
        yield _as_turtle(_written({"@context": PREFIXES, "@graph": [_member(iri)]}).encode())
        yield _as_turtle(raw)


def _as_turtle(json_ld: bytes) -> bytes:
    """The triples in Turtle, without the prefix lines, which the stream has given already."""
    try:
        triples = sorted(
            (quad.triple for quad in pyoxigraph.parse(json_ld, format=pyoxigraph.RdfFormat.JSON_LD)), key=str
        )
    except SyntaxError as error:
        raise NotServable("A released DCAT document can't be read as JSON-LD.") from error
    written = pyoxigraph.serialize(triples, format=pyoxigraph.RdfFormat.TURTLE, prefixes=PREFIXES)
    if written is None:  # only with an output stream, which is not given here
        raise TypeError("The Turtle serializer returned no bytes.")
    return b"".join(written.splitlines(keepends=True)[len(PREFIXES) :])
