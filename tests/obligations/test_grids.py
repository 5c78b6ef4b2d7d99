"""C2, ADR 0027: places on the grids, one million at a time: on a cell, no farther than said, the same everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pyproj
import pytest
import shapely
from h3.api import basic_int as h3

from datasets.obligations.grids import (
    AREA_EAST,
    AREA_NORTH,
    AREA_SOUTH,
    AREA_WEST,
    GRID_CRS,
    HexagonGrid,
    ObligationNotApplicable,
    SquareGrid,
    narrowest_m,
)
from datasets.policy.obligations import PRESETS

MILLION = 1_000_000
GLOBE = pyproj.Geod(ellps="WGS84")
#: SHA-256 of the centres' coordinates, in units of the last published decimal, for the million places below. Another
#: machine, another PROJ or another H3 must come to the same; if one does not, what was published is not reproducible.
DIGESTS = {
    "square": "34a6577fcbe9c4d7cc46a1888b0953528ddf309a60f678096acffeaf3f96a263",
    "h3": "851af79f91ba1db20df011091c92f02877f5c40dcb60df92a276b400a46187e7",
}


@pytest.fixture(scope="module")
def american():
    """A million places over the contiguous states, and a few on the very edges of cells and of Kansas."""
    source = np.random.default_rng(20_261_123)
    lon, lat = source.uniform(-124.7, -66.9, MILLION), source.uniform(24.5, 49.4, MILLION)
    lon[:6], lat[:6] = [-102.05, -94.6, -96.0, -96.0, -98.0, -98.0], [36.99, 40.0, 23.0, 29.5, 38.5, 38.5]
    return lon, lat


@pytest.fixture(scope="module")
def worldwide():
    source = np.random.default_rng(5070)
    return source.uniform(-180, 180, MILLION), np.degrees(np.arcsin(source.uniform(-1, 1, MILLION)))


def snapped(grid, lon, lat):
    """(cells, the centres of the different cells, which of them each place has)."""
    cells = grid.cells(lon, lat)
    unique, which = np.unique(cells, return_inverse=True)
    return cells, grid.centres(unique), which


def ways_m(lon, lat, centres, which):
    """Geodesic metres from each place to its published centre."""
    there = centres[which]
    return GLOBE.inv(lon, lat, there[:, 0], there[:, 1])[2]


def digest(centres, which):
    units = np.rint(centres[which] * 1e7).astype("<i8")
    return hashlib.sha256(units.tobytes()).hexdigest()


def test_c2_a_million_places_go_to_the_square_grid(american):
    grid, (lon, lat) = SquareGrid(10_000.0), american
    cells, centres, which = snapped(grid, lon, lat)
    to_grid = pyproj.Transformer.from_crs("EPSG:4269", GRID_CRS, always_xy=True)
    # On the grid: each published centre is the centre of a square, within the rounding of its degrees.
    x, y = np.array(to_grid.transform(centres[:, 0], centres[:, 1]))
    assert np.abs(x % 10_000 - 5_000).max() < 0.02
    assert np.abs(y % 10_000 - 5_000).max() < 0.02
    # Displaced by at most half a cell along each axis of the grid, so by half its diagonal.
    px, py = np.array(to_grid.transform(lon, lat))
    assert max(np.abs(px - x[which]).max(), np.abs(py - y[which]).max()) <= 5_000.02
    # Nothing changes when it is done again.
    again, _, _ = snapped(grid, *centres[which].T)
    assert (again == cells).all()
    # The stated uncertainty is never smaller than the true one, on the ellipsoid.
    true = ways_m(lon, lat, centres, which).max()
    assert true <= grid.uncertainty_m <= 1.05 * true
    assert digest(centres, which) == DIGESTS["square"]


def test_c2_a_million_places_go_to_h3(american):
    grid, (lon, lat) = HexagonGrid(10_000.0), american
    cells, centres, which = snapped(grid, lon, lat)
    assert {h3.get_resolution(cell) for cell in np.unique(cells).tolist()} == {grid.resolution} == {5}
    again, _, _ = snapped(grid, *centres[which].T)
    assert (again == cells).all()
    assert ways_m(lon, lat, centres, which).max() <= grid.uncertainty_m
    assert digest(centres, which) == DIGESTS["h3"]


def test_c2_h3_keeps_its_word_all_over_the_world(worldwide):
    """At any resolution that can be asked for: a tenth of the places each, with both poles and the antimeridian."""
    lon, lat = (values.copy() for values in worldwide)
    lon[:4], lat[:4] = [0.0, 77.0, 180.0, -180.0], [90.0, -90.0, 0.0, 51.0]
    for nth, size in enumerate((1_000_000, 500_000, 115_000, 50_000, 11_500, 1_150, 1_000, 115, 20, 1)):
        part = slice(nth * 100_000, (nth + 1) * 100_000)
        grid = HexagonGrid(float(size))
        cells, centres, which = snapped(grid, lon[part], lat[part])
        assert ways_m(lon[part], lat[part], centres, which).max() <= grid.uncertainty_m
        assert (snapped(grid, *centres[which].T)[0] == cells).all()


@pytest.mark.parametrize("size", [1.0, 30.0, 115.0, 1_000.0, 1_150.0, 25_000.0, 115_000.0])
def test_c2_the_square_grids_uncertainty_covers_every_corner_where_it_is_used(size, american):
    grid = SquareGrid(size)
    source = np.random.default_rng(1)
    lon, lat = source.uniform(AREA_WEST, AREA_EAST, 20_000), source.uniform(AREA_SOUTH, AREA_NORTH, 20_000)
    far = []
    for x, y in ((lon, lat), (lon, np.full_like(lat, AREA_NORTH)), (lon, np.full_like(lat, AREA_SOUTH))):
        inward = np.clip(y, AREA_SOUTH + 1.5, AREA_NORTH - 1.5) if size > 50_000 else np.clip(y, 22.4, 51.6)
        cells = np.unique(grid.cells(np.clip(x, -128.0, -64.0), inward))
        corners, centres = shapely.get_coordinates(grid.outlines(cells)), np.repeat(grid.centres(cells), 5, axis=0)
        far.append(GLOBE.inv(*centres.T, *corners.T)[2].max())
    assert max(far) <= grid.uncertainty_m


@pytest.mark.parametrize("resolution", range(1, 11))
def test_c2_no_h3_cell_is_narrower_than_is_said(resolution):
    """The narrowest cells are around the twelve pentagons, where the faces' corners meet."""
    source = np.random.default_rng(resolution)
    lat, lon = np.degrees(np.arcsin(source.uniform(-1, 1, 500))), source.uniform(-180, 180, 500)
    cells = {h3.latlng_to_cell(*pair, resolution) for pair in zip(lat.tolist(), lon.tolist(), strict=True)}
    for pentagon in h3.get_pentagons(resolution):
        cells |= set(h3.grid_disk(pentagon, 3))
    assert narrowest_m(resolution) <= min(width_m(cell) for cell in cells) < 1.2 * narrowest_m(resolution)


def width_m(cell):
    """The least distance of two parallels that hold the cell between them, on a plane about its centre."""
    edge, (lat, lon) = np.array(h3.cell_to_boundary(cell)), h3.cell_to_latlng(cell)
    azimuth, _, way = GLOBE.inv(np.full(len(edge), lon), np.full(len(edge), lat), edge[:, 1], edge[:, 0])
    corners = np.stack([way * np.sin(np.radians(azimuth)), way * np.cos(np.radians(azimuth))], axis=1)
    sides = np.roll(corners, -1, axis=0) - corners
    sides = sides[np.hypot(*sides.T) > 1e-6 * way.max()]
    across = np.stack([-sides[:, 1], sides[:, 0]], axis=1) / np.hypot(*sides.T)[:, None]
    return np.ptp(corners @ across.T, axis=0).min()


@pytest.mark.parametrize(("preset", "degrees"), [(name, float(name.partition("_")[0])) for name in PRESETS])
def test_c2_a_preset_is_nowhere_finer_than_its_degrees(preset, degrees, american):
    """By the ground between the middles of opposite sides of the square cells, in degrees of the place they are at."""
    grid, (lon, lat) = SquareGrid(float(PRESETS[preset])), (values[:20_000] for values in american)
    corners = shapely.get_coordinates(grid.outlines(np.unique(grid.cells(lon, lat)))).reshape(-1, 5, 2)
    middles = (corners[:, :4] + corners[:, 1:]) / 2
    for one, other in ((0, 2), (1, 3)):
        ground = GLOBE.inv(*middles[:, one].T, *middles[:, other].T)[2]
        at = np.radians(middles[:, one, 1])
        meridian = 6_335_439.3 / (1 - 0.00669437999 * np.sin(at) ** 2) ** 1.5 * np.pi / 180
        assert (ground >= degrees * meridian).all()  # a degree of latitude, which is more than one of longitude here
    assert narrowest_m(HexagonGrid(float(PRESETS[preset])).resolution) >= degrees * 111_700


@pytest.mark.parametrize(
    ("lon", "lat"),
    [(-150.0, 64.0), (-157.9, 21.3), (2.35, 48.86), (-98.0, -38.0), (0.0, 90.0), (-96.0, -90.0), (84.0, 38.0)],
)
def test_c2_the_square_grid_refuses_what_lies_where_it_is_not_true(lon, lat):
    with pytest.raises(ObligationNotApplicable, match="grid"):
        SquareGrid(10_000.0).cells(np.array([lon]), np.array([lat]))


@pytest.mark.parametrize(("lon", "lat"), [(200.0, 38.0), (-98.0, 91.0), (np.inf, 38.0), (-98.0, np.nan)])
@pytest.mark.parametrize("grid", [SquareGrid(1000.0), HexagonGrid(1000.0)])
def test_c2_what_is_no_longitude_and_latitude_is_refused(grid, lon, lat):
    with pytest.raises(ObligationNotApplicable):
        grid.cells(np.array([lon]), np.array([lat]))


def test_c2_an_outline_over_the_antimeridian_or_a_pole_is_refused():
    grid = HexagonGrid(100_000.0)
    for lon, lat in ((180.0, 0.0), (0.0, 90.0)):
        with pytest.raises(ObligationNotApplicable, match="centre"):
            grid.outlines(grid.cells(np.array([lon]), np.array([lat])))


@pytest.mark.parametrize("grid", [SquareGrid(10_000.0), HexagonGrid(10_000.0), SquareGrid(1.0), HexagonGrid(1.0)])
def test_c2_an_outline_is_valid_turns_left_and_holds_its_cells_centre(grid, american):
    lon, lat = (values[:2_000] for values in american)
    cells = np.unique(grid.cells(lon, lat))
    outlines = grid.outlines(cells)
    assert shapely.is_valid(outlines).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(outlines)).all()
    assert shapely.contains_properly(outlines, shapely.points(grid.centres(cells))).all()
    middles = shapely.get_coordinates(shapely.centroid(outlines))
    assert (grid.cells(*middles.T) == cells).all()


def test_c2_snyders_formulas_come_to_the_same_published_numbers(american):
    """Albers by J. P. Snyder's Map Projections (USGS 1395, §14), not PROJ: the same cells, the same decimals."""
    (lon, lat), grid = american, SquareGrid(10_000.0)
    cells = grid.cells(lon, lat)
    albers = Albers()
    x, y = albers.forward(lon, lat)
    assert ((np.floor(x / 1e4).astype(np.int64) << 32 | np.floor(y / 1e4).astype(np.int64) & 0xFFFFFFFF) == cells).all()
    unique = np.unique(cells)
    columns, rows = unique >> 32, (unique & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    assert (np.round(albers.inverse((columns + 0.5) * 1e4, (rows + 0.5) * 1e4), 7) == grid.centres(unique).T).all()


class Albers:
    """EPSG:5070 on GRS 80, by hand."""

    def __init__(self):
        self.radius, flattening = 6_378_137.0, 1 / 298.257222101
        self.e2 = 2 * flattening - flattening**2
        self.e = self.e2**0.5
        south, north, origin = np.radians([29.5, 45.5, 23.0])
        self.n = (self.m(south) ** 2 - self.m(north) ** 2) / (self.q(north) - self.q(south))
        self.c = self.m(south) ** 2 + self.n * self.q(south)
        self.rho = self.radius * np.sqrt(self.c - self.n * self.q(origin)) / self.n

    def m(self, lat):
        return np.cos(lat) / np.sqrt(1 - self.e2 * np.sin(lat) ** 2)

    def q(self, lat):
        s, e = np.sin(lat), self.e
        return (1 - self.e2) * (s / (1 - self.e2 * s**2) - np.log((1 - e * s) / (1 + e * s)) / (2 * e))

    def forward(self, lon, lat):
        theta = self.n * np.radians(lon + 96)
        rho = self.radius * np.sqrt(self.c - self.n * self.q(np.radians(lat))) / self.n
        return rho * np.sin(theta), self.rho - rho * np.cos(theta)

    def inverse(self, x, y):
        lon = np.degrees(np.arctan2(x, self.rho - y) / self.n) - 96
        wanted = (self.c - (np.hypot(x, self.rho - y) * self.n / self.radius) ** 2) / self.n
        lat = np.arcsin(wanted / 2)
        for _ in range(10):
            s = np.sin(lat)
            lat += (1 - self.e2 * s**2) ** 2 / (2 * np.cos(lat)) * (wanted - self.q(lat)) / (1 - self.e2)
        return lon, np.degrees(lat)
