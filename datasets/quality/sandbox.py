"""The child process in which a spec's own SQL runs: one SELECT over one file, with nothing else in reach.

Run as ``python -m datasets.quality.sandbox`` by ``custom_sql``; request and answer are JSON on its pipes. Whoever may
propose a spec may write SQL, so it is held like a stranger's: no file but the data, no extension, no setting, no clock,
no chance, bounded memory and time. DuckDB alone is not enough (``repeat('x', 3000000000)`` takes 6 GB past its own
memory limit and ignores an interrupt for 20 s), so the operating system holds the limits too.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import duckdb

DATA_BYTES = 700 * 1024 * 1024
MEMORY = "200MB"
CPU_SECONDS = 60
OPEN_FILES = 64
TABLE = "data"
#: Table functions that make rows out of nothing but their arguments.
HARMLESS_TABLES = frozenset({"range", "generate_series", "unnest"})
_CLOCK_WORDS = frozenset({"current_date", "current_timestamp", "current_time", "localtime", "localtimestamp"})
#: Functions of the catalog that say something of the machine, the clock or chance, or run SQL that was not looked at.
_REFUSED = frozenset({"query", "query_table", "getenv", "sleep_ms", "write_log", "today", "now", "random", "error"})


class Refusal(Exception):  # noqa: N818 - a sentence about the SQL
    """The SQL may not run, or gave no usable answer; the message names no value."""


def limit() -> None:
    """Holds this process to its memory, time and files; it writes none."""
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_BYTES, DATA_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def connect(parquet: str, columns: list[str]) -> duckdb.DuckDBPyConnection:
    """A locked connection with the view ``data``; ``columns``: the names it shows, the row number's last."""
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY,
            "temp_directory": "",
            "threads": "1",
        }
    )
    literal = "'" + parquet.replace("'", "''") + "'"
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    source = f"SELECT *, row_number() OVER () FROM read_parquet({literal})"  # noqa: S608 - quoted literal
    connection.execute(f"CREATE TEMP VIEW {TABLE}({names}) AS {source}")
    connection.execute(f"SET allowed_paths = [{literal}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def look_at(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Raises ``Refusal`` unless the text is one SELECT over ``data`` whose answer depends on the data alone."""
    (text,) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
    tree = json.loads(text)
    if tree.get("error", True) or len(tree.get("statements", ())) != 1:
        raise Refusal("The SQL is not one SELECT statement.")
    fixed = "SELECT function_name FROM duckdb_functions() WHERE stability IN ('VOLATILE', 'CONSISTENT_WITHIN_QUERY')"
    refused = _REFUSED | {str(row[0]).lower() for row in connection.execute(fixed).fetchall()}
    nodes = list(_nodes(tree))
    named = {str(entry["key"]).lower() for node in nodes for entry in _entries(node.get("cte_map"))}
    for node in nodes:
        _look_at_node(node, named, refused)


def _entries(cte_map: Any) -> list[Any]:
    return cte_map.get("map", []) if isinstance(cte_map, dict) else []


def _look_at_node(node: dict[str, Any], named: set[str], refused: frozenset[str] | set[str]) -> None:
    kind, name = node.get("type"), str(node.get("function_name", "")).lower()
    if kind == "BASE_TABLE":
        away = node.get("schema_name") or node.get("catalog_name")
        if away or str(node.get("table_name", "")).lower() not in {TABLE, *named}:
            raise Refusal(f"The SQL reads something else than {TABLE}.")
    elif kind == "TABLE_FUNCTION":
        function = node.get("function") or {}
        if str(function.get("function_name", "")).lower() not in HARMLESS_TABLES:
            raise Refusal(f"The SQL reads something else than {TABLE}.")
    elif kind in {"SHOW_REF", "COLUMN_DATA", "DELIM_GET"}:
        raise Refusal(f"The SQL reads something else than {TABLE}.")
    elif name in refused:
        raise Refusal(f"The SQL calls {name}, which asks the clock, chance or the machine.")
    elif kind == "COLUMN_REF" and str((node.get("column_names") or [""])[-1]).lower() in _CLOCK_WORDS:
        raise Refusal("The SQL asks the clock; a check's answer rests on the data alone.")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON tree."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            yield item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def answer(connection: duckdb.DuckDBPyConnection, sql: str, returns: str, rows: int) -> dict[str, Any]:
    """``{"rows": [numbers from 1]}`` or ``{"number": value}``. Raises ``Refusal`` or ``duckdb.Error``."""
    found = connection.execute(sql)
    if len(found.description or ()) != 1:
        raise Refusal("The SQL gives more than one column.")
    if returns == "number":
        lines = found.fetchmany(2)
        if len(lines) != 1 or not _is_number(lines[0][0]):
            raise Refusal("The SQL doesn't give one finite number.")
        return {"number": float(lines[0][0])}
    failing: set[int] = set()
    while lines := found.fetchmany(10_000):
        for (number,) in lines:
            if type(number) is not int or not 1 <= number <= rows:
                raise Refusal("The SQL gives something else than row numbers of the data.")
            failing.add(number)
    return {"rows": sorted(failing)}


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and abs(float(value)) <= 2**53
    except (TypeError, ValueError):
        return False


def respond(request: dict[str, Any]) -> dict[str, Any]:
    """The answer to one request (``parquet``, ``columns``, ``sql``, ``returns``, ``rows``), or ``{"error": why}``."""
    try:
        connection = connect(request["parquet"], request["columns"])
        look_at(connection, request["sql"])
        return answer(connection, request["sql"], request["returns"], request["rows"])
    except Refusal as refusal:
        return {"error": str(refusal)}
    except (duckdb.Error, MemoryError, RecursionError) as error:
        return {"error": f"The engine refused the SQL ({type(error).__name__})."}


def main() -> None:
    """Answers the one request on standard input, within the limits."""
    request = json.load(sys.stdin)
    limit()
    json.dump(respond(request), sys.stdout)


if __name__ == "__main__":
    main()
