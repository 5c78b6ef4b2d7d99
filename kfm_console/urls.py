"""Every address of the console."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from kfm_console import views
from kfm_console.health import healthz

handler400 = "kfm_console.views.bad_request"
handler403 = "kfm_console.views.permission_denied"
handler404 = "kfm_console.views.not_found"
handler500 = "kfm_console.errors.server_error"

urlpatterns = [
    path("", views.home_page, name="home"),
    path("login/", views.SignIn.as_view(), name="login"),
    path("set-password/<uidb64>/<token>/", views.FirstPassword.as_view(), name="set_password"),
    path("healthz", healthz, name="healthz"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("ledger/", include("audit.urls")),
    path("api/v1/", include("promotions.api.urls")),
    # before Django's own, which would count no tries
    path("admin/login/", views.SignIn.as_view()),
    path("admin/password_change/", admin.site.admin_view(views.ChangePassword.as_view(), cacheable=True)),
    path("admin/", admin.site.urls),
    path("datasets/", include("datasets.urls")),
    path("", include("promotions.urls")),
]
