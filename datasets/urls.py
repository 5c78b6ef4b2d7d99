"""The datasets' addresses, below ``/datasets/``; what belongs to a version is in ``promotions``."""

from __future__ import annotations

from django.urls import path

from datasets import views, views_specs

app_name = "datasets"
urlpatterns = [
    path("", views.dataset_list, name="list"),
    path("new/", views_specs.register, name="register"),
    path("new/preview/", views_specs.preview, name="preview"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/spec/", views_specs.record_spec, name="record_spec"),
    path("<slug:slug>/spec/preview/", views_specs.preview, name="spec_preview"),
]
