"""Writes rows as GeoParquet 1.1: WKB, zstd, the same bytes for the same rows.

Decides nothing about the data: it writes what it is given. Never writes a clock, a path or a random number. Only the
rows of one row group are in memory. Keeps clause A1 (deterministic bytes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj

from datasets.formats.columns import ARROW_TYPES
from datasets.formats.errors import Limits
from datasets.formats.places import Tally

_BATCHES_PER_GROUP = 4


class GeoParquetWriter:
    """Writes batches; a context manager. ``columns``: output name to type name of ``ARROW_TYPES``.

    ``geometry``: the geometry column's name, None for a plain table; ``crs``: of the geometries as given.
    """

    def __init__(
        self, target: Path, columns: Mapping[str, str], geometry: str | None, crs: pyproj.CRS, limits: Limits
    ) -> None:
        self._crs, self._limits = crs, limits
        self._geometry = geometry
        fields = [pa.field(name, ARROW_TYPES[kind]) for name, kind in columns.items()]
        if geometry is not None:
            fields.append(pa.field(geometry, pa.binary()))
        self._schema = pa.schema(fields)
        # Without the stored Arrow schema, readers see the footer's metadata, "geo" included, as the schema's.
        self._writer = pq.ParquetWriter(target, self._schema, compression="zstd", version="2.6", store_schema=False)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0
        self.written = 0
        self.tally: Tally | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._flush()
            if self._geometry is not None:
                geo = json.dumps(self._geo(), sort_keys=True, separators=(",", ":"))
                self._writer.add_key_value_metadata({"geo": geo})
        self._writer.close()

    def write(self, arrays: list[pa.Array], wkb: pa.Array | None) -> None:
        """Take rows. ``arrays``: by column, of the columns' types; ``wkb``: ISO, in the writer's system."""
        given = [*arrays, wkb] if self._geometry is not None else arrays
        batch = pa.record_batch(given, schema=self._schema)
        if not batch.num_rows:
            return
        self._waiting.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        self.written += batch.num_rows
        if self._rows >= _BATCHES_PER_GROUP * self._limits.batch_rows or self._bytes >= self._limits.batch_bytes:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, schema=self._schema)
            self._writer.write_table(table, row_group_size=table.num_rows)
        self._waiting, self._rows, self._bytes = [], 0, 0

    def _geo(self) -> dict[str, Any]:
        column: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(self.tally.types) if self.tally else [],
            "crs": self._crs.to_json_dict(),
        }
        if self.tally and self.tally.bounds:
            column["bbox"] = self.tally.bounds
        return {"version": "1.1.0", "primary_column": self._geometry, "columns": {self._geometry: column}}
