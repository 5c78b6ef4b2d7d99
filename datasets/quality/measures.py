"""What a check measures, what it contributes to the one pass, and the table that it is measured on.

Decides how a file is opened for counting (DuckDB, no extensions) and what a ``Probe`` is. Names from specs and files
never reach SQL: columns are renamed ``c0``, ``c1``, ... first, and values are bound as parameters. Keeps clause E2.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    import pyarrow as pa

    from datasets.quality.rowset import RowSet
    from datasets.quality.shapes import Shapes

SAMPLE_ROWS = 10
MEMORY = "200MB"
BATCH_ROWS = 16_384
SPAN = 16


class NotMeasurable(Exception):  # noqa: N818 - a fact about the check, which becomes the verdict "error"
    """The check can't be measured; the message says why, as a sentence."""


@dataclass(frozen=True, slots=True)
class Measure:
    """``value``: a share from 0 to 1, a rate, or a count; ``counts``: what it was computed from.

    ``failing``: the rows that do not hold, where the check looks at rows and some don't.
    """

    value: float
    counts: Mapping[str, int] = field(default_factory=dict)
    failing: RowSet | None = None


@dataclass(frozen=True, slots=True)
class RowTest:
    """SQL over ``c0``, ...: of the rows where ``of`` holds, those fail where ``bad`` does (or is null).

    ``parameters`` are bound to the ``?`` of ``bad``. ``rate``: the value is the failing share, else the other one.
    """

    of: str
    bad: str
    what: str
    parameters: tuple[Any, ...] = ()
    rate: bool = False


@dataclass(frozen=True, slots=True)
class Repeats:
    """The rows that repeat an earlier row in ``columns`` (``c0``, ...); nulls equal each other."""

    columns: tuple[str, ...]
    rate: bool = False


@dataclass(frozen=True, slots=True)
class ShapeTest:
    """``holds``: the shapes of a batch to one flag a row; null geometries are not counted.

    ``of_point``: the same as SQL over a plain point's ``x`` and ``y``; ``parameters`` are bound to its ``?``.
    """

    holds: Callable[[Shapes], Any]
    of_point: str
    parameters: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomSql:
    """One SELECT of the spec's own; ``returns``: ``rows`` (those that fail) or ``number`` (the value)."""

    sql: str
    returns: str


Probe = RowTest | Repeats | ShapeTest | CustomSql | Measure


def share(good: int, of: int, what: str) -> float:
    """``good / of``. Raises ``NotMeasurable`` when there is nothing to take a share of."""
    if of == 0:
        raise NotMeasurable(f"There are no {what}, so no share can be taken.")
    return good / of


def quoted(path: Path) -> str:
    """A path as an SQL literal."""
    return "'" + str(path.resolve()).replace("'", "''") + "'"


class Table:
    """One Parquet file as a table ``t`` with columns ``c0``, ``c1``, ... and the row number ``n`` (from 0).

    ``references``: dataset slug to the Parquet file of its published version.
    """

    def __init__(self, parquet: Path, references: Mapping[str, Path] | None = None) -> None:
        import pyarrow.parquet as pq  # loaded here, because a preflight opens no Parquet

        self.path = parquet
        self.references = dict(references or {})
        self._file = pq.ParquetFile(parquet)
        self.schema: pa.Schema = self._file.schema_arrow
        self.rows: int = self._file.metadata.num_rows
        self.geo = self._read_geo()
        self._spill = tempfile.mkdtemp(prefix=".kfm-qa-", dir=parquet.parent)
        self.connection = self._connect()

    def _read_geo(self) -> dict[str, Any]:
        raw = (self._file.metadata.metadata or {}).get(b"geo")
        geo = json.loads(raw) if raw is not None else {}
        return geo if isinstance(geo, dict) else {}

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """An engine that reaches for nothing but what it is told to read."""
        return duckdb.connect(
            config={
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "memory_limit": MEMORY,
                "temp_directory": self._spill,
                "threads": "2",
                # Nothing asks for the order of rows that SQL doesn't ask for; keeping it costs memory.
                "preserve_insertion_order": "false",
            }
        )

    def _connect(self) -> duckdb.DuckDBPyConnection:
        connection = self._opened()
        names = [f"c{index}" for index in range(len(self.schema))]
        literal = quoted(self.path)
        # A column may itself be called file_row_number; the scan keeps order, so its rows can be counted instead.
        if any(name.lower() == "file_row_number" for name in self.schema.names):
            connection.execute("SET preserve_insertion_order = true")
            source = f"SELECT *, row_number() OVER () - 1 FROM read_parquet({literal})"  # noqa: S608 - quoted literal
        else:
            source = f"SELECT * FROM read_parquet({literal}, file_row_number = true)"  # noqa: S608 - quoted literal
        connection.execute(f"CREATE TEMP VIEW t({', '.join([*names, 'n'])}) AS {source}")
        return connection

    def close(self) -> None:
        self.connection.close()
        self._file.close()
        shutil.rmtree(self._spill, ignore_errors=True)

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

    def reference(self, slug: Any) -> tuple[Path, pa.Schema]:
        """The file of another dataset's published version, and its schema. Raises ``NotMeasurable``."""
        if not isinstance(slug, str) or slug not in self.references:
            raise NotMeasurable(f"The dataset {str(slug)[:80]!r} has no published version to refer to.")
        import pyarrow.parquet as pq

        return self.references[slug], pq.read_schema(self.references[slug])

    def span(self, _column: str) -> tuple[int, int] | None:
        """Two whole numbers, at most ``SPAN`` times as far apart as there are rows, with most of the column between."""
        return None

    def doubts(self, _sql: str) -> Sequence[str]:
        """SQL for the rows by which ``_sql`` would mean something else than it says: none in a file that we wrote."""
        return ()

    def prove(self, rows: int, doubted: Sequence[int]) -> None:
        """Called with the rows that were counted, and how many of them each of ``doubts`` holds for."""

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...]:
        """The single row of a query over ``t``. Raises ``NotMeasurable`` when the engine refuses it."""
        try:
            rows = self.connection.execute(sql, list(parameters)).fetchall()
        except duckdb.Error as error:
            raise NotMeasurable(f"The engine could not compute it ({type(error).__name__}).") from error
        if len(rows) != 1:
            raise NotMeasurable("The engine gave no answer.")
        return tuple(rows[0])

    def batches(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[pa.RecordBatch]:
        """The rows of a query over ``t``, as a stream of Arrow batches."""
        try:
            yield from self.connection.sql(sql, params=list(parameters)).to_arrow_reader(BATCH_ROWS * 4)
        except duckdb.Error as error:
            raise NotMeasurable(f"The engine could not list the rows ({type(error).__name__}).") from error

    def shapes(self) -> Iterator[Shapes]:
        """The geometries, batch by batch, each read once."""
        from datasets.quality.shapes import shapes_of

        column = self.geometry_column
        for batch in self._file.iter_batches(batch_size=BATCH_ROWS, columns=[column]):
            yield shapes_of(batch.column(0))
