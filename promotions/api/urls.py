"""Every address of the governed API; the catalogs' links (``datasets.catalogs.addresses``) are among them."""

from __future__ import annotations

from django.urls import path, re_path, register_converter

from promotions.api import converters, dcat, evidence, lineage, openapi, stac, submissions, views

register_converter(converters.DatasetSlug, "dataset_slug")
register_converter(converters.VersionId, "version_id")
register_converter(converters.BundleDigest, "bundle_digest")

_VERSION = "datasets/<dataset_slug:slug>/versions/<version_id:version_id>"

app_name = "api"
urlpatterns = [
    path("", views.LandingView.as_view(), name="landing"),
    path("openapi.json", openapi.OpenApiJsonView.as_view(), name="openapi-json"),
    path("openapi.yaml", openapi.OpenApiYamlView.as_view(), name="openapi-yaml"),
    path("datasets/", views.DatasetListView.as_view(), name="datasets"),
    path("datasets/<dataset_slug:slug>/", views.DatasetView.as_view(), name="dataset"),
    path("datasets/<dataset_slug:slug>/versions/", views.VersionListView.as_view(), name="versions"),
    path(_VERSION, views.VersionView.as_view(), name="version"),
    path(f"{_VERSION}/manifest", views.ManifestView.as_view(), name="manifest"),
    path(f"{_VERSION}/artifacts/<path:key>", views.ArtifactView.as_view(), name="artifact"),
    path(f"{_VERSION}/catalog/<path:path>", views.CatalogView.as_view(), name="catalog"),
    path("evidence/resolve", evidence.ResolveView.as_view(), name="resolve"),
    path("evidence/<bundle_digest:digest>", evidence.BundleView.as_view(), name="evidence-bundle"),
    path("stac/", stac.StacLandingView.as_view(), name="stac"),
    path("stac/conformance", stac.ConformanceView.as_view(), name="stac-conformance"),
    path("stac/collections", stac.CollectionsView.as_view(), name="stac-collections"),
    path("stac/collections/<dataset_slug:slug>", stac.CollectionView.as_view(), name="stac-collection"),
    path("stac/collections/<dataset_slug:slug>/items", stac.ItemsView.as_view(), name="stac-items"),
    path(
        "stac/collections/<dataset_slug:slug>/items/<version_id:version_id>", stac.ItemView.as_view(), name="stac-item"
    ),
    path("stac/search", stac.SearchView.as_view(), name="stac-search"),
    path("dcat/catalog.jsonld", dcat.DcatJsonLdView.as_view(), name="dcat-jsonld"),
    path("dcat/catalog.ttl", dcat.DcatTurtleView.as_view(), name="dcat-turtle"),
    path("runs/", submissions.RunsView.as_view(), name="runs"),
    path("runs/<uuid:run_uuid>", submissions.RunView.as_view(), name="run"),
    path("runs/<uuid:run_uuid>/files/<path:path>", submissions.RunFileView.as_view(), name="run-file"),
    path("runs/<uuid:run_uuid>/receipt", submissions.RunReceiptView.as_view(), name="run-receipt"),
    path("lineage", lineage.LineageView.as_view(), name="lineage"),
    re_path(r"^(?P<rest>.*)$", views.NoSuchAddress.as_view(), name="no-such-address"),
]
