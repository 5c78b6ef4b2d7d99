"""What is to be done to one file: the obligations as one plan, and whether the file's columns can carry it (C2).

Decides from obligations and schema alone which columns stay; refuses a file whose columns would give away what the
plan hides. Reads no row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from datasets.obligations.coarsening import is_removed
from datasets.obligations.grids import Grid, ObligationNotApplicable, grid_for
from datasets.obligations.side_channels import folded, is_uncertainty, says_place
from datasets.policy.obligations import Obligation, ObligationKind, union

#: Each row's uncertainty as Darwin Core means it, in the published file.
UNCERTAINTY_COLUMN = "coordinate_uncertainty_m"
_IN_DEGREES = frozenset({"4326", "CRS84", "4269"})
#: Coordinates of NAD 83 are published as WGS 84's; this bounds what that makes of a place.
_NAD83 = "4269"
_DATUM_SHIFT_M = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The obligations on bytes. ``removed``: folded names; ``smallest``: k; ``grid`` is ``None`` where places stay."""

    grid: Grid | None
    cell_size: float
    shape: str
    removed: frozenset[str]
    resolution: str | None
    smallest: int | None
    metadata_only: bool

    def uncertainty_m(self, reach_m: float, crs_code: str) -> int:
        """Metres that no true place is farther from its published centre. ``reach_m``: of the largest geometry.

        A reach is told in whole cells, so that it says little of the geometry that it is of.
        """
        if self.grid is None:
            return 0
        reach = -(-reach_m // self.cell_size) * self.cell_size
        return int(self.grid.uncertainty_m + -(-reach // 1) + (_DATUM_SHIFT_M if crs_code == _NAD83 else 0))


@dataclass(frozen=True, slots=True)
class Layout:
    """``geo``: the GeoParquet metadata, empty for a plain table; ``primary``: its geometry column, or empty;

    ``names``: the columns that stay; ``uncertainty``: those of them that tell an uncertainty.
    """

    geo: dict[str, Any]
    primary: str
    crs_code: str
    names: tuple[str, ...]
    uncertainty: frozenset[str]


def plan_of(obligations: Sequence[Obligation]) -> Plan:
    """One plan out of all obligations. Raises :class:`ObligationNotApplicable`."""
    every = union(obligations)
    by_kind: dict[ObligationKind, Any] = {item.kind: item.value for item in every}
    geometry = next((item for item in every if item.kind is ObligationKind.GENERALIZE_GEOMETRY), None)
    named = [i.value for i in every if i.kind is ObligationKind.REMOVE_ATTRIBUTES and isinstance(i.value, tuple)]
    if ObligationKind.SUPPRESS_SMALL_COUNTS in by_kind and geometry is None:
        raise ObligationNotApplicable("suppress_small_counts counts per cell: add generalize_geometry.")
    return Plan(
        grid=None if geometry is None else grid_for(geometry),
        cell_size=0.0 if geometry is None else float(str(geometry.value)),
        shape="" if geometry is None else geometry.option("shape"),
        removed=frozenset(folded(name) for names in named for name in names),
        resolution=by_kind.get(ObligationKind.GENERALIZE_TIME),
        smallest=by_kind.get(ObligationKind.SUPPRESS_SMALL_COUNTS),
        metadata_only=ObligationKind.METADATA_ONLY in by_kind,
    )


def layout_of(schema: pa.Schema, plan: Plan) -> Layout:
    """How the file lies and what of it stays. Raises :class:`ObligationNotApplicable`."""
    geo, primary, code = _geo_metadata(schema, plan)
    covering = geo.get("columns", {}).get(primary, {}).get("covering", {}).get("bbox", {})
    covered = {path[0] for path in covering.values()}
    names = tuple(name for name in schema.names if not is_removed(name, plan.removed) and name not in covered)
    if geo and primary not in names:
        raise ObligationNotApplicable("The geometry column can't be removed; use metadata_only.")
    if plan.grid is not None and UNCERTAINTY_COLUMN in plan.removed:
        raise ObligationNotApplicable(f"{UNCERTAINTY_COLUMN} is told anew for generalized places: don't remove it.")
    for field in (schema.field(name) for name in names if name != primary):
        _refuse_side_channel(field, plan)
    _refuse_unknown_fields(schema, plan)
    told = frozenset(name for name in names if plan.grid is not None and is_uncertainty(name))
    return Layout(geo, primary, code, names, told)


def _geo_metadata(schema: pa.Schema, plan: Plan) -> tuple[dict[str, Any], str, str]:
    raw = (schema.metadata or {}).get(b"geo")
    if raw is None:
        if plan.grid is not None:
            raise ObligationNotApplicable("The file has no GeoParquet metadata: its geometry can't be generalized.")
        return {}, "", ""
    geo = json.loads(raw)
    primary = geo["primary_column"]
    column = geo["columns"][primary]
    crs = column.get("crs", "absent")
    code = "CRS84" if crs == "absent" else str((crs or {}).get("id", {}).get("code"))
    if plan.grid is not None and (code not in _IN_DEGREES or column.get("encoding") != "WKB"):
        raise ObligationNotApplicable("Only WKB in longitude and latitude (CRS84, EPSG:4326) can be generalized.")
    return geo, primary, code


def _refuse_unknown_fields(schema: pa.Schema, plan: Plan) -> None:
    """A field to remove that isn't there may be there under another name: no one can say that it was removed."""
    paths = {folded(path) for field in schema for path in _paths(field, "")}
    there = paths | {path.rpartition(".")[2].strip() for path in paths}
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


def _refuse_side_channel(field: pa.Field, plan: Plan) -> None:
    """Refuses a column that, by its name or type, would give away what an obligation hides."""
    kind = field.type
    nested = pa.types.is_nested(kind)
    names = _names_within(field)
    if plan.grid is not None and (_is_bytes(kind) or any(says_place(name) for name in names)):
        raise ObligationNotApplicable(f"Column {field.name} may give the exact place away: remove it as well.")
    if plan.grid is not None and is_uncertainty(field.name) and not _is_number(kind):
        raise ObligationNotApplicable(f"Column {field.name} tells an uncertainty, not as a number: remove it as well.")
    if plan.resolution is not None and (nested or pa.types.is_time(kind)):
        raise ObligationNotApplicable(f"Times inside column {field.name} can't be made coarser: remove it as well.")
    if plan.removed and any(_opaque(inner) for inner in _listed(kind)):
        raise ObligationNotApplicable(f"Fields inside the list {field.name} can't be removed: remove it whole.")


def _names_within(field: pa.Field) -> Iterator[str]:
    """The field's name and every name inside its type, in lists and maps too."""
    yield field.name
    kind = field.type
    inner = [kind.field(index) for index in range(kind.num_fields)] if pa.types.is_nested(kind) else []
    for one in inner:
        yield from _names_within(one)


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _listed(kind: pa.DataType) -> Iterator[pa.DataType]:
    """Every list or map in a type, however deep in structs."""
    if pa.types.is_struct(kind):
        for inner in kind:
            yield from _listed(inner.type)
    elif pa.types.is_nested(kind):
        yield kind


def _opaque(kind: pa.DataType) -> bool:
    """A map names its keys in its rows; a list of anything nested may name fields at any depth."""
    return pa.types.is_map(kind) or not hasattr(kind, "value_type") or pa.types.is_nested(kind.value_type)
