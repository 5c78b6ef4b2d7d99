"""What a check measures, and the table that it is measured on.

Decides how a file is opened for counting (DuckDB, no extensions) and
what one ``Measure`` holds. Names from specs and files never reach SQL: columns are renamed
``c0``, ``c1``, ... first, and
values are bound as parameters. Keeps clause E2.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

SAMPLE_ROWS = 10


class NotMeasurable(Exception):  # noqa: N818 - a fact about the check, which becomes the verdict "error"
    """The check can't be measured; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``value``: a share from 0 to 1, a rate, or a count; ``counts``: what it was computed from; ``rows``: samples."""

    value: float
    counts: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[int, ...] = ()


def share(good: int, of: int, what: str) -> float:
    """``good / of``. Raises ``NotMeasurable`` when there is nothing to take a share of."""
    if of == 0:
        raise NotMeasurable(f"There are no {what}, so no share can be taken.")
    return good / of


class Table:
    """One Parquet file as a table with columns ``c0``, ``c1``, ... and the row number ``r`` (from 1)."""

    def __init__(self, parquet: Path) -> None:
        self.path = parquet
        self._file = pq.ParquetFile(parquet)
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        self.geo = self._read_geo()
        self._connection = self._connect()

    def _read_geo(self) -> dict[str, Any]:
        raw = (self._file.metadata.metadata or {}).get(b"geo")
        geo = json.loads(raw) if raw is not None else {}
        return geo if isinstance(geo, dict) else {}

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": "512MB",
                "threads": "2",
            }
        )
        names = [f"c{index}" for index in range(len(self.schema))]
        literal = "'" + str(self.path.resolve()).replace("'", "''") + "'"
        # A column may itself be called file_row_number; the scan keeps order, so its rows can be counted instead.
        if any(name.lower() == "file_row_number" for name in self.schema.names):
            source = f"SELECT *, row_number() OVER () - 1 FROM read_parquet({literal})"  # noqa: S608 - quoted literal
        else:
            source = f"SELECT * FROM read_parquet({literal}, file_row_number = true)"  # noqa: S608 - quoted literal
        connection.execute(f"CREATE TEMP VIEW t({', '.join([*names, 'n'])}) AS {source}")
        return connection

    def close(self) -> None:
        self._connection.close()
        self._file.close()

    @property
    def geometry_column(self) -> str:
        """The primary geometry column. Raises ``NotMeasurable`` when the file has none."""
        name = self.geo.get("primary_column")
        if not isinstance(name, str) or name not in self.schema.names:
            raise NotMeasurable("The file has no geometry column.")
        return name

    def column(self, name: Any) -> str:
        """The safe name of a column. Raises ``NotMeasurable`` for one that the file lacks."""
        if not isinstance(name, str) or name not in self.schema.names:
            raise NotMeasurable(f"The file has no field {str(name)[:80]!r}.")
        return f"c{self.schema.names.index(name)}"

    def type_of(self, name: str) -> pa.DataType:
        return self.schema.field(name).type

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The single row of a query over ``t``. Raises ``NotMeasurable`` when the engine refuses it."""
        try:
            row = self._connection.execute(sql, list(parameters)).fetchone()
        except duckdb.Error as error:
            raise NotMeasurable(f"The engine could not compute it ({type(error).__name__}).") from error
        if row is None:
            raise NotMeasurable("The engine gave no answer.")
        return tuple(row)

    def sample(self, condition: str, parameters: Sequence[Any] = ()) -> tuple[int, ...]:
        """The first rows (numbered from 1) for which an SQL condition over ``c0``, ... holds."""
        sql = f"SELECT n + 1 FROM t WHERE {condition} ORDER BY n LIMIT {SAMPLE_ROWS}"  # noqa: S608 - built from c0, c1
        return tuple(int(row[0]) for row in self._connection.execute(sql, list(parameters)).fetchall())

    def failing(self, of: str, bad: str, parameters: Sequence[Any], what: str) -> Measure:
        """The share of the rows where ``of`` holds for which ``bad`` doesn't; both are SQL over ``c0``, ..."""
        condition = f"({of}) AND coalesce({bad}, true)"
        sql = f"SELECT count(*) FILTER (WHERE {of}), count(*) FILTER (WHERE {condition}) FROM t"  # noqa: S608
        checked, failed = self.one(sql, parameters)
        value = share(checked - failed, checked, what)
        rows = self.sample(condition, parameters) if failed else ()
        return Measure(value, {"checked": int(checked), "failed": int(failed)}, rows)

    def geometries(self) -> Any:
        """Batches of the geometry column's WKB values."""
        for batch in self._file.iter_batches(batch_size=8_192, columns=[self.geometry_column]):
            yield batch.column(0).to_numpy(zero_copy_only=False)

    def profile(self) -> tuple[dict[str, Any], ...]:
        """Per column: name, type, nulls and the approximate number of distinct values (None for geometries)."""
        geometry = self.geo.get("primary_column")
        described = []
        expressions = []
        for index, name in enumerate(self.schema.names):
            expressions.append(f"count(*) - count(c{index})")
            expressions.append("NULL" if name == geometry else f"approx_count_distinct(c{index})")
        found = self.one(f"SELECT {', '.join(expressions)} FROM t") if expressions else ()  # noqa: S608
        for index, name in enumerate(self.schema.names):
            kind = "geometry" if name == geometry else str(self.schema.field(index).type)
            nulls, distinct = found[2 * index], found[2 * index + 1]
            described.append({"name": name, "type": kind, "nulls": int(nulls), "distinct_approximate": distinct})
        return tuple(described)
