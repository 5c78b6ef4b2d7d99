"""Edges: datasets, versions, manifests, artifacts and catalog documents.

Each view looks up through ``Reader``, decides through it, and answers; nothing about who may read is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from django.http import HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request

from datasets import decisions
from datasets.models import PolicyDecision
from datasets.policy.requests import Action
from datasets.receipts import instant
from promotions.api import files, shapes
from promotions.api.answers import Absent, BadParameter, json_answer
from promotions.api.base import ApiView, page_size
from promotions.api.files import File
from promotions.api.reading import SLUG, Released, check_bytes_may_go, identity_of, recorded_obligations, released
from promotions.api.shapes import responses

_KEY = OpenApiParameter(
    "key", shapes.TEXT, OpenApiParameter.PATH, description="A key in the catalogs, or a path in the manifest."
)
_PATH = OpenApiParameter(
    "path", shapes.TEXT, OpenApiParameter.PATH, description="dcat.jsonld, prov/bundle.jsonld, stac/collection.json, …"
)


class LandingView(ApiView):
    @extend_schema(operation_id="landing", tags=["api"], responses=responses(shapes.Landing))
    def get(self, request: Request) -> HttpResponseBase:  # noqa: ARG002 - the framework's signature
        """Where everything is."""
        base = files.base_url()
        names = {
            "datasets": "datasets/",
            "evidence": "evidence/resolve",
            "stac": "stac/",
            "dcat_jsonld": "dcat/catalog.jsonld",
            "dcat_turtle": "dcat/catalog.ttl",
            "openapi_json": "openapi.json",
            "openapi_yaml": "openapi.yaml",
        }
        return json_answer(
            {
                "title": "KFM governed API",
                "description": "Published dataset versions of the Kansas Frontier Matrix, with their evidence.",
                "links": {name: f"{base}/{path}" for name, path in names.items()},
            }
        )


class DatasetListView(ApiView):
    @extend_schema(
        operation_id="list_datasets",
        tags=["datasets"],
        parameters=[shapes.LIMIT, shapes.query("after", "List datasets after this dataset_id.")],
        responses=responses(shapes.DatasetPage, 400),
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Published datasets by dataset_id."""
        limit = page_size(request.query_params.get("limit"))
        after = request.query_params.get("after", "")
        if after and SLUG.fullmatch(after) is None:
            raise BadParameter("after is a dataset_id: lower-case letters, digits and underscores.")
        found = list(self.reader().published(Action.DISCOVER).filter(dataset__slug__gt=after)[: limit + 1])
        more = len(found) > limit
        page = [summary(released(version)) for version in found[:limit]]
        following = urlencode({"limit": limit, "after": page[-1]["dataset_id"]}) if more else ""
        return json_answer({"datasets": page, "next": f"{files.base_url()}/datasets/?{following}" if more else None})


class DatasetView(ApiView):
    @extend_schema(
        operation_id="read_dataset",
        tags=["datasets"],
        parameters=[shapes.SLUG],
        responses=responses(shapes.DatasetShape, 404, 410),
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """A dataset and its published version."""
        reader = self.reader()
        found = reader.get(slug)
        decision = reader.decide(found, Action.READ)
        base = f"{files.base_url()}/datasets/{slug}"
        return json_answer(
            {
                "dataset_id": slug,
                "title": found.version.dataset.title,
                "published": summary(found),
                "links": {"self": f"{base}/", "versions": f"{base}/versions/"},
                "audit_ref": decision.decision_id,
            }
        )


class VersionListView(ApiView):
    @extend_schema(
        operation_id="list_versions",
        tags=["datasets"],
        parameters=[shapes.SLUG],
        responses=responses(shapes.VersionList, 404),
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The published version and the tombstones of those before it."""
        reader = self.reader()
        published = list(reader.published(Action.DISCOVER).filter(dataset__slug=slug))
        gone = list(reader.tombstoned().filter(dataset__slug=slug))
        if not published and not gone:
            raise reader.absent(slug, None, Action.DISCOVER)
        return json_answer(
            {
                "dataset_id": slug,
                "title": (published or gone)[0].dataset.title,
                "versions": [summary(released(version)) for version in published],
                "tombstones": [reader.tombstone(version) for version in gone],
            }
        )


class VersionView(ApiView):
    @extend_schema(
        operation_id="read_version",
        tags=["versions"],
        parameters=[shapes.SLUG, shapes.VERSION],
        responses=responses(shapes.VersionShape, 404, 410),
    )
    def get(self, request: Request, slug: str, version_id: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """A published version: identity, rights, obligations, files."""
        reader = self.reader()
        found = reader.get(slug, version_id)
        return json_answer(_version(found, reader.decide(found, Action.READ)))


class ManifestView(ApiView):
    @extend_schema(
        operation_id="read_manifest",
        tags=["versions"],
        parameters=[shapes.SLUG, shapes.VERSION],
        responses=responses({(200, "application/json"): shapes.OBJECT}, 404, 410),
    )
    def get(self, request: Request, slug: str, version_id: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """The promotion manifest, byte for byte as it was released."""
        reader = self.reader()
        found = reader.get(slug, version_id)
        decision = reader.decide(found, Action.READ)
        raw = found.release.manifest.encode()
        answer = files.bytes_answer(self.django_request, raw, found.release.manifest_digest, "application/json")
        return _with(answer, carried_headers(found, decision, ()))


class ArtifactView(ApiView):
    @extend_schema(
        operation_id="download_artifact",
        tags=["versions"],
        parameters=[shapes.SLUG, shapes.VERSION, _KEY],
        responses=responses({(200, "application/octet-stream"): shapes.BYTES}, 404, 410),
    )
    def get(self, request: Request, slug: str, version_id: str, key: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """One artifact's verified bytes; ETag is the digest."""
        reader = self.reader()
        found = reader.get(slug, version_id)
        file = files.find_artifact(found, key)
        if file is None:
            raise reader.absent(slug, version_id, Action.DOWNLOAD)
        action = files.action_for(found, file)
        decision = reader.decide(found, action)
        recorded = recorded_obligations(found)
        if action is Action.DOWNLOAD:
            check_bytes_may_go(decision, recorded)
        return files.file_answer(self.django_request, file, carried_headers(found, decision, recorded), attachment=True)


class CatalogView(ApiView):
    @extend_schema(
        operation_id="read_catalog_document",
        tags=["versions"],
        parameters=[shapes.SLUG, shapes.VERSION, _PATH],
        responses=responses(
            {(200, media): shapes.OBJECT for media in ("application/ld+json", "application/json")}
            | {(200, "text/turtle"): shapes.TEXT},
            404,
            410,
        ),
    )
    def get(self, request: Request, slug: str, version_id: str, path: str) -> HttpResponseBase:  # noqa: ARG002 - as above
        """A DCAT, STAC or PROV document or a run receipt, as released."""
        reader = self.reader()
        found = reader.get(slug, version_id)
        file = files.find_catalog(found, path)
        if file is None:
            raise reader.absent(slug, version_id, Action.READ)
        decision = reader.decide(found, Action.READ)
        return files.file_answer(self.django_request, file, carried_headers(found, decision, ()), attachment=False)


class NoSuchAddress(ApiView):
    """Every other address: the envelope, or the same address with its slash put right."""

    @extend_schema(exclude=True)
    def get(self, request: Request, rest: str = "") -> HttpResponseBase:  # noqa: ARG002 - as above
        path = request.path_info
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        try:
            match = resolve(other)
        except Resolver404:
            raise Absent from None
        if getattr(match.func, "view_class", None) in (None, NoSuchAddress):
            raise Absent
        tail = request.META.get("QUERY_STRING", "")
        return HttpResponsePermanentRedirect(quote(other) + (f"?{tail}" if tail else ""))

    @extend_schema(exclude=True)
    def post(self, request: Request, rest: str = "") -> HttpResponseBase:  # noqa: ARG002 - as above
        raise Absent


def summary(found: Released) -> dict[str, Any]:
    """The short form that lists show."""
    return {
        **identity_of(found.version),
        "standing": found.version.standing.state,
        "manifest_digest": found.release.manifest_digest,
        "released_at": instant(found.release.released_at),
        "href": files.version_url(found),
    }


def obligations_of(decision: PolicyDecision, recorded: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What the version was released under, and what the decision adds to it."""
    now = decisions.document_of(decision)["obligations"]
    return [*recorded, *(item for item in now if item not in recorded)]


def carried_headers(found: Released, decision: PolicyDecision, recorded: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What goes with the bytes: version, label, manifest, and (percent-encoded UTF-8) attribution and notices."""
    notices = [str(o["message"]) for o in obligations_of(decision, recorded) if o.get("type") == "show_notice"]
    headers = {
        "KFM-Dataset-Version": f"{found.slug}@{found.version_id}",
        "KFM-Policy-Label": str(found.version.policy_label_id),
        "KFM-Manifest-Digest": found.release.manifest_digest,
        "KFM-Audit-Ref": decision.decision_id,
        "KFM-Attribution": _ascii(found.version.acquisition.attribution),
        "Link": f'<{files.version_url(found)}>; rel="describedby"; type="application/json"',
    }
    return headers | ({"KFM-Notice": ", ".join(_ascii(text) for text in notices)} if notices else {})


def _ascii(text: str) -> str:
    return quote(text, safe=" .;:()'/&+-")


def _with(response: HttpResponseBase, headers: Mapping[str, str]) -> HttpResponseBase:
    for name, text in headers.items():
        response[name] = text
    return response


def _version(found: Released, decision: PolicyDecision) -> dict[str, Any]:
    own = f"{found.slug}@{found.version_id}"
    artifacts = files.artifacts(found)
    obligations = obligations_of(decision, recorded_obligations(found))
    acquisition = found.version.acquisition
    url = files.version_url(found)
    return {
        **summary(found),
        "license": acquisition.license,
        "rights_holder": acquisition.rights_holder,
        "attribution": acquisition.attribution,
        "terms_uri": acquisition.terms_uri,
        "notices": [item["message"] for item in obligations if item.get("type") == "show_notice"],
        "obligations": obligations,
        "evidence": [f"dcat://{own}", f"stac://{found.slug}/items/{found.version_id}"],
        "artifacts": [_file(file, files.artifact_url(found, file)) for file in artifacts],
        "catalogs": [_file(file, f"{url}/catalog/{quote(_inside(found, file))}") for file in files.catalogs(found)],
        "links": {
            "self": url,
            "manifest": f"{url}/manifest",
            "dcat": f"{url}/catalog/dcat.jsonld",
            "prov": f"{url}/catalog/prov/bundle.jsonld",
            "stac_item": f"{files.base_url()}/stac/collections/{found.slug}/items/{found.version_id}",
        },
        "audit_ref": decision.decision_id,
    }


def _inside(found: Released, file: File) -> str:
    return file.path.removeprefix(f"catalog/{found.slug}/{found.version_id}/")


def _file(file: File, href: str) -> dict[str, Any]:
    fields = {
        "path": file.path,
        "digest": file.digest,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "href": href,
    }
    return ({"key": file.key} if file.key else {}) | fields
