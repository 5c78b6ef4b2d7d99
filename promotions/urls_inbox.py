"""Addresses of the quarantine inbox, its cases and the notices; ``promotions.urls`` takes them in at the root."""

from __future__ import annotations

from django.urls import path

from promotions.views import bulk, inbox, notices, quarantine, ways

_CASE = "quarantine/<int:case_pk>/"

urlpatterns = [
    path("quarantine/", inbox.quarantine_page, name="quarantine"),
    path("quarantine/places-foretold/", ways.places_foretold, name="places_foretold"),
    path("quarantine/bulk/", bulk.bulk_page, name="bulk"),
    path("quarantine/bulk/done/", bulk.outcomes, name="bulk_outcomes"),
    path(_CASE, quarantine.case_page, name="case"),
    path(f"{_CASE}samples/", inbox.samples_page, name="case_samples"),
    path(f"{_CASE}failing.geojson", inbox.failing_geometries, name="case_failing"),
    path(f"{_CASE}derive/", ways.derive, name="case_derive"),
    path(f"{_CASE}metadata-only/", ways.metadata_only, name="case_metadata_only"),
    path(f"{_CASE}run/", quarantine.run, name="case_run"),
    path(f"{_CASE}reopen/", quarantine.reopen, name="case_reopen"),
    path(f"{_CASE}plan/", quarantine.act, {"way": "plan"}, name="case_plan"),
    path(f"{_CASE}<slug:way>/", quarantine.act, name="case_resolve"),
    path("notices/", notices.notice_list, name="notices"),
    path("notices/read/", notices.mark_read, name="notices_read"),
    path("notices/<int:notice_pk>/", notices.open_notice, name="notice_open"),
]
