"""Every address of the console."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from kfm_console.health import healthz

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("ledger/", include("audit.urls")),
    path("api/v1/", include("promotions.api.urls")),
    path("admin/", admin.site.urls),
]
