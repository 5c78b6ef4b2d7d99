"""Addresses of sources, terms, running again and the list of runs; ``promotions.urls`` takes them in at the root."""

from __future__ import annotations

from django.urls import path

from promotions import urls_versions  # noqa: F401 - registers the converter of version ids
from promotions.views import again, embargoes, jobs, sources, terms

_DATASET = "datasets/<slug:slug>/"

urlpatterns = [
    path("runs/", jobs.runs, name="runs"),
    path("sources/", sources.all_sources, name="sources"),
    path("sources/<int:source_pk>/", sources.source_page, name="source"),
    path("sources/<int:source_pk>/change/", sources.change, name="change_source"),
    path("sources/<int:source_pk>/fetch/", sources.fetch, name="fetch_source"),
    path(f"{_DATASET}sources/", sources.dataset_sources, name="dataset_sources"),
    path(f"{_DATASET}sources/new/", sources.record, name="record_source"),
    path(f"{_DATASET}embargo/", embargoes.embargo, name="embargo"),
    path("embargoes/<int:embargo_pk>/", embargoes.by_number, name="embargo_by_number"),
    path(f"{_DATASET}terms/", terms.terms_page, name="terms"),
    path(f"{_DATASET}versions/<version:version_id>/again/", again.again, name="again"),
]
