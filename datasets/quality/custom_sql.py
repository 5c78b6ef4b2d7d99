"""The check a spec writes itself, in SQL: asks the sandbox and reads its answer, which it never believes unseen.

``SELECT`` over ``data`` with the file's own column names, and ``n``, the row's number from 1 (``kfm_row`` in a file
with a column called n). With ``returns: rows`` it gives the numbers of the failing rows, with ``returns: number`` one
number. What the sandbox refuses, or has no answer to in time, is an error, never a pass. Keeps clause E2.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.quality.measures import CustomSql, Measure, NotMeasurable, Table, share
from datasets.quality.rowset import RowSet

MOST_SQL_CHARACTERS = 4_000
SECONDS = 15.0
_ROOT = Path(__file__).resolve().parents[2]


def custom_sql(_table: Table, parameters: Mapping[str, Any]) -> CustomSql:
    """Share of the rows that ``sql`` doesn't list, or the number it gives, by ``returns``."""
    sql, returns = parameters.get("sql"), parameters.get("returns")
    if not isinstance(sql, str) or not 0 < len(sql) <= MOST_SQL_CHARACTERS:
        raise NotMeasurable(f"The check has no SQL of 1 to {MOST_SQL_CHARACTERS} characters.")
    if returns not in {"rows", "number"}:
        raise NotMeasurable("The check doesn't say whether its SQL returns rows or a number.")
    if returns == "number" and "operator" not in parameters:
        raise NotMeasurable("A number of one's own needs an operator to be compared by.")
    return CustomSql(sql, returns)


def ask(table: Table, probe: CustomSql, *, seconds: float = SECONDS) -> Measure:
    """Runs the SQL in a process of its own, killed after ``seconds``. Raises ``NotMeasurable``."""
    request = {
        "parquet": str(table.path.resolve()),
        "columns": _columns(table),
        "sql": probe.sql,
        "returns": probe.returns,
        "rows": table.rows,
    }
    said = _run(request, seconds)
    if "error" in said:
        raise NotMeasurable(str(said["error"]))
    if probe.returns == "number":
        return Measure(float(said["number"]))
    import numpy as np

    failing = RowSet(table.rows)
    failing.add(np.array(said["rows"], dtype=np.int64) - 1)
    failed = len(failing)
    value = share(table.rows - failed, table.rows, "rows")
    return Measure(value, {"checked": table.rows, "failed": failed}, failing)


def _run(request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "datasets.quality.sandbox"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the SQL goes in by its pipe
            command,
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=_ROOT,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise NotMeasurable(f"The SQL had no answer after {seconds:g} seconds.") from error
    try:
        said = json.loads(done.stdout)
    except ValueError as error:
        raise NotMeasurable("The SQL was stopped: it asked for too much memory or time.") from error
    return said if isinstance(said, dict) else {"error": "The SQL gave no answer."}


def _columns(table: Table) -> list[str]:
    """The names the view shows. Raises ``NotMeasurable`` where SQL could not tell two of them apart."""
    folded = [name.casefold() for name in table.schema.names]
    number = "n" if "n" not in folded else "kfm_row"
    if len({*folded, number}) != len(folded) + 1:
        raise NotMeasurable("Two fields differ only in upper and lower case, so SQL can't tell them apart.")
    return [*table.schema.names, number]
