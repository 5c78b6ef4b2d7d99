"""Takes a Cloud-Optimized GeoTIFF as it is, after proving that it is one.

Decides by rio-cogeo's judgement of the structure, and by reading the first and last block of every level, that the file
is whole. Never changes a byte: the target is the source. Never follows a reference: only the GeoTIFF driver is used,
without side files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyproj

from datasets.formats.errors import UnreadableSource
from datasets.formats.instructions import WGS84
from datasets.formats.job import Job, Part
from datasets.formats.reference_systems import crs_name, crs_of
from datasets.formats.result import COG, Bbox, NormalizeResult

_BLOCK_BYTES = 64 * 1024 * 1024
_BANDS = 256
_SHOWN = 3
_FIELDS = "spec /normalization/canonical_fields"
_ENVIRONMENT = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": False,
    "CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".none-is-allowed",
    "GDAL_NUM_THREADS": "1",
    "GDAL_CACHEMAX": 64,
}


def keep_raster(part: Part, job: Job, members: tuple[str, ...]) -> NormalizeResult:
    """Raises ``UnreadableSource`` for a TIFF that is not cloud-optimized, has no place on Earth, or is cut off."""
    job.no_layers("a GeoTIFF")
    import rasterio

    path = part.path.resolve()
    with rasterio.Env(**_ENVIRONMENT), _reads():
        _check_structure(path)
        with rasterio.open(path, driver="GTiff") as raster:
            facts, crs, bbox = _facts(raster, job)
        for level in [None, *range(len(facts["overviews"]))]:
            _read_ends(path, level)
    facts["cloud_optimized"] = True  # what is not was refused above
    try:
        os.link(path, job.target)
    except OSError:
        shutil.copyfile(path, job.target)
    size = job.target.stat().st_size
    job.progress(size, size)
    return _result(facts, crs, bbox, members)


def _result(facts: dict[str, Any], crs: str, bbox: Bbox, members: tuple[str, ...]) -> NormalizeResult:
    return NormalizeResult(
        source_format="tiff",
        rows_read=0,
        rows_written=0,
        rows_rejected=0,
        columns=(),
        geometry_column=None,
        geometry_types=(),
        bbox=bbox,
        vertices=0,
        rejected_by_code={},
        kind="raster",
        media_type=COG,
        source_crs=crs,
        members=members,
        raster=facts,
    )


@contextmanager
def _reads() -> Iterator[None]:
    """GDAL's errors name paths; ours says only what is wrong."""
    import rasterio

    try:
        yield
    except (rasterio.errors.RasterioError, OSError, ValueError) as error:
        message = f"The TIFF can't be read ({type(error).__name__}): it is cut off or damaged."
        raise UnreadableSource("damaged_raster", "file", message, "Fetch it again from the upstream.") from error


def _check_structure(path: Path) -> None:
    from rio_cogeo.cogeo import cog_validate

    is_cog, errors, _warnings = cog_validate(path, quiet=True)
    if not is_cog:
        found = "; ".join(str(error).rstrip(".") for error in errors[:_SHOWN])
        message = f"This TIFF is not a Cloud-Optimized GeoTIFF: {found.replace(str(path), 'the file')}."
        fix = "Convert it (rio cogeo create, or gdal_translate -of COG), and give that file."
        raise UnreadableSource("not_cloud_optimized", "file", message, fix)


def _facts(raster: Any, job: Job) -> tuple[dict[str, Any], str, Bbox]:
    """What the catalogs need to know of the raster, its coordinate system, and its bbox in degrees."""
    if raster.count > _BANDS:
        message = f"The raster has {raster.count} bands; the limit is {_BANDS}."
        raise UnreadableSource("too_many_bands", "file", message, "Split it.")
    for (height, width), kind in zip(raster.block_shapes, raster.dtypes, strict=True):
        if height * width * np.dtype(kind).itemsize > _BLOCK_BYTES:
            message = f"One block of the raster is larger than {_BLOCK_BYTES} bytes."
            raise UnreadableSource("value_too_large", "file", message, "Write it with smaller tiles.")
    if raster.transform.is_identity:
        message = "The raster does not say where on Earth it lies."
        raise UnreadableSource("not_georeferenced", "file", message, "Give it its transform and coordinate system.")
    own = crs_of(raster.crs.to_wkt(), "file") if raster.crs else None
    crs = job.crs_of_file(own)
    bbox, footprint = _outline(raster, crs)
    names = _band_names(job, int(raster.count))
    facts = {
        "width": int(raster.width),
        "height": int(raster.height),
        "transform": tuple(float(number) for number in raster.transform[:6]),
        "crs": crs_name(crs),
        "overviews": tuple(int(factor) for factor in raster.overviews(1)),
        "bands": tuple(
            {"name": name, "type": str(kind), "nodata": _number(nodata), "description": text}
            for name, kind, nodata, text in zip(
                names, raster.dtypes, raster.nodatavals, raster.descriptions, strict=True
            )
        ),
        "nodata": _number(raster.nodata),
        "footprint": footprint,
    }
    return facts, crs_name(crs), bbox


def _band_names(job: Job, count: int) -> list[str]:
    """What the spec calls each band: ``canonical_fields`` maps a name to ``upstream.band_N``; ``band_N`` without."""
    names = [f"band_{band}" for band in range(1, count + 1)]
    if job.wanted.derivation not in {"", "geometry"}:
        message = f"derived.{job.wanted.derivation} needs columns; a raster has bands alone."
        raise UnreadableSource("bad_normalization", _FIELDS, message, "Leave it out.")
    called = {origin: name for name, origin in job.wanted.fields or ()}
    for origin in called:
        if origin not in names:
            has = "one band" if count == 1 else f"{count} bands"
            message = f"The spec names {origin[:80]!r}; this raster has {has}, and no column."
            fix = "Write upstream.band_1." if count == 1 else f"Write upstream.band_1 to upstream.band_{count}."
            raise UnreadableSource("bad_normalization", _FIELDS, message, fix)
    return [called.get(name, name) for name in names]


def _number(value: float | None) -> float | str | None:
    """JSON has no NaN."""
    return None if value is None else (float(value) if np.isfinite(value) else str(value))


def _outline(raster: Any, crs: pyproj.CRS) -> tuple[Bbox, dict[str, Any]]:
    """The bbox and the corners' polygon (counter-clockwise, closed), in degrees of WGS 84."""
    way = pyproj.Transformer.from_crs(crs, crs_of(WGS84, ""), always_xy=True)
    bounds = way.transform_bounds(*raster.bounds)
    pixels = [(0, raster.height), (raster.width, raster.height), (raster.width, 0), (0, 0), (0, raster.height)]
    corners = [way.transform(*raster.xy(row, column, offset="ul")) for column, row in pixels]
    if not np.isfinite([*bounds, *np.ravel(corners)]).all():
        message = "The raster lies outside the area where its coordinate system is defined."
        raise UnreadableSource("not_projectable", "file", message, "Ask the upstream for its right system.")
    west, south, east, north = (float(bound) for bound in bounds)
    ring = tuple((float(x), float(y)) for x, y in corners)
    return (west, south, east, north), {"type": "Polygon", "coordinates": (ring,)}


def _read_ends(path: Path, level: int | None) -> None:
    """Read the first and the last block of one level, so that a file cut off is found."""
    import rasterio

    options = {} if level is None else {"OVERVIEW_LEVEL": level}
    with rasterio.open(path, driver="GTiff", **options) as raster:
        height, width = raster.block_shapes[0]
        down, across = (raster.height - 1) // height, (raster.width - 1) // width
        for row, column in {(0, 0), (down, across)}:
            raster.read(1, window=raster.block_window(1, row, column))
            raster.read(raster.count, window=raster.block_window(raster.count, row, column))
