"""Addresses of recovery and of outside links; ``promotions.urls`` takes them in at the root."""

from __future__ import annotations

from django.urls import path

from promotions import urls_versions  # noqa: F401 - registers the converter of version ids
from promotions.views import links, recovery

_DATASET = "datasets/<slug:slug>/"
_VERSION = f"{_DATASET}versions/<version:version_id>/"

urlpatterns = [
    path("recovery/", recovery.overview, name="recovery"),
    path("recovery/checks/<int:check_pk>/", recovery.drift_check, name="drift_check"),
    path(f"{_VERSION}recovery/", recovery.version_recovery, name="version_recovery"),
    path(f"{_VERSION}recovery/link-report.json", recovery.link_report, name="link_report"),
    path(f"{_DATASET}links/", links.dataset_links, name="links"),
    path("links/<int:link_pk>/", links.link_page, name="link"),
]
