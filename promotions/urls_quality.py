"""Addresses of a version's QA report; ``promotions.urls`` takes them in at the root."""

from __future__ import annotations

from django.urls import path

from promotions import urls_versions  # noqa: F401 - registers the converter of version ids
from promotions.views import quality

_VERSION = "datasets/<slug:slug>/versions/<version:version_id>/"

urlpatterns = [
    path(f"{_VERSION}quality/", quality.quality_page, name="quality"),
    path(f"{_VERSION}quality/preview/", quality.quality_preview, name="quality_preview"),
    path(f"{_VERSION}quality/failing.geojson", quality.failing_geojson, name="quality_failing"),
    path(f"{_VERSION}quality.json", quality.quality_json, name="quality_json"),
]
