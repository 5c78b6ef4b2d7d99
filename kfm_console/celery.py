"""The Celery app. Without REDIS_URL its broker is a file of our own, see ``kfm_console.broker``."""

from __future__ import annotations

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kfm_console.settings")

TRANSPORT_ALIASES["sqla"] = "kfm_console.broker:Transport"

app = Celery("kfm_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
