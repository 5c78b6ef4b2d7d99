"""Rows that failed, to show to those who mend them: at most ten a check, masked before anyone sees them.

Decides what of a row its label lets show; who may ask for samples at all is policy's business, asked before. An unknown
label shows nothing. Coordinates come exact, on the label's grid, or not at all. Keeps clause C2 on pages.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import shapely

from datasets.obligations.grids import ObligationNotApplicable, grid_for
from datasets.obligations.places import generalized
from datasets.policy.labels import LabelFacts
from datasets.policy.obligations import Obligation, ObligationKind, union
from datasets.policy.roles import Role
from datasets.quality.measures import SAMPLE_ROWS, Table

_LONGEST_TEXT = 200
_PLACE_WORDS = re.compile(
    r"(^|[^a-z])(bbox|x|y|lat|lon|lng|long|latitude|longitude|decimallatitude|decimallongitude|easting|northing|utm|mgrs"
    r"|geohash|h3|wkt|wkb|geojson|geom|geometry|coord|coords|coordinates|location|address|plss|section|township|range)"
    r"($|[^a-z])"
)
_HIDDEN = "(withheld)"


@dataclass(frozen=True, slots=True)
class Sample:
    """One failing row. ``row``: in the measured file, from 1; ``geometry``: GeoJSON in the file's coordinates."""

    row: int
    checks: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    geometry: Mapping[str, Any] | None = None
    withheld: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "checks": list(self.checks),
            "values": dict(self.values),
            "geometry": self.geometry,
            "withheld": self.withheld,
        }


Mask = Callable[[Sample], Sample]


def samples(parquet: Path, report: Mapping[str, Any], *, mask: Mask) -> tuple[dict[str, Any], ...]:
    """The sample rows of all checks of a stored report, each once, as masked dicts in order of row.

    ``parquet``: the measured file. Raises ``OSError`` or ``pyarrow.ArrowInvalid``.
    """
    names: dict[int, list[str]] = {}
    for check in report.get("checks") or ():
        for row in (check.get("sample_rows") or ())[:SAMPLE_ROWS]:
            names.setdefault(int(row), []).append(str(check["name"]))
    return tuple(mask(sample).as_json() for sample in _read(parquet, names))


def failing_geometries(parquet: Path, report: Mapping[str, Any], *, mask: Mask) -> dict[str, Any]:
    """The map of failing geometries: a GeoJSON FeatureCollection of row numbers, each geometry masked or left out."""
    rows = {int(row): ["geometry"] for row in report.get("failing_geometry_rows") or ()}
    shown = [mask(sample) for sample in _read(parquet, rows)]
    features = [
        {"type": "Feature", "geometry": one.geometry, "properties": {"row": one.row}} for one in shown if one.geometry
    ]
    return {"type": "FeatureCollection", "features": features}


def _read(parquet: Path, names: Mapping[int, Sequence[str]]) -> list[Sample]:
    table = Table(parquet)
    try:
        wanted = [row - 1 for row in names if 0 < row <= table.rows]
        if not wanted:
            return []
        primary = table.geo.get("primary_column")
        batches = list(table.batches("SELECT * FROM t WHERE list_contains(?, n) ORDER BY n", [wanted]))
        found = []
        for record in pa.Table.from_batches(batches).to_pylist() if batches else ():
            row = int(record["n"]) + 1
            values = {name: record[f"c{index}"] for index, name in enumerate(table.schema.names)}
            wkb = values.pop(primary, None) if primary else None
            told = {name: _plain(value) for name, value in values.items()}
            found.append(Sample(row, tuple(dict.fromkeys(names[row])), told, _geojson(wkb)))
        return found
    finally:
        table.close()


def _geojson(wkb: bytes | None) -> dict[str, Any] | None:
    geometry = None if wkb is None else shapely.from_wkb(wkb, on_invalid="ignore")
    if geometry is None or shapely.is_empty(geometry):
        return None
    return json.loads(shapely.to_geojson(geometry))  # type: ignore[no-any-return]  # a geometry object


def _plain(value: Any) -> Any:
    """A value that JSON can say; long texts are cut, bytes are only counted."""
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "…"


def masked(sample: Sample, label: LabelFacts | None, obligations: Sequence[Obligation] = ()) -> Sample:
    """The sample as ``label`` and the version's own ``obligations`` let it show.

    Exact, under a label that all staff read and that obliges nothing; with its point on the grid (metres, EPSG:5070)
    where the geometry must be generalized; otherwise without coordinates. Fields that may tell the place go with the
    coordinates. An unknown label, obligations that can't be read or metadata-only: nothing but the row number.
    """
    if label is None:
        return Sample(sample.row, sample.checks, withheld="The label is not known, so nothing is shown.")
    try:
        duties = {one.kind: one for one in union(label.default_obligations, obligations)}
    except ValueError:
        return Sample(sample.row, sample.checks, withheld="The obligations can't be read, so nothing is shown.")
    coarsens = {ObligationKind.GENERALIZE_TIME, ObligationKind.SUPPRESS_SMALL_COUNTS, ObligationKind.METADATA_ONLY}
    if coarsens & duties.keys():
        return Sample(sample.row, sample.checks, withheld="The obligations let no single row be shown.")
    removed = _removed(union(label.default_obligations, obligations))
    grid = duties.get(ObligationKind.GENERALIZE_GEOMETRY)
    open_to_staff = Role.CONTRIBUTOR.value in label.readers
    if open_to_staff and grid is None:
        return Sample(sample.row, sample.checks, _without(sample.values, removed, places=False), sample.geometry)
    geometry = _on_grid(sample.geometry, grid) if open_to_staff and grid is not None else None
    said = "The place is shown on the label's grid." if geometry else "The place is withheld."
    return Sample(sample.row, sample.checks, _without(sample.values, removed, places=True), geometry, said)


def _removed(obligations: Sequence[Obligation]) -> frozenset[str]:
    """The names that ``remove_attributes`` names, case-folded, by the last part of a dotted path too."""
    names = [
        str(name).casefold()
        for one in obligations
        if one.kind is ObligationKind.REMOVE_ATTRIBUTES and isinstance(one.value, tuple)
        for name in one.value
    ]
    # A field inside another is not looked for: the whole outer field goes.
    return frozenset(
        [*names, *(name.partition(".")[0] for name in names), *(name.rpartition(".")[2] for name in names)]
    )


def _without(values: Mapping[str, Any], removed: frozenset[str], *, places: bool) -> dict[str, Any]:
    return {
        name: _HIDDEN if name.casefold() in removed or (places and _tells_place(name)) else value
        for name, value in values.items()
    }


def _tells_place(name: str) -> bool:
    spelled = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold()
    return _PLACE_WORDS.search(spelled) is not None


def _on_grid(geometry: Mapping[str, Any] | None, obligation: Obligation) -> dict[str, Any] | None:
    """The point at the centre of the grid cell, for longitude and latitude; ``None`` where there is no such point."""
    if geometry is None:
        return None
    try:
        grid = grid_for(obligation)
    except ObligationNotApplicable:
        return None
    centre = generalized(shapely.to_wkb(shapely.from_geojson(json.dumps(geometry))), grid)
    if centre is None:
        return None
    return {"type": "Point", "coordinates": [round(centre[0], 5), round(centre[1], 5)]}
