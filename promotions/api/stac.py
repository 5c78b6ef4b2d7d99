"""Edges: the published STAC documents as a STAC API (STAC API 1.0.0: core, collections, features, item search).

Serves the released documents byte for byte, one collection a dataset and one item for its published version. What a
search shows is filtered by policy in the database, and by place and time on the released documents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from datasets.policy.requests import Action
from promotions.api import files, shapes
from promotions.api.answers import BadParameter, json_answer
from promotions.api.base import MAX_PAGE, ApiView, page_size
from promotions.api.reading import SLUG, VERSION_ID, Reader, Released, released
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
#: Versions looked at in one search; the next page goes on from there.
_SCANNED = 500

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
            token=_token(request.query_params.get("token")),
        )
        page = search.run(self.reader(), lambda found: files.json_document(found, COLLECTION))
        links = [link("self", url("collections")), link("root", url()), *search.next_link("collections", page)]
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
            [link("self", url("search"), GEOJSON), link("root", url()), *search.next_link("search", page)],
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


@dataclass(frozen=True, slots=True)
class Page:
    """``after``: the last dataset looked at, when there may be more."""

    documents: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True, slots=True)
class Search:
    """A parsed search. ``collections`` and ``ids``: ``None`` for all."""

    limit: int
    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    bbox: tuple[float, float, float, float] | None = None
    period: tuple[datetime | None, datetime | None] | None = None
    token: str = ""
    asked: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Search:
        """Raises ``BadParameter``, also for a parameter it does not know: a filter ignored would answer too much."""
        unknown = sorted(set(given) - {p.name for p in _SEARCH})
        if unknown:
            raise BadParameter(f"Unknown parameter {unknown[0]!r:.40}. Known: {', '.join(p.name for p in _SEARCH)}.")
        return cls(
            limit=page_size(given.get("limit"), default=10),
            collections=_names(given.get("collections"), SLUG.fullmatch),
            ids=_names(given.get("ids"), VERSION_ID.fullmatch),
            bbox=_bbox(given["bbox"]) if "bbox" in given else None,
            period=_period(given["datetime"]) if "datetime" in given else None,
            token=_token(given.get("token")),
            asked=tuple((name, value) for name, value in sorted(given.items()) if name not in {"token", "limit"}),
        )

    def run(self, reader: Reader, document_of: Callable[[Released], dict[str, Any]]) -> Page:
        """One page: at most ``limit`` documents, after looking at a bounded number of versions."""
        versions = reader.published(Action.READ).filter(dataset__slug__gt=self.token)
        if self.collections is not None:
            versions = versions.filter(dataset__slug__in=self.collections)
        if self.ids is not None:
            versions = versions.filter(version_id__in=self.ids)
        documents: list[dict[str, Any]] = []
        filtered = self.bbox is not None or self.period is not None
        window = _SCANNED if filtered else self.limit
        after = None
        for looked_at, version in enumerate(versions[: window + 1]):
            if looked_at == window or len(documents) == self.limit:
                return Page(documents, after)
            document = document_of(released(version))
            if self.matches(document):
                documents.append(document)
            after = version.dataset.slug
        return Page(documents, None)

    def matches(self, item: Mapping[str, Any]) -> bool:
        """Place by bbox overlap, time by interval overlap; an item without a place is in no bbox."""
        if self.bbox is not None and not _overlaps(self.bbox, item.get("bbox")):
            return False
        return self.period is None or _within(self.period, item.get("properties") or {})

    def next_link(self, path: str, page: Page) -> Iterator[dict[str, Any]]:
        if page.after is not None:
            query = urlencode([*self.asked, ("limit", str(self.limit)), ("token", page.after)])
            yield link(
                "next", f"{url(path)}?{query}", GEOJSON if path == "search" else "application/json", method="GET"
            )


def _names(given: str | None, well_formed: Callable[[str], object]) -> tuple[str, ...] | None:
    """The well-formed names; one that is not well formed names nothing."""
    return None if given is None else tuple(name for name in given.split(",")[:1000] if well_formed(name))


def _token(given: str | None) -> str:
    if given and SLUG.fullmatch(given) is None:
        raise BadParameter("token must come from a next link.")
    return given or ""


def _bbox(given: str) -> tuple[float, float, float, float]:
    try:
        numbers = [float(part) for part in given.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:  # noqa: PLR2004 - with heights: west, south, lowest, east, north, highest
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(-360 <= n <= 360 for n in numbers) or numbers[1] > numbers[3]:  # noqa: PLR2004 - degrees
        raise BadParameter("bbox is west,south,east,north in degrees.")
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _overlaps(asked: tuple[float, float, float, float], found: object) -> bool:
    if not isinstance(found, list) or len(found) not in (4, 6):
        return False
    west, south, east, north = (*found[:2], *found[len(found) // 2 :][:2])
    across = asked[0] <= east and west <= asked[2]
    if asked[0] > asked[2]:  # over the antimeridian (RFC 7946 §5.2)
        across = asked[0] <= east or west <= asked[2]
    return bool(across and asked[1] <= north and south <= asked[3])


def _period(given: str) -> tuple[datetime | None, datetime | None]:
    parts = given.split("/")
    ends = [None if part in ("..", "") else _instant(part) for part in parts]
    if len(parts) == 1 and ends[0] is not None:
        return ends[0], ends[0]
    if len(parts) != 2 or ends == [None, None] or (ends[0] and ends[1] and ends[0] > ends[1]):  # noqa: PLR2004 - begin and end
        raise BadParameter("datetime is an RFC 3339 instant, or an interval begin/end with .. for an open end.")
    return ends[0], ends[1]


def _instant(text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadParameter("datetime is an RFC 3339 instant with its zone, such as 2026-02-20T00:00:00Z.")
    return found


def _within(period: tuple[datetime | None, datetime | None], properties: Mapping[str, Any]) -> bool:
    texts = [
        properties.get("start_datetime") or properties.get("datetime"),
        properties.get("end_datetime") or properties.get("datetime"),
    ]
    start, end = (parse_datetime(text) if isinstance(text, str) else None for text in texts)
    if start is None or end is None:
        return False
    earliest, latest = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return (period[0] or earliest) <= end and start <= (period[1] or latest)
