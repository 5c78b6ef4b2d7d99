"""C2: a file made coarser on either grid, drawn either way, and what is refused because it would tell all the same."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import pytest
import shapely

from datasets.obligations.apply import ObligationNotApplicable, apply_obligations
from datasets.obligations.verify import verify_obligations
from datasets.policy.obligations import parse_obligations

GLOBE = pyproj.Geod(ellps="WGS84")
DRAWN = [(grid, shape) for grid in ("square", "h3") for shape in ("centroid", "cell")]


def geometry(size=10_000, **options):
    return {"type": "generalize_geometry", "min_cell_size_m": size, **options}


def write(path, shapes, extra=None, crs=None):
    column = {"encoding": "WKB", "geometry_types": [], **({"crs": crs} if crs else {})}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    wkb = [None if s is None else shapely.to_wkb(s) for s in shapes]
    columns = {"geometry": pa.array(wkb, pa.binary()), "n": list(range(len(shapes))), **(extra or {})}
    pq.write_table(pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)}), path)
    return path


def kansas(count=500, seed=3):
    source = np.random.default_rng(seed)
    return list(shapely.points(source.uniform(-102, -94.7, count), source.uniform(37, 40, count)))


def applied(tmp_path, shapes, *wire, extra=None, name="out", crs=None):
    source, target = write(tmp_path / f"{name}-in.parquet", shapes, extra, crs), tmp_path / f"{name}.parquet"
    obligations = parse_obligations(wire)
    log = apply_obligations(source, target, obligations)
    assert verify_obligations(target, obligations, {}) == []
    return log, target


def told(path):
    return json.loads(pq.read_metadata(path).metadata[b"kfm:generalization"])


@pytest.mark.parametrize(("grid", "shape"), DRAWN)
def test_c2_what_is_applied_is_declared_verifies_and_stays_when_applied_again(tmp_path, grid, shape):
    owed = geometry(grid=grid, shape=shape)
    log, path = applied(tmp_path, [*kansas(), None, shapely.Point()], owed)
    said = {"square": {"crs": "EPSG:5070"}, "h3": {"resolution": 5}}[grid]
    bound = {"square": 7278, "h3": 10887}[grid]
    assert told(path) == {"grid": grid, "shape": shape, "cell_size_m": 10_000, "uncertainty_m": bound} | said
    table = pq.read_table(path)
    assert set(table.column("coordinate_uncertainty_m").to_pylist()) == {float(bound)}
    assert table.column("geometry").null_count == 2
    geo = json.loads(table.schema.metadata[b"geo"])["columns"]["geometry"]
    assert geo["geometry_types"] == ["Point" if shape == "centroid" else "Polygon"]
    assert tuple(geo["bbox"]) == log.bbox_out
    apply_obligations(path, tmp_path / "again.parquet", parse_obligations([owed]))
    assert (tmp_path / "again.parquet").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(("grid", "shape"), DRAWN)
def test_c2_the_same_file_comes_of_it_twice(tmp_path, grid, shape):
    owed = geometry(grid=grid, shape=shape)
    one, other = (applied(tmp_path, kansas(), owed, name=name)[1].read_bytes() for name in "ab")
    assert one == other


@pytest.mark.parametrize(("grid", "shape"), DRAWN)
def test_c2_a_lines_uncertainty_covers_its_farthest_end(tmp_path, grid, shape):
    lines = [shapely.LineString([(-99.0, 38.0), (-98.2, 38.4)]), shapely.Point(-97, 38).buffer(0.05), *kansas(5)]
    _, path = applied(tmp_path, lines, geometry(grid=grid, shape=shape))
    published = shapely.get_coordinates(shapely.centroid(shapely.from_wkb(pq.read_table(path)["geometry"].to_numpy())))
    vertices, row = shapely.get_coordinates(np.array(lines, dtype=object), return_index=True)
    away = GLOBE.inv(*vertices.T, *published[row].T)[2].max()
    assert away <= told(path)["uncertainty_m"]
    again = tmp_path / "again.parquet"
    apply_obligations(path, again, parse_obligations([geometry(grid=grid, shape=shape)]))
    assert again.read_bytes() == path.read_bytes()


def test_c2_what_is_suppressed_says_nothing_in_the_uncertainty(tmp_path):
    far = shapely.LineString([(-101.0, 37.2), (-95.0, 39.9)])
    log, path = applied(
        tmp_path, [far, *[shapely.Point(-99, 38)] * 3], geometry(), {"type": "suppress_small_counts", "k": 3}
    )
    assert (log.rows_out, log.suppressed_groups, told(path)["uncertainty_m"]) == (3, 1, 7278)


def test_c2_small_groups_are_counted_by_the_cells_that_are_drawn(tmp_path):
    shapes = kansas(4000)
    for grid in ("square", "h3"):
        counts = {"type": "suppress_small_counts", "k": 5}
        log, path = applied(tmp_path, shapes, geometry(20_000, grid=grid), counts, name=grid)
        held = pq.read_table(path)["geometry"].value_counts()
        assert min(row["counts"].as_py() for row in held) >= 5
        assert 0 < log.rows_out < log.rows_in


def test_c2_an_uncertainty_of_the_sources_own_is_added_to(tmp_path):
    extra = {"coordinateUncertaintyInMeters": [30.0, None], "coordinate_uncertainty_m": [5, 100]}
    _, path = applied(tmp_path, kansas(2), geometry(), extra=extra)
    table = pq.read_table(path)
    assert table["coordinateUncertaintyInMeters"].to_pylist() == [7308.0, 7278.0]
    assert table["coordinate_uncertainty_m"].to_pylist() == [7283.0, 7378.0]
    assert told(path)["uncertainty_m"] == 7378


def test_c2_a_system_a_metre_off_is_not_taken_for_exact(tmp_path):
    nad83 = {"id": {"authority": "EPSG", "code": 4269}}
    _, path = applied(tmp_path, kansas(2), geometry(), crs=nad83)
    assert told(path)["uncertainty_m"] == 7282


def test_c2_of_two_sizes_and_ways_the_coarser_and_all_are_applied(tmp_path):
    _, path = applied(tmp_path, kansas(20), geometry(1000, grid="h3"), geometry(10_000, shape="cell"))
    assert told(path)["resolution"] == 5
    assert told(path)["shape"] == "cell"


def test_c2_heights_and_multipoints_become_flat_points(tmp_path):
    shapes = [shapely.Point(-98, 38, 412.5), shapely.MultiPoint([(-98, 38), (-98.01, 38.01)])]
    _, path = applied(tmp_path, shapes, geometry())
    drawn = shapely.from_wkb(pq.read_table(path)["geometry"].to_numpy())
    assert not shapely.has_z(drawn).any()
    assert set(shapely.get_type_id(drawn)) == {0}


@pytest.mark.parametrize("count", [0, 1, 16_384, 16_385, 40_000])
def test_c2_batches_do_not_show(tmp_path, count):
    log, path = applied(tmp_path, kansas(count), geometry())
    assert (log.rows_in, log.rows_out, pq.read_metadata(path).num_rows) == (count,) * 3
    assert pq.read_table(path)["n"].to_pylist() == list(range(count))


TELLING = [
    ("point_x", [1.0]),
    ("eventLatitude", [38.0]),
    ("X1", [1.0]),
    ("ｌａｔ", [38.0]),  # noqa: RUF001 - full width, on purpose
    ("h3_r9", ["8926"]),
    ("Locality", ["2 mi N of town"]),
    ("TWP", ["12S"]),
    ("note", ["found at 38.65432, -98.12345"]),
    ("note", ["38°39'15\" N"]),
    ("note", ["POINT (-98.1 38.6)"]),
    ("note", ['{"lat": 38.7}']),
    ("note", ["Longitude = -98.2"]),
    ("a", ["LON"]),
    ("blob", [b"\x01"]),
]


@pytest.mark.parametrize(("column", "values"), TELLING)
@pytest.mark.parametrize("grid", ["square", "h3"])
def test_c2_a_column_that_tells_the_place_is_refused(tmp_path, grid, column, values):
    shapes = kansas(8)
    column_values = [s.x for s in shapes] if values == ["LON"] else values * 8
    source = write(tmp_path / "in.parquet", shapes, {column: column_values})
    with pytest.raises(ObligationNotApplicable, match=column):
        apply_obligations(source, tmp_path / "out.parquet", parse_obligations([geometry(grid=grid)]))
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("value", [{"name": "a", "lat": 38.0}, [{"lat": 38.0}], {"deep": [[{"POINT_X": 1}]]}])
def test_c2_a_place_inside_a_nested_value_is_refused(tmp_path, value):
    extra = {"site": [value] * 2}
    source = write(tmp_path / "in.parquet", kansas(2), extra)
    with pytest.raises(ObligationNotApplicable, match="site"):
        apply_obligations(source, tmp_path / "out.parquet", parse_obligations([geometry()]))


BY_MONTH = {"type": "generalize_time", "resolution": "month"}
TIMES = [
    ("recorded", [1_715_900_000], BY_MONTH),
    ("recorded", [1_715_900_000_000], BY_MONTH),
    ("recorded", [1_715_900_000.25], BY_MONTH),
    ("recorded", [20_240_517], BY_MONTH),
    ("recorded", [202_405], {"type": "generalize_time", "resolution": "year"}),
    ("note", ["Seen on 2024-05-17 by the river."], BY_MONTH),
    ("note", ["2024-05-17T10:00\nnoon"], BY_MONTH),
    ("eventdate", ["May"], BY_MONTH),
    ("dob", [12], BY_MONTH),
]


@pytest.mark.parametrize(("column", "values", "owed"), TIMES)
def test_c2_a_time_that_no_name_tells_is_refused(tmp_path, column, values, owed):
    source = write(tmp_path / "in.parquet", kansas(3), {column: values * 3})
    with pytest.raises(ObligationNotApplicable, match=column):
        apply_obligations(source, tmp_path / "out.parquet", parse_obligations([owed]))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("depth_m", [20.5]),
        ("api_number", ["15-001-20345"]),
        ("count", [3]),
        ("candidate", ["A. Person"]),
        ("year", [1987]),
    ],
)
def test_c2_what_is_no_time_stays(tmp_path, column, values):
    _, path = applied(tmp_path, kansas(3), BY_MONTH, extra={column: values * 3})
    assert pq.read_table(path)[column].to_pylist() == values * 3


def test_c2_measures_that_may_be_times_are_refused(tmp_path):
    measured = shapely.from_wkt(["POINT M (-98 38 1715900000)"])
    source = write(tmp_path / "in.parquet", list(measured))
    with pytest.raises(ObligationNotApplicable, match="measures"):
        apply_obligations(source, tmp_path / "out.parquet", parse_obligations([BY_MONTH]))


NAMED = [
    ({"Ｏwner": ["A"]}, "owner"),  # noqa: RUF001 - full width, on purpose
    ({"OWNER ": ["A"]}, "owner"),
    ({"site": [{"Owner": "A", "k": 1}]}, "owner"),
    ({"cafe\u0301": ["A"]}, "caf\u00e9"),
]


@pytest.mark.parametrize(("extra", "name"), NAMED)
def test_c2_a_name_is_removed_however_it_is_spelled(tmp_path, extra, name):
    owed = parse_obligations([{"type": "remove_attributes", "fields": [name]}])
    apply_obligations(write(tmp_path / "in.parquet", kansas(1), extra), tmp_path / "out.parquet", owed)
    assert pq.read_table(tmp_path / "out.parquet").drop_columns(["geometry", "n"]).to_pylist() in (
        [{}],
        [],
        [{"site": {"k": 1}}],
    )


HIDDEN = [
    {"owner": ["A"], "more": ['{"Owner": "A. Person"}']},
    {"owner": ["A"], "more": [[{"owner": "A"}]]},
    {"owner": ["A"], "more": [{"deep": [{"owner": "A"}]}]},
    {"owner": ["A"], "more": pa.array([[("owner", "A")]], pa.map_(pa.string(), pa.string()))},
]


@pytest.mark.parametrize("extra", HIDDEN)
def test_c2_a_removed_field_inside_another_value_is_refused(tmp_path, extra):
    owed = parse_obligations([{"type": "remove_attributes", "fields": ["owner"]}])
    with pytest.raises(ObligationNotApplicable, match="more"):
        apply_obligations(write(tmp_path / "in.parquet", kansas(1), extra), tmp_path / "out.parquet", owed)


def test_c2_the_uncertainty_is_not_removed(tmp_path):
    source = write(tmp_path / "in.parquet", kansas(1), {"coordinate_uncertainty_m": [3.0]})
    owed = parse_obligations([geometry(), {"type": "remove_attributes", "fields": ["coordinate_uncertainty_m"]}])
    with pytest.raises(ObligationNotApplicable, match="coordinate_uncertainty_m"):
        apply_obligations(source, tmp_path / "out.parquet", owed)


def test_c2_a_place_outside_of_the_square_grids_area_is_refused_and_h3_takes_it(tmp_path):
    source = write(tmp_path / "in.parquet", [shapely.Point(2.35, 48.86)])
    with pytest.raises(ObligationNotApplicable, match="grid h3"):
        apply_obligations(source, tmp_path / "out.parquet", parse_obligations([geometry()]))
    apply_obligations(source, tmp_path / "out.parquet", parse_obligations([geometry(grid="h3")]))


def test_c2_where_every_group_is_small_an_empty_file_goes_out(tmp_path):
    log, path = applied(tmp_path, kansas(20), geometry(), {"type": "suppress_small_counts", "k": 1000})
    assert (log.rows_out, log.bbox_out, pq.read_table(path).num_rows) == (0, None, 0)
