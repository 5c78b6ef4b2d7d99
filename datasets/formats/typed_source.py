"""What a source with typed columns shows of itself before its rows are read, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa
import pyproj


@dataclass(frozen=True, slots=True)
class Reading:
    """``types``: of the columns asked for; ``batches``: their values by name, and the geometries if asked for."""

    types: Mapping[str, pa.DataType]
    batches: Iterator[tuple[Mapping[str, pa.Array], pa.Array | None]]


@dataclass(frozen=True, slots=True)
class TypedSource:
    """``names``: of the columns, the geometry's left out; ``crs``: what the file says of itself, None for nothing.

    ``rows``: how many it claims to have, None when it doesn't say; ``reading``: opens it for columns by name and, if
    the flag is set, its own geometries as well-known binary; ``layer``: of a container.
    """

    names: tuple[str, ...]
    has_geometry: bool
    crs: pyproj.CRS | None
    rows: int | None
    reading: Callable[[Sequence[str], bool], AbstractContextManager[Reading]]
    layer: str | None = None
