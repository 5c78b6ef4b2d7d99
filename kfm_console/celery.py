"""The Celery app, and how it uses the embedded broker (an SQLite file, when there is no REDIS_URL).

The broker only wakes workers; what is owed is a row (ADR 0001). So the broker's file may lose its last commits at a
power cut (``synchronous=NORMAL``), and a delivered message is deleted at once: kombu keeps it for ever otherwise.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from kombu.transport.sqlalchemy import Channel
from kombu.transport.sqlalchemy import Transport as SqlAlchemyTransport
from sqlalchemy import Engine, event

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "kfm_console.settings")

# Not settable through transport options (create_engine refuses it); 1.0 s would mean two tasks a second.
SqlAlchemyTransport.polling_interval = 0.25

_BROKER_PRAGMAS = ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", "PRAGMA busy_timeout=20000")
_FORGET_DELIVERED = """
CREATE TRIGGER IF NOT EXISTS forget_delivered AFTER UPDATE OF visible ON kombu_message
WHEN NEW.visible = 0 BEGIN DELETE FROM kombu_message WHERE id = NEW.id; END
"""


def _tune_connection(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _BROKER_PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


class EmbeddedChannel(Channel):
    """kombu's SQLAlchemy channel with an engine tuned for several processes on one SQLite file."""

    def _engine_from_config(self) -> Engine:
        engine: Engine = super()._engine_from_config()
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _tune_connection)
        return engine

    def _open(self) -> Any:
        client: Any = self.connection.client
        known = client.hostname in self._engines
        engine, session = super()._open()
        if not known and engine.dialect.name == "sqlite":
            with engine.begin() as connection:
                connection.exec_driver_sql(_FORGET_DELIVERED)
        return engine, session


SqlAlchemyTransport.Channel = EmbeddedChannel

app = Celery("kfm_console")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
