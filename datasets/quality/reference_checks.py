"""The referential check: values of this file that another dataset's published version must hold.

Looks only at the file it is given as that version's released data, so nothing that was hidden there can be asked for.
A dataset that is not published makes the check an error, never a pass. Keeps clause E2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.quality import column_types as types
from datasets.quality.measures import NotMeasurable, RowTest, Table, quoted
from datasets.quality.value_checks import names_of


def references(table: Table, parameters: Mapping[str, Any]) -> RowTest:
    """Share of the rows whose ``fields`` (none of them null) are the ``dataset_fields`` of a row of ``dataset``.

    ``dataset_fields`` (or ``dataset_field``) defaults to the same names. Reads the other dataset's published version.
    """
    own = names_of(parameters, ())
    their = names_of(parameters, own, "dataset_field", "dataset_fields")
    if len(own) != len(their):
        raise NotMeasurable("The check names another number of fields of the other dataset than of this one.")
    columns = [table.column(name) for name in own]
    path, schema = table.reference(parameters.get("dataset"))
    for name, other in zip(own, their, strict=True):
        if not isinstance(other, str) or other not in schema.names:
            raise NotMeasurable(f"The other dataset has no field {str(other)[:80]!r}.")
        if _kind(table.type_of(name)) != _kind(schema.field(other).type):
            raise NotMeasurable(f"The field {name[:80]!r} and the one it refers to are of different types.")
    view = _view(table, path, schema)
    keys = ", ".join(f"r{schema.names.index(name)}" for name in their)
    given = " AND ".join(f"{column} IS NOT NULL" for column in columns)
    # The constant makes a row of a single field too, which null in the other file does not turn into "not known".
    bad = f"row({', '.join(columns)}, 0) NOT IN (SELECT row({keys}, 0) FROM {view})"  # noqa: S608 - c0, r0
    return RowTest(given, bad, "rows with a reference")


def _view(table: Table, path: Any, schema: Any) -> str:
    """A view of the other file with columns ``r0``, ``r1``, ..."""
    name = f"ref{list(table.references.values()).index(path)}"
    names = ", ".join(f"r{index}" for index in range(len(schema)))
    source = f"SELECT * FROM read_parquet({quoted(path)})"  # noqa: S608 - quoted literal
    table.connection.execute(f"CREATE OR REPLACE TEMP VIEW {name}({names}) AS {source}")
    return name


def _kind(kind: Any) -> str:
    if types.is_integer(kind) or types.is_floating(kind):
        return "number"
    return "text" if types.is_text(kind) else str(kind)
