"""The ledger's addresses, below ``/ledger/``."""

from __future__ import annotations

from django.urls import path

from audit import views

app_name = "audit"
urlpatterns = [
    path("", views.entry_list, name="entry_list"),
    path("verify/", views.verify_now, name="verify"),
    path("export/", views.export, name="export"),
    path("checkpoint/", views.checkpoint_text, name="checkpoint"),
    path("<int:index>/", views.entry_page, name="entry"),
]
