"""Makes geometries from columns of a table: latitude and longitude, or well-known text.

Decides row by row what can't be a geometry. Arrow reads the plain numbers of a block at once; every other row goes
through the strict reading of one row. Helps clause E2.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from datasets.formats.errors import Limits, RecordProblem
from datasets.formats.places import CURVED, Placed, Placer, Problem
from datasets.formats.selection import Derivation
from datasets.formats.well_known import Array, read_each

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")
_PLAIN_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?$"
_MAX_COLLECTIONS = 64
_PREFIX = 64
_BAD_TEXT: Problem = ("invalid_wkt", "The well-known text can't be read, or a ring is not closed.")
_NOT_A_NUMBER = "Latitude or longitude is not a decimal number."


def derive(column_of: Callable[[str], pa.Array], derivation: Derivation, placer: Placer) -> Placed:
    """Geometries of a batch. ``column_of``: the array of a source column (text, or numbers for coordinates)."""
    if derivation.kind == "wkt":
        return _from_texts(_as_text(column_of(derivation.columns[0])), placer)
    latitudes, longitudes = (column_of(name) for name in derivation.columns)
    y, no_y, hard_y = _coordinates(latitudes)
    x, no_x, hard_x = _coordinates(longitudes)
    problems: dict[int, Problem] = {}
    for i in np.flatnonzero(no_x != no_y).tolist():
        problems[i] = ("half_a_position", "The row has only one of latitude and longitude.")
    present = ~(no_x | no_y)
    for i in np.flatnonzero(present & (hard_x | hard_y)).tolist():
        try:
            y[i], x[i] = _number(latitudes[i].as_py()), _number(longitudes[i].as_py())
        except RecordProblem as problem:
            problems[i] = (problem.code, problem.message)
            present[i] = False
    placed = placer.points(x, y, present)
    placed.problems.update(problems)
    return placed


def _as_text(cells: pa.Array) -> pa.Array:
    return pc.fill_null(cells if pa.types.is_string(cells.type) else pc.cast(cells, pa.string()), "")


def _coordinates(cells: pa.Array) -> tuple[Array, Array, Array]:
    """Numbers (NaN where there is none), where the cell is empty, and where it is not plainly a number."""
    if not pa.types.is_string(cells.type) and not pa.types.is_large_string(cells.type):
        numbers = pc.cast(cells, pa.float64())
        return _numpy(numbers), _mask(pc.is_null(cells)), np.zeros(len(cells), dtype=bool)
    texts = pc.utf8_trim_whitespace(_as_text(cells))
    empty = pc.equal(texts, "")
    filled = pc.if_else(empty, pa.scalar(None, pa.string()), texts)
    try:
        numbers = pc.cast(filled, pa.float64())
    except pa.ArrowInvalid:
        plain = pc.match_substring_regex(texts, _PLAIN_NUMBER)
        numbers = pc.cast(pc.if_else(plain, texts, pa.scalar(None, pa.string())), pa.float64())
    values = _numpy(numbers)
    return values, _mask(empty), ~np.isfinite(values)


def _numpy(numbers: pa.Array) -> Array:
    return np.array(pc.fill_null(numbers, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def _mask(values: pa.Array) -> Array:
    return np.array(values.to_numpy(zero_copy_only=False), dtype=bool)


def _number(cell: Any) -> float:
    text = cell.strip() if isinstance(cell, str) else repr(cell)
    if not _NUMBER.fullmatch(text):
        raise RecordProblem("not_a_number", _NOT_A_NUMBER)
    return float(text)


def _too_much(text: str, limits: Limits) -> Problem | None:
    """Why a text is not even parsed. It has one comma fewer than positions, whatever its type."""
    if text.count(",") >= limits.vertices:
        return ("too_many_vertices", f"A geometry has more than {limits.vertices} vertices.")
    is_collection = "COLLECTION" in text[:_PREFIX].upper()
    if is_collection and text.upper().count("GEOMETRYCOLLECTION") > _MAX_COLLECTIONS:
        return ("too_deep", "Collections of geometries are nested too deeply.")
    return None


def _from_texts(cells: pa.Array, placer: Placer) -> Placed:
    texts = cells.to_pylist()
    problems: dict[int, Problem] = {}
    for i, text in enumerate(texts):
        stripped = text.strip()
        texts[i] = stripped or None
        problem = _too_much(stripped, placer.limits)
        if problem is not None:
            problems[i], texts[i] = problem, None
    given = np.array(texts, dtype=object)
    shapes, curved = read_each(shapely.from_wkt, given)
    problems.update(dict.fromkeys(curved, CURVED))
    for i in np.flatnonzero(shapely.is_missing(shapes)).tolist():
        if texts[i] is not None:
            problems.setdefault(i, _BAD_TEXT)
    return placer.geometries(shapes, problems)
