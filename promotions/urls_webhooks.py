"""Addresses of webhooks, and of the key that their receivers verify with; ``promotions.urls`` takes them in."""

from __future__ import annotations

from django.urls import path

from promotions.views import webhooks

urlpatterns = [
    path("webhooks/", webhooks.webhook_list, name="webhooks"),
    path("webhooks/new/", webhooks.record, name="webhook_record"),
    path("webhooks/<int:webhook_pk>/", webhooks.webhook_page, name="webhook"),
    path("webhooks/<int:webhook_pk>/test/", webhooks.send_test, name="webhook_test"),
    path(".well-known/kfm-webhook-key", webhooks.public_key, name="webhook_key"),
]
