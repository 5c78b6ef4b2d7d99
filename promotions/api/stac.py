"""Edges: the published STAC documents as a STAC API (STAC API 1.0.0: core, collections, features, item search).

Serves the released documents byte for byte, one collection a dataset and one item for its published version. What a
search shows is filtered by policy in the database, and by place and time on the released documents.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from datasets.policy.requests import Action
from promotions.api import files, shapes
from promotions.api.answers import BadParameter, json_answer
from promotions.api.base import MAX_PAGE, ApiView, page_size
from promotions.api.search import Page, Search, token
from promotions.api.shapes import responses

CONFORMANCE = (
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/ogcapi-features",
    "https://api.stacspec.org/v1.0.0/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
)
GEOJSON = "application/geo+json"
COLLECTION = "stac/collection.json"
OPENAPI_MEDIA_TYPE = "application/vnd.oai.openapi+json;version=3.0"

_SEARCH = [
    shapes.LIMIT,
    shapes.query("collections", "dataset_ids, comma-separated"),
    shapes.query("ids", "dataset_version_ids, comma-separated"),
    shapes.query("bbox", "west,south,east,north (or six numbers), degrees"),
    shapes.query("datetime", "RFC 3339 instant or interval; .. is open"),
    shapes.query("token", "From the next link."),
]
_ITEMS = {(200, GEOJSON): shapes.OBJECT}


def url(path: str = "") -> str:
    return f"{files.base_url()}/stac/{path}"


def link(rel: str, href: str, media_type: str = "application/json", **more: object) -> dict[str, Any]:
    return {"rel": rel, "href": href, "type": media_type, **more}


class StacLandingView(ApiView):
    @extend_schema(operation_id="stac_landing", tags=["stac"], responses=responses(shapes.OBJECT))
    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - the framework's signature
        """The STAC catalogue's root."""
        return json_answer(
            {
                "type": "Catalog",
                "stac_version": "1.1.0",
                "id": "kfm",
                "title": "KFM published datasets",
                "description": "Published dataset versions of the Kansas Frontier Matrix.",
                "conformsTo": list(CONFORMANCE),
                "links": [
                    link("self", url()),
                    link("root", url()),
                    link("data", url("collections")),
                    link("conformance", url("conformance")),
                    link("search", url("search"), GEOJSON, method="GET"),
                    link("search", url("search"), GEOJSON, method="POST"),
                    link("service-desc", f"{files.base_url()}/openapi.json", OPENAPI_MEDIA_TYPE),
                    link("service-doc", f"{files.base_url()}/"),
                ],
            }
        )


class ConformanceView(ApiView):
    @extend_schema(operation_id="stac_conformance", tags=["stac"], responses=responses(shapes.OBJECT))
    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The conformance classes kept here."""
        return json_answer({"conformsTo": list(CONFORMANCE)})


class CollectionsView(ApiView):
    @extend_schema(
        operation_id="stac_collections",
        tags=["stac"],
        parameters=[shapes.LIMIT, shapes.query("token", "From the next link.")],
        responses=responses(shapes.OBJECT, 400),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """The collections of the published datasets."""
        search = Search(
            page_size(request.query_params.get("limit"), default=MAX_PAGE),
            token=token(request.query_params.get("token")),
        )
        page = search.run(self.reader(), lambda found: files.json_document(found, COLLECTION))
        links = [link("self", url("collections")), link("root", url()), *_next("collections", search, page)]
        return json_answer({"collections": page.documents, "links": links})


class CollectionView(ApiView):
    @extend_schema(
        operation_id="stac_collection",
        tags=["stac"],
        parameters=[shapes.SLUG],
        responses=responses(shapes.OBJECT, 404, 410),
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The collection of a dataset's published version."""
        reader = self.reader()
        found = reader.get(slug)
        reader.decide(found, Action.READ)
        raw, digest = files.catalog_bytes(found, COLLECTION)
        return files.bytes_answer(self.django_request, raw, digest, "application/json")


class ItemsView(ApiView):
    @extend_schema(
        operation_id="stac_items",
        tags=["stac"],
        parameters=[shapes.SLUG, *(p for p in _SEARCH if p.name not in {"collections", "ids"})],
        responses=responses(_ITEMS, 400, 404, 410),
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        """The items of a collection."""
        search = Search.of(
            {name: value for name, value in _asked(request).items() if name not in {"collections", "ids"}}
        )
        reader = self.reader()
        found = reader.get(slug)
        reader.decide(found, Action.READ)
        item = files.json_document(found, files.item_path(found))
        items = [item] if search.matches(item) and not search.token else []
        links = [
            link("self", url(f"collections/{slug}/items"), GEOJSON),
            link("root", url()),
            link("collection", url(f"collections/{slug}")),
        ]
        return _feature_collection(items, links)


class ItemView(ApiView):
    @extend_schema(
        operation_id="stac_item",
        tags=["stac"],
        parameters=[shapes.SLUG, shapes.VERSION],
        responses=responses(_ITEMS, 404, 410),
    )
    def get(self, request: Request, slug: str, version_id: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The item of a published version."""
        reader = self.reader()
        found = reader.get(slug, version_id)
        reader.decide(found, Action.READ)
        raw, digest = files.catalog_bytes(found, files.item_path(found))
        return files.bytes_answer(self.django_request, raw, digest, GEOJSON)


class SearchView(ApiView):
    @extend_schema(operation_id="stac_search", tags=["stac"], parameters=_SEARCH, responses=responses(_ITEMS, 400))
    def get(self, request: Request) -> HttpResponseBase:
        """Published items by collection, id, place and time."""
        return self._answer(Search.of(_asked(request)))

    @extend_schema(
        operation_id="stac_search_post",
        tags=["stac"],
        request={"application/json": {"type": "object"}},
        responses=responses(_ITEMS, 400),
    )
    def post(self, request: Request) -> HttpResponseBase:
        """The same search, its parameters as a JSON object."""
        if not isinstance(request.data, dict):
            raise BadParameter("The body is a JSON object.")
        return self._answer(Search.of({name: _as_text(name, value) for name, value in request.data.items()}))

    def _answer(self, search: Search) -> HttpResponseBase:
        page = search.run(self.reader(), lambda found: files.json_document(found, files.item_path(found)))
        return _feature_collection(
            page.documents,
            [link("self", url("search"), GEOJSON), link("root", url()), *_next("search", search, page)],
        )


def _feature_collection(items: list[dict[str, Any]], links: list[dict[str, Any]]) -> HttpResponseBase:
    body = {"type": "FeatureCollection", "features": items, "numberReturned": len(items), "links": links}
    return json_answer(body, media_type=GEOJSON)


def _asked(request: Request) -> dict[str, str]:
    """The query's parameters; of one given twice, the last."""
    return {name: request.query_params[name] for name in request.query_params}


def _as_text(name: str, value: object) -> str:
    """A POSTed parameter in the form it has in a query."""
    if isinstance(value, list) and all(
        isinstance(item, str | int | float) and not isinstance(item, bool) for item in value
    ):
        return ",".join(str(item) for item in value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise BadParameter(f"{name[:40]} must be a text, a number or a list of them.")


def _next(path: str, search: Search, page: Page) -> list[dict[str, Any]]:
    following = search.next_query(page)
    media_type = GEOJSON if path == "search" else "application/json"
    return [link("next", f"{url(path)}?{following}", media_type, method="GET")] if following else []
