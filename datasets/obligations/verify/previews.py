"""Whether the small map shows only places that the released file has, rounded: C2, on the preview's own bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import shapely

from audit.findings import Finding
from datasets.obligations.verify import columns
from datasets.obligations.verify.words import found

DECIMALS = 4
_LEAST_NUMBERS = 2


def preview_on_the_grid(path: Path, documents: Mapping[str, bytes]) -> list[Finding]:
    """A finding for each preview with a place that *path* has not, or with more than its row number beside a place."""
    previews = {name: raw for name, raw in documents.items() if name.rpartition("/")[2].startswith("preview.")}
    if not previews:
        return []
    there = _released(path)
    findings = []
    for name, raw in sorted(previews.items()):
        features = json.loads(raw)["features"]
        points = np.array([point for one in features for point in _points(one["geometry"])], dtype=float).reshape(-1, 2)
        keys = np.rint(points * 10**DECIMALS)
        finer = np.abs(points * 10**DECIMALS - keys).max(initial=0.0) > 1e-3  # noqa: PLR2004 - float noise
        if finer or not set(map(tuple, keys.astype(np.int64).tolist())) <= there:
            findings.append(found("off_grid", "The small map shows a place that the data don't have.", name))
        if any({*one["properties"]} - {"row"} for one in features):
            findings.append(found("attribute_in_document", "The small map tells more than row numbers.", name))
    return findings


def _released(path: Path) -> set[tuple[int, int]]:
    """The coordinates of the file's geometries, rounded as a preview rounds them."""
    geo = json.loads(dict(pq.read_metadata(path).metadata or {})[b"geo"])
    keys: set[tuple[int, int]] = set()
    for batch in columns.batches(path, [geo["primary_column"]]):
        shapes = shapely.from_wkb(np.array([wkb for wkb, _ in columns.distinct(batch.column(0))], dtype=object))
        rounded = np.rint(shapely.get_coordinates(shapes) * 10**DECIMALS).astype(np.int64)
        keys |= set(map(tuple, np.unique(rounded, axis=0).tolist()))
    return keys


def _points(geometry: Any) -> Iterator[list[float]]:
    """Every position of a GeoJSON geometry; heights are taken for a fault."""
    if geometry is None:
        return
    if geometry["type"] == "GeometryCollection":
        for inner in geometry["geometries"]:
            yield from _points(inner)
        return
    yield from _positions(geometry["coordinates"])


def _positions(value: Any) -> Iterator[list[float]]:
    if value and isinstance(value[0], (int, float)):
        if len(value) != _LEAST_NUMBERS:
            raise ValueError("a position of more than two numbers")
        yield value
        return
    for one in value:
        yield from _positions(one)
