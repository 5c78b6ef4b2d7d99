"""The embedded broker: several processes on one file, and no message kept once it was delivered."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from kombu import Connection

import kfm_console.celery  # noqa: F401 - names the tuned transport


def test_a_delivered_message_leaves_the_brokers_file(tmp_path: Path) -> None:
    file = tmp_path / "broker.sqlite3"
    with Connection(f"sqla+sqlite:///{file}") as connection:
        queue = connection.SimpleQueue("wake")
        queue.put({"work": 7})
        message = queue.get(block=False)
        assert message.payload == {"work": 7}
        message.ack()
        queue.close()
    with sqlite3.connect(file) as rows:
        assert rows.execute("SELECT count(*) FROM kombu_message").fetchone() == (0,)
        assert rows.execute("PRAGMA journal_mode").fetchone() == ("wal",)
