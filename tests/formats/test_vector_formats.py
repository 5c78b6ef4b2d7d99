"""Clauses A1, A2 and E2 for containers of vectors: same features, same rows, whatever they came in."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets.formats.errors import Limits
from tests.formats.making import GDAL, geo, refused, rejects, rows, run, write, write_parquet, zip_bytes

TYPED = ("gpkg", "flatgeobuf", "shapefile", "parquet")
DAYS = [dt.date(2024, 2, 29), None, dt.date(1899, 12, 31)]
COLUMNS = {
    "naam": ["Zoë", "Ωmega", None],
    "code": ["020", "", "7"],
    "n": pa.array([1, None, -3], pa.int64()),
    "x": [0.5, -2.25, None],
}
POLYGON = shapely.Polygon(
    [(-98, 38), (-97, 38), (-97, 39), (-98, 38)], [[(-97.4, 38.2), (-97.2, 38.2), (-97.2, 38.4), (-97.4, 38.2)]]
)
SHAPES = [POLYGON, None, shapely.box(-96, 37, -95, 38)]


def plain(folder):
    """Rows in one order, with one spelling for what formats spell differently (empty text, ring direction)."""
    found = []
    for row in rows(folder):
        shape = row.pop("geometry", None)
        values = {name: value or None for name, value in row.items()}
        found.append((json.dumps(values, sort_keys=True), None if shape is None else shapely.normalize(shape).wkt))
    return sorted(found, key=str)


def as_geojson(columns, shapes, separator=b""):
    plain_columns = {
        name: values.to_pylist() if isinstance(values, pa.Array) else values for name, values in columns.items()
    }
    features = [
        {
            "type": "Feature",
            "properties": {name: values[i] for name, values in plain_columns.items()},
            "geometry": None if shape is None else json.loads(shapely.to_geojson(shape)),
        }
        for i, shape in enumerate(shapes)
    ]
    if separator:
        return b"".join(separator.strip(b"\n") + json.dumps(feature).encode() + b"\n" for feature in features)
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


@pytest.mark.parametrize("kind", [*TYPED, "lines", "records", "zipped"])
def test_the_same_features_are_the_same_rows_in_every_format(tmp_path, kind):
    raw = as_geojson(COLUMNS, SHAPES)
    run(tmp_path, raw)
    expected = plain(tmp_path)
    assert len(expected) == 3
    texts = {"lines": as_geojson(COLUMNS, SHAPES, b"\n"), "records": as_geojson(COLUMNS, SHAPES, b"\x1e")}
    texts["zipped"] = zip_bytes({"any name": raw})
    source = texts[kind] if kind in texts else write(tmp_path / "a", kind, COLUMNS, SHAPES, geometry_type="Polygon")
    result = run(tmp_path, source)
    assert (result.rows_read, result.rows_written, result.kind) == (3, 3, "vector")
    assert plain(tmp_path) == expected
    assert result.source_crs == "EPSG:4326"
    assert result.bbox == (-98, 37, -95, 39)
    assert geo(tmp_path)["geometry_types"] == ["Polygon"] == list(result.geometry_types)


coordinates = st.tuples(st.floats(-179, 179, width=32), st.floats(-89, 89, width=32))
features = st.lists(
    st.tuples(st.one_of(st.none(), coordinates), st.text(st.characters(codec="ascii", min_codepoint=33), max_size=8)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(features)
def test_points_and_texts_come_back_from_every_container(tmp_path_factory, found):
    folder = tmp_path_factory.mktemp("law")
    columns = {"t": [f"x{text}" for _point, text in found]}
    shapes = [None if point is None else shapely.Point(point) for point, _text in found]
    expected = sorted(
        (text, None if shape is None else (shape.x, shape.y))
        for text, shape in zip(columns["t"], shapes, strict=True)
        if shape
    )
    for kind in TYPED:
        if kind == "flatgeobuf" and not expected:
            continue  # GDAL writes no envelope then, and reads the file as empty
        result = run(folder, write(folder / f"a {kind}", kind, columns, shapes, geometry_type="Point"))
        assert result.rows_written == len(found)
        assert (
            sorted((row["t"], (row["geometry"].x, row["geometry"].y)) for row in rows(folder) if row["geometry"])
            == expected
        )


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize("crs", ["EPSG:26914", "EPSG:3857"])
def test_a2_the_source_s_system_is_read_and_brought_into_the_spec_s(tmp_path, kind, crs):
    there = pyproj.Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(-98.5, 38.5)
    source = write(tmp_path / "a", kind, {"n": [1]}, [shapely.Point(there)], crs=crs, geometry_type="Point")
    result = run(tmp_path, source, {"crs": "EPSG:4326"})
    (row,) = rows(tmp_path)
    assert (row["geometry"].x, row["geometry"].y) == pytest.approx((-98.5, 38.5), abs=1e-8)
    assert result.source_crs == crs
    assert geo(tmp_path)["crs"]["id"]["code"] == 4326
    result = run(tmp_path, source, {"crs": crs})
    assert (rows(tmp_path)[0]["geometry"].x, rows(tmp_path)[0]["geometry"].y) == there
    assert result.bbox == pytest.approx((-98.5, 38.5, -98.5, 38.5), abs=1e-8)


@pytest.mark.parametrize("kind", TYPED)
def test_a_source_that_does_not_say_its_system_needs_the_spec_to(tmp_path, kind):
    source = write(
        tmp_path / "a", kind, {"n": [1]}, [shapely.Point(543_000, 4_261_000)], crs=None, geometry_type="Point"
    )
    assert refused(tmp_path, source).code == "crs_missing"
    assert refused(tmp_path, source, {"source_crs": "EPSG:nonsense"}).code == "unknown_crs"
    result = run(tmp_path, source, {"source_crs": "EPSG:26914"})
    assert result.source_crs == "EPSG:26914"
    assert rows(tmp_path)[0]["geometry"].x == pytest.approx(-98.506, abs=0.01)


def test_e2_what_can_not_be_projected_is_a_reject_and_not_an_infinity(tmp_path):
    shapes = [
        shapely.Point(0, 0),
        shapely.Point(1e30, 0),
        shapely.Point(float("nan"), 1),
        shapely.LineString([(0, 0), (float("inf"), 1)]),
    ]
    source = write(tmp_path / "a", "parquet", {"n": [1, 2, 3, 4]}, shapes, crs="EPSG:26914")
    result = run(tmp_path, source)
    assert result.rows_written == 1
    assert rejects(tmp_path) == [(2, "not_projectable"), (3, "not_finite"), (4, "not_finite")]
    raw = as_geojson({"n": [1, 2]}, [shapely.Point(-98, 38), shapely.Point(81, 0)])
    assert run(tmp_path, raw, {"crs": "EPSG:5070"}).rows_read == 2


def test_projected_coordinates_said_to_be_degrees_are_refused(tmp_path):
    source = write(tmp_path / "a", "gpkg", {"n": [1]}, [shapely.Point(543_000, 4_261_000)], geometry_type="Point")
    assert refused(tmp_path, source).code == "probably_projected"


def test_mixed_types_heights_and_measures(tmp_path):
    shapes = [shapely.Point(1, 2, 3), shapely.box(0, 0, 1, 1), shapely.GeometryCollection([shapely.Point(1, 1)])]
    measured = shapely.from_wkt("LINESTRING ZM (0 0 5 9, 1 1 6 9)")
    for kind in ("gpkg", "parquet"):
        result = run(tmp_path, write(tmp_path / "a", kind, {"n": [1, 2, 3, 4]}, [*shapes, measured]))
        assert list(result.geometry_types) == ["GeometryCollection", "LineString Z", "Point Z", "Polygon"]
        assert result.measures_dropped == 1
        assert rows(tmp_path)[0]["geometry"].z == 3
        assert list(rows(tmp_path)[3]["geometry"].coords) == [(0, 0, 5), (1, 1, 6)]


BOW_TIE = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1), (0, 0)])


@pytest.mark.parametrize("kind", [*TYPED, "geojson"])
def test_geometry_is_repaired_only_if_the_spec_says_so_and_counted(tmp_path, kind):
    shapes = [BOW_TIE, shapely.box(0, 0, 1, 1)]
    source = (
        as_geojson({"n": [1, 2]}, shapes)
        if kind == "geojson"
        else write(tmp_path / "a", kind, {"n": [1, 2]}, shapes, geometry_type="Polygon")
    )
    result = run(tmp_path, source)
    assert result.rows_repaired == 0
    assert sum(not row["geometry"].is_valid for row in rows(tmp_path)) == 1
    result = run(tmp_path, source, {"repair_geometry": True})
    assert result.rows_repaired == 1
    assert all(row["geometry"].is_valid for row in rows(tmp_path))
    assert refused_again(tmp_path, source).code == "bad_normalization"


def refused_again(folder, source, **normalization):
    (folder / "out.parquet").unlink()
    return refused(folder, source, normalization or {"repair_geometry": "yes"})


def test_dates_and_instants_keep_their_kind(tmp_path):
    instants = pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)], pa.timestamp("ms", "UTC"))
    columns = {"day": DAYS[:1], "at": instants}
    for kind in ("gpkg", "parquet"):
        result = run(tmp_path, write(tmp_path / "a", kind, columns, [shapely.Point(1, 2)], geometry_type="Point"))
        assert [column["type"] for column in result.columns] == ["date", "timestamp_utc", "geometry"]
        assert rows(tmp_path)[0]["day"] == DAYS[0]
        assert rows(tmp_path)[0]["at"] == instants[0].as_py()
    run(tmp_path, write(tmp_path / "a", "flatgeobuf", columns, [shapely.Point(1, 2)], geometry_type="Point"))
    assert rows(tmp_path)[0]["at"] == "2024-01-02T03:04:05Z"


def test_a1_the_same_container_gives_the_same_bytes(tmp_path):
    for kind in TYPED:
        source = write(tmp_path / "a", kind, COLUMNS, SHAPES, geometry_type="Polygon")
        run(tmp_path, source, preview=tmp_path / "p1")
        first = (tmp_path / "out.parquet").read_bytes()
        run(tmp_path, source, preview=tmp_path / "p2")
        assert (tmp_path / "out.parquet").read_bytes() == first
        assert (tmp_path / "p1").read_bytes() == (tmp_path / "p2").read_bytes() != b""


def test_several_layers_are_named_and_one_is_chosen_by_the_spec(tmp_path):
    for layer in ("wells", "Täler"):
        source = write(
            tmp_path / "a", "gpkg", {"n": [len(layer)]}, [shapely.Point(1, 2)], layer=layer, geometry_type="Point"
        )
    error = refused(tmp_path, source)
    assert error.code == "several_layers"
    assert "'wells'" in error.message
    assert "'Täler'" in error.message
    result = run(tmp_path, source, {"layer": "Täler"})
    assert (result.layer, rows(tmp_path)[0]["n"]) == ("Täler", 5)
    assert refused_again(tmp_path, source, layer="none").code == "layer_missing"
    assert refused(tmp_path, as_geojson({"n": [1]}, [None]), {"layer": "x"}).code == "bad_normalization"


def test_columns_are_chosen_and_the_identifier_is_given_when_asked_for(tmp_path):
    source = write(tmp_path / "a", "gpkg", COLUMNS, SHAPES, geometry_type="Polygon")
    fields = {"id": "upstream.fid", "name": "upstream.naam", "geometry": "derived.geometry"}
    run(tmp_path, source, {"canonical_fields": fields})
    assert [(row["id"], row["name"]) for row in rows(tmp_path)] == [(1, "Zoë"), (2, "Ωmega"), (3, None)]
    (tmp_path / "out.parquet").unlink()
    assert refused(tmp_path, source, {"canonical_fields": {"z": "upstream.GONE"}}).code == "column_missing"
    run(tmp_path, source, {"canonical_fields": {"name": "upstream.naam"}})
    assert rows(tmp_path)[0] == {"name": "Zoë"}


def tampered(path, *statements):
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def test_a_geopackage_that_would_run_something_is_refused(tmp_path):
    source = write(tmp_path / "a", "gpkg", {"n": [1]}, [shapely.Point(1, 2)], layer="wells", geometry_type="Point")
    tampered(source, "CREATE VIEW v AS SELECT * FROM wells", "UPDATE gpkg_contents SET table_name = 'v'")
    assert refused(tmp_path, source).code == "active_container"
    source = write(tmp_path / "b", "gpkg", {"n": [1]}, [shapely.Point(1, 2)], geometry_type="Point")
    tampered(source, "ALTER TABLE b ADD COLUMN g TEXT GENERATED ALWAYS AS (n * 2)")
    assert refused(tmp_path, source).code == "active_container"


def test_only_three_drivers_are_loaded():
    assert set(GDAL.list_drivers()) == {"GPKG", "FlatGeobuf", "ESRI Shapefile"}


@pytest.mark.parametrize("kind", TYPED)
def test_a_file_cut_off_or_scrambled_is_refused_in_plain_words(tmp_path, kind):
    count = 500
    source = write(
        tmp_path / "a",
        kind,
        {"n": list(range(count))},
        shapely.points(np.linspace(0, 9, count), 1.0),
        geometry_type="Point",
    )
    raw = source.read_bytes()
    for cut in (len(raw) // 2, len(raw) - 9, 120):
        assert refused(tmp_path, raw[:cut]).code in {"damaged_container", "invalid_parquet", "bad_archive"}


def test_a_shapefile_needs_its_parts_and_an_sqlite_file_its_name(tmp_path):
    source = write(tmp_path / "a", "shapefile", {"n": [1]}, [shapely.Point(1, 2)], geometry_type="Point")
    parts = {path.name: path.read_bytes() for path in source.with_suffix(".parts").iterdir()}
    assert (
        refused(tmp_path, zip_bytes({k: v for k, v in parts.items() if not k.endswith(".dbf")})).code
        == "incomplete_shapefile"
    )
    assert (
        refused(tmp_path, zip_bytes({k: v for k, v in parts.items() if not k.endswith(".prj")})).code == "crs_missing"
    )
    assert refused(tmp_path, parts["shapes.shp"]).code == "unsupported_format"
    assert "zip it" in refused(tmp_path, parts["shapes.shp"]).message
    with closing(sqlite3.connect(tmp_path / "plain")) as connection:
        connection.execute("CREATE TABLE t (a)")
    assert refused(tmp_path, tmp_path / "plain").code == "unsupported_format"


def test_vertices_are_limited_in_every_container(tmp_path):
    line = shapely.LineString([(0, i / 100) for i in range(50)])
    for kind in TYPED:
        source = write(
            tmp_path / "a",
            kind,
            {"n": [1, 2]},
            [shapely.LineString([(0, 0), (1, 1)]), line],
            geometry_type="LineString",
        )
        assert run(tmp_path, source, limits=Limits(vertices=49)).rejected_by_code == {"too_many_vertices": 1}


def test_batches_and_row_groups_stay_small_and_rows_keep_their_numbers(tmp_path):
    shapes = [shapely.Point(i, 91 if i == 70 else 1) for i in range(100)]
    for kind in ("gpkg", "parquet"):
        source = write(tmp_path / "a", kind, {"n": list(range(100))}, shapes, geometry_type="Point")
        result = run(tmp_path, source, limits=Limits(batch_rows=8))
        assert (result.rows_written, rejects(tmp_path)) == (99, [(71, "outside_lon_lat")])
        assert [row["n"] for row in rows(tmp_path)] == [n for n in range(100) if n != 70]


def test_well_known_binary_that_is_not_is_a_reject(tmp_path):
    deep = b"".join(b"\x01\x07\x00\x00\x00\x01\x00\x00\x00" for _ in range(50_000)) + shapely.to_wkb(
        shapely.Point(1, 2)
    )
    curve = bytes.fromhex(
        "0108000000030000000000000000000000000000000000000000000000000000400000000000000040"
        "00000000000010400000000000000000"
    )
    open_ring = shapely.to_wkb(POLYGON)[:-8] + b"\x00" * 8
    raw = [shapely.to_wkb(shapely.Point(1, 2)), b"\x01\x02", deep, curve, open_ring, shapely.to_wkb(shapely.Point())]
    source = write_parquet(tmp_path / "a", pa.table({"geometry": raw, "n": list(range(6))}))
    run(tmp_path, source)
    codes = ["invalid_geometry", "too_deep", "unknown_geometry_type", "invalid_geometry", "too_few_positions"]
    assert [row for row, _code in rejects(tmp_path)] == [2, 3, 4, 5, 6]
    assert [code for _row, code in rejects(tmp_path)] == codes


def test_a_geopackage_whose_schema_is_not_text_is_refused(tmp_path):
    source = write(tmp_path / "a", "gpkg", {"n": [1]}, [shapely.Point(1, 2)], geometry_type="Point")
    raw = source.read_bytes().replace(b"CREATE TABLE gpkg_contents", b"CREATE TABLE gpkg\xd8contents")
    assert refused(tmp_path, raw).code == "damaged_container"
