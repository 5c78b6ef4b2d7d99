"""KML: what a Placemark becomes, and that nothing a document says makes the reader expand or fetch anything."""

from __future__ import annotations

import pytest

from datasets.formats.errors import Limits
from tests.cases import case_path
from tests.formats.making import refused, rejects, rows, run, zip_bytes

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
TYPES = {"n": "int", "x": "double", "code": "string", "ok": "bool"}
FIELDS = "".join(f'<SimpleField name="{name}" type="{kind}"/>' for name, kind in TYPES.items())
SCHEMA = f'<Schema name="s" id="s">{FIELDS}</Schema>'
TAIL = "</Document></kml>"
POINT = "<Point><coordinates>-98,38</coordinates></Point>"


def place(inside: str, attributes: str = "") -> str:
    return f"<Placemark{attributes}>{inside}</Placemark>"


def kml(*inside: str) -> bytes:
    return (HEAD + "".join(inside) + TAIL).encode()


def test_a_placemark_is_a_row_wherever_it_stands(tmp_path):
    values = '<SchemaData schemaUrl="#s"><SimpleData name="n">7</SimpleData><SimpleData name="x">1.5</SimpleData><SimpleData name="code">020</SimpleData><SimpleData name="ok">true</SimpleData></SchemaData>'  # noqa: E501
    source = kml(
        SCHEMA,
        place(
            f'<name>Zoë</name><description><![CDATA[<b>"&"</b>]]></description><ExtendedData>{values}</ExtendedData>{POINT}',
            ' id="p"',
        ),
        "<Folder><Folder>",
        place(
            f'<TimeSpan><begin>2024</begin></TimeSpan><ExtendedData><Data name="k"><value> v </value></Data></ExtendedData>{POINT}'  # noqa: E501 - markup
        ),
        "</Folder></Folder>",
        place("<name>nowhere</name>"),
    )
    result = run(tmp_path, source)
    assert (result.source_format, result.source_crs, result.rows_written) == ("kml", "EPSG:4326", 3)
    first, second, third = rows(tmp_path)
    found = {name: first[name] for name in ("name", "description", "n", "x", "code", "ok", "id")}
    assert found == {"name": "Zoë", "description": '<b>"&"</b>', "n": 7, "x": 1.5, "code": "020", "ok": True, "id": "p"}
    assert (second["begin"], second["k"], second["n"]) == ("2024", "v", None)
    assert third["geometry"] is None


RING = "<LinearRing><coordinates>0,0 1,0 1,1 0,0</coordinates></LinearRing>"
HOLE = "<LinearRing><coordinates>.2,.1 .3,.1 .3,.2 .2,.1</coordinates></LinearRing>"
POLYGON = f"<Polygon><outerBoundaryIs>{RING}</outerBoundaryIs><innerBoundaryIs>{HOLE}</innerBoundaryIs></Polygon>"
GEOMETRIES = {
    "<Point><coordinates>\n 1,2,3\t</coordinates></Point>": "POINT Z (1 2 3)",
    "<LineString><coordinates>0,0 1, 1</coordinates></LineString>": "LINESTRING (0 0, 1 1)",
    RING: "LINESTRING (0 0, 1 0, 1 1, 0 0)",
    POLYGON: "POLYGON ((0 0, 1 0, 1 1, 0 0), (0.2 0.1, 0.3 0.1, 0.3 0.2, 0.2 0.1))",
    f"<MultiGeometry>{POINT}{POINT}</MultiGeometry>": "MULTIPOINT ((-98 38), (-98 38))",
    f"<MultiGeometry>{POINT}<MultiGeometry>{POINT}</MultiGeometry></MultiGeometry>": "GEOMETRYCOLLECTION (POINT (-98 38), MULTIPOINT ((-98 38)))",  # noqa: E501 - markup
}


@pytest.mark.parametrize("markup", GEOMETRIES)
def test_geometries(tmp_path, markup):
    run(tmp_path, kml(place(markup)))
    assert rows(tmp_path)[0]["geometry"].wkt == GEOMETRIES[markup]


BAD = {
    "<Point><coordinates>1</coordinates></Point>": "too_few_coordinates",
    "<Point><coordinates>1,2 3,4</coordinates></Point>": "invalid_structure",
    "<Point><coordinates>1,x</coordinates></Point>": "not_a_number",
    "<Point><coordinates>181,0</coordinates></Point>": "outside_lon_lat",
    "<Point><coordinates>1e999,0</coordinates></Point>": "not_finite",
    "<Point><coordinates>nan,0</coordinates></Point>": "not_finite",
    f"<Polygon><innerBoundaryIs>{RING}</innerBoundaryIs></Polygon>": "invalid_structure",
    RING.replace("LinearRing", "LineString").replace(" 1,0 1,1 0,0", ""): "too_few_positions",
    f"{POINT}{POINT}": "invalid_structure",
    "<Model/>": "unknown_geometry_type",
    "<MultiGeometry/>": "too_few_positions",
    '<ExtendedData><Data name=" "><value>1</value></Data></ExtendedData>': "unnamed_column",
}


@pytest.mark.parametrize("markup", BAD)
def test_e2_a_placemark_that_can_not_be_read_is_a_reject(tmp_path, markup):
    run(tmp_path, kml(place(POINT), place(markup)))
    assert rejects(tmp_path) == [(2, BAD[markup])]


BOMB = '<!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FATAL = {
    "entities": (BOMB + "<kml><Placemark><name>&b;</name></Placemark></kml>", "document_type"),
    "a late declaration": (" " * 70_000 + BOMB + "<kml/>", "empty_file"),
    "a declaration behind a long comment": (
        f"<?xml version='1.0'?><!-- <kml {'x' * 70_000} -->{BOMB}<kml/>",
        "document_type",
    ),
    "an external declaration behind a long comment": (
        f"<?xml version='1.0'?><!-- <kml {'x' * 70_000} --><!DOCTYPE kml SYSTEM \"file:///etc/passwd\"><kml/>",
        "document_type",
    ),
    "an external declaration": ('<!DOCTYPE kml SYSTEM "file:///etc/passwd"><kml/>', "document_type"),
    "an entity no one declared": (HEAD + "<Placemark><name>&who;</name></Placemark>" + TAIL, "invalid_xml"),
    "depth": (HEAD + "<Folder>" * 100_000, "too_deep"),
    "depth in a placemark": (HEAD + "<Placemark>" + "<MultiGeometry>" * 100_000, "too_deep"),
    "not closed": (HEAD + place(POINT), "invalid_xml"),
    "another root that mentions kml": ("<x><kml/></x>", "unsupported_format"),
    "no placemark": (HEAD + TAIL, "no_records"),
    "only links": (
        HEAD + "<NetworkLink><Link><href>http://127.0.0.1/</href></Link></NetworkLink>" + TAIL,
        "no_records",
    ),
    "bytes of another encoding": (HEAD + "<Placemark><name>\xe9</name></Placemark>" + TAIL, "invalid_xml"),
}


@pytest.mark.parametrize("case", FATAL)
def test_a_hostile_document_is_refused(tmp_path, case):
    text, code = FATAL[case]
    assert refused(tmp_path, text.encode("latin-1")).code == code


@pytest.mark.parametrize("wrap", [False, True])
def test_the_xml_bombs_of_the_case_set_are_refused(tmp_path, wrap):
    for path in sorted(case_path("hostile", "xml").rglob("*.xml")):
        raw = path.read_bytes()
        if wrap:
            raw = raw.replace(b"<root", b"<kml", 1) + b"<!-- <kml> -->"
        assert refused(tmp_path, raw).code in {"document_type", "unsupported_format", "invalid_xml", "html_page"}, (
            path.name
        )


def test_a_tag_without_end_is_refused_before_it_fills_the_memory(tmp_path):
    raw = (HEAD + '<Placemark id="').encode() + b"x" * 3_000_000
    assert refused(tmp_path, raw, limits=Limits(value_characters=1_000_000)).code in {"value_too_large", "invalid_xml"}
    raw = kml(place(f"<description>{'x' * 3_000_000}</description>"))
    assert refused(tmp_path, raw, limits=Limits(value_characters=1_000_000)).code == "value_too_large"


def test_too_many_vertices_are_counted_before_they_are_read(tmp_path):
    line = f"<LineString><coordinates>{'1,1 ' * 200}</coordinates></LineString>"
    run(tmp_path, kml(place(POINT), place(line)), limits=Limits(vertices=99))
    assert rejects(tmp_path) == [(2, "too_many_vertices")]


def test_kmz_is_its_document(tmp_path):
    result = run(tmp_path, zip_bytes({"doc.kml": kml(place(POINT)), "files/icon.png": b"\x89PNG\r\n"}))
    assert (result.source_format, result.members) == ("kml", ("doc.kml",))


def test_a_declared_system_for_what_is_always_wgs84_is_refused(tmp_path):
    assert refused(tmp_path, kml(place(POINT)), {"source_crs": "EPSG:26914"}).code == "bad_normalization"
    run(tmp_path, kml(place(POINT)), {"source_crs": "OGC:CRS84", "crs": "EPSG:26914"})
    assert rows(tmp_path)[0]["geometry"].x == pytest.approx(587_798, abs=1)
