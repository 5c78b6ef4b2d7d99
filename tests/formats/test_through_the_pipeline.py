"""Each kind of source through the whole truth path, from its acquisition to its publication."""

from __future__ import annotations

import datetime as dt
from copy import deepcopy

import pytest
import shapely

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
