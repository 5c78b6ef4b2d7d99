"""Reads and writes well-known binary and text in bulk, safely for whatever bytes stand in it.

Decides only whether there is a geometry in them that can be read. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

Array = np.ndarray[Any, Any]

_NESTED = 1_000
_LONG = 1_000_000
_COLLECTION_MARKS = tuple(bytes.fromhex(code) for code in ("07000000", "ef030000", "07000080"))
_COLLECTION_MARKS = (*_COLLECTION_MARKS, *(mark[::-1] for mark in _COLLECTION_MARKS))
_COLLECTION_CODE = 7
_POINT = np.dtype([("order", "u1"), ("kind", "<u4"), ("x", "<f8"), ("y", "<f8")])


def read_each(read: Callable[..., Any], given: Array) -> tuple[Array, list[int]]:
    """Geometries of texts or bytes, None where there is none, and the positions of those with curves."""
    curved: list[int] = []
    try:
        shapes = read(given, on_invalid="ignore")
    except NotImplementedError:
        # One curve ends the reading of a whole batch, so each is read alone.
        shapes = np.full(len(given), None, dtype=object)
        for i, one in enumerate(given):
            try:
                shapes[i] = read(one, on_invalid="ignore")
            except NotImplementedError:
                curved.append(i)
    for one in given[shapely.is_missing(shapes)]:
        if one is not None and len(one) > _LONG:
            _refuse_to_blame(read, one)
    return shapes, curved


def _refuse_to_blame(read: Callable[..., Any], one: Any) -> None:
    """A long geometry that was not read may be sound: memory may have run out. Raises ``MemoryError`` then."""
    try:
        read(one)
    except (shapely.errors.GEOSException, NotImplementedError) as error:
        if "alloc" in str(error):
            raise MemoryError from error


def is_nested(raw: bytes | None) -> bool:
    """Whether a collection may be nested so deeply that reading it would use up the stack."""
    if raw is None or len(raw) < 9 * _NESTED:
        return False
    code = raw[1] if raw[:1] == b"\x01" else raw[4]
    is_collection = code in (_COLLECTION_CODE, 0xEF)
    return is_collection and sum(map(raw.count, _COLLECTION_MARKS)) > _NESTED


def point_wkb(x: Array, y: Array, good: Array) -> pa.Array:
    """ISO well-known binary of points, null where they are not ``good``, without a Python object for each."""
    packed = np.empty(int(good.sum()), dtype=_POINT)
    packed["order"], packed["kind"] = 1, 1
    packed["x"], packed["y"] = x[good], y[good]
    offsets = np.zeros(len(good) + 1, dtype=np.int32)
    np.cumsum(good * _POINT.itemsize, out=offsets[1:])
    validity = pa.array(good).buffers()[1]
    return pa.Array.from_buffers(
        pa.binary(), len(good), [validity, pa.py_buffer(offsets), pa.py_buffer(packed.tobytes())]
    )
