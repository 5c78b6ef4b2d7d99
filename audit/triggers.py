"""Append-only tables, enforced by the database: a migration operation that any app may use.

Decides nothing; installs triggers on SQLite and PostgreSQL that refuse UPDATE, DELETE and (PostgreSQL) TRUNCATE with an
integrity error. All are named ``kfm_append_only_<table>_<verb>``, so that tests and checks can find every one of them.
Keeps style rule 9: history is never updated or deleted, and the database enforces it.

SQLite rebuilds a table when a later migration alters it, and drops its triggers then: such a migration must end with
``AppendOnly("<table>")`` again (it replaces what is there).
"""

from __future__ import annotations

import re
from typing import Any

from django.db import NotSupportedError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

PREFIX = "kfm_append_only_"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")

_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION kfm_append_only() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END
$body$
"""


def trigger_name(table: str, verb: str) -> str:
    """``kfm_append_only_<table>_<verb>``."""
    return f"{PREFIX}{table}_{verb}"


def _sqlite(table: str, verb: str, key: str) -> str:
    """``replace``: SQLite's INSERT OR REPLACE deletes without firing DELETE triggers, so a taken *key* is refused."""
    name, refusal = trigger_name(table, verb), f"RAISE(ABORT, '{table} is append-only: {verb.upper()} is refused')"
    if verb == "replace":
        taken = f'EXISTS (SELECT 1 FROM "{table}" WHERE "{key}" = NEW."{key}")'  # noqa: S608 - checked names
        return f'CREATE TRIGGER "{name}" BEFORE INSERT ON "{table}" WHEN {taken} BEGIN SELECT {refusal}; END'
    return f'CREATE TRIGGER "{name}" BEFORE {verb.upper()} ON "{table}" BEGIN SELECT {refusal}; END'


def _postgresql(table: str, verb: str) -> str:
    each = "STATEMENT" if verb == "truncate" else "ROW"
    return (
        f'CREATE TRIGGER "{trigger_name(table, verb)}" BEFORE {verb.upper()} ON "{table}" '
        f"FOR EACH {each} EXECUTE FUNCTION kfm_append_only()"
    )


class AppendOnly(Operation):
    """Migration operation: rows of *table* may be inserted and read; each verb left ``True`` is refused. Reversible.

    *key*: the table's primary key column.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(
        self, table: str, *, update: bool = True, delete: bool = True, truncate: bool = True, key: str = "id"
    ) -> None:
        for name in (table, key):
            if _NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r} is no table or column name of this project.")
        self.table, self.key = table, key
        self.update, self.delete, self.truncate = update, delete, truncate

    def _verbs(self, vendor: str) -> list[str]:
        chosen = {"update": self.update, "delete": self.delete}
        if vendor == "sqlite":
            return [verb for verb, refused in {**chosen, "replace": self.delete}.items() if refused]
        if vendor == "postgresql":
            return [verb for verb, refused in {**chosen, "truncate": self.truncate}.items() if refused]
        raise NotSupportedError(f"{self.table} can't be made append-only on {vendor}. Use PostgreSQL or SQLite.")

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Triggers are no part of the models' state."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        vendor = schema_editor.connection.vendor
        self.database_backwards(app_label, schema_editor, from_state, to_state)
        if vendor == "postgresql":
            schema_editor.execute(_POSTGRESQL_FUNCTION, params=None)
        for verb in self._verbs(vendor):
            made = _postgresql(self.table, verb) if vendor == "postgresql" else _sqlite(self.table, verb, self.key)
            schema_editor.execute(made, params=None)

    def database_backwards(
        self,
        app_label: str,  # noqa: ARG002 - Django's signature
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,  # noqa: ARG002 - Django's signature
        to_state: Any,  # noqa: ARG002 - Django's signature
    ) -> None:
        vendor = schema_editor.connection.vendor
        suffix = f' ON "{self.table}"' if vendor == "postgresql" else ""
        for verb in self._verbs(vendor):
            schema_editor.execute(f'DROP TRIGGER IF EXISTS "{trigger_name(self.table, verb)}"{suffix}', params=None)

    def describe(self) -> str:
        return f"Make {self.table} append-only"


def installed_triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Every append-only trigger that is installed and enabled, with its table."""
    queries = {
        "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s",
        "postgresql": "SELECT tgname, relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
        "WHERE tgname LIKE %s AND tgenabled <> 'D' AND pg_table_is_visible(pg_class.oid)",
    }
    with connection.cursor() as cursor:
        cursor.execute(queries[connection.vendor], [f"{PREFIX}%"])
        return dict(cursor.fetchall())
