"""Applies obligations to a GeoParquet file, in streams, and writes a new one (C2: planned -> applied).

Decides how data are made coarser; never whether it was enough: ``verify`` does, sharing no code. Never random, never in
place; what it can't do with certainty it refuses, without any output. Geometry: every one becomes the centre, or the
outline, of the grid cell of its centroid (ADR 0027), since a simplified outline can still give a place away. Counts are
suppressed over those cells. Reads the file twice: for the cells (eight bytes a row are kept), and to write.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from datasets.obligations.coarsening import coarsen_time, without_fields
from datasets.obligations.grids import NOWHERE, Cells, ObligationNotApplicable
from datasets.obligations.places import Places, bounds_of, cells_of, draw, read_places, unmoved
from datasets.obligations.plan import UNCERTAINTY_COLUMN, Layout, Plan, layout_of, plan_of
from datasets.obligations.side_channels import holds_place, names_removed
from datasets.policy.obligations import Obligation

__all__ = ["ObligationNotApplicable", "TransformLog", "apply_obligations"]

BATCH_ROWS = 16_384
#: File metadata that says what grid the geometries are on; ``verify`` holds the coordinates against it.
GRID_METADATA = b"kfm:generalization"


@dataclass(frozen=True, slots=True)
class TransformLog:
    """What was done: counts, parameters and the output's own extent; no value of the source.

    ``generalization``: what the output's metadata say of its grid, ``None`` where the places stayed.
    """

    obligations: tuple[dict[str, Any], ...]
    rows_in: int
    rows_out: int
    bytes_published: bool
    removed_columns: tuple[str, ...] = ()
    suppressed_groups: int = 0
    bbox_out: tuple[float, ...] | None = None
    columns_in: int = 0
    columns_out: int = 0
    added_columns: tuple[str, ...] = ()
    generalization: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # tuples to lists, all the way down


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the first reading found. ``kept``: the cells that hold enough rows, or ``None`` where none is counted."""

    cells: Cells
    kept: Cells | None
    suppressed: int
    uncertainty_m: int

    @property
    def going_out(self) -> Cells:
        """The cells of the rows that go out."""
        return self.cells if self.kept is None else self.cells[np.isin(self.cells, self.kept)]


def apply_obligations(source: Path, target: Path, obligations: Sequence[Obligation]) -> TransformLog:
    """Writes ``source``, transformed, to ``target``, which must not exist. ``metadata_only`` writes nothing.

    Raises :class:`ObligationNotApplicable`, ``OSError`` or ``pyarrow.ArrowInvalid``; then no ``target`` remains.
    """
    plan = plan_of(obligations)
    wire = tuple(item.as_json() for item in obligations)
    with pq.ParquetFile(source) as parquet:
        rows_in, schema = parquet.metadata.num_rows, parquet.schema_arrow
        if plan.metadata_only:
            return TransformLog(wire, rows_in, 0, bytes_published=False)
        if target.exists():
            raise ObligationNotApplicable(f"{target.name} exists already; an output is written once.")
        layout = layout_of(schema, plan)
        survey = _survey(parquet, layout, plan)
        partial = target.with_name(f"{target.name}.partial")
        try:
            writing = _Writing(partial, layout, plan, survey)
            writing.write(parquet)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
        columns = pq.read_schema(target).names
    return TransformLog(
        wire,
        rows_in,
        writing.rows,
        bytes_published=True,
        removed_columns=tuple(name for name in schema.names if name not in columns),
        suppressed_groups=survey.suppressed,
        bbox_out=writing.bbox,
        columns_in=len(schema.names),
        columns_out=len(columns),
        added_columns=tuple(name for name in columns if name not in schema.names),
        generalization=writing.generalization(),
    )


def _survey(parquet: pq.ParquetFile, layout: Layout, plan: Plan) -> _Survey:
    """Reads the geometries alone: their cells, how many rows each holds, and how far the largest reaches."""
    if plan.grid is None:
        return _Survey(np.empty(0, np.int64), None, 0, 0)
    found, reaches = [np.empty(0, np.int64)], [np.empty(0)]
    for batch in parquet.iter_batches(BATCH_ROWS, columns=[layout.primary]):
        column = batch.column(0)
        places = read_places(column)
        cells = cells_of(places, plan.grid)
        found.append(cells)
        reaches.append(_reaches(column, places, cells, plan))
    every = np.concatenate(found)
    kept, suppressed = _kept(every, plan)
    reach = np.concatenate(reaches)
    reach = reach if kept is None else reach[np.isin(every, kept)]
    farthest = float(reach.max(initial=0.0))
    return _Survey(every, kept, suppressed, plan.uncertainty_m(farthest, layout.crs_code))


def _reaches(column: pa.Array, places: Places, cells: Cells, plan: Plan) -> npt.NDArray[np.float64]:
    """Metres by row; none for a point, nor for what is its cell's own outline already."""
    reach = np.zeros(len(cells))
    if places.reach_m is not None and plan.grid is not None:
        reach[places.present] = places.reach_m
        reach[unmoved(draw(cells, plan.grid, plan.shape), column)] = 0.0
    return reach


def _kept(cells: Cells, plan: Plan) -> tuple[Cells | None, int]:
    if plan.smallest is None:
        return None, 0
    unique, counts = np.unique(cells, return_counts=True)
    kept = unique[(counts >= plan.smallest) & (unique != NOWHERE)]
    return kept, len(unique) - len(kept)


class _Writing:
    """The second reading: every batch made coarser and written. ``rows`` and ``bbox``: of what was written."""

    def __init__(self, partial: Path, layout: Layout, plan: Plan, survey: _Survey) -> None:
        self._partial, self._layout, self._plan, self._survey = partial, layout, plan, survey
        self._uncertainty: float = survey.uncertainty_m
        self._low, self._high = np.full(2, np.inf), np.full(2, -np.inf)
        self.rows = 0
        self.bbox: tuple[float, ...] | None = None

    def write(self, parquet: pq.ParquetFile) -> None:
        writer: pq.ParquetWriter | None = None
        try:
            for batch, cells in self._batches(parquet):
                table = self._transform(batch, cells)
                writer = writer or pq.ParquetWriter(self._partial, table.schema, compression="zstd", store_schema=False)
                if table.num_rows:
                    writer.write_table(table)
                self.rows += table.num_rows
            self.bbox = self._bounds()
            if writer is not None:
                writer.add_key_value_metadata(self._metadata())
        finally:
            if writer is not None:
                writer.close()

    def _batches(self, parquet: pq.ParquetFile) -> Iterator[tuple[pa.RecordBatch, Cells]]:
        read = 0
        for batch in parquet.iter_batches(BATCH_ROWS):
            yield batch, self._survey.cells[read : read + batch.num_rows]
            read += batch.num_rows
        if not read:
            yield pa.RecordBatch.from_pylist([], schema=parquet.schema_arrow), self._survey.cells

    def _transform(self, batch: pa.RecordBatch, cells: Cells) -> pa.Table:
        columns: dict[str, pa.Array] = {}
        moved = None
        if self._plan.grid is not None:
            moved = self._place(batch, cells, columns)
        for name in self._layout.names:
            if name in columns:
                continue
            column = _plain(batch.column(name))
            if moved is not None and name in self._layout.uncertainty:
                columns[name] = self._uncertain(column, moved)
            else:
                columns[name] = column if name == self._layout.primary else self._coarser(column, name)
        names = [*self._layout.names, *(name for name in columns if name not in self._layout.names)]
        table = pa.table({name: columns[name] for name in names})
        if self._plan.grid is None and self._layout.primary:
            self._stretch(table.column(self._layout.primary))
        kept = self._survey.kept
        return table if kept is None else table.filter(pa.array(np.isin(cells, kept)))

    def _place(self, batch: pa.RecordBatch, cells: Cells, columns: dict[str, pa.Array]) -> npt.NDArray[np.bool_]:
        """Draws the cells, looks for places elsewhere in the rows, and says which rows were moved."""
        primary, plan = self._layout.primary, self._plan
        given = batch.column(primary)
        places = read_places(given)
        for name in self._layout.names:
            if name != primary and holds_place(_plain(batch.column(name)), places.lon, places.lat, places.present):
                raise ObligationNotApplicable(f"Column {name} holds exact places: remove it as well.")
        columns[primary] = draw(cells, plan.grid, plan.shape) if plan.grid is not None else given
        if UNCERTAINTY_COLUMN not in self._layout.names:
            constant = np.full(batch.num_rows, self._survey.uncertainty_m, dtype=np.float64)
            columns[UNCERTAINTY_COLUMN] = pa.array(constant)
        moved: npt.NDArray[np.bool_] = ~unmoved(columns[primary], given) & (cells != NOWHERE)
        return moved

    def _uncertain(self, column: pa.Array, moved: npt.NDArray[np.bool_]) -> pa.Array:
        """The source's own uncertainty beside ours: added where the place moved, else the larger of the two."""
        own = np.nan_to_num(column.cast(pa.float64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False))
        ours = float(self._survey.uncertainty_m)
        told = np.where(moved, np.maximum(own, 0) + ours, np.maximum(own, ours))
        self._uncertainty = max(self._uncertainty, float(told.max(initial=0.0)))
        return pa.array(told)

    def _coarser(self, column: pa.Array, name: str) -> pa.Array:
        plan = self._plan
        column = without_fields(column, name, plan.removed) if plan.removed else column
        key = names_removed(column, plan.removed)
        if key:
            raise ObligationNotApplicable(f"Column {name} holds texts that name {key} inside them: remove it as well.")
        return coarsen_time(column, plan.resolution, name) if plan.resolution else column

    def _stretch(self, geometries: pa.ChunkedArray) -> None:
        """Takes in the extent of geometries that stay as they are."""
        shapes = shapely.from_wkb(np.array(geometries.to_pylist(), dtype=object))
        if self._plan.resolution is not None and shapely.has_m(shapes).any():
            raise ObligationNotApplicable("The geometries carry measures that may be times: normalize them without M.")
        bounds = shapely.bounds(shapes).reshape(-1, 4)
        bounds = bounds[np.isfinite(bounds).all(axis=1)]
        self._low = np.minimum(self._low, bounds[:, :2].min(axis=0, initial=np.inf))
        self._high = np.maximum(self._high, bounds[:, 2:].max(axis=0, initial=-np.inf))

    def _bounds(self) -> tuple[float, ...] | None:
        if self._plan.grid is not None:
            return bounds_of(self._survey.going_out, self._plan.grid, self._plan.shape)
        return (*map(float, self._low), *map(float, self._high)) if np.isfinite(self._low).all() else None

    def generalization(self) -> dict[str, Any] | None:
        if self._plan.grid is None:
            return None
        farthest = math.ceil(self._uncertainty)
        return {**self._plan.grid.as_json(), "shape": self._plan.shape, "uncertainty_m": farthest}

    def _metadata(self) -> dict[bytes, bytes]:
        """GeoParquet metadata of the output alone; nothing of the source's but its CRS when geometry was kept."""
        geo, primary = self._layout.geo, self._layout.primary
        if not geo:
            return {}
        drawn = {"": [], "cell": ["Polygon"], "centroid": ["Point"]}[self._plan.shape]
        column: dict[str, Any] = {"encoding": "WKB", "geometry_types": drawn}
        if self._plan.grid is None and "crs" in geo["columns"][primary]:
            column["crs"] = geo["columns"][primary]["crs"]
        if self.bbox is not None:
            column["bbox"] = list(self.bbox)
        document = {"version": "1.1.0", "primary_column": primary, "columns": {primary: column}}
        metadata = {b"geo": json.dumps(document, sort_keys=True).encode()}
        generalization = self.generalization()
        if generalization is not None:
            metadata[GRID_METADATA] = json.dumps(generalization, sort_keys=True).encode()
        return metadata


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
