"""The Celery app. On the embedded broker (no REDIS_URL) it polls its own SQLite file four times a second."""

from __future__ import annotations

import os

from celery import Celery
from kombu.transport.sqlalchemy import Transport as SqlAlchemyTransport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kfm_console.settings")

# Not settable through transport options (create_engine refuses it); 1.0 s would mean two tasks a second.
SqlAlchemyTransport.polling_interval = 0.25

app = Celery("kfm_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
