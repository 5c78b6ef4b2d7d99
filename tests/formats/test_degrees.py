"""Where a GeoParquet file lies, in degrees, whatever system it is in (clause D1; RFC 7946 §4)."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from datasets.formats.degrees import bounds_in_degrees, whereabouts
from datasets.formats.errors import UnreadableSource
from datasets.formats.preview import draw
from tests.formats.making import run

KANSAS = (-102.0, 37.0, -94.6, 40.0)
SHAPE = shapely.Polygon([(-99, 38), (-98, 38), (-98, 39), (-99, 39)])
DEGREES = ["EPSG:4326", "OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326"]
OTHERS = ["EPSG:26914", "EPSG:3857", "EPSG:4269", "EPSG:5070"]


def source(*shapes) -> bytes:
    features = [
        {"type": "Feature", "properties": {"n": n}, "geometry": json.loads(shapely.to_geojson(shape))}
        for n, shape in enumerate(shapes)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def parquet(path, shape, **said):
    """A GeoParquet file of one *shape*, of which its metadata say *said*."""
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": {"encoding": "WKB", **said}}}
    table = pa.table({"geometry": pa.array([shapely.to_wkb(shape)], pa.binary())})
    pq.write_table(table.replace_schema_metadata({b"geo": json.dumps(geo).encode()}), path)
    return path


def of(path):
    with pq.ParquetFile(path) as file:
        return whereabouts(file)


@pytest.mark.parametrize("crs", [*DEGREES, *OTHERS])
def test_d1_the_extent_and_the_picture_are_in_degrees(tmp_path, crs):
    result = run(tmp_path, source(SHAPE), {"crs": crs}, preview=tmp_path / "preview")
    where = of(tmp_path / "out.parquet")
    assert where.bbox == pytest.approx((-99, 38, -98, 39), abs=0.05)  # of the box around it in its own system
    assert result.bbox == pytest.approx(where.bbox, abs=0.05)
    west, south, east, north = where.bbox
    assert west <= -99 + 1e-9 and south <= 38 + 1e-9 and east >= -98 - 1e-9 and north >= 39 - 1e-9  # noqa: PT018
    shown = shapely.from_geojson(json.dumps(json.loads(draw(tmp_path / "out.parquet"))["features"][0]["geometry"]))
    assert shown.bounds == pytest.approx((-99, 38, -98, 39), abs=1e-4)
    assert (tmp_path / "preview").read_bytes() == draw(tmp_path / "out.parquet")


@pytest.mark.parametrize("crs", DEGREES)
def test_degrees_stay_the_very_numbers_longitude_first(tmp_path, crs):
    run(tmp_path, source(SHAPE), {"crs": crs})
    assert of(tmp_path / "out.parquet").bbox == (-99.0, 38.0, -98.0, 39.0)


def test_the_code_names_the_system(tmp_path):
    run(tmp_path, source(SHAPE), {"crs": "EPSG:26914"})
    assert of(tmp_path / "out.parquet").code == "EPSG:26914"


def test_heights_are_no_part_of_the_extent(tmp_path):
    assert of(parquet(tmp_path / "a", SHAPE, bbox=[-99, 38, 200, -98, 39, 900])).bbox == (-99, 38, -98, 39)


def test_a_system_left_out_is_longitude_latitude_and_one_denied_is_refused(tmp_path):
    assert of(parquet(tmp_path / "a", SHAPE, bbox=[-99, 38, -98, 39])).bbox == (-99, 38, -98, 39)
    with pytest.raises(UnreadableSource) as caught:
        draw(parquet(tmp_path / "b", SHAPE, crs=None))
    assert caught.value.code == "crs_missing"
    with pytest.raises(UnreadableSource) as caught:
        draw(parquet(tmp_path / "c", SHAPE, crs={"type": "nonsense"}))
    assert caught.value.code == "unknown_crs"


def test_a_table_lies_nowhere_and_draws_nothing(tmp_path):
    pq.write_table(pa.table({"n": [1]}), tmp_path / "a")
    assert of(tmp_path / "a") is None
    assert json.loads(draw(tmp_path / "a")) == {"type": "FeatureCollection", "features": []}


def test_coordinates_without_degrees_are_refused_not_drawn_somewhere(tmp_path):
    crs = pyproj.CRS.from_user_input("ESRI:102038")  # The World From Space: only a disc has degrees
    far = shapely.box(7e6, 7e6, 8e6, 8e6)
    with pytest.raises(UnreadableSource) as caught:
        draw(parquet(tmp_path / "a", far, crs=crs.to_json_dict(), bbox=[7e6, 7e6, 8e6, 8e6]))
    assert caught.value.code == "not_projectable"
    with pytest.raises(UnreadableSource) as caught:
        draw(parquet(tmp_path / "b", far, crs=crs.to_json_dict()))
    assert caught.value.code == "not_projectable"


def test_a_box_across_the_180th_meridian_is_told_as_the_whole_way_round():
    crs = pyproj.CRS.from_user_input("EPSG:3832")
    west, south, east, north = bounds_in_degrees((2_000_000, -100_000, 4_500_000, 4_400_000), crs)
    assert (west, east) == (-180, 180)
    assert -1 < south < north < 37


@pytest.fixture(scope="module", params=OTHERS)
def projected(request):
    """A system, and the box of it that holds Kansas."""
    crs = pyproj.CRS.from_user_input(request.param)
    out = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return crs, out.transform_bounds(*KANSAS, densify_pts=21)


def test_all_of_a_box_is_in_its_box_of_degrees(projected):
    crs, box = projected
    west, south, east, north = bounds_in_degrees(box, crs)
    back = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    x, y = np.meshgrid(np.linspace(box[0], box[2], 50), np.linspace(box[1], box[3], 50))
    longitude, latitude = back.transform(x.ravel(), y.ravel())
    slack = 1e-3  # between the points of an edge
    assert west - slack <= longitude.min() <= longitude.max() <= east + slack
    assert south - slack <= latitude.min() <= latitude.max() <= north + slack
