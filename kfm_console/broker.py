"""The embedded broker: kombu's SQLAlchemy transport, tuned for several processes on one SQLite file.

The broker only wakes workers; what is owed is a row (ADR 0001). So its file may lose its last commits at a power cut
(``synchronous=NORMAL``), and a delivered message is deleted at once: kombu keeps it for ever otherwise. Imported only
by a process that connects to it, since SQLAlchemy takes long to import.
"""

from __future__ import annotations

from typing import Any

from kombu.transport.sqlalchemy import Channel
from kombu.transport.sqlalchemy import Transport as SqlAlchemyTransport
from sqlalchemy import Engine, event

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


class Transport(SqlAlchemyTransport):
    """Polls four times a second. Not settable through transport options (create_engine refuses it)."""

    Channel = EmbeddedChannel
    polling_interval = 0.25
