"""The datasets' addresses, below ``/datasets/``; what belongs to a version is in ``promotions``."""

from __future__ import annotations

from django.urls import path

from datasets import views

app_name = "datasets"
urlpatterns = [
    path("", views.dataset_list, name="list"),
    path("new/", views.register, name="register"),
    path("new/preview/", views.preview, name="preview"),
    path("<slug:slug>/", views.detail, name="detail"),
    path("<slug:slug>/spec/", views.record_spec, name="record_spec"),
    path("<slug:slug>/spec/preview/", views.preview, name="spec_preview"),
]
