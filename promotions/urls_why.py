"""Addresses of "Why?": the form, and the page of one audit reference; ``promotions.urls`` takes them in."""

from __future__ import annotations

from django.urls import path

from promotions.views import why

urlpatterns = [
    path("why/", why.look_up_form, name="why"),
    path("why/<path:reference>/", why.why_page, name="why_of"),
]
