"""Every column of a file down to its leaves, however deeply they are nested; values only, nothing is judged here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

BATCH_ROWS = 65_536


def leaf(array: Any, path: Sequence[str]) -> Any:
    """The innermost values of *array*, read with nothing but the leaf at *path* (below the top name)."""
    while pa.types.is_nested(array.type):
        if pa.types.is_map(array.type):
            array = array.keys if path and path[-1] == "key" else array.items
        elif pa.types.is_struct(array.type):
            name = next(part for part in path if array.type.get_field_index(part) >= 0)
            path = path[path.index(name) + 1 :]
            array = array.flatten()[array.type.get_field_index(name)]
        else:
            array = array.flatten()
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def leaves(name: str, array: Any) -> Iterator[tuple[str, Any]]:
    """(dotted path, values) of every leaf of *array*; lists and maps add nothing to the path."""
    kind = array.type
    if pa.types.is_struct(kind):
        for field, inner in zip(kind, array.flatten(), strict=True):
            yield from leaves(f"{name}.{field.name}", inner)
    elif pa.types.is_map(kind):
        yield from leaves(name, array.keys)
        yield from leaves(name, array.items)
    elif pa.types.is_nested(kind):
        yield from leaves(name, array.flatten())
    else:
        yield name, array.dictionary_decode() if pa.types.is_dictionary(kind) else array


def distinct(array: Any) -> Iterator[tuple[Any, int]]:
    """(value, count) of the values that are there."""
    counted = pc.value_counts(array.drop_null())
    yield from zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)


def batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """The file's rows, in bounded batches."""
    with pq.ParquetFile(path) as parquet:
        yield from parquet.iter_batches(BATCH_ROWS, columns=None if columns is None else list(columns))


def names(kind: Any, prefix: str = "") -> Iterator[str]:
    """Dotted paths of all fields of a schema or nested type, keys of maps too."""
    if isinstance(kind, pa.Schema) or pa.types.is_struct(kind):
        for field in kind:
            yield f"{prefix}{field.name}"
            yield from names(field.type, f"{prefix}{field.name}.")
    elif pa.types.is_map(kind):
        yield from names(kind.key_type, prefix)
        yield from names(kind.item_type, prefix)
    elif pa.types.is_nested(kind):
        yield from names(kind.value_type, prefix)
