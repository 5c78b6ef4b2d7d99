"""Verifies obligations on the bytes that came out (C2: applied -> verified), sharing no code with what applied them.

Decides whether each obligation shows in the output; never mends it, never trusts a log. A kind it does not know,
or bytes it can't read, is ``kind="error"``: not checked is not fine. Grid: EPSG:5070 metres, WGS 84 taken as
NAD 83; the cell size
the file declares (``kfm:generalization``) must be at least the one owed, and every coordinate must lie on its centres.
"""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from audit.findings import Finding
from datasets.policy.obligations import Obligation

TOLERANCE_M = 0.05
_LENGTH = {"day": 10, "month": 7, "year": 4}
_DATE_LIKE = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?")
#: What a date looks like when it isn't written as ISO 8601 has it: three groups, or eight digits that make a day.
_OTHER_DATES = (
    re.compile(r"[12]\d{3}[01]\d[0-3]\d([T ]?\d.*)?"),
    re.compile(r"\d{1,2}\s*[-/.\s]\s*(\d{1,2}|[a-z]{3,9})\s*[-/.\s,]\s*\d{2,4}([\sT].*)?", re.IGNORECASE),
    re.compile(r"\d{4}\s*[/.\s]\s*\d{1,2}\s*[/.\s]\s*\d{1,2}([\sT].*)?"),
    re.compile(r"\d{4}-(W\d{2}(-\d)?|\d{3})", re.IGNORECASE),
    re.compile(
        r"([a-z]+\W+)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+\d{1,2}\W+\d{4}(\W.*)?", re.IGNORECASE
    ),
)
_TIME_NAME = re.compile(
    r"(.*_)?(date|date_?time|time|time_?stamp|day|month|year_?month|hour|minute|second|epoch)(_.*)?"
)
_COORDINATE_NAME = re.compile(
    r"^(.*_)?(bbox|lat|lon|lng|latitude|longitude|decimal_?latitude|decimal_?longitude|easting|northing|geohash|wkt"
    r"|geojson|coordinates?|x|y)(_.*)?$",
    re.IGNORECASE,
)
_Check = Callable[[Path, Obligation], list[Finding]]


def verify_obligations(
    path: Path | None, obligations: Sequence[Obligation], documents: Mapping[str, bytes]
) -> list[Finding]:
    """Everything that is not as owed. ``path``: the output GeoParquet, or ``None`` when no bytes go out; ``documents``:
    the catalog documents by path.
    """
    return [finding for item in obligations for finding in _verify_one(path, item, documents)]


def _verify_one(  # noqa: PLR0911 - one return per kind
    path: Path | None, item: Obligation, documents: Mapping[str, bytes]
) -> list[Finding]:
    kind = str(item.kind)
    if kind == "metadata_only":
        return (
            []
            if path is None
            else [
                _found(
                    "bytes_published", "The obligation metadata_only lets no bytes out, and this version carries bytes."
                )
            ]
        )
    if kind == "show_notice":
        return _notice(str(item.value), documents)
    if kind == "require_attribution":
        return _attribution(documents)
    check = _BYTE_CHECKS.get(kind)
    if check is None:
        return [_error("unknown_obligation", kind, f"No check is known for the obligation {kind}.")]
    if path is None:
        return []
    try:
        return check(path, item)
    except (OSError, pa.ArrowException, TypeError, ValueError, KeyError, shapely.errors.ShapelyError) as error:
        return [_error("obligation_not_checkable", kind, f"{kind} could not be checked: {type(error).__name__}.")]


def _found(code: str, message: str, where: str = "") -> Finding:
    return Finding(code, where, message, "Apply the obligation again, as a new run, and publish its output.")


def _error(code: str, where: str, message: str) -> Finding:
    return Finding(code, where, message, "Give a readable GeoParquet output and a known obligation.", "error")


def _points(path: Path) -> Iterator[tuple[float, float] | None]:
    """Longitude and latitude of every row; ``None`` for null. Raises ``ValueError`` for anything but a point."""
    with pq.ParquetFile(path) as parquet:
        geo = json.loads(parquet.metadata.metadata[b"geo"])
        for batch in parquet.iter_batches(8192, columns=[geo["primary_column"]]):
            for value in batch.column(0).to_pylist():
                shape = None if value is None else shapely.from_wkb(value)
                if shape is not None and (shape.geom_type != "Point" or shape.is_empty):
                    raise ValueError("a geometry is no point")
                yield None if shape is None else (shape.x, shape.y)


def _metadata(path: Path) -> dict[bytes, bytes]:
    return dict(pq.read_metadata(path).metadata or {})


def _grid(path: Path, item: Obligation) -> list[Finding]:
    owed = float(str(item.value))
    declared = _metadata(path).get(b"kfm:generalization")
    if declared is None:
        return [Finding("grid_undeclared", "metadata", "The file declares no grid.", "Generalize it.", "missing")]
    size = float(json.loads(declared)["cell_size_m"])
    findings = [] if size >= owed else [_found("grid_too_fine", f"The grid is {size:g} m; {owed:g} m is owed.")]
    to_grid = pyproj.Transformer.from_crs("EPSG:4269", "EPSG:5070", always_xy=True)
    off = 0
    try:
        for point in _points(path):
            metres = to_grid.transform(*point) if point is not None else (size / 2, size / 2)
            off += any(not abs((value % size) - size / 2) <= TOLERANCE_M for value in metres)
    except ValueError as error:
        return [*findings, _found("off_grid", f"The geometry is not on the grid: {error}.", "geometry")]
    if off:
        findings.append(_found("off_grid", f"{off} geometries are not at the centre of a cell.", "geometry"))
    return findings + _other_places(path)


def _other_places(path: Path) -> list[Finding]:
    schema = pq.read_schema(path)
    geo = json.loads(_metadata(path)[b"geo"])
    suspects = [
        field.name
        for field in schema
        if field.name != geo["primary_column"]
        and (_COORDINATE_NAME.match(field.name) or pa.types.is_binary(field.type))
    ]
    return [_found("place_in_column", f"Column {name} may give the exact place away.", name) for name in suspects]


def _names(kind: Any, prefix: str = "") -> Iterator[str]:
    """Dotted paths of all fields of a schema or nested type."""
    if isinstance(kind, pa.Schema) or pa.types.is_struct(kind):
        for field in kind:
            yield f"{prefix}{field.name}"
            yield from _names(field.type, f"{prefix}{field.name}.")
    elif pa.types.is_map(kind):
        yield from _names(kind.item_type, prefix)
    elif pa.types.is_nested(kind):
        yield from _names(kind.value_type, prefix)


def _removed(path: Path, item: Obligation) -> list[Finding]:
    metadata = _metadata(path)
    paths = {*_names(pq.read_schema(path))}
    stored = metadata.pop(b"ARROW:schema", None)
    if stored is not None:
        paths |= {*_names(pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored))))}
    wanted = {str(name).casefold() for name in item.value} if isinstance(item.value, tuple) else set()
    present = sorted(p for p in paths if p.casefold() in wanted or p.casefold().rpartition(".")[2] in wanted)
    findings = [_found("attribute_present", f"The field {name} is still there.", name) for name in present]
    text = b"\n".join(metadata.values()).decode("utf-8", "replace").casefold()
    findings += [
        _found("attribute_in_metadata", f"The file's metadata still names {name}.", "metadata")
        for name in sorted(wanted)
        if f'"{name}"' in text
    ]
    return findings


def _time(path: Path, item: Obligation) -> list[Finding]:
    resolution = str(item.value)
    counts: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    with pq.ParquetFile(path) as parquet:
        for batch in parquet.iter_batches(8192):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                if pa.types.is_time(column.type):
                    counts[name] += len(column)
                elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
                    texts = (column.cast(pa.timestamp("ns")).cast(pa.string())).to_pylist()
                    counts[name] += sum(t is not None and _finer(t, resolution) for t in texts)
                elif pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    counts[name] += sum(t is not None and _longer(t, resolution) for t in column.to_pylist())
                    unread[name] += sum(t is not None and _unread(t, name) for t in column.to_pylist())
                elif _TIME_NAME.fullmatch(name.casefold()) and not pa.types.is_boolean(column.type):
                    unread[name] += len(column) - column.null_count
    return _time_findings(counts, unread, resolution)


def _time_findings(counts: Mapping[str, int], unread: Mapping[str, int], resolution: str) -> list[Finding]:
    unreadable = [
        _found("time_unreadable", f"{count} values of {name} may be times, not written as ISO 8601.", name)
        for name, count in unread.items()
        if count
    ]
    return unreadable + [
        _found("time_too_fine", f"{count} values of {name} are finer than a {resolution}.", name)
        for name, count in counts.items()
        if count
    ]


def _finer(text: str, resolution: str) -> bool:
    start = {"day": text[:10], "month": f"{text[:7]}-01", "year": f"{text[:4]}-01-01"}[resolution]
    return text[:10] != start or bool(text[10:].strip(" 0:.Z"))


def _longer(text: str, resolution: str) -> bool:
    stripped = text.strip()
    return bool(_DATE_LIKE.fullmatch(stripped)) and len(stripped) > _LENGTH[resolution]


def _unread(text: str, name: str) -> bool:
    """A value that may be a time and isn't ISO 8601: by its shape, or because its column is called after times."""
    stripped = text.strip()
    if not stripped or _DATE_LIKE.fullmatch(stripped):
        return False
    return bool(_TIME_NAME.fullmatch(name.casefold())) or any(shape.fullmatch(stripped) for shape in _OTHER_DATES)


def _counts(path: Path, item: Obligation) -> list[Finding]:
    least = int(str(item.value))
    groups = Counter(None if p is None else (round(p[0], 7), round(p[1], 7)) for p in _points(path))
    small = sum(1 for count in groups.values() if count < least)
    return [_found("small_group", f"{small} cells hold fewer than {least} rows.", "geometry")] if small else []


_BYTE_CHECKS: dict[str, _Check] = {
    "generalize_geometry": _grid,
    "remove_attributes": _removed,
    "generalize_time": _time,
    "suppress_small_counts": _counts,
}


def _strings(value: Any, access: set[str], key: str = "") -> Iterator[tuple[str, str]]:
    """Every (key, text) of a JSON value; items of a list keep the list's key. ``access``: ids of terms of access."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, access, key)
    elif isinstance(value, dict):
        if value.get("@type") == "dct:RightsStatement":
            key = "access_rights" if value.get("@id") in access else "rights"
        for name, item in value.items():
            inner = name if name not in {"@value", "rdfs:label"} else key
            yield from _strings(item, access, inner)


def _access_rights(value: Any) -> set[str]:
    """The ids that ``dct:accessRights`` points at, anywhere in a JSON-LD document."""
    if isinstance(value, list):
        return {found for item in value for found in _access_rights(item)}
    if not isinstance(value, dict):
        return set()
    pointed = value.get("dct:accessRights")
    nodes = pointed if isinstance(pointed, list) else [pointed]
    own = {str(node["@id"]) for node in nodes if isinstance(node, dict) and "@id" in node}
    return own | {found for item in value.values() for found in _access_rights(item)}


def _catalog_strings(documents: Mapping[str, bytes]) -> dict[str, list[tuple[str, str]]]:
    """The texts of the documents that readers are served: the DCAT record, the STAC collection and its items."""
    found = {}
    for name, content in documents.items():
        if name.endswith(("dcat.jsonld", "collection.json")) or "stac/items/" in name:
            document = json.loads(content)
            found[name] = list(_strings(document, _access_rights(document)))
    return found


def _in_catalogs(
    documents: Mapping[str, bytes], holds: Callable[[str, str], bool], code: str, message: str
) -> list[Finding]:
    try:
        catalogs = _catalog_strings(documents)
    except ValueError:
        return [_error("catalog_unreadable", "", "A catalog document is no JSON, so it could not be checked.")]
    if not catalogs:
        return [Finding(code, "", f"No catalog document was given. {message}", "Build the catalogs.", "missing")]
    return [_found(code, message, name) for name, pairs in catalogs.items() if not any(holds(*pair) for pair in pairs)]


def _notice(message: str, documents: Mapping[str, bytes]) -> list[Finding]:
    """Shown where readers look; the list of obligations names the message too, but that is what is owed."""
    keys = {"kfm:notice", "notice", "access_rights", "description", "dct:description"}
    return _in_catalogs(
        documents,
        lambda key, text: key in keys and message in text,
        "notice_absent",
        "The owed notice is not there.",
    )


def _attribution(documents: Mapping[str, bytes]) -> list[Finding]:
    keys = {"attribution", "kfm:attribution", "rights", "dct:rights", "dcterms:rights"}
    return _in_catalogs(
        documents,
        lambda key, text: key in keys and bool(text.strip()),
        "attribution_absent",
        "The attribution is not there.",
    )
