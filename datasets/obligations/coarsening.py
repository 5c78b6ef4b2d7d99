"""How one batch is made coarser: snapped to the grid, its times shortened, its columns left out (C2).

Decides nothing about what is owed. Every function takes and gives Arrow values and is deterministic.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely

GRID_CRS = "EPSG:5070"
#: EPSG:5070's own geographic base. WGS 84 is taken as NAD 83 with a null shift (EPSG:1188), so there is one grid.
_GRID_BASE = "EPSG:4269"
_WIDTH = {"day": 10, "month": 7, "year": 4}
_ISO_START = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?")
#: Words in a column's name that say it holds a time. ``year`` alone is never finer than any resolution.
_TIME_WORDS = frozenset(
    [
        "date",
        "datetime",
        "time",
        "timestamp",
        "day",
        "month",
        "yearmonth",
        "hour",
        "minute",
        "second",
        "week",
        "doy",
        "epoch",
    ]
)
#: Whole texts that are dates in another notation than ISO 8601's extended one, whatever the column is called.
_OTHER_DATE = re.compile(
    r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(T?\d{4,6}Z?)?"
    r"|\d{1,2}(?P<first>[-/. ])(\d{1,2}|[a-z]{3,9})(?P=first)(\d{4}|\d{2})([ T].*)?"
    r"|\d{4}(?P<second>[/. ])\d{1,2}(?P=second)\d{1,2}([ T].*)?"
    r"|\d{4}-(W\d{2}(-\d)?|\d{3})"
    r"|([a-z]{3,9},? )?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d{1,2},? \d{4}.*",
    re.IGNORECASE,
)


class ObligationNotApplicable(Exception):  # noqa: N818 - the sentence is the point
    """The file can't carry the obligation as asked; nothing was written. The message says why."""


@lru_cache(maxsize=2)
def _transformer(inverse: bool) -> pyproj.Transformer:  # noqa: FBT001 - the direction is the whole argument
    ends = (GRID_CRS, _GRID_BASE) if inverse else (_GRID_BASE, GRID_CRS)
    return pyproj.Transformer.from_crs(*ends, always_xy=True)


def cell_indices(wkb: list[bytes | None], cell_size: float) -> list[tuple[int, int] | None]:
    """Grid cell (column, row) of each geometry's centroid; ``None`` for a null or empty one. ``cell_size``: metres."""
    geometries = shapely.from_wkb(np.array(wkb, dtype=object))
    centres = shapely.centroid(geometries)
    present = ~(shapely.is_missing(centres) | shapely.is_empty(centres))
    found: list[tuple[int, int] | None] = [None] * len(wkb)
    if not present.any():
        return found
    x, y = _transformer(inverse=False).transform(shapely.get_x(centres[present]), shapely.get_y(centres[present]))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ObligationNotApplicable("A geometry lies where the grid is not defined. Remove it.")
    cells = np.floor(np.stack([x, y]) / cell_size).astype(np.int64).T
    for index, cell in zip(np.flatnonzero(present), cells, strict=True):
        found[int(index)] = (int(cell[0]), int(cell[1]))
    return found


def cell_centres(cells: list[tuple[int, int] | None], cell_size: float) -> tuple[pa.Array, npt.NDArray[np.float64]]:
    """WKB points at the cells' centres in longitude and latitude, and their coordinates (n, 2) without the nulls."""
    known = np.array([cell for cell in cells if cell is not None], dtype=np.float64).reshape(-1, 2)
    centres = (known + 0.5) * cell_size
    lon, lat = _transformer(inverse=True).transform(centres[:, 0], centres[:, 1])
    points = iter(shapely.to_wkb(shapely.points(lon, lat)))
    wkb = [None if cell is None else next(points) for cell in cells]
    return pa.array(wkb, type=pa.binary()), np.stack([lon, lat], axis=1)


def coarsen_time(column: pa.Array, resolution: str, name: str) -> pa.Array:
    """Times at the start of their day, month or year (UTC); ISO 8601 texts cut to that length; else unchanged.

    Raises :class:`ObligationNotApplicable` where a time would pass unnoticed: a text in another notation, anything but
    ISO 8601 in a column whose name says it holds times, or a number in such a column.
    """
    kind = column.type
    if pa.types.is_timestamp(kind):
        utc = column.cast(pa.timestamp(kind.unit, "UTC")) if kind.tz else column
        return pc.floor_temporal(utc, unit=resolution)
    if pa.types.is_date(kind):
        return pc.floor_temporal(column.cast(pa.timestamp("ms")), unit=resolution).cast(kind)
    named = says_time(name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array([_cut(text, resolution, name, named=named) for text in column.to_pylist()], type=kind)
    if named and not pa.types.is_boolean(kind) and not pa.types.is_null(kind):
        raise ObligationNotApplicable(
            f"Column {name} seems to hold times as {kind}: write them as ISO 8601 or remove it."
        )
    return column


def says_time(name: str) -> bool:
    """True when a word of the column's name says that it holds a time."""
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold()
    return not _TIME_WORDS.isdisjoint(re.split(r"[^a-z]+", spelled))


def _cut(text: str | None, resolution: str, name: str, *, named: bool) -> str | None:
    stripped = "" if text is None else text.strip()
    if not stripped:
        return text
    if _ISO_START.fullmatch(stripped):
        return stripped[: _WIDTH[resolution]]
    if named or _OTHER_DATE.fullmatch(stripped):
        raise ObligationNotApplicable(
            f"Column {name} holds a time that is not ISO 8601: rewrite it or remove the column."
        )
    return text


def without_fields(column: pa.Array, path: str, removed: frozenset[str]) -> pa.Array:
    """The column without any nested field whose name or dotted path (case-folded) is removed."""
    kind = column.type
    if pa.types.is_struct(kind):
        kept = [(f, column.field(i)) for i, f in enumerate(kind) if not is_removed(f"{path}.{f.name}", removed)]
        if not kept:
            return pa.nulls(len(column), pa.bool_())
        arrays = [without_fields(value, f"{path}.{f.name}", removed) for f, value in kept]
        return pa.StructArray.from_arrays(arrays, names=[f.name for f, _ in kept], mask=column.is_null())
    return column


def is_removed(path: str, removed: frozenset[str]) -> bool:
    """True when the dotted path, or its last name, is one of the case-folded ``removed``."""
    folded = path.casefold()
    return folded in removed or folded.rpartition(".")[2] in removed
