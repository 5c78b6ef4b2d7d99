"""Applies obligations to a GeoParquet file, in streams, and writes a new one (C2: planned -> applied).

Decides how data are made coarser; never whether it was enough: ``verify`` does, sharing no code.
Never random, never in place; what it can't do with certainty it refuses, without any output. Geometry: fixed
grid in EPSG:5070,
cells ``[i*s, (i+1)*s)``; every geometry becomes the point at the centre of the cell of its centroid, since a simplified
outline can still give a place away. Counts are suppressed over those cells.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from datasets.obligations.coarsening import (
    GRID_CRS,
    ObligationNotApplicable,
    cell_centres,
    cell_indices,
    coarsen_time,
    is_removed,
    without_fields,
)
from datasets.policy.obligations import Obligation, ObligationKind, union

__all__ = ["ObligationNotApplicable", "TransformLog", "apply_obligations"]

BATCH_ROWS = 16_384
#: File metadata that says what grid the geometries are on; ``verify`` holds the coordinates against it.
GRID_METADATA = b"kfm:generalization"
_PLACE_WORDS = re.compile(
    r"(^|[_. ])(bbox|x|y|lat|lon|lng|long|latitude|longitude|decimallatitude|decimallongitude|easting|northing|utm|mgrs"
    r"|geohash|h3|wkt|wkb|geojson|geom|coord|coords|coordinates|address|plss)($|[_. ])"
)


@dataclass(frozen=True, slots=True)
class TransformLog:
    """What was done: counts, parameters and the output's own extent; no value of the source."""

    obligations: tuple[dict[str, Any], ...]
    rows_in: int
    rows_out: int
    bytes_published: bool
    removed_columns: tuple[str, ...] = ()
    suppressed_groups: int = 0
    bbox_out: tuple[float, ...] | None = None
    grid_crs: str | None = None

    def as_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]  # tuples to lists, all the way down


@dataclass(frozen=True, slots=True)
class _Plan:
    cell_size: float | None
    removed: frozenset[str]
    resolution: str | None
    smallest: int | None
    metadata_only: bool


def apply_obligations(source: Path, target: Path, obligations: Sequence[Obligation]) -> TransformLog:
    """Writes ``source``, transformed, to ``target``, which must not exist. ``metadata_only`` writes nothing.

    Raises :class:`ObligationNotApplicable`, ``OSError`` or ``pyarrow.ArrowInvalid``; then no ``target`` remains.
    """
    plan = _plan(obligations)
    wire = tuple(item.as_json() for item in obligations)
    with pq.ParquetFile(source) as parquet:
        rows_in = parquet.metadata.num_rows
        if plan.metadata_only:
            return TransformLog(wire, rows_in, 0, bytes_published=False)
        if target.exists():
            raise ObligationNotApplicable(f"{target.name} exists already; an output is written once.")
        geo, primary = _geo_metadata(parquet.schema_arrow, plan)
        names = _kept_columns(parquet.schema_arrow, plan, geo, primary)
        kept_cells, suppressed = _count_cells(parquet, primary, plan)
        partial = target.with_name(f"{target.name}.partial")
        try:
            rows_out, bbox = _write(parquet, partial, names, primary, plan, kept_cells, geo)
            partial.rename(target)
        finally:
            partial.unlink(missing_ok=True)
        removed = tuple(name for name in parquet.schema_arrow.names if name not in names)
    crs = GRID_CRS if plan.cell_size else None
    return TransformLog(wire, rows_in, rows_out, True, removed, suppressed, bbox, crs)


def _plan(obligations: Sequence[Obligation]) -> _Plan:
    by_kind: dict[ObligationKind, Any] = {}
    for item in union(obligations):
        if item.kind is ObligationKind.REMOVE_ATTRIBUTES:
            by_kind[item.kind] = {*by_kind.get(item.kind, ()), *(n.casefold() for n in item.value or ())}  # type: ignore[union-attr]
        else:
            by_kind[item.kind] = item.value
    plan = _Plan(
        by_kind.get(ObligationKind.GENERALIZE_GEOMETRY),
        frozenset(by_kind.get(ObligationKind.REMOVE_ATTRIBUTES, ())),
        by_kind.get(ObligationKind.GENERALIZE_TIME),
        by_kind.get(ObligationKind.SUPPRESS_SMALL_COUNTS),
        ObligationKind.METADATA_ONLY in by_kind,
    )
    if plan.smallest is not None and plan.cell_size is None:
        raise ObligationNotApplicable("suppress_small_counts counts per cell: add generalize_geometry.")
    return plan


def _geo_metadata(schema: pa.Schema, plan: _Plan) -> tuple[dict[str, Any], str]:
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        if plan.cell_size is not None:
            raise ObligationNotApplicable("The file has no GeoParquet metadata: its geometry can't be generalized.")
        return {}, ""
    geo = json.loads(raw)
    primary = geo["primary_column"]
    column = geo["columns"][primary]
    crs = column.get("crs", "absent")
    code = "CRS84" if crs == "absent" else str((crs or {}).get("id", {}).get("code"))
    if plan.cell_size is not None and (code not in {"4326", "CRS84", "4269"} or column.get("encoding") != "WKB"):
        raise ObligationNotApplicable("Only WKB in longitude and latitude (CRS84, EPSG:4326) can be generalized.")
    return geo, primary


def _kept_columns(schema: pa.Schema, plan: _Plan, geo: dict[str, Any], primary: str) -> list[str]:
    covering = geo.get("columns", {}).get(primary, {}).get("covering", {}).get("bbox", {})
    covered = {path[0] for path in covering.values()}
    names = [name for name in schema.names if not is_removed(name, plan.removed) and name not in covered]
    if geo and primary not in names:
        raise ObligationNotApplicable("The geometry column can't be removed; use metadata_only.")
    for field in (schema.field(name) for name in names if name != primary):
        _refuse_side_channel(field, plan)
    _refuse_unknown_fields(schema, plan)
    return names


def _refuse_unknown_fields(schema: pa.Schema, plan: _Plan) -> None:
    """A field to remove that isn't there may be there under another name: no one can say that it was removed."""
    paths = {path.casefold() for field in schema for path in _paths(field, "")}
    there = paths | {path.rpartition(".")[2] for path in paths}
    absent = sorted(plan.removed - there)
    if absent:
        names = ", ".join(absent)
        raise ObligationNotApplicable(f"remove_attributes names {names}, which the normalized data don't have.")


def _paths(field: pa.Field, prefix: str) -> Iterator[str]:
    """The dotted paths of a field and of the fields of its structs."""
    path = f"{prefix}{field.name}"
    yield path
    if pa.types.is_struct(field.type):
        for inner in field.type:
            yield from _paths(inner, f"{path}.")


def _refuse_side_channel(field: pa.Field, plan: _Plan) -> None:
    """Refuses a column that would give away what an obligation hides."""
    kind = field.type
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", field.name).casefold()
    if plan.cell_size is not None and (pa.types.is_binary(kind) or _PLACE_WORDS.search(spelled)):
        raise ObligationNotApplicable(f"Column {field.name} may give the exact place away: remove it as well.")
    if plan.resolution is not None and (pa.types.is_nested(kind) or pa.types.is_time(kind)):
        raise ObligationNotApplicable(f"Times inside column {field.name} can't be made coarser: remove it as well.")
    listed = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind)
    if plan.removed and listed and pa.types.is_nested(kind.value_type if not pa.types.is_map(kind) else kind):
        raise ObligationNotApplicable(f"Fields inside the list {field.name} can't be removed: remove it whole.")


def _count_cells(parquet: pq.ParquetFile, primary: str, plan: _Plan) -> tuple[set[Any] | None, int]:
    if plan.smallest is None or plan.cell_size is None:
        return None, 0
    counts: Counter[tuple[int, int] | None] = Counter()
    for batch in parquet.iter_batches(BATCH_ROWS, columns=[primary]):
        counts.update(cell_indices(batch.column(0).to_pylist(), plan.cell_size))
    kept = {cell for cell, count in counts.items() if count >= plan.smallest and cell is not None}
    return kept, len(counts) - len(kept)


def _write(  # noqa: PLR0913 - one pass needs all that the plan found
    parquet: pq.ParquetFile,
    partial: Path,
    names: list[str],
    primary: str,
    plan: _Plan,
    kept_cells: set[Any] | None,
    geo: dict[str, Any],
) -> tuple[int, tuple[float, ...] | None]:
    rows, boxes, writer = 0, [np.array([np.inf, np.inf, -np.inf, -np.inf])], None
    empty = pa.RecordBatch.from_pylist([], schema=parquet.schema_arrow)
    try:
        for batch in [empty, *()] if parquet.metadata.num_rows == 0 else parquet.iter_batches(BATCH_ROWS):
            table, box = _transform(batch, names, primary, plan, kept_cells)
            writer = writer or pq.ParquetWriter(partial, table.schema, compression="zstd", store_schema=False)
            writer.write_table(table)
            rows += table.num_rows
            boxes.append(box)
        merged = np.array(boxes)
        lows, highs = merged[:, :2].min(axis=0), merged[:, 2:].max(axis=0)
        bbox = (*map(float, lows), *map(float, highs)) if np.isfinite([*lows, *highs]).all() else None
        if writer is not None:
            writer.add_key_value_metadata(_output_metadata(geo, primary, plan, bbox))
    finally:
        if writer is not None:
            writer.close()
    return rows, bbox


def _transform(
    batch: pa.RecordBatch, names: list[str], primary: str, plan: _Plan, kept_cells: set[Any] | None
) -> tuple[pa.Table, Any]:
    columns: dict[str, pa.Array] = {}
    keep = None
    for name in names:
        column = batch.column(batch.schema.names.index(name))
        column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
        if name == primary and plan.cell_size is not None:
            cells = cell_indices(column.to_pylist(), plan.cell_size)
            column, _ = cell_centres(cells, plan.cell_size)
            keep = None if kept_cells is None else pa.array([cell in kept_cells for cell in cells], pa.bool_())
        elif name != primary:
            column = without_fields(column, name, plan.removed)
            column = coarsen_time(column, plan.resolution, name) if plan.resolution else column
        columns[name] = column
    table = pa.table(columns)
    table = table if keep is None else table.filter(keep)
    wkb = table.column(primary).to_pylist() if primary else []
    bounds = shapely.bounds(shapely.from_wkb(np.array(wkb, dtype=object))).reshape(-1, 4)
    bounds = bounds[np.isfinite(bounds).all(axis=1)]
    none = np.array([np.inf, np.inf, -np.inf, -np.inf])
    return table, np.array([*bounds[:, :2].min(0), *bounds[:, 2:].max(0)]) if len(bounds) else none


def _output_metadata(
    geo: dict[str, Any], primary: str, plan: _Plan, bbox: tuple[float, ...] | None
) -> dict[bytes, bytes]:
    """GeoParquet metadata of the output alone; nothing of the source's but its CRS when geometry was kept."""
    if not geo:
        return {}
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"] if plan.cell_size else []}
    if plan.cell_size is None and "crs" in geo["columns"][primary]:
        column["crs"] = geo["columns"][primary]["crs"]
    if bbox is not None:
        column["bbox"] = list(bbox)
    document = {"version": "1.1.0", "primary_column": primary, "columns": {primary: column}}
    metadata = {b"geo": json.dumps(document, sort_keys=True).encode()}
    if plan.cell_size is not None:
        grid = {"crs": GRID_CRS, "cell_size_m": plan.cell_size}
        metadata[GRID_METADATA] = json.dumps(grid, sort_keys=True).encode()
    return metadata
