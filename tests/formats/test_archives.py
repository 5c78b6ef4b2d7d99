"""Archives: what is unpacked, what is refused before a byte is, and which of several members is the dataset."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib

import pytest

from datasets.formats.errors import Limits
from tests.formats.making import refused, rejects, rows, run, zip_bytes

CSV = b"lat,lon,n\n38,-98,1\n39,-97,2\n"
POINT = b'{"type":"Feature","properties":{"n":1},"geometry":{"type":"Point","coordinates":[-98,38]}}'
KML = b"""<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>a</name>
<Point><coordinates>-98,38</coordinates></Point></Placemark></Document></kml>"""


def entry(name: str, raw: bytes = CSV, **attributes) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, raw


def archive(folder, *entries):
    with zipfile.ZipFile(folder / "source", "w") as file:
        for info, raw in entries:
            file.writestr(info, raw)
    return folder / "source"


@pytest.mark.parametrize(
    "name",
    [
        "../a.csv",
        "a/../../b.csv",
        "/etc/passwd",
        "C:/a.csv",
        "c:a.csv",
        "a\\b.csv",
        "..\\a.csv",
        "a//b.csv",
        "./a.csv",
        "a/./b.csv",
        "..",
        "a\x01b.csv",
        "n" * 600,
    ],
)
def test_zip_slip_a_path_that_leads_elsewhere_is_refused(tmp_path, name):
    source = archive(tmp_path, entry("good.csv"), entry(name))
    assert refused(tmp_path, source).code == "unsafe_path"
    assert {path.name for path in tmp_path.iterdir()} <= {"rejects.jsonl", "source", "var"}


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_links_and_special_files_are_refused(tmp_path, mode):
    source = archive(tmp_path, entry("a.csv", b"/etc/passwd", external_attr=(mode | 0o777) << 16))
    assert refused(tmp_path, source).code == "unsafe_path"


def test_names_twice_are_refused_however_they_are_spelled(tmp_path):
    for first, second in (("a.csv", "A.CSV"), ("é.csv", "e\u0301.csv")):
        assert refused(tmp_path, archive(tmp_path, entry(first), entry(second))).code == "duplicate_member"


def patched(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def spoiled(case: str) -> bytes:
    raw = zip_bytes({"a.csv": CSV * 50, "b.txt": b"notes"})
    directory = raw.index(b"PK\x01\x02")
    second = raw.index(b"PK\x01\x02", directory + 4)
    end = raw.rindex(b"PK\x05\x06")
    return {
        "encrypted": lambda: patched(raw, directory + 8, b"\x01\x00"),
        "encrypted in its own header": lambda: patched(raw, 6, b"\x01\x00"),
        "another method in its own header": lambda: patched(raw, 8, b"\x00\x00"),
        "unknown compression": lambda: patched(raw, directory + 10, b"\x0e\x00"),
        "wrong checksum": lambda: patched(raw, directory + 16, b"\x00\x00\x00\x00"),
        "said to be shorter": lambda: patched(raw, directory + 24, struct.pack("<L", 100)),
        "said to be longer": lambda: patched(raw, directory + 24, struct.pack("<L", 9_999)),
        "overlapping": lambda: patched(raw, second + 42, struct.pack("<L", 0)),
        "into the directory": lambda: patched(raw, second + 20, struct.pack("<LL", 99_999, 99_999)),
        "cut off": lambda: raw[: len(raw) // 2],
        "fewer members than listed": lambda: patched(raw, end + 8, b"\x01\x00\x01\x00"),
        "more members than listed": lambda: patched(raw, end + 8, b"\x07\x00\x07\x00"),
        "of several volumes": lambda: patched(raw, end + 4, b"\x01\x00"),
        "something in front": lambda: raw[:4] + b"x" * 20 + raw[4:],
        "something behind": lambda: raw + b"x",
        "no bytes": lambda: zip_bytes({}),
    }[case]()


SPOILED = {
    "encrypted": "encrypted_archive",
    "encrypted in its own header": "bad_archive",
    "another method in its own header": "bad_archive",
    "unknown compression": "unknown_compression",
    "wrong checksum": "bad_archive",
    "said to be shorter": "bad_archive",
    "said to be longer": "bad_archive",
    "overlapping": "overlapping_members",
    "into the directory": "overlapping_members",
    "cut off": "bad_archive",
    "fewer members than listed": "bad_archive",
    "more members than listed": "bad_archive",
    "of several volumes": "bad_archive",
    "something in front": "bad_archive",
    "something behind": "bad_archive",
    "no bytes": "unsupported_format",
}


@pytest.mark.parametrize("case", SPOILED)
def test_an_archive_that_contradicts_itself_is_refused(tmp_path, case):
    assert refused(tmp_path, spoiled(case)).code == SPOILED[case]


def test_a_bomb_is_refused_by_what_it_declares(tmp_path):
    bomb = zip_bytes({"a.csv": b"lat,lon\n" + b"0" * 20_000_000})
    assert len(bomb) < 40_000
    assert refused(tmp_path, bomb).code == "archive_bomb"
    many = zip_bytes({f"{i}.csv": b"0" * 900_000 for i in range(10)})
    assert refused(tmp_path, many).code == "archive_bomb"
    assert (
        refused(tmp_path, zip_bytes({"a.csv": CSV * 99}), limits=Limits(expanded_bytes=999)).code == "archive_too_large"
    )


def test_a_bomb_that_declares_little_is_cut_at_what_it_declares(tmp_path):
    content = b"lat,lon\n" + b"0" * 20_000_000
    raw = zip_bytes({"a.csv": content})
    directory = raw.index(b"PK\x01\x02")
    lying = patched(patched(raw, 22, struct.pack("<L", 1_000)), directory + 24, struct.pack("<L", 1_000))
    lying = patched(lying, directory + 16, struct.pack("<L", zlib.crc32(content[:1_000])))
    lying = patched(lying, 14, struct.pack("<L", zlib.crc32(content[:1_000])))
    result_or_refusal = None
    try:
        result_or_refusal = run(tmp_path, lying).rows_read
    except Exception as error:  # noqa: BLE001 - either is right, as long as no more than 1,000 bytes are unpacked
        result_or_refusal = error.code
    assert result_or_refusal in {1, "bad_archive", "no_valid_records", "not_a_table"}


def test_a_nested_bomb_is_opened_once_and_not_twice(tmp_path):
    inner = zip_bytes({"a.csv": CSV})
    assert run(tmp_path, zip_bytes({"in.zip": inner}, zipfile.ZIP_STORED)).members == ("in.zip/a.csv",)
    (tmp_path / "out.parquet").unlink()
    twice = zip_bytes({"mid.zip": zip_bytes({"in.zip": inner})})
    assert refused(tmp_path, twice).code == "nested_archive"


def test_65536_members_are_refused_from_the_directory_s_end(tmp_path):
    with zipfile.ZipFile(tmp_path / "many", "w") as file:
        for i in range(65_536):
            file.writestr(zipfile.ZipInfo(str(i)), b"")
    source = tmp_path / "many"
    assert refused(tmp_path, source).code == "too_many_members"
    raw = bytearray(source.read_bytes())
    directory = raw.index(b"PK\x01\x02")
    raw[:directory] = raw[:4]  # the members themselves are gone, and the answer is the same: they were not looked at
    assert refused(tmp_path, bytes(raw)).code in {"too_many_members", "bad_archive"}
    assert (
        refused(tmp_path, zip_bytes({str(i): b"" for i in range(9)}), limits=Limits(members=8)).code
        == "too_many_members"
    )


def test_a_directory_longer_than_its_members_need_is_refused_unread(tmp_path):
    info, raw = entry("a.csv")
    info.comment = b"c" * 60_000
    assert refused(tmp_path, archive(tmp_path, (info, raw)), limits=Limits(members=20)).code == "too_many_members"


def test_zip64_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "z", "w") as file, file.open("a.csv", "w", force_zip64=True) as member:
        member.write(CSV)
    assert run(tmp_path, tmp_path / "z").rows_written == 2


@pytest.mark.parametrize(
    ("name", "raw", "kind"),
    [("x", CSV, "csv"), ("x.txt", CSV, "csv"), ("x.csv", POINT, "geojson"), ("doc.kml", KML, "kml")],
)
def test_a_member_is_told_by_its_bytes_and_not_by_its_name(tmp_path, name, raw, kind):
    members = {"README.md": b"a, b\nc, d\n", "__MACOSX/._x": b"\x00\x05\x16\x07", name: raw, "icon.png": b"\x89PNG...."}
    result = run(tmp_path, zip_bytes(members if name != "x.txt" else {name: raw}))
    assert (result.source_format, result.members) == (kind, (name,))
    assert rows(tmp_path)[0]["geometry"].x == -98


def test_several_datasets_are_named_and_one_chosen_or_tables_joined_if_the_spec_says_so(tmp_path):
    source = zip_bytes({"b.csv": b"lat,lon,n\n37,-96,3\n37,-96\n", "a.csv": CSV})
    error = refused(tmp_path, source)
    assert error.code == "several_datasets"
    assert "'a.csv', 'b.csv'" in error.message
    result = run(tmp_path, source, {"member": "b.csv"})
    assert (result.rows_written, result.members) == (1, ("b.csv",))
    result = run(tmp_path, source, {"archive": "concatenate"})
    assert [row["n"] for row in rows(tmp_path)] == [1, 2, 3]
    assert result.members == ("a.csv", "b.csv")
    assert rejects(tmp_path) == [(4, "ragged_row")]
    (tmp_path / "out.parquet").unlink()
    assert refused(tmp_path, source, {"member": "c.csv"}).code == "member_missing"
    assert refused(tmp_path, CSV, {"member": "c.csv"}).code == "bad_normalization"
    assert refused(tmp_path, source, {"archive": "merge"}).code == "bad_normalization"


def test_only_tables_of_the_same_columns_are_joined(tmp_path):
    told = {"archive": "concatenate"}
    other = POINT.replace(b'"n"', b'"m"')
    assert refused(tmp_path, zip_bytes({"a": CSV, "b": CSV.replace(b",n", b",m")}), told).code == "columns_differ"
    assert refused(tmp_path, zip_bytes({"a": POINT, "b": other}), told).code == "columns_differ"
    assert refused(tmp_path, zip_bytes({"a": POINT, "b": CSV}), told).code == "not_joinable"
    result = run(tmp_path, zip_bytes({"a": POINT, "b": POINT}), told)
    assert (result.rows_read, result.rows_written, result.members) == (2, 2, ("a", "b"))


def test_an_archive_of_nothing_that_is_read_says_what_it_holds(tmp_path):
    error = refused(tmp_path, zip_bytes({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}))
    assert error.code == "unsupported_format"
    assert "xl/workbook.xml" in error.message
    assert refused(tmp_path, zip_bytes({"a.kml": b'<!DOCTYPE kml [<!ENTITY a "a">]><kml/>'})).code == "document_type"
