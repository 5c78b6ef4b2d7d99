"""The addresses under test, for as long as the console's own table lacks them."""

from __future__ import annotations

from django.contrib.auth.views import LoginView
from django.urls import include, path

from kfm_console.urls import urlpatterns as console_urlpatterns
from promotions.urls_versions import urlpatterns as version_urlpatterns

urlpatterns = [
    *console_urlpatterns,
    path("login/", LoginView.as_view(), name="login"),
    path("datasets/", include("datasets.urls")),
    path("", include((version_urlpatterns, "promotions"))),
]
