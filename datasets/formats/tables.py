"""Turns batches of columns into the spec's columns with placed geometries, dropping and naming what can't be kept.

Decides nothing about columns that the spec doesn't ask for. Every row of a batch is either kept or a reject. Helps
clauses A2 and E2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from datasets.formats.derive import derive
from datasets.formats.places import Placed, Placer, Problem
from datasets.formats.records import Reject
from datasets.formats.selection import Derivation
from datasets.formats.well_known import Array

Columns = Mapping[str, pa.Array]


def place_rows(
    column_of: Callable[[str], pa.Array], own: pa.Array | None, derivation: Derivation, placer: Placer | None
) -> Placed | None:
    """The batch's geometries; None when there are to be none. ``own``: the source's own, as well-known binary."""
    if derivation.kind == "none" or placer is None:
        return None
    if derivation.kind == "own":
        assert own is not None
        return placer.shapes(own)
    return derive(column_of, derivation, placer)


def keep_rows(
    numbers: Array, arrays: Sequence[pa.Array], placed: Placed | None, more: Mapping[int, Problem]
) -> tuple[Array, list[pa.Array], pa.Array | None, list[Reject]]:
    """Numbers, arrays and geometries of the rows without a problem, and the rejects of the others."""
    problems: dict[int, Problem] = {**(placed.problems if placed else {}), **more}
    wkb = placed.wkb if placed else None
    if not problems:
        return numbers, list(arrays), wkb, []
    rejects = [Reject(int(numbers[i]), *problems[i]) for i in sorted(problems)]
    mask = np.ones(len(numbers), dtype=bool)
    mask[list(problems)] = False
    kept = pa.array(mask)
    return numbers[mask], [pc.filter(a, kept) for a in arrays], None if wkb is None else wkb.filter(kept), rejects


class Spool:
    """Rows on disk between two passes, for sources that show the types of their columns only at their end."""

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        fields = [pa.field(str(i), pa.string()) for i in range(len(names))]
        self._schema = pa.schema([*fields, pa.field("wkb", pa.binary())])
        self._path = path
        self._sink = pa.OSFile(str(path), "wb")
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_stream(self._sink, self._schema, options=options)

    def write(self, cells: Sequence[pa.Array], wkb: pa.Array | None) -> None:
        rows = len(cells[0]) if cells else len(wkb if wkb is not None else ())
        given = wkb if wkb is not None else pa.nulls(rows, pa.binary())
        self._writer.write_batch(pa.record_batch([*cells, given], schema=self._schema))

    def close(self) -> None:
        self._writer.close()
        self._sink.close()

    def batches(self) -> Any:
        """The rows again, batch by batch: the cells, then the geometries."""
        with pa.OSFile(str(self._path), "rb") as source, pa.ipc.open_stream(source) as reader:
            for batch in reader:
                yield batch.columns[:-1], batch.column(len(batch.columns) - 1)
