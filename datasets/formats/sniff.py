"""Says what a file really is, from its first bytes and never from its name.

Decides between the formats that are read and refuses everything else with a sentence naming what was found. Never
decodes the whole file: that the rest is well formed is proved by the reader. Helps keep clause E1 (a report about these
bytes).
"""

from __future__ import annotations

import codecs
import json
import re
from dataclasses import dataclass
from typing import Literal

from datasets.formats.errors import UnreadableSource
from datasets.formats.taken import names

HEAD_BYTES = 65_536
DELIMITERS = (",", "\t", ";", "|")
RECORD_SEPARATOR = b"\x1e"

Format = Literal["geojson", "geojsonseq", "csv", "kml", "gpkg", "flatgeobuf", "parquet", "tiff", "zip"]

_READ: tuple[tuple[bytes, Format], ...] = (
    (b"PK\x03\x04", "zip"),
    (b"PAR1", "parquet"),
    (b"fgb\x03", "flatgeobuf"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
)
_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "a gzip-compressed file"),
    (b"BZh", "a bzip2-compressed file"),
    (b"\xfd7zXZ\x00", "an xz-compressed file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard-compressed file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"%PDF", "a PDF document"),
    (b"PARE", "an encrypted Parquet file"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x00\x00\x27\x0a", "one part of a shapefile; zip it with its .shx, .dbf and .prj"),
    (b"\x89HDF", "an HDF5 or NetCDF-4 file"),
    (b"CDF", "a NetCDF file"),
    (b"PMTiles", "a PMTiles archive"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office document"),
    (b"\x7fELF", "a program"),
    (codecs.BOM_UTF32_LE, "text in UTF-32"),
    (codecs.BOM_UTF16_LE, "text in UTF-16"),
    (codecs.BOM_UTF16_BE, "text in UTF-16"),
)
_WORLD = {"Feature", "FeatureCollection", "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon"}
GEOJSON_TYPES = frozenset(_WORLD | {"MultiPolygon", "GeometryCollection"})
_SQLITE = b"SQLite format 3\x00"
_APPLICATION_ID = slice(68, 72)
_GEOPACKAGES = frozenset({b"GPKG", b"GP10", b"GP11"})
_KML_ROOT = re.compile(rb"<(?:[a-z0-9_]+:)?kml[\s>/]")
_COLLECTION = re.compile(rb'"type"\s*:\s*"FeatureCollection"')


@dataclass(frozen=True, slots=True)
class Sniffed:
    """``format``: what it is; ``delimiter``: of a CSV, else empty; ``has_bom``: a UTF-8 mark came first."""

    format: Format
    delimiter: str = ""
    has_bom: bool = False


def _refuse(code: str, found: str, fix: str = f"Give {names()}.") -> UnreadableSource:
    return UnreadableSource(code, "byte 0", f"This is {found}.", fix)


def sniff(head: bytes, *, encoding: str = "utf-8") -> Sniffed:
    """Name the format of a file from its first bytes (``HEAD_BYTES`` are enough).

    ``encoding``: what the spec declares for a CSV. Raises ``UnreadableSource`` for everything that is not read here.
    """
    if not head:
        raise _refuse("empty_file", "an empty file: it has no bytes", "Fetch it again from the upstream.")
    for signature, found in _READ:
        if head.startswith(signature):
            return Sniffed(found)
    if head.startswith(_SQLITE):
        return _sniff_sqlite(head)
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            raise _refuse("unsupported_format", name)
    return _sniff_text(head, encoding)


def _sniff_sqlite(head: bytes) -> Sniffed:
    if head[_APPLICATION_ID] in _GEOPACKAGES:
        return Sniffed("gpkg")
    raise _refuse("unsupported_format", "an SQLite database that does not say it is a GeoPackage")


def _sniff_text(head: bytes, encoding: str) -> Sniffed:
    has_bom = head.startswith(codecs.BOM_UTF8)
    body = head.removeprefix(codecs.BOM_UTF8)
    start = body.lstrip(b" \t\r\n")[:512]
    if not start:
        raise _refuse("empty_file", "a file of nothing but white space", "Fetch it again from the upstream.")
    if b"\x00" in body and codecs.lookup(encoding).name == "utf-8":
        raise _refuse("binary_file", f"a binary file: it has a zero byte at offset {head.index(0)}")
    if start[:1] == RECORD_SEPARATOR:
        return Sniffed("geojsonseq")
    if start[:1] == b"<":
        return _sniff_markup(body)
    if start[:1] in b"{[":
        return _sniff_json(body, has_bom=has_bom)
    return Sniffed("csv", _sniff_delimiter(body, encoding), has_bom)


def _sniff_markup(body: bytes) -> Sniffed:
    lowered = body.lower()
    if b"<html" in lowered or b"<!doctype html" in lowered:
        raise _refuse("html_page", "an HTML page, perhaps an error or sign-in page", "Fetch the data file itself.")
    if b"<!doctype" in lowered or b"<!entity" in lowered:
        fix = "Ask the upstream for a file without one: declarations can grow without bound or fetch other files."
        raise _refuse("document_type", "an XML document with a document type declaration", fix)
    if _KML_ROOT.search(lowered):
        return Sniffed("kml")
    if b"<gml" in lowered or b"opengis.net/gml" in lowered:
        raise _refuse("unsupported_format", "a GML document")
    raise _refuse("unsupported_format", "an XML document")


def _sniff_json(body: bytes, *, has_bom: bool) -> Sniffed:
    if has_bom:
        fix = "Remove its first three bytes; JSON is UTF-8 without a mark (RFC 8259 section 8.1)."
        raise _refuse("byte_order_mark", "JSON that begins with a byte order mark", fix)
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        fix = "Give a FeatureCollection, Feature or geometry (RFC 7946 section 2)."
        raise _refuse("not_geojson", "a JSON array, not a GeoJSON object", fix)
    if re.match(rb'\s*\{\s*"type"\s*:\s*"Topology"', body):
        raise _refuse("not_geojson", "TopoJSON, not GeoJSON", "Convert it to GeoJSON first.")
    return Sniffed("geojsonseq" if _is_sequence(body) else "geojson")


def _is_sequence(body: bytes) -> bool:
    """Whether the first line is a whole object, not a FeatureCollection, and another object begins the next line.

    No single JSON value has a line that ends an object right before one that begins another.
    """
    first, _newline, rest = body.lstrip(b" \t\r\n").partition(b"\n")
    if not rest.lstrip(b" \t\r\n").startswith(b"{"):
        return False
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("type") != "FeatureCollection"


def is_long_sequence(first_line_end: bytes, next_line: bytes, head: bytes) -> bool:
    """As ``_is_sequence``, for a first line longer than the head.

    ``first_line_end``, ``next_line``: the bytes on both sides of the first line feed.
    """
    return (
        first_line_end.rstrip().endswith(b"}")
        and next_line.lstrip(b" \t\r\n").startswith(b"{")
        and not _COLLECTION.search(head)
    )


def _sniff_delimiter(body: bytes, encoding: str) -> str:
    """The delimiter that occurs most often in the first line; ties go to the earlier of ``DELIMITERS``."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(body, final=False)
    except UnicodeDecodeError as error:
        fix = "Convert it to UTF-8, or declare its encoding in the spec (normalization.encoding)."
        where = f"byte {error.start}"
        raise UnreadableSource("not_utf8", where, f"The text is not valid {encoding}.", fix) from error
    first_line = re.split(r"\r\n|\r|\n", text.lstrip("\ufeff"), maxsplit=1)[0]
    unquoted = re.sub(r'"(?:[^"]|"")*"', "", first_line)
    delimiter = max(DELIMITERS, key=unquoted.count)
    if not unquoted.count(delimiter):
        fix = "Give a GeoJSON file, or a CSV with a header line of at least two columns."
        raise _refuse("unsupported_format", "text without a column separator in its first line", fix)
    return delimiter
