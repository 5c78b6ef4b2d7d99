"""The leak linter: what the source alone has is found in every spelling; what chance or the public has is not (C2)."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import zipfile

import h3
import numpy as np
import pyarrow as pa
import pyproj
import pytest
import shapely

from datasets.obligations import spellings
from datasets.obligations.leak_sources import repeated_columns, scan_released, secrets_of
from datasets.obligations.leaks import MOST_NESTED, LeakScan, as_words
from datasets.policy.obligations import parse_obligations
from tests.leaks import released_files as files

RNG = np.random.default_rng(11)
PLACES = [(round(float(x), 6), round(float(y), 6)) for x, y in RNG.uniform((-101.9, 37.1), (-94.8, 39.9), (50, 2))]
LON, LAT = PLACES[7]
OWED = parse_obligations(
    [
        {"type": "generalize_geometry", "min_cell_size_m": 5000},
        {"type": "remove_attributes", "fields": ["owner", "permit", "sold_on"]},
        {"type": "generalize_time", "resolution": "month"},
    ]
)
OWNERS = [f"Ada Möller-{n:02d} Quist" for n in range(50)]
SEEN = [f"2019-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:17:{n:02d}" for n in range(50)]
CELLS = files.cells_of(PLACES, 5000)


def source_columns():
    return {
        "owner": OWNERS,
        "permit": [70_000_000 + 991 * n for n in range(50)],
        "sold_on": [f"1987-03-{1 + n % 28:02d}" for n in range(50)],
        "seen": SEEN,
        "county": ["Ford County" if n % 2 else "Elk" for n in range(50)],
        "depth_m": [10.25 + n for n in range(50)],
    }


def out_columns(**more):
    return {
        "seen": [text[:7] for text in SEEN],
        "county": source_columns()["county"],
        "depth_m": source_columns()["depth_m"],
    } | more


@pytest.fixture
def source(tmp_path):
    points = [shapely.Point(place) for place in PLACES]
    return files.released(tmp_path / "source.parquet", points, columns=source_columns(), uncertainty=1.0)


@pytest.fixture
def out(tmp_path):
    return files.released(tmp_path / "out.parquet", files.centres(CELLS, 5000), columns=out_columns(), size=5000)


@pytest.fixture
def secrets(source, out):
    return secrets_of(source, out, OWED, public=["Kansas wells of 1987-03-05, as received."])


def codes(secrets, **given):
    scan = LeakScan(secrets)
    for where, content in given.items():
        (scan.raw if isinstance(content, bytes) else scan.text)(where, content)
    return {finding.code for finding in scan.findings()}


def dms(value, positive, negative):
    whole, minutes = divmod(abs(value) * 3600, 3600)
    return f"{int(whole)}°{int(minutes // 60)}'{minutes % 60:.2f}\" {positive if value > 0 else negative}"


def spaced(value, letter):
    whole, rest = divmod(abs(value) * 3600, 3600)
    return f"{int(whole)} {int(rest // 60):02d} {rest % 60:05.2f} {letter}"


def geohash(length):
    number = int(spellings.geohash_numbers(np.array([LON]), np.array([LAT]))[0])
    return "".join(spellings.ALPHABET[number >> 55 - 5 * n & 31] for n in range(length))


def metres(system):
    x, y = pyproj.Transformer.from_crs("EPSG:4326", system, always_xy=True).transform(LON, LAT)
    return x, y


WKB = shapely.to_wkb(shapely.Point(LON, LAT))
ZONE = int((LON + 180) // 6) + 1


def zipped():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/notes.txt", f"at {LAT}, {LON}")
    return held.getvalue()


SPELLINGS = {
    "json": json.dumps({"geometry": {"type": "Point", "coordinates": [LON, LAT]}}),
    "latitude first": f"{LAT}, {LON}",
    "trailing zeros": f"{LAT:.9f} {LON:.9f}",
    "without signs": f"{abs(LON)} W {LAT} N",
    "far keys": json.dumps({"decimalLatitude": LAT, "depth": 12.5, "decimalLongitude": LON}),
    "fewer decimals": f"{LAT:.3f}, {LON:.3f}",
    "cut off": f"{str(LAT)[:6]}, {str(LON)[:8]}",
    "one coordinate": f"it is at {LAT}",
    "comma decimals": f"{LAT:.5f}; {LON:.5f}".replace(".", ","),
    "exponent": f"{LAT:.9e} {LON:.9e}",
    "dms": f"{dms(LAT, 'N', 'S')} {dms(LON, 'E', 'W')}",
    "spaced": f"{spaced(LAT, 'N')} {spaced(LON, 'W')}",
    "wkt": f"SRID=4326;POINT Z ({LON} {LAT} 431)",
    "wkb hex": WKB.hex(),
    "wkb hex capitals": WKB.hex().upper(),
    "wkb base64": base64.b64encode(WKB).decode(),
    "wkb base64 for urls": base64.urlsafe_b64encode(b"\x00" + WKB).decode(),
    "big-endian wkb": shapely.to_wkb(shapely.Point(LON, LAT), byte_order=0),
    "raw doubles": b"\x07" + struct.pack("<dd", LAT, LON),
    "text in base64": base64.b64encode(f"the place is {LAT}, {LON}".encode()).decode(),
    "geohash": f"cell {geohash(8)}",
    "geohash capitals": geohash(9).upper(),
    "h3": h3.latlng_to_cell(LAT, LON, 9),
    "h3 number": str(int(h3.latlng_to_cell(LAT, LON, 10), 16)),
    "utm": "{:.0f}E {:.0f}N".replace("E", " mE").replace("N", " mN").format(*metres(f"EPSG:{32600 + ZONE}")),
    "web mercator": "[{:.2f}, {:.2f}]".format(*metres("EPSG:3857")),
    "albers": "{1:.1f} {0:.1f}".format(*metres("EPSG:5070")),
    "url": f"https://example.invalid/map?ll={LAT}%2C{LON}",
    "zip": zipped(),
    "gzip": gzip.compress(f"at {LAT}, {LON}".encode()),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_c2_an_exact_place_is_found_in_every_spelling(secrets, spelling):
    assert codes(secrets, there=SPELLINGS[spelling]) == {"leak_place"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{LAT:.1f}, {LON:.1f}",  # no finer than the cells
        geohash(4),
        h3.latlng_to_cell(LAT, LON, 4),
        "-98.123456, 38.654321",
        "sha256:" + "9" * 64,
        "2026-11-23T07:00:00Z 2026-11-23",
        json.dumps({"bbox": [-102.05, 36.99, -94.59, 40.0], "size": 123456, "rows": 1234567}),
    ],
)
def test_c2_what_is_no_exact_place_is_not_found(secrets, text):
    assert codes(secrets, there=text) == set()


@pytest.mark.parametrize(
    "text",
    [
        f"owned by {OWNERS[3]}.",
        OWNERS[3].upper(),
        OWNERS[3].replace(" ", "_"),
        OWNERS[3].replace(" ", "%20"),
        json.dumps({"x": OWNERS[3]}),
        base64.b64encode(f"the owner is {OWNERS[3]}, he said".encode()).decode(),
        f"no. {70_000_000 + 991 * 5}",
        f"file-{70_000_000 + 991 * 5}.tif",
    ],
)
def test_c2_a_removed_value_is_found_however_it_is_written(secrets, text):
    assert codes(secrets, there=text) == {"leak_attribute"}


@pytest.mark.parametrize("text", ["Möller", "Ada Möller", "70000", "Ford County", "Elk", "owner"])
def test_c2_parts_and_values_that_are_public_are_not_found(secrets, text):
    assert codes(secrets, there=text) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"seen {SEEN[20]}Z", True),
        (SEEN[20].replace("T", " "), True),
        ("1987-03-09", True),  # a removed attribute's day
        ("3/9/1987", True),
        ("19870309", True),
        ("1987-03-05", False),  # the public text has this day
        ("2019-09", False),
        ("2019-09-30T01:02:03", False),
    ],
)
def test_c2_exact_times_are_found(secrets, text, found):
    assert codes(secrets, there=text) == ({"leak_time"} if found else set())


def test_c2_a_finding_never_repeats_a_value(secrets):
    scan = LeakScan(secrets)
    scan.text("a/b.json", f"{LAT}, {LON} {OWNERS[3]} {SEEN[4]}")
    told = json.dumps([finding.as_json() for finding in scan.findings()])
    assert len(scan.findings()) == 3
    assert not [value for value in (str(LAT), OWNERS[3], SEEN[4]) if value in told]


def test_c2_what_was_released_well_raises_no_alarm(secrets, out):
    scan = LeakScan(secrets)
    scan_released(scan, out, "data.parquet")
    scan.raw("data.parquet", json.dumps([shapely.Point(p).wkt for p in PLACES[:0]]).encode())
    assert scan.findings() == []


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"spot": [f"{y:.4f} {x:.4f}" for x, y in PLACES]}, "leak_place"),
        ({"a": [x for x, _ in PLACES], "b": [y for _, y in PLACES]}, "leak_place"),
        ({"a": [round(y, 4) for _, y in PLACES]}, "leak_place"),
        ({"a": pa.array([y for _, y in PLACES], pa.float32())}, "leak_place"),
        ({"site": [{"a": [y]} for _, y in PLACES]}, "leak_place"),
        ({"remarks": [f"belongs to {name}" for name in OWNERS]}, "leak_attribute"),
        ({"remarks": [["nothing", OWNERS[9]]] * 50}, "leak_attribute"),
        ({"remarks": [SEEN[3]] + ["nothing"] * 49}, "leak_time"),
    ],
)
def test_c2_what_a_released_column_gives_away_is_found(secrets, tmp_path, columns, code):
    path = files.released(
        tmp_path / "bad.parquet", files.centres(CELLS, 5000), columns=out_columns(**columns), size=5000
    )
    scan = LeakScan(secrets)
    scan_released(scan, path, "data.parquet")
    assert {finding.code for finding in scan.findings()} == {code}


def test_c2_a_dictionary_page_of_rows_left_out_is_found(secrets, tmp_path):
    noted = pa.DictionaryArray.from_arrays(pa.array([0] * 50), pa.array(["fine", OWNERS[1], f"{LAT} {LON}"]))
    path = files.released(tmp_path / "bad.parquet", files.centres(CELLS, 5000), columns={"note": noted}, size=5000)
    scan = LeakScan(secrets)
    scan_released(scan, path, "data.parquet")
    assert {finding.code for finding in scan.findings()} == {"leak_attribute", "leak_place"}


def test_c2_rows_left_out_are_secret_with_what_only_they_have(tmp_path):
    owed = [*OWED, *parse_obligations([{"type": "suppress_small_counts", "k": 2}])]
    names = [f"Well number {n:03d}" for n in range(50)]
    points = [shapely.Point(place) for place in PLACES]
    whole = files.released(tmp_path / "a.parquet", points, columns={**source_columns(), "name": names})
    fewer = files.released(tmp_path / "b.parquet", files.centres(CELLS[:40], 5000), columns={"name": names[:40]})
    secrets = secrets_of(whole, fewer, owed)
    assert codes(secrets, there=names[45]) == {"leak_attribute"}
    assert codes(secrets, there=names[3]) == set()


def test_c2_a_column_that_repeats_a_removed_one_is_found(tmp_path):
    points = [shapely.Point(place) for place in PLACES]
    contact = [f" {name.upper()}" for name in OWNERS]
    path = files.released(tmp_path / "a.parquet", points, columns={**source_columns(), "contact": contact})
    assert [(f.code, f.where) for f in repeated_columns(path, OWED)] == [("leak_attribute", "contact")]
    assert repeated_columns(files.released(tmp_path / "b.parquet", points, columns=source_columns()), OWED) == []


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string()])
def test_c2_a_number_that_must_go_is_found_in_a_column_of_another_name(tmp_path, source, kind):
    permits = pa.array(source_columns()["permit"]).cast(kind)
    path = files.released(
        tmp_path / "renamed.parquet", files.centres(CELLS, 5000), columns=out_columns(deed=permits), size=5000
    )
    scan = LeakScan(secrets_of(source, path, OWED, public=[]))
    scan_released(scan, path, "renamed.parquet")
    assert "leak_attribute" in {finding.code for finding in scan.findings()}


@pytest.mark.parametrize("value", [None, True, 12, 99999, 0.5, "yes", "active", "Elk", "12345", "", "  "])
def test_c2_common_values_are_not_looked_for(value):
    assert value is None or as_words(value) is None


def test_c2_an_archive_that_cant_be_opened_is_an_error(secrets):
    with pytest.raises(ValueError, match="archive"):
        LeakScan(secrets).raw("a.zip", b"PK\x03\x04" + b"\x00" * 40)


def test_c2_archives_nested_too_deeply_are_an_error_not_a_pass(secrets):
    packed = f"at {LAT}, {LON}".encode()
    for _ in range(MOST_NESTED + 1):
        packed = gzip.compress(packed)
    with pytest.raises(ValueError, match="archives"):
        LeakScan(secrets).raw("a.gz", packed)


def test_c2_lattices_and_crowds_raise_no_alarm(tmp_path):
    """A dense source has a place near every number: what chance explains is no finding, a whole leak still is."""
    rng = np.random.default_rng(3)
    crowd = [tuple(p) for p in np.round(rng.uniform((-101.9, 37.1), (-94.8, 39.9), (20_000, 2)), 4).tolist()]
    source = files.released(tmp_path / "a.parquet", [shapely.Point(p) for p in crowd], uncertainty=1.0)
    cells = files.cells_of(crowd, 5000)
    depth = np.round(rng.uniform(30, 110, 20_000), 3)
    out = files.released(tmp_path / "b.parquet", files.centres(cells, 5000), columns={"depth": depth}, size=5000)
    secrets = secrets_of(source, out, OWED[:1])
    scan = LeakScan(secrets)
    scan_released(scan, out, "data")
    scan.text("report", json.dumps({"quantiles": np.round(rng.uniform(37, 40, 40), 3).tolist()}))
    assert scan.findings() == []
    scan.text("leak", json.dumps([[x, y] for x, y in crowd[:3]]))
    assert [finding.where for finding in scan.findings()] == ["leak"]
