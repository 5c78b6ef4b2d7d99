"""Addresses of versions, uploads and jobs; ``promotions.urls`` takes them in under its own namespace, at the root."""

from __future__ import annotations

from django.urls import path, register_converter

from promotions.views import evidence_page, files, jobs, redaction, uploads, versions


class VersionConverter:
    """A version id's characters; anything else is no address, so nothing odd reaches a query."""

    regex = r"[0-9][0-9a-f.-]{3,39}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(VersionConverter, "version")

_VERSION = "datasets/<slug:slug>/versions/<version:version_id>/"

urlpatterns = [
    path("evidence/", evidence_page.evidence_page, name="evidence"),
    path("datasets/<slug:slug>/upload/", uploads.upload, name="upload"),
    path("jobs/<int:job_pk>/", jobs.job_page, name="job"),
    path("jobs/<int:job_pk>/panel/", jobs.job_panel, name="job_panel"),
    path("jobs/<int:job_pk>/cancel/", jobs.cancel, name="job_cancel"),
    path("jobs/<int:job_pk>/retry/", jobs.retry, name="job_retry"),
    path(_VERSION, versions.version_page, name="version"),
    path(f"{_VERSION}redaction/", redaction.plan_page, name="redaction"),
    path(f"{_VERSION}redaction/before.geojson", redaction.before_map, name="redaction_before"),
    path(f"{_VERSION}preview.geojson", files.preview, name="version_preview"),
    path(f"{_VERSION}files/<path:file_path>", files.download, name="version_file"),
]
