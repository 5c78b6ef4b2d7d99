"""C2 on the output bytes: a good file passes, and each thing that a file can carry too much of is found."""

from __future__ import annotations

import json
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from datasets.obligations.verify import verify_obligations
from datasets.policy.obligations import Obligation, ObligationKind, parse_obligations
from tests.leaks import released_files as files

PLACES = [(-98.7 + 0.13 * n, 37.2 + 0.07 * n) for n in range(12)] * 3
CELLS = files.cells_of(PLACES, 1000)
GRID = parse_obligations([{"type": "generalize_geometry", "min_cell_size_m": 1000}])
HEXAGONS = parse_obligations([{"type": "generalize_geometry", "min_cell_size_m": 1000, "grid": "h3"}])
OWNER = parse_obligations([{"type": "remove_attributes", "fields": ["owner"]}])
MONTH = parse_obligations([{"type": "generalize_time", "resolution": "month"}])
THREE = parse_obligations([{"type": "suppress_small_counts", "k": 3}])
RESOLUTION = 7
H3 = {"grid": "h3", "resolution": RESOLUTION, "cell_size_m": 1000, "shape": "centroid", "uncertainty_m": 1500.0}


def codes(path, owed, documents=None):
    return {finding.code for finding in verify_obligations(path, owed, documents or {})}


@pytest.fixture
def good(tmp_path):
    return files.released(tmp_path / "good.parquet", files.centres(CELLS, 1000))


@pytest.fixture
def at(tmp_path):
    return tmp_path / "spoiled.parquet"


def test_c2_a_good_file_passes(good):
    assert verify_obligations(good, [*GRID, *THREE], {}) == []


def test_c2_square_cells_as_polygons_pass(at):
    said = {"crs": "EPSG:5070", "cell_size_m": 1000, "grid": "square", "shape": "cell", "uncertainty_m": 800.0}
    files.released(at, files.squares(CELLS, 1000), grid=said)
    owed = parse_obligations([{"type": "generalize_geometry", "min_cell_size_m": 1000, "shape": "cell"}])
    assert verify_obligations(at, owed, {}) == []
    assert codes(at, GRID) == set()


@pytest.mark.parametrize("shape", ["centroid", "cell"])
def test_c2_h3_cells_pass(at, shape):
    cells = files.h3_of(PLACES, RESOLUTION)
    shapes = files.h3_centres(cells) if shape == "centroid" else files.h3_shapes(cells)
    files.released(at, shapes, grid={**H3, "shape": shape}, uncertainty=1500.0)
    assert verify_obligations(at, HEXAGONS, {}) == []


def test_c2_an_h3_cell_smaller_than_owed_is_found(at):
    cells = files.h3_of(PLACES, 8)
    files.released(at, files.h3_centres(cells), grid={**H3, "resolution": 8}, uncertainty=1500.0)
    assert codes(at, HEXAGONS) == {"grid_too_fine"}


def test_c2_an_h3_grid_is_owed_and_not_there(good):
    assert codes(good, HEXAGONS) == {"grid_other"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"size": 900}, "grid_too_fine"),
        ({"uncertainty": 600.0}, "uncertainty_understated"),
        ({"uncertainty": float("nan")}, "uncertainty_understated"),
        ({"columns": {"coordinate_uncertainty_m": pa.array([5.0] + [800.0] * 35)}}, "uncertainty_understated"),
        ({"columns": {"coordinate_uncertainty_m": pa.array([None] + [800.0] * 35)}}, "uncertainty_understated"),
        ({"columns": {"coordinate_uncertainty_m": None}}, "uncertainty_undeclared"),
        ({"columns": {"lat": [37.0] * 36}}, "place_in_column"),
        ({"columns": {"site": [{"decimalLatitude": 37.0}] * 36}}, "place_in_column"),
        ({"columns": {"blob": pa.array([[b"x"]] * 36)}}, "place_in_column"),
        ({"metadata": {"note": "at 37.2, -98.7"}}, "metadata_unexpected"),
        ({"geo": {"kfm:origin": [1, 2]}}, "metadata_unexpected"),
        ({"write_page_index": True}, "bytes_unaccounted"),
        ({"write_page_index": True}, "index_present"),
    ],
)
def test_c2_what_a_file_carries_too_much_of_is_found(at, change, code):
    size = change.get("size", 1000)
    files.released(at, files.centres(files.cells_of(PLACES, size), size), **change)
    assert code in codes(at, GRID)


def test_c2_another_grid_than_the_one_it_declares_is_found(at):
    files.released(at, files.centres(files.cells_of(PLACES, 900), 900))
    assert "off_grid" in codes(at, GRID)


@pytest.mark.parametrize("shift", [1e-5, 1e-9])
def test_c2_a_place_beside_its_cells_centre_is_found_however_near(at, shift):
    shapes = files.centres(CELLS, 1000)
    shapes[0] = shapely.transform(shapes[0], lambda xy: xy + shift)
    files.released(at, shapes)
    assert codes(at, GRID) == {"off_grid"}


@pytest.mark.parametrize(
    "wkb",
    [
        shapely.to_wkb(shapely.Point(-98.7, 37.2)) + b"the exact place",
        shapely.to_wkb(shapely.Point(-98.7, 37.2, 12.0), output_dimension=3),
        shapely.to_wkb(shapely.set_srid(shapely.Point(-98.7, 37.2), 4326), include_srid=True),
        shapely.to_wkb(shapely.Point(-98.7, 37.2), byte_order=0),
        shapely.to_wkb(shapely.LineString([(-98.7, 37.2), (-98.6, 37.2)])),
        shapely.to_wkb(shapely.Point()),
        b"",
        b"\x01\x01",
    ],
)
def test_c2_a_geometry_that_carries_more_than_a_centre_is_found(at, wkb):
    files.released(at, files.centres(CELLS, 1000))
    table = pq.read_table(at)
    spoiled = pa.array([wkb, *table.column("geometry").to_pylist()[1:]], pa.binary())
    files.keep(table.set_column(0, "geometry", spoiled), at, pq.read_metadata(at).metadata)
    assert codes(at, GRID) & {"off_grid", "obligation_not_checkable"}


def test_c2_a_bounding_box_of_other_places_is_found(at):
    column = {"encoding": "WKB", "geometry_types": [], "bbox": [-99.0, 37.0, -97.0, 38.0]}
    files.released(at, files.centres(CELLS, 1000), geo={"columns": {"geometry": column}})
    assert codes(at, GRID) == {"extent_foreign"}


def test_c2_a_dictionary_that_holds_the_values_of_rows_left_out_is_found(at):
    owners = pa.DictionaryArray.from_arrays(pa.array([0] * 36), pa.array(["stays", "Left Out, 12 Elm St"]))
    files.released(at, files.centres(CELLS, 1000), columns={"note": owners})
    assert codes(at, GRID) == {"dictionary_foreign"}


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.date32(), pa.timestamp("us"), pa.int16(), pa.uint32()])
def test_c2_dictionaries_and_statistics_of_every_type_hold_only_released_values(at, kind):
    values = pa.array(range(36), pa.int32()).cast(kind) if kind != pa.timestamp("us") else pa.array(range(36), kind)
    files.released(at, files.centres(CELLS, 1000), columns={"figure": values, "flag": pa.array([True, False] * 18)})
    assert codes(at, GRID) == set()


@pytest.mark.parametrize(("shown", "hidden"), [(b"released-value", b"hidden-value-1"), (b"2031", b"2032")])
def test_c2_a_statistic_that_no_released_row_has_is_found(at, shown, hidden):
    # the rows' own bytes stay; only the footer's minimum and maximum are of a row that was left out
    files.released(at, files.centres(CELLS, 1000), columns={"note": [shown.decode()] * 36}, compression="none")
    raw = at.read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    assert shown in raw[footer:]
    at.write_bytes(raw[:footer] + raw[footer:].replace(shown, hidden))
    assert codes(at, GRID) == {"statistics_foreign"}


def test_c2_bytes_between_the_columns_are_found(good):
    raw = good.read_bytes()
    footer = len(raw) - 8 - int.from_bytes(raw[-8:-4], "little")
    good.write_bytes(raw[:footer] + b"37.212345 -98.712345" + raw[footer:])
    assert codes(good, GRID) == {"bytes_unaccounted"}


@pytest.mark.parametrize(
    "columns",
    [
        {"OWNER": ["a"] * 36},
        {"deed": [{"owner": "a"}] * 36},
        {"deeds": [[{"owner": "a"}]] * 36},
        {"by_key": pa.array([[("k", {"owner": "a"})]] * 36, pa.map_(pa.string(), pa.struct([("owner", pa.string())])))},
        {"by_key": pa.array([[({"owner": "a"}, 1)]] * 36, pa.map_(pa.struct([("owner", pa.string())]), pa.int64()))},
    ],
)
def test_c2_a_removed_attribute_is_found_however_deep_it_lies(at, columns):
    files.released(at, files.centres(CELLS, 1000), columns=columns)
    assert codes(at, OWNER) == {"attribute_present"}


def test_c2_a_removed_attribute_is_found_in_the_stored_arrow_schema(at):
    files.released(at, files.centres(CELLS, 1000), metadata={"pandas": '{"columns": [{"name": "owner"}]}'})
    assert codes(at, OWNER) == {"attribute_in_metadata", "metadata_unexpected"}


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("processed/qa/report.json", {"columns": [{"name": "Owner", "nulls": 0}]}),
        ("processed/qa/report.json", {"drift": {"columns_removed": ["owner"]}}),
        ("catalog/stac/items/x.json", {"properties": {"table:columns": [{"name": "deed.owner"}]}}),
        (
            "processed/preview.geojson",
            {"features": [{"type": "Feature", "properties": {"owner": 1}, "geometry": None}]},
        ),
    ],
)
def test_c2_a_removed_attribute_that_a_document_describes_is_found(good, name, document):
    assert codes(good, OWNER, {name: json.dumps(document).encode()}) == {"attribute_in_document"}


def test_c2_the_list_of_what_is_owed_may_name_the_attribute(good):
    listed = {"kfm:obligations": [{"type": "remove_attributes", "fields": ["owner"]}], "title": "owner"}
    assert codes(good, OWNER, {"catalog/dcat.jsonld": json.dumps(listed).encode()}) == set()


@pytest.mark.parametrize(
    ("place", "code"),
    [([-98.71234, 37.2], "off_grid"), ([-98.7, 37.2], "off_grid"), ([0, 0, 0], "obligation_not_checkable")],
)
def test_c2_a_preview_of_other_places_is_found(good, place, code):
    feature = {"type": "Feature", "properties": {"row": 1}, "geometry": {"type": "Point", "coordinates": place}}
    assert codes(good, GRID, {"a/preview.geojson": json.dumps({"features": [feature]}).encode()}) == {code}


def test_c2_the_preview_of_the_file_itself_passes(good):
    from datasets.formats.preview import draw

    assert codes(good, GRID, {"a/preview.geojson": draw(good)}) == set()


@pytest.mark.parametrize(
    "columns",
    [
        {"seen": [{"at": "2024-05-17"}] * 36},
        {"seen": [["2024-05-17"]] * 36},
        {"seen": pa.array([[("k", "2024-05-17")]] * 36, pa.map_(pa.string(), pa.string()))},
        {"seen": pa.array(["2024-05-17"] * 36).dictionary_encode()},
    ],
)
def test_c2_a_time_is_found_however_deep_it_lies(at, columns):
    files.released(at, files.centres(CELLS, 1000), columns=columns)
    assert "time_too_fine" in codes(at, MONTH)


def test_c2_small_groups_are_found_and_rows_without_a_place_are_one(at):
    shapes = [*files.centres(CELLS, 1000), None]
    files.released(at, shapes)
    assert codes(at, THREE) == {"small_group"}


@pytest.mark.parametrize("cut", [1, 9, 60, 400])
def test_c2_a_file_cut_short_cant_be_checked(good, cut):
    good.write_bytes(good.read_bytes()[:-cut])
    assert {f.kind for f in verify_obligations(good, GRID, {})} == {"error"}


def test_c2_hostile_bytes_are_an_error_and_never_an_exception(good):
    raw, told = good.read_bytes(), []
    places = range(4, len(raw), 23)
    for place in places:
        spoiled = bytearray(raw)
        spoiled[place] ^= 0xFF
        good.write_bytes(bytes(spoiled))
        told.append(verify_obligations(good, [*GRID, *OWNER, *MONTH, *THREE], {}))
    assert any(finding.kind == "error" for findings in told for finding in findings)
    assert sum(map(bool, told)) > len(places) / 2  # most of the bytes mean something


def test_c2_the_uncertainty_is_recomputed_to_the_metre(at):
    shapes = files.centres(CELLS, 1000)
    corners = [shapely.get_coordinates(one) for one in files.squares(CELLS, 1000)]
    true = max(
        files.GLOBE.inv(point.x, point.y, *corner)[2]
        for point, ring in zip(shapes, corners, strict=True)
        for corner in ring.tolist()
    )
    assert true > 707.2  # half a diagonal on the grid; the grid stretches the ground
    files.released(at, shapes, uncertainty=true - 1)
    assert codes(at, GRID) == {"uncertainty_understated"}
    files.released(at, shapes, uncertainty=true)
    assert codes(at, GRID) == set()


@pytest.mark.slow
def test_c2_a_million_points_are_verified_in_seconds(at):
    rng = np.random.default_rng(7)
    places = np.column_stack([rng.uniform(-102, -94.6, 1_000_000), rng.uniform(37, 40, 1_000_000)])
    cells = files.cells_of(places.tolist(), 1000)
    unique, back = np.unique(cells, axis=0, return_inverse=True)
    wkb = pa.array(shapely.to_wkb(np.array(files.centres(unique, 1000))), pa.binary()).take(pa.array(back.ravel()))
    files.released(at, files.centres(unique[:3], 1000))
    notes = pq.read_metadata(at).metadata
    geo = json.loads(notes[b"geo"])
    del geo["columns"]["geometry"]["bbox"]
    notes = {**notes, b"geo": json.dumps(geo).encode()}
    rows = {"geometry": wkb, "coordinate_uncertainty_m": np.full(len(wkb), 800.0), "depth_m": np.arange(len(wkb))}
    files.keep(pa.table(rows), at, notes)
    started = time.perf_counter()
    assert verify_obligations(at, GRID, {}) == []
    assert time.perf_counter() - started < 60


@pytest.mark.parametrize(
    "owed",
    [
        Obligation(ObligationKind.REMOVE_ATTRIBUTES),
        Obligation(ObligationKind.REMOVE_ATTRIBUTES, ()),
        Obligation(ObligationKind.REMOVE_ATTRIBUTES, "owner"),
        Obligation(ObligationKind.GENERALIZE_TIME, "decade"),
        Obligation(ObligationKind.GENERALIZE_TIME),
        Obligation(ObligationKind.GENERALIZE_GEOMETRY),
        Obligation(ObligationKind.SUPPRESS_SMALL_COUNTS),
    ],
)
def test_c2_an_obligation_that_says_nothing_to_look_for_is_not_verified(good, owed):
    assert "obligation_not_checkable" in codes(good, [owed])
