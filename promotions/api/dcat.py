"""Edges: all published datasets as one DCAT catalogue, in JSON-LD and in Turtle, streamed.

One version's document is in memory at a time, and it is the one that was built when the version was cataloged: nothing
is built for an answer. A document that can't be read cuts the stream: a catalogue that silently lacks a dataset would
be a wrong answer.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import chain, islice

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from datasets.catalogs.catalogue import Record, UnreadableRecordError, catalogue_json_ld, catalogue_turtle
from datasets.catalogs.namespaces import dataset_iri
from datasets.policy.requests import Action
from promotions.api import files, shapes
from promotions.api.answers import CACHE_CONTROL, ApiError, NotServable
from promotions.api.base import ApiView
from promotions.api.reading import Reader, released
from promotions.api.shapes import responses

logger = logging.getLogger(__name__)

#: Versions fetched from the database at a time; each costs one look at the store besides.
_CHUNK = 50
#: Parts made before the answer starts: the head with the catalogue's own node, and the first dataset.
_READ_AHEAD = 2


class DcatJsonLdView(ApiView):
    @extend_schema(
        operation_id="dcat_jsonld", tags=["dcat"], responses=responses({(200, "application/ld+json"): shapes.OBJECT})
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The catalogue as JSON-LD 1.1."""
        records = _records(self.reader(), "dcat.jsonld")
        return _stream(request, catalogue_json_ld(_iri(), records), "application/ld+json")


class DcatTurtleView(ApiView):
    @extend_schema(operation_id="dcat_turtle", tags=["dcat"], responses=responses({(200, "text/turtle"): shapes.TEXT}))
    def get(self, request: Request) -> HttpResponseBase:
        """The catalogue as Turtle."""
        return _stream(request, catalogue_turtle(_iri(), _records(self.reader(), "dcat.ttl")), "text/turtle")


def _iri() -> str:
    return f"{files.base_url()}/dcat/catalog"


def _stream(request: Request, parts: Iterator[bytes], media_type: str) -> HttpResponseBase:
    """The first dataset is read before the answer starts, so that a store that is away is a 503."""
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=media_type)
    else:
        whole = _whole(parts)
        first = list(islice(whole, _READ_AHEAD))
        response = StreamingHttpResponse(chain(first, whole), content_type=media_type)
    response["Cache-Control"] = CACHE_CONTROL
    return response


def _whole(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts, or the error that cuts them, told to the log with the reason."""
    try:
        yield from parts
    except UnreadableRecordError as error:
        logger.exception("the DCAT catalogue was cut at a record that can't be read")
        raise NotServable(str(error)) from error


def _records(reader: Reader, path: str) -> Iterator[Record]:
    """Each published version that the reader may read, by slug, with its stored record *path*."""
    for version in reader.published(Action.READ).iterator(chunk_size=_CHUNK):
        try:
            raw, _ = files.catalog_bytes(released(version), path)
        except ApiError:
            logger.exception("the DCAT catalogue was cut at a version whose record is not whole")
            raise
        yield dataset_iri(version.dataset.slug, version.version_id), raw
