"""Lets tests empty append-only tables: Django's flush, and nothing else, runs with the triggers out of the way.

The labels that a migration made are there again afterwards, so that no test depends on what ran before it.

``transaction=True`` tests end in ``manage.py flush`` (DELETE on SQLite, TRUNCATE on PostgreSQL), which the triggers
of :mod:`audit.triggers` refuse, as they should. Open :func:`allow_flush` once for the session; the product has no
such door.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.operations import BaseDatabaseOperations

from audit.triggers import PREFIX


@contextmanager
def without_append_only(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Takes every append-only trigger away and puts it back as it was, in one transaction."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s", [f"{PREFIX}%"]
            )
            found = cursor.fetchall()
            away = [f'DROP TRIGGER "{name}"' for name, _ in found]
            back = [sql for _, sql in found]
        else:
            cursor.execute(
                "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal AND tgname LIKE %s",
                [f"{PREFIX}%"],
            )
            found = cursor.fetchall()
            away = [f'ALTER TABLE {table} DISABLE TRIGGER "{name}"' for name, table in found]
            back = [f'ALTER TABLE {table} ENABLE TRIGGER "{name}"' for name, table in found]
        for statement in away:
            cursor.execute(statement)
        yield
        for statement in back:
            cursor.execute(statement)


@contextmanager
def allow_flush() -> Iterator[None]:
    """While open, Django's flush may empty append-only tables."""
    flush = BaseDatabaseOperations.execute_sql_flush

    def flush_all(operations: BaseDatabaseOperations, sql_list: list[str]) -> None:
        with without_append_only(connections[operations.connection.alias]):
            flush(operations, sql_list)
            importlib.import_module("datasets.migrations.0003_built_in_labels").seed(apps, None)

    with mock.patch.object(BaseDatabaseOperations, "execute_sql_flush", flush_all):
        yield
