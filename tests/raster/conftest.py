"""A dataset of rasters, and one small Cloud-Optimized GeoTIFF in Kansas with the plain TIFF it was made from."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rio_cogeo import cog_profiles, cog_translate

from tests.world import SPEC

HEIGHT, WIDTH = 700, 900
CHECKS = [
    {"name": "raster_structure", "operator": ">=", "threshold": 1.0},
    {"name": "band_count", "operator": "==", "threshold": 2},
    {"name": "within_extent", "operator": ">=", "threshold": 1.0},
    {"name": "nodata_declared", "operator": ">=", "threshold": 1.0},
]


def a_spec(*obligations: dict[str, Any], checks: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    spec = deepcopy(SPEC)
    spec["title"] = "Test elevation"
    spec["sensitivity"]["obligations"] = list(obligations)
    spec["normalization"]["canonical_fields"] = {"height": "upstream.band_1"}
    spec["validation"]["checks"] = CHECKS if checks is None else checks
    path = spec["outputs"][0]["path"].replace("wells.parquet", "test_ks_wells.tif")
    spec["outputs"] = [{"artifact_type": "cog", "path": path}]
    return spec


@pytest.fixture(scope="session")
def tiffs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """``cog`` and ``plain``: the same pixels; ``silent``: a COG without a value for no data."""
    folder, made = tmp_path_factory.mktemp("tiffs"), {}
    noise = np.random.default_rng(11).integers(0, 255, (2, HEIGHT, WIDTH), dtype="uint8")
    place = {"crs": "EPSG:26914", "transform": from_origin(500_000, 4_300_000, 30, 30)}
    for name, nodata in {"cog": 255, "silent": None}.items():
        plain, cog = folder / f"{name}-plain", folder / name
        with rasterio.open(
            plain, "w", driver="GTiff", width=WIDTH, height=HEIGHT, count=2, dtype="uint8", nodata=nodata, **place
        ) as raster:
            raster.write(noise)
        cog_translate(plain, cog, cog_profiles.get("deflate"), quiet=True)
        made[name], made[f"plain {name}"] = cog.read_bytes(), plain.read_bytes()
    return made | {"plain": made["plain cog"]}
