"""Parquet: GeoParquet's metadata is believed only where it is whole; plain tables keep their types."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from datasets.formats.errors import Limits, UnreadableSource
from tests.formats.making import geo, refused, rejects, rows, run, write_parquet

NOON = dt.datetime.fromisoformat("2024-01-01T12:00:00")
POINTS = shapely.to_wkb([shapely.Point(-98, 38), shapely.Point(-97, 39)])
WHOLE = pa.table({"n": [1, 2], "geometry": POINTS})


def plain(folder, **columns):
    pq.write_table(pa.table(columns), folder / "t.parquet")
    return folder / "t.parquet"


def with_geo(folder, metadata):
    raw = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    pq.write_table(WHOLE.replace_schema_metadata({b"geo": raw}), folder / "g.parquet")
    return folder / "g.parquet"


def test_typed_columns_keep_their_kind_and_no_digit_is_lost(tmp_path):
    source = plain(
        tmp_path,
        small=pa.array([1, 2], pa.int8()),
        single=pa.array([0.5, None], pa.float32()),
        exact=pa.array([decimal.Decimal("1.25"), None], pa.decimal128(9, 2)),
        long=pa.array([decimal.Decimal("12345678901234567890.123"), None], pa.decimal128(30, 3)),
        word=pa.array(["a", "b"]).dictionary_encode(),
        nested=pa.array([{"k": [1, None]}, None]),
        hour=pa.array([dt.time(1, 2, 3), None]),
        at=pa.array([NOON, None]),
        none=pa.nulls(2),
    )
    result = run(tmp_path, source)
    assert (result.kind, result.geometry_column) == ("table", None)
    types = {column["name"]: column["type"] for column in result.columns}
    assert types == {
        "small": "int64",
        "single": "double",
        "exact": "double",
        "long": "string",
        "word": "string",
        "nested": "string",
        "hour": "string",
        "at": "timestamp",
        "none": "string",
    }
    assert rows(tmp_path)[0] == {
        "small": 1,
        "single": 0.5,
        "exact": 1.25,
        "long": "12345678901234567890.123",
        "word": "a",
        "nested": '{"k":[1,null]}',
        "hour": "01:02:03.000000",
        "at": NOON,
        "none": None,
    }


def test_a_kind_without_counterpart_ends_the_file_only_if_it_is_kept(tmp_path):
    source = plain(tmp_path, n=[1], raw=[b"\x00"])
    assert refused(tmp_path, source).code == "unsupported_column_type"
    assert run(tmp_path, source, {"canonical_fields": {"n": "upstream.n"}}).rows_written == 1


def test_values_that_no_store_can_hold_are_rejects(tmp_path):
    source = plain(
        tmp_path,
        text=["a", "b\x00", "c", "d"],
        x=[1.0, 1.0, float("inf"), 1.0],
        big=pa.array([1, 1, 1, 2**64 - 1], pa.uint64()),
    )
    run(tmp_path, source)
    assert rejects(tmp_path) == [(2, "nul_character"), (3, "not_finite"), (4, "too_large")]


def test_a_plain_table_s_coordinates_are_found_as_in_csv(tmp_path):
    source = plain(tmp_path, lat=[38.0, None, 91.0], lon=[-98.0, None, 0.0])
    result = run(tmp_path, source)
    assert rejects(tmp_path) == [(3, "outside_lon_lat")]
    assert [row["geometry"] and row["geometry"].wkt for row in rows(tmp_path)] == ["POINT (-98 38)", None]
    assert result.kind == "vector"
    source = plain(tmp_path, wkt=["POINT (1 2)", None, "POINT (1"], k=[1, 2, 3])
    run(tmp_path, source, {"canonical_fields": {"k": "upstream.k", "g": "derived.from_wkt"}})
    assert rejects(tmp_path) == [(3, "invalid_wkt")]
    (tmp_path / "out.parquet").unlink()
    told = {"canonical_fields": {"g": "derived.geometry"}}
    assert refused(tmp_path, plain(tmp_path, n=[1]), told).code == "bad_normalization"


GOOD = {"encoding": "WKB", "geometry_types": [], "crs": None}
WRONG = {
    "not JSON": b"{",
    "depth": b"[" * 100_000,
    "not an object": [],
    "no columns": {"primary_column": "geometry"},
    "another column": {"primary_column": "g", "columns": {"g": GOOD}},
    "native encoding": {"primary_column": "geometry", "columns": {"geometry": {**GOOD, "encoding": "point"}}},
    "a column of numbers": {"primary_column": "n", "columns": {"n": GOOD}},
    "spherical": {"primary_column": "geometry", "columns": {"geometry": {**GOOD, "edges": "spherical"}}},
    "a system by name": {"primary_column": "geometry", "columns": {"geometry": {**GOOD, "crs": "EPSG:4326"}}},
}


@pytest.mark.parametrize("case", WRONG)
def test_metadata_that_is_wrong_ends_the_file(tmp_path, case):
    assert refused(tmp_path, with_geo(tmp_path, WRONG[case])).code == "invalid_geoparquet"


def test_metadata_without_a_system_mean_crs84_and_null_means_unknown(tmp_path):
    assert run(tmp_path, write_parquet(tmp_path / "a", WHOLE, "absent")).source_crs == "OGC:CRS84"
    assert geo(tmp_path)["crs"]["id"]["code"] == 4326
    (tmp_path / "out.parquet").unlink()
    assert refused(tmp_path, write_parquet(tmp_path / "a", WHOLE, None)).code == "crs_missing"
    bad = {"primary_column": "geometry", "columns": {"geometry": {**GOOD, "crs": {"type": "nonsense"}}}}
    assert refused(tmp_path, with_geo(tmp_path, bad)).code == "unknown_crs"


def test_a_covering_column_repeats_the_bounds_and_is_left_out(tmp_path):
    box = pa.array([{"xmin": -98.0, "ymin": 38.0, "xmax": -98.0, "ymax": 38.0}] * 2)
    paths = {edge: ["bbox", edge] for edge in ("xmin", "ymin", "xmax", "ymax")}
    source = write_parquet(tmp_path / "a", WHOLE.append_column("bbox", box), covering={"bbox": paths})
    assert [column["name"] for column in run(tmp_path, source).columns] == ["n", "geometry"]


def test_what_a_file_claims_is_limited_before_it_is_read(tmp_path):
    source = plain(tmp_path, n=pa.nulls(50_000, pa.int64()), m=pa.nulls(50_000, pa.int64()))
    assert source.stat().st_size < 10_000
    assert refused(tmp_path, source, limits=Limits(rows=49_999)).code == "too_many_rows"
    assert refused(tmp_path, source, limits=Limits(columns=1)).code == "too_many_columns"


@pytest.mark.parametrize("at", range(4, 400, 23))
def test_a_byte_changed_anywhere_never_ends_in_a_traceback(tmp_path, at):
    raw = bytearray(write_parquet(tmp_path / "a", WHOLE).read_bytes())
    raw[-at] ^= 0xFF
    with suppress(UnreadableSource):
        run(tmp_path, bytes(raw))
