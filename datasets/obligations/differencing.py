"""Whether two releases together isolate what neither shows (C2, ADR 0029).

Decides by three rules, each on the released bytes. Places: what two cells of a record have in common is no smaller than
the finer cell, or than what is owed; so squares must be nested, and H3 cells of one resolution. Counts: where small
groups are owed to be left out, no cell's count differs by less than the group. Columns: an attribute that one must
hide, and an exact place that one must hide, don't come back by joining the other's rows. It knows no third release,
and nothing of the world: what a reader has from elsewhere can't be compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely
from h3.api import basic_int as h3

from audit.findings import Finding
from datasets.obligations.verify import columns
from datasets.obligations.verify.places import UNCERTAINTY, Declared, declared
from datasets.policy.obligations import Obligation, ObligationKind

MOST_ROWS = 5_000_000
_NOWHERE = np.iinfo(np.int64).min
_ROWS_A_COLUMN = 1 << 32
_UNREADABLE = (OSError, pa.ArrowException, TypeError, ValueError, LookupError, shapely.errors.ShapelyError)


@dataclass(frozen=True)
class Released:
    """One release: its file, how it is called, and what its own decision obliged it to."""

    path: Path
    name: str
    obligations: tuple[Obligation, ...]

    def owes(self, kind: ObligationKind) -> Any:
        """The parameter of the obligation of *kind*; ``None`` when there is none."""
        return next((item.value for item in self.obligations if item.kind is kind), None)

    @cached_property
    def removed(self) -> frozenset[str]:
        names = self.owes(ObligationKind.REMOVE_ATTRIBUTES) or ()
        return frozenset(str(name).casefold() for name in names)

    @cached_property
    def metadata(self) -> dict[bytes, bytes]:
        return dict(pq.read_metadata(self.path).metadata or {})

    @cached_property
    def grid(self) -> Declared | None:
        return declared(self.metadata)

    @cached_property
    def geometry(self) -> str | None:
        raw = self.metadata.get(b"geo")
        return None if raw is None else str(json.loads(raw)["primary_column"])

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns' names, nested ones too, without geometry and uncertainty."""
        every = columns.names(pq.read_schema(self.path))
        return frozenset(name.casefold() for name in every if name not in {self.geometry, UNCERTAINTY})

    def restores(self, hidden: frozenset[str]) -> list[str]:
        """Which attributes that another release hides are columns here."""
        return sorted(name for name in self.names if name in hidden or name.rpartition(".")[2] in hidden)


def compare(new: Released, old: Released) -> list[Finding]:
    """Everything that *new* would give away beside *old*. That they can't be compared is a finding too."""
    try:
        if max(pq.read_metadata(one.path).num_rows for one in (new, old)) > MOST_ROWS:
            raise ValueError("too many rows")
        return [*_grids(new, old), *_counts(new, old), *_columns(new, old)]
    except _UNREADABLE as problem:
        message = f"It could not be compared with {old.name}: {type(problem).__name__}."
        return [Finding("differencing_not_comparable", old.name, message, "Ask an operator to look.", "error")]


def _grids(new: Released, old: Released) -> Iterator[Finding]:
    if new.grid is None or old.grid is None or _common(new, old) is not None:
        return
    message = f"Its cells and those of {old.name} cut one another, and what they share is smaller than either."
    fix = "Use the other release's grid, or one whose cells are a whole multiple of its cells."
    yield Finding("differencing_grids", old.name, message, fix)


def _common(new: Released, old: Released) -> Declared | None:
    """The coarser of two grids whose cells lie within one another; ``None`` where they cut one another too finely."""
    one, other = new.grid, old.grid
    if one is None or other is None or one.grid != other.grid:
        return None
    if one.grid == "h3":
        return one if one.resolution == other.resolution else None
    sizes = [Fraction(str(grid.size)) for grid in (one, other)]
    whole = sizes[0].denominator * sizes[1].denominator
    shared = Fraction(gcd(int(sizes[0] * whole), int(sizes[1] * whole)), whole)
    owed = max(float(str(release.owes(ObligationKind.GENERALIZE_GEOMETRY) or 0)) for release in (new, old))
    nested = shared == min(sizes)
    if not nested and shared < owed:
        return None
    return max((one, other), key=lambda grid: grid.size)


def _counts(new: Released, old: Released) -> Iterator[Finding]:
    least = max(int(str(release.owes(ObligationKind.SUPPRESS_SMALL_COUNTS) or 0)) for release in (new, old))
    grid = _common(new, old)
    if not least or grid is None:
        return
    counts = [Counter(_cells(release, grid).tolist()) for release in (new, old)]
    small = sum(0 < abs(counts[0][cell] - counts[1][cell]) < least for cell in counts[0] | counts[1])
    if small:
        message = f"In {small} cells the counts differ from {old.name} by fewer than {least} rows."
        fix = "Use larger cells or a larger group, or wait until more has changed."
        yield Finding("differencing_counts", old.name, message, fix)


def _columns(new: Released, old: Released) -> Iterator[Finding]:
    back = [*old.restores(new.removed), *new.restores(old.removed)]
    bare = [one for one in (new, old) if one.geometry is not None and one.grid is None]
    exact = len(bare) == 1 and (new.names - old.names if bare[0] is old else old.names - new.names)
    if not (back or exact) or not _linkable(new, old):
        return
    fix = "Remove what lets the rows be joined, or withdraw what was decided and ask the council."
    if back:
        message = f"Joined with {old.name}, row by row, it gives an attribute back that one of the two must hide."
        yield Finding("differencing_attribute", old.name, message, fix)
    if exact:
        message = f"Joined with {old.name}, row by row, it tells at the exact place what was told of a cell only."
        yield Finding("differencing_place", old.name, message, fix)


def _linkable(new: Released, old: Released) -> bool:
    """Whether some row of one is the same record as a row of the other, and can be told to be."""
    shared = sorted((set(_tops(new)) & set(_tops(old))) - {new.geometry, old.geometry, UNCERTAINTY})
    grid = _common(new, old) or (new.grid if old.grid is None else old.grid if new.grid is None else None)
    prints = [_prints(release, shared, grid) for release in (new, old)]
    if len(prints[0]) == len(prints[1]) and len(prints[0]) and (prints[0] == prints[1]).all():
        return True  # the same rows in the same order
    alone = [np.unique(one, return_counts=True) for one in prints]
    one, other = (values[counts == 1] for values, counts in alone)
    return len(np.intersect1d(one, other, assume_unique=True)) > 0


def _tops(release: Released) -> list[str]:
    return list(pq.read_schema(release.path).names)


def _prints(release: Released, shared: list[str], grid: Declared | None) -> npt.NDArray[np.int64]:
    """One number a row, the same for rows that agree in the shared columns and in their cell."""
    cells = iter(_cells(release, grid).tolist()) if grid is not None and release.geometry else None
    found: list[int] = []
    for batch in columns.batches(release.path, [*shared, *([release.geometry] if release.geometry else [])]):
        lists = [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in shared]
        found += [
            hash((repr([values[row] for values in lists]), next(cells) if cells else None))
            for row in range(batch.num_rows)
        ]
    return np.array(found, dtype=np.int64)


def _cells(release: Released, grid: Declared) -> npt.NDArray[np.int64]:
    """The cell of each row on *grid* as one number, by the middle of its geometry; a row without one is nowhere."""
    parts = [np.empty((0, 2))]
    for batch in columns.batches(release.path, [str(release.geometry)]):
        middles = shapely.centroid(shapely.from_wkb(batch.column(0).to_numpy(zero_copy_only=False)))
        parts.append(np.column_stack([shapely.get_x(middles), shapely.get_y(middles)]))
    points = np.concatenate(parts)
    found = np.full(len(points), _NOWHERE, dtype=np.int64)
    there = np.isfinite(points).all(axis=1)
    if grid.grid == "h3":
        resolution = int(str(grid.resolution))
        found[there] = [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in points[there].tolist()]
        return found
    way = pyproj.Transformer.from_crs("EPSG:4269", "EPSG:5070", always_xy=True)
    metres = np.column_stack(way.transform(points[there, 0], points[there, 1]))
    across, up = np.floor(metres / grid.size).astype(np.int64).T
    found[there] = across * _ROWS_A_COLUMN + up
    return found
