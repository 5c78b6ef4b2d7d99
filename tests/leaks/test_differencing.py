"""Two releases together isolate nothing that neither shows (C2): grids, counts, columns; and what can't be compared."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from datasets.obligations import differencing
from datasets.obligations.differencing import Released, compare
from datasets.policy.obligations import parse_obligations
from tests.leaks import released_files as files

RNG = np.random.default_rng(5)
PLACES = [tuple(p) for p in RNG.uniform((-99.0, 38.0), (-98.9, 38.1), (120, 2)).tolist()]
NAMES = [f"W{n:04d}" for n in range(120)]


def owed(size=None, removed=None, least=None):
    listed = [{"type": "generalize_geometry", "min_cell_size_m": size}] if size else []
    listed += [{"type": "remove_attributes", "fields": [removed]}] if removed else []
    listed += [{"type": "suppress_small_counts", "k": least}] if least else []
    return tuple(parse_obligations(listed))


@pytest.fixture
def make(tmp_path):
    def make(name, size=1000.0, *, places=PLACES, columns=None, owes=None, grid=None, shape="centroid"):
        cells = files.cells_of(list(places), size) if size else None
        shapes = files.centres(cells, size) if size else [shapely.Point(p) for p in places]
        shapes = files.squares(cells, size) if shape == "cell" else shapes
        path = files.released(tmp_path / f"{name}.parquet", shapes, size=size or 1, columns=columns, grid=grid)
        if not size and grid is None:  # an exact release declares no grid
            notes = {k: v for k, v in pq.read_metadata(path).metadata.items() if k != b"kfm:generalization"}
            files.keep(pq.read_table(path), path, notes)
        return Released(path, name, owed(size=size) if owes is None else owes)

    return make


def codes(new, old):
    return {finding.code for finding in compare(new, old)}


@pytest.mark.parametrize(("new", "old"), [(1000, 1000), (1000, 2000), (3000, 1000), (500, 1500), (250, 1000)])
def test_c2_nested_squares_isolate_nothing(make, new, old):
    assert codes(make("new", new), make("old", old)) == set()


@pytest.mark.parametrize(("new", "old"), [(1000, 1500), (1500, 1000), (1000, 1001), (2000, 3000), (1000.5, 2000)])
def test_c2_squares_that_cut_one_another_are_refused(make, new, old):
    assert codes(make("new", new), make("old", old)) == {"differencing_grids"}


def test_c2_squares_may_cut_one_another_where_what_they_share_is_as_coarse_as_owed(make):
    assert codes(make("new", 2000, owes=owed(1000)), make("old", 3000, owes=owed(1000))) == set()


def test_c2_a_cell_drawn_as_polygon_is_the_same_cell(make):
    assert codes(make("new", shape="cell", owes=owed(1000, least=2)), make("old", owes=owed(1000, least=2))) == set()


def test_c2_h3_of_another_resolution_or_grid_is_refused(make, tmp_path):
    def hexagons(name, resolution):
        said = {"grid": "h3", "resolution": resolution, "cell_size_m": 1000, "shape": "centroid", "uncertainty_m": 9e3}
        shapes = files.h3_centres(files.h3_of(PLACES, resolution))
        return Released(files.released(tmp_path / f"{name}.parquet", shapes, grid=said), name, owed(1000))

    assert codes(hexagons("a", 7), hexagons("b", 7)) == set()
    assert codes(hexagons("a", 7), hexagons("b", 6)) == {"differencing_grids"}
    assert codes(hexagons("a", 7), make("c")) == {"differencing_grids"}


@pytest.mark.parametrize(("more", "found"), [(0, False), (1, True), (2, True), (3, False), (-1, True), (-3, False)])
def test_c2_counts_differ_by_nothing_or_by_a_group(make, more, found):
    here = [PLACES[0]] * 10
    new, old = [*here, *[PLACES[0]] * more] if more >= 0 else here[:more], here
    owes = owed(1000, least=3)
    found_codes = codes(make("new", places=new, owes=owes), make("old", places=old, owes=owes))
    assert found_codes == ({"differencing_counts"} if found else set())


def test_c2_a_coarser_count_less_the_finer_ones_leaves_no_small_group(make):
    owes = owed(1000, least=3)
    centre = shapely.get_coordinates(files.centres(np.array([[-200, 1500], [-199, 1500]]), 1000)).tolist()
    whole = [tuple(centre[0])] * 5 + [tuple(centre[1])] * 2
    old = make("old", 2000, places=whole, owes=owed(2000, least=3))
    assert codes(make("new", places=whole[:5], owes=owes), old) == {"differencing_counts"}


def test_c2_a_hidden_attribute_does_not_come_back_by_a_join(make):
    new = make("new", columns={"name": NAMES}, owes=owed(1000, "owner"))
    keyed = make("old", columns={"name": NAMES[::-1], "owner": NAMES}, places=PLACES[::-1])
    assert codes(new, keyed) == {"differencing_attribute"}
    assert codes(keyed, new) == {"differencing_attribute"}
    nested = make("nested", columns={"name": NAMES, "deed": [{"Owner": name} for name in NAMES]})
    assert codes(new, nested) == {"differencing_attribute"}


def test_c2_rows_in_the_same_order_are_joined_without_a_key(make):
    new = make("new", places=[PLACES[0]] * 9, columns={"a": ["x"] * 9}, owes=owed(1000, "owner"))
    assert codes(new, make("old", places=[PLACES[0]] * 9, columns={"owner": NAMES[:9]})) == {"differencing_attribute"}


def test_c2_an_attribute_of_rows_that_cant_be_joined_is_another_matter(make):
    new = make("new", columns={"kind": ["well"] * 120}, places=[PLACES[0]] * 120, owes=owed(1000, "owner"))
    old = make("old", columns={"kind": ["well"] * 60, "owner": ["x"] * 60}, places=[PLACES[0]] * 60)
    assert codes(new, old) == set()


def test_c2_exact_places_and_what_only_a_cell_may_tell_are_not_joined(make):
    new = make("new", columns={"name": NAMES, "species": NAMES})
    assert codes(new, make("old", None, columns={"name": NAMES}, owes=())) == {"differencing_place"}
    assert codes(new, make("also", None, columns={"name": NAMES, "species": NAMES}, owes=())) == set()


def test_c2_what_cant_be_compared_is_an_error(make, monkeypatch):
    new, old = make("new"), make("old")
    old.path.write_bytes(b"no parquet")
    assert [(f.code, f.kind) for f in compare(new, old)] == [("differencing_not_comparable", "error")]
    monkeypatch.setattr(differencing, "MOST_ROWS", 3)
    assert [(f.code, f.kind) for f in compare(new, make("old"))] == [("differencing_not_comparable", "error")]


def test_c2_rows_without_a_place_are_compared_too(make):
    new, old = make("new", owes=owed(1000, least=3)), make("old", owes=owed(1000, least=3))
    table = pq.read_table(new.path)
    wkb = table.column("geometry").to_pylist()
    spoiled = table.set_column(0, "geometry", pa.array([None, *wkb[1:]], pa.binary()))
    files.keep(spoiled, new.path, pq.read_metadata(new.path).metadata)
    assert codes(new, old) == {"differencing_counts"}
