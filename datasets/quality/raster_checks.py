"""The checks there are for a raster: on the facts that its reader found, never on its pixels.

Decides nothing of a verdict. A raster has no rows: each check gives one number for the whole, and none sets anything
apart. Keeps clause E2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.quality.geometry_checks import extent_of
from datasets.quality.measures import Measure, NotMeasurable, share

#: As ``NormalizeResult.raster`` has it: cloud_optimized, width, height, transform, crs, bands, footprint.
Raster = Mapping[str, Any]
Parameters = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RasterKind:
    """A check by name: its default operator, and what it measures of a raster, its parameters and the spec."""

    operator: str
    measure: Callable[[Raster, Parameters, Mapping[str, Any]], Measure]


def _structure(raster: Raster, _parameters: Parameters, _spec: Mapping[str, Any]) -> Measure:
    """Share of the files (there is one) whose structure the reader found to be cloud-optimized and whole."""
    sound = int(raster.get("cloud_optimized") is True)
    return Measure(float(sound), {"checked": 1, "failed": 1 - sound})


def _band_count(raster: Raster, _parameters: Parameters, _spec: Mapping[str, Any]) -> Measure:
    return Measure(len(raster["bands"]), {"bands": len(raster["bands"])})


def _nodata_declared(raster: Raster, _parameters: Parameters, _spec: Mapping[str, Any]) -> Measure:
    """Share of the bands that say which value stands for no data."""
    bands = raster["bands"]
    silent = sum(band["nodata"] is None for band in bands)
    return Measure(share(len(bands) - silent, len(bands), "bands"), {"checked": len(bands), "failed": silent})


def _within_extent(raster: Raster, parameters: Parameters, spec: Mapping[str, Any]) -> Measure:
    """Share of the footprint's area, in degrees, that lies within the extent."""
    import shapely  # a tenth of a second, and most processes measure no raster

    footprint = shapely.geometry.shape(raster["footprint"])
    if not footprint.is_valid or footprint.area == 0:
        raise NotMeasurable("The raster's footprint is no area, so no share of it can be taken.")
    extent = shapely.box(*extent_of(parameters, spec))
    inside = 1.0 if extent.covers(footprint) else float(extent.intersection(footprint).area / footprint.area)
    return Measure(inside)


RASTER: dict[str, RasterKind] = {
    "raster_structure": RasterKind(">=", _structure),
    "band_count": RasterKind(">=", _band_count),
    "within_extent": RasterKind(">=", _within_extent),
    "nodata_declared": RasterKind(">=", _nodata_declared),
}
