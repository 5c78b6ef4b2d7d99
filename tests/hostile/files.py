"""Makes hostile files: each function returns the bytes of one."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

MB = 1_000_000
ROW = b"1,38.5,-98.5\n"
HEADER = b"id,lat,lon\n"


# --- archives ---


def zip_of(members: Iterable[tuple[str, bytes]], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def flat_bomb(size: int = 200 * MB) -> bytes:
    """One CSV that says the same row *size* bytes long: hundreds to 1."""
    out = io.BytesIO()
    block = ROW * 80_000
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
        archive.open("data.csv", "w", force_zip64=True) as member,
    ):
        member.write(HEADER)
        for _ in range(size // len(block)):
            member.write(block)
    return out.getvalue()


def nested_bomb(levels: int = 5, copies: int = 16) -> bytes:
    """As 42.zip: archives in archives, *copies* ** *levels* times one inflated megabyte."""
    content, name = zip_of([("0.csv", HEADER + ROW * 80_000)]), "0.zip"
    for _ in range(levels):
        content = zip_of([(f"{n}-{name}", content) for n in range(copies)])
    return content


def lying_bomb(size: int = 100 * MB) -> bytes:
    """Its directory says 1,000 bytes; it inflates to *size*."""
    raw = bytearray(zip_of([("data.csv", HEADER + ROW * (size // len(ROW)))]))
    directory = raw.rindex(b"PK\x01\x02")
    struct.pack_into("<I", raw, directory + 24, 1_000)
    struct.pack_into("<I", raw, 22, 1_000)
    return bytes(raw)


def overlapping_bomb(entries: int = 5_000) -> bytes:
    """Each entry of the directory points at one and the same member (D. Fifield, "A better zip bomb")."""
    content = HEADER + ROW * 80_000
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush()
    crc = zlib.crc32(content)
    facts = struct.pack("<5H3I", 20, 0, 8, 0, 33, crc, len(packed), len(content))
    local = b"PK\x03\x04" + facts + struct.pack("<2H", 8, 0) + b"0000.csv" + packed
    directory = b"".join(
        b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<5H2I", 8, 0, 0, 0, 0, 0, 0) + b"%04d.csv" % n
        for n in range(entries)
    )
    end = struct.pack("<4H2IH", 0, 0, entries, entries, len(directory), len(local), 0)
    return local + directory + b"PK\x05\x06" + end


def many_members(count: int = 65_536) -> bytes:
    """More members than a 16-bit directory counts: a ZIP64 archive of empty files."""
    return zip_of(((f"{n}.csv", b"") for n in range(count)), compression=zipfile.ZIP_STORED)


def slip(name: str) -> bytes:
    """A good CSV under a name that leads out of wherever it is unpacked."""
    return zip_of([(name, HEADER + ROW)])


def symlink(target: str = "/etc/passwd") -> bytes:
    """A member that is a symbolic link, and one that would be written through it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        link = zipfile.ZipInfo("data.csv")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, target)
    return out.getvalue()


# --- XML ---

KML = '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><name>{}</name>{}</Placemark></Document></kml>'
KML_POINT = "<Point><coordinates>-98.5,38.5</coordinates></Point>"


def as_kml(bomb: Path) -> bytes:
    """A well-formed KML document with the document type of *bomb*, using the last entity that it declares."""
    text = bomb.read_text(encoding="utf-8")
    start = text.index("<!DOCTYPE")
    inner = text.find("]>", start)
    kind = text[start : inner + 2] if inner >= 0 else text[start : text.index(">", start) + 1]
    names = [line.split()[1] for line in kind.splitlines() if line.lstrip().startswith("<!ENTITY")]
    return f"{kind}\n{KML.format(f'&{names[-1]};' * 1_000 if names else 'x', KML_POINT)}".encode()


def billion_laughs() -> bytes:
    """Ten entities of ten each: 10 ** 10 characters."""
    lines = ['<!ENTITY a0 "lol">', *(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11))]
    return f"<?xml version='1.0'?><!DOCTYPE kml [{''.join(lines)}]>{KML.format('&a10;', KML_POINT)}".encode()


def outside_entity(uri: str) -> bytes:
    """An entity that is to be fetched from *uri*."""
    return f'<!DOCTYPE kml [<!ENTITY x SYSTEM "{uri}">]>{KML.format("&x;", KML_POINT)}'.encode()


def deep_kml(levels: int = 100_000) -> bytes:
    folders = "<Folder>" * levels + "</Folder>" * levels
    return f'<kml xmlns="http://www.opengis.net/kml/2.2">{folders}</kml>'.encode()


# --- JSON ---


def feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def collection(*features: object) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def deep_array(levels: int = 100_000) -> bytes:
    """Bare, and closed again, so that nothing but its depth is wrong."""
    return b"[" * levels + b"]" * levels


def in_property(value: bytes) -> bytes:
    return collection(feature(None, x="@")).replace(b'"@"', value)


def polygon(vertices: int = 1_000_001) -> bytes:
    """One ring of that many positions, closed."""
    half = vertices // 2
    there = ",".join(f"[{-98 + n / half:.6f},38.5]" for n in range(half))
    back = ",".join(f"[{-97 - n / half:.6f},38.9]" for n in range(vertices - half - 1))
    ring = f"[[{there},{back},[-98.000000,38.5]]]"
    return b'{"type":"Polygon","coordinates":' + ring.encode() + b"}"


def new_properties(features: int = 5_000) -> bytes:
    """Each feature brings a property of its own."""
    point = {"type": "Point", "coordinates": [-98.5, 38.5]}
    return collection(*(feature(point, **{f"p{n}": n}) for n in range(features)))


# --- CSV ---


def wide_csv(columns: int = 10_000) -> bytes:
    names = ",".join(f"c{n}" for n in range(columns))
    return f"lat,lon,{names}\n38.5,-98.5,{','.join('1' * columns)}\n".encode()


def deep_wkt(levels: int = 200_000) -> bytes:
    """Well-known text that a recursive reader would overflow its stack with."""
    return b'id,wkt\n1,"' + b"GEOMETRYCOLLECTION(" * levels + b"POINT(1 2)" + b")" * levels + b'"\n2,POINT (-98 38)\n'
