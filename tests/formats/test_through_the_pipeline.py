"""Each kind of source through the whole truth path, from its acquisition to its publication."""

from __future__ import annotations

import datetime as dt
from copy import deepcopy

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from rio_cogeo import cog_profiles, cog_translate

from promotions.models import JobState
from promotions.states import State
from tests.formats.making import write, zip_bytes
from tests.world import SPEC, World

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

FIELDS = {"well_id": "upstream.well_id", "drilled": "upstream.drilled", "geometry": "derived.geometry"}
COLUMNS = {"well_id": ["a", "b"], "drilled": [dt.date(2020, 1, 1), None]}


def world(fields) -> World:
    spec = deepcopy(SPEC)
    spec["normalization"]["canonical_fields"] = fields
    return World.build(spec=spec)


@pytest.mark.parametrize("kind", ["gpkg", "flatgeobuf", "shapefile", "parquet"])
def test_a_container_is_published(tmp_path, kind):
    shapes = [shapely.Point(543_000, 4_261_000), shapely.Point(544_000, 4_261_000)]
    source = write(tmp_path / "wells", kind, COLUMNS, shapes, crs="EPSG:26914", geometry_type="Point")
    version = world(FIELDS).version_in(State.PUBLISHED, content=source.read_bytes())
    assert version.version_id


def test_a_kmz_is_published():
    place = "<Placemark><name>{}</name><Point><coordinates>-98,38</coordinates></Point></Placemark>"
    document = f'<kml xmlns="http://www.opengis.net/kml/2.2">{place.format("a")}{place.format("b")}</kml>'
    of_kml = world({"well_id": "upstream.name", "geometry": "derived.geometry"})
    of_kml.version_in(State.PUBLISHED, content=zip_bytes({"doc.kml": document.encode()}))


def test_a_raster_is_refused_in_words_until_rasters_can_be_checked(tmp_path):
    place = {"crs": "EPSG:26914", "transform": from_origin(500_000, 4_300_000, 30, 30)}
    with rasterio.open(
        tmp_path / "a", "w", driver="GTiff", width=64, height=64, count=1, dtype="uint8", **place
    ) as raster:
        raster.write(np.ones((1, 64, 64), dtype="uint8"))
    cog_translate(tmp_path / "a", tmp_path / "b", cog_profiles.get("deflate"), quiet=True)
    of_rasters = world({"geometry": "derived.geometry"})
    job = of_rasters.run(of_rasters.acquire((tmp_path / "b").read_bytes()))
    assert job.state == JobState.FAILED
    assert "no check and no obligation is known for rasters yet" in job.failure
