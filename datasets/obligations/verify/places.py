"""Whether every place of a file stands on the grid it declares, and none is told more finely: C2, on the bytes.

Recomputes grid, cells and uncertainty by itself. Square: EPSG:5070 metres, WGS 84 taken as NAD 83, cells
``[i*s, (i+1)*s)``; H3: a cell's area is at least the owed square's. A cell has exactly one spelling, since even the
last digits of a number can tell something. An uncertainty smaller than the way from a cell's centre to its farthest
corner (geodesic, WGS 84) is understated.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h3
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyproj
import shapely

from audit.findings import Finding
from datasets.obligations.verify import columns
from datasets.obligations.verify.words import found, missing
from datasets.policy.obligations import Obligation

TOLERANCE_M = 0.05
_TOLERANCE_DEGREES = 5e-7
#: Cells are compared on the ellipsoid with a size that may have been met on the sphere.
_AREA_SHARE = 0.99
_HALF_A_CELL = 0.5
_CORNERS = 4
GRID = b"kfm:generalization"
UNCERTAINTY = "coordinate_uncertainty_m"
_PLACE_NAME = re.compile(
    r"^(.*_)?(bbox|lat|lon|lng|latitude|longitude|decimal_?latitude|decimal_?longitude|easting|northing|geohash|h3|wkt"
    r"|wkb|geojson|geom|coordinates?|coords?|x|y|utm|mgrs|plss)(_.*)?$",
    re.IGNORECASE,
)
#: Names that say how uncertain a place is, not where it is.
_NO_PLACE = frozenset({UNCERTAINTY, "coordinate_uncertainty_in_meters", "coordinate_precision"})
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Declared:
    """The grid as the file says it: ``size``: metres owed; ``resolution``: H3's, for that grid alone."""

    grid: str
    shape: str
    size: float
    resolution: int | None
    uncertainty: float | None


def declared(metadata: Mapping[bytes, bytes]) -> Declared | None:
    """The grid that the file declares; ``None`` when it declares none. Raises ``ValueError`` for an unknown one."""
    raw = metadata.get(GRID)
    if raw is None:
        return None
    said = json.loads(raw)
    grid, shape = said.get("grid", "square"), said.get("shape", "centroid")
    if grid not in {"square", "h3"} or shape not in {"centroid", "cell"}:
        raise ValueError("a grid or a shape that is not known")
    if grid == "square" and said.get("crs") != "EPSG:5070":
        raise ValueError("a grid in another system than EPSG:5070")
    resolution = int(said["resolution"]) if grid == "h3" else None
    told = said.get("uncertainty_m")
    return Declared(grid, shape, float(said["cell_size_m"]), resolution, None if told is None else float(told))


def on_the_grid(path: Path, item: Obligation) -> list[Finding]:
    """Everything that tells a place more finely than *item* lets it."""
    owed = float(str(item.value))
    metadata = dict(pq.read_metadata(path).metadata or {})
    grid = declared(metadata)
    if grid is None:
        return [missing("grid_undeclared", "The file declares no grid.", "metadata")]
    findings = (
        [] if grid.size >= owed else [found("grid_too_fine", f"The grid is {grid.size:g} m; {owed:g} m is owed.")]
    )
    findings += [
        found("grid_other", f"The {name} is not the one that is owed.", "metadata")
        for name, value in item.options
        if value != getattr(grid, name)
    ]
    geo = json.loads(metadata[b"geo"])
    try:
        shapes = _shapes(counted(path, geo["primary_column"]))
        cells, spellings = _cells(shapes, grid)
    except OffGrid as off:
        return [
            *findings,
            found("off_grid", f"The geometry is not on the grid: {off}.", "geometry"),
            *_others(path, geo),
        ]
    findings += _told_once(len(cells), spellings)
    findings += _large_enough(cells, grid, owed)
    findings += _uncertain(cells, grid, path)
    return [*findings, *_extent(shapes, geo), *_others(path, geo)]


class OffGrid(Exception):  # noqa: N818 - it is what was found
    """Some geometry is not what a generalized one is; the message says what, and no coordinate."""


def counted(path: Path, column: str) -> Counter[bytes | None]:
    """How many rows have each geometry, as its bytes; ``None`` for rows without one."""
    counts: Counter[bytes | None] = Counter()
    for batch in columns.batches(path, [column]):
        values = batch.column(0)
        counts.update(dict(columns.distinct(values)))
        if values.null_count:
            counts[None] += values.null_count
    return counts


def _shapes(counts: Mapping[bytes | None, int]) -> Any:
    """The distinct geometries; each must be written as its coordinates alone: no height, system, or trailing byte."""
    raw = np.array([wkb for wkb in counts if wkb is not None], dtype=object)
    try:
        shapes = shapely.from_wkb(raw)
    except (shapely.errors.ShapelyError, TypeError) as error:
        raise OffGrid("a geometry can't be read") from error
    if shapely.has_z(shapes).any() or (shapely.get_srid(shapes) != 0).any() or shapely.is_empty(shapes).any():
        raise OffGrid("a geometry has a height, a system of its own, or is empty")
    again = shapely.to_wkb(shapes, byte_order=1)
    if any(one != other for one, other in zip(raw, again, strict=True)):
        raise OffGrid("a geometry has bytes that are no coordinate")
    return shapes


def _cells(shapes: Any, grid: Declared) -> tuple[Any, int]:
    """The distinct cells of the grid, and how many geometries spell them. Raises :class:`OffGrid`."""
    kind = 0 if grid.shape == "centroid" else 3
    if (shapely.get_type_id(shapes) != kind).any():
        raise OffGrid(f"a geometry is no {'point' if kind == 0 else 'cell'}")
    if grid.grid == "square":
        cells = _square_centres(shapes, grid.size) if kind == 0 else _square_cells(shapes, grid.size)
        return np.unique(cells, axis=0), len(shapes)
    assert grid.resolution is not None
    named = _h3_centres(shapes, grid.resolution) if kind == 0 else _h3_cells(shapes, grid.resolution)
    return sorted(set(named)), len(shapes)


def _to_grid(points: Floats) -> Floats:
    way = pyproj.Transformer.from_crs("EPSG:4269", "EPSG:5070", always_xy=True)
    return np.column_stack(way.transform(points[:, 0], points[:, 1]))


def _square_centres(shapes: Any, size: float) -> Any:
    metres = _to_grid(shapely.get_coordinates(shapes))
    index = np.floor(metres / size)
    off = np.abs(metres - (index + _HALF_A_CELL) * size) > TOLERANCE_M
    if off.any() or not np.isfinite(metres).all():
        raise OffGrid(f"{int(off.any(axis=1).sum())} geometries are not at the centre of a cell")
    return index.astype(np.int64)


def _square_cells(shapes: Any, size: float) -> Any:
    if (shapely.get_num_coordinates(shapes) != _CORNERS + 1).any() or shapely.get_num_interior_rings(shapes).any():
        raise OffGrid("a polygon is no cell of four corners")
    metres = _to_grid(shapely.get_coordinates(shapes)).reshape(-1, _CORNERS + 1, 2)[:, :_CORNERS]
    index = np.rint(metres / size)
    lows = index.min(axis=1)
    steps = index - lows[:, None]
    codes = np.sort(steps[:, :, 0] * 2 + steps[:, :, 1], axis=1)
    off = (np.abs(metres - index * size) > TOLERANCE_M).any(axis=(1, 2)) | (codes != np.arange(_CORNERS)).any(axis=1)
    if off.any() or not np.isfinite(metres).all():
        raise OffGrid(f"{int(off.sum())} polygons are no cells")
    return lows.astype(np.int64)


def _h3_centres(shapes: Any, resolution: int) -> list[str]:
    points = shapely.get_coordinates(shapes)
    cells = [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in points.tolist()]
    centres = np.array([h3.cell_to_latlng(cell) for cell in cells]).reshape(-1, 2)[:, ::-1]
    off = (np.abs(points - centres) > _TOLERANCE_DEGREES).any(axis=1)
    if off.any():
        raise OffGrid(f"{int(off.sum())} geometries are not at the centre of a cell")
    return cells


def _h3_cells(shapes: Any, resolution: int) -> list[str]:
    middles = shapely.get_coordinates(shapely.centroid(shapes))
    cells = [h3.latlng_to_cell(lat, lon, resolution) for lon, lat in middles.tolist()]
    for shape, cell in zip(shapes, cells, strict=True):
        edge = np.array(h3.cell_to_boundary(cell))[:, ::-1]
        ring = shapely.get_coordinates(shape)[:-1]
        if len(ring) != len(edge) or shapely.get_num_interior_rings(shape):
            raise OffGrid("a polygon is no cell")
        away = np.abs(ring[:, None, :] - edge[None, :, :]).max(axis=2)
        if (away.min(axis=0) > _TOLERANCE_DEGREES).any() or (away.min(axis=1) > _TOLERANCE_DEGREES).any():
            raise OffGrid("a polygon is no cell")
    return cells


def _told_once(cells: int, spellings: int) -> list[Finding]:
    if spellings == cells:
        return []
    message = f"{spellings - cells} cells are written in more than one way, which may tell their rows apart."
    return [found("off_grid", message, "geometry")]


def _large_enough(cells: Any, grid: Declared, owed: float) -> list[Finding]:
    """A square cell has its size by construction; of an H3 cell, the area decides."""
    if grid.grid == "square":
        return []
    globe = pyproj.Geod(ellps="WGS84")
    small = 0
    for cell in cells:
        lats, lons = zip(*h3.cell_to_boundary(cell), strict=True)
        small += abs(globe.polygon_area_perimeter(lons, lats)[0]) < owed * owed * _AREA_SHARE
    return [found("grid_too_fine", f"{small} cells are smaller than the square that is owed.")] if small else []


def _uncertain(cells: Any, grid: Declared, path: Path) -> Iterator[Finding]:
    """Holds the stated uncertainty, in the metadata and in the rows, against the farthest corner of each cell."""
    true = _farthest(cells, grid)
    if grid.uncertainty is None:
        yield missing("uncertainty_undeclared", "The file does not say how uncertain its places are.", "metadata")
    elif not true <= grid.uncertainty + TOLERANCE_M:
        yield found("uncertainty_understated", "The stated uncertainty is smaller than the cells are.", "metadata")
    schema = pq.read_schema(path)
    if UNCERTAINTY not in schema.names:
        yield missing("uncertainty_undeclared", f"There is no column {UNCERTAINTY}.", UNCERTAINTY)
        return
    least = _least(path)
    if least is None or not true <= least + TOLERANCE_M:
        message = "Some rows state no uncertainty, or a smaller one than their cell has."
        yield found("uncertainty_understated", message, UNCERTAINTY)


def _least(path: Path) -> float | None:
    """The smallest uncertainty that a row states; ``None`` when one states none (an empty file states infinity)."""
    least = float("inf")
    for batch in columns.batches(path, [UNCERTAINTY]):
        column = batch.column(0)
        if column.null_count or not pa.types.is_floating(column.type) or pc.any(pc.is_nan(column)).as_py():
            return None
        least = min(least, pc.min(column).as_py()) if len(column) else least
    return least


def _farthest(cells: Any, grid: Declared) -> float:
    """Metres from a cell's centre to its farthest corner, of the cell where that is most; 0 without any cell."""
    if not len(cells):
        return 0.0
    globe = pyproj.Geod(ellps="WGS84")
    if grid.grid == "h3":
        pairs = [(h3.cell_to_latlng(cell), corner) for cell in cells for corner in h3.cell_to_boundary(cell)]
        ends = np.array([[a[1], a[0], b[1], b[0]] for a, b in pairs])
        return float(np.max(globe.inv(ends[:, 0], ends[:, 1], ends[:, 2], ends[:, 3])[2]))
    back = pyproj.Transformer.from_crs("EPSG:5070", "EPSG:4269", always_xy=True)
    lows = np.asarray(cells, dtype=np.float64)
    centre = back.transform(*((lows + _HALF_A_CELL) * grid.size).T)
    most = 0.0
    for across, up in ((0, 0), (0, 1), (1, 0), (1, 1)):
        corner = back.transform(*((lows + np.array([across, up])) * grid.size).T)
        most = max(most, float(np.max(globe.inv(*centre, *corner)[2])))
    return most


def _extent(shapes: Any, geo: Mapping[str, Any]) -> Iterator[Finding]:
    """The bounding box that the metadata tell is the released places' own."""
    told = geo["columns"][geo["primary_column"]].get("bbox")
    if told is None:
        return
    own = list(map(float, shapely.total_bounds(shapes))) if len(shapes) else []
    if len(told) != len(own) or any(abs(a - b) > _TOLERANCE_DEGREES for a, b in zip(told, own, strict=True)):
        yield found("extent_foreign", "The file's bounding box is not that of its places.", "metadata")


def _others(path: Path, geo: Mapping[str, Any]) -> list[Finding]:
    """Columns, also nested ones, that may hold the exact place."""
    schema = pq.read_schema(path)
    suspects = {
        name
        for name in columns.names(schema)
        if name != geo["primary_column"] and _tells_place(name.rpartition(".")[2])
    }
    binary = {field.name for field in schema if field.name != geo["primary_column"] and _holds_bytes(field.type)}
    return [
        found("place_in_column", f"Column {name} may give the exact place away.", name)
        for name in sorted(suspects | binary)
    ]


def _tells_place(name: str) -> bool:
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold()
    return spelled not in _NO_PLACE and _PLACE_NAME.match(spelled) is not None


def _holds_bytes(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(_holds_bytes(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _holds_bytes(kind.key_type) or _holds_bytes(kind.item_type)
    if pa.types.is_nested(kind):
        return _holds_bytes(kind.value_type)
    return any(t(kind) for t in (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary))


def small_groups(path: Path, item: Obligation) -> list[Finding]:
    """Cells that hold fewer rows than *item* lets a cell hold; rows without a place are a group as well."""
    least = int(str(item.value))
    geo = json.loads(dict(pq.read_metadata(path).metadata or {})[b"geo"])
    small = sum(count < least for count in counted(path, geo["primary_column"]).values())
    return [found("small_group", f"{small} cells hold fewer than {least} rows.", "geometry")] if small else []
