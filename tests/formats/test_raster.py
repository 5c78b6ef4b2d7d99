"""Cloud-Optimized GeoTIFFs stay as they are, byte by byte; every other TIFF is refused with what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rio_cogeo import cog_profiles, cog_translate

from tests.formats.making import refused, run, zip_bytes

PLACE = {"crs": "EPSG:26914", "transform": from_origin(500_000, 4_300_000, 30, 30)}


@pytest.fixture(scope="module")
def tiffs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiffs")
    noise = np.random.default_rng(7).integers(0, 255, (2, 1_100, 1_200), dtype="uint8")
    made = {}
    for name, more in {"plain": PLACE, "no crs": {"transform": PLACE["transform"]}, "nowhere": {}}.items():
        path = folder / name
        with rasterio.open(
            path, "w", driver="GTiff", width=1_200, height=1_100, count=2, dtype="uint8", nodata=255, **more
        ) as raster:
            raster.write(noise)
        cog_translate(path, folder / f"{name} cog", cog_profiles.get("deflate"), quiet=True)
        made[name], made[f"{name} cog"] = path.read_bytes(), (folder / f"{name} cog").read_bytes()
    return made


def test_a_cog_is_kept_byte_by_byte_and_described(tmp_path, tiffs):
    result = run(tmp_path, tiffs["plain cog"])
    assert (tmp_path / "out.parquet").read_bytes() == tiffs["plain cog"]
    assert (result.kind, result.media_type) == ("raster", "image/tiff; application=geotiff; profile=cloud-optimized")
    assert result.source_crs == "EPSG:26914"
    assert result.bbox == pytest.approx((-99, 38.5507, -98.5851, 38.8488), abs=1e-3)
    assert (result.raster["width"], result.raster["height"], result.raster["nodata"]) == (1_200, 1_100, 255)
    assert [band["type"] for band in result.raster["bands"]] == ["uint8", "uint8"]
    assert result.raster["footprint"]["coordinates"][0][0] == result.raster["footprint"]["coordinates"][0][-1]
    assert json.loads(json.dumps(result.as_json()))["raster"]["crs"] == "EPSG:26914"


def test_a_plain_tiff_is_refused_with_what_is_wrong(tmp_path, tiffs):
    error = refused(tmp_path, tiffs["plain"])
    assert error.code == "not_cloud_optimized"
    assert "not tiled" in error.message
    assert str(tmp_path) not in error.message


def test_a_raster_must_say_where_it_lies_or_the_spec_must(tmp_path, tiffs):
    assert refused(tmp_path, tiffs["nowhere cog"]).code == "not_georeferenced"
    assert refused(tmp_path, tiffs["no crs cog"]).code == "crs_missing"
    assert run(tmp_path, tiffs["no crs cog"], {"source_crs": "EPSG:26914"}).source_crs == "EPSG:26914"


def test_a_raster_has_no_columns_and_no_layers(tmp_path, tiffs):
    fields = {"canonical_fields": {"a": "upstream.a"}}
    assert refused(tmp_path, tiffs["plain cog"], fields).code == "bad_normalization"
    assert refused(tmp_path, tiffs["plain cog"], {"layer": "a"}).code == "bad_normalization"


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_raster_cut_off_is_refused(tmp_path, tiffs, share):
    raw = tiffs["plain cog"]
    assert refused(tmp_path, raw[: int(len(raw) * share)]).code in {"damaged_raster", "not_cloud_optimized"}


def test_a_cog_in_an_archive(tmp_path, tiffs):
    assert run(tmp_path, zip_bytes({"a.tif": tiffs["plain cog"]})).members == ("a.tif",)
    assert (tmp_path / "out.parquet").read_bytes() == tiffs["plain cog"]
