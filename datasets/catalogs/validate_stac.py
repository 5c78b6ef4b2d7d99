"""Whether a STAC document is valid: its core schema, and under profile ``kfm`` what design §7 requires of it.

Decides clause D1 for STAC; never raises for bad bytes, never fetches a schema, a child or a link. Profile
``core`` judges the STAC core and the extensions that the document declares; an extension whose schema is neither
packaged nor given by the caller is "cannot check", whatever the profile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeGuard

from audit.canonical import StrictJsonError
from audit.findings import Finding
from datasets.catalogs.facts import WHOLE_DEGREE_LABEL
from datasets.catalogs.quick_json import parse_quickly
from datasets.catalogs.stac import FILE_EXTENSION, VERSION_EXTENSION
from datasets.catalogs.stac_schemas import (
    EXTENSIONS,
    REFERENCE,
    VERSIONS,
    core_validator,
    extension_validator,
    given_validator,
)
from datasets.catalogs.triplet import links, mapping

Profile = Literal["core", "kfm"]
Schemas = Callable[[str], bytes | None]
_MULTIHASH: Final = re.compile(r"1220[0-9a-f]{64}")
_REQUIRED: Final = ("kfm:dataset_id", "kfm:dataset_version_id", "kfm:policy_label", "kfm:license")
_UNPACKAGED: Final = "Use an extension that is packaged, or declare its schema by a path beside the document."
_REFUSES_ALL: Final = ("falseSchema", "not")
_TYPES: Final = ("Feature", "Catalog", "Collection")


def validate_stac(raw: bytes, *, profile: Profile, schemas: Schemas | None = None) -> list[Finding]:
    """Findings about an Item, Collection, Catalog or ItemCollection (a FeatureCollection of Items); [] is valid.

    ``schemas`` answers with the bytes of an extension's JSON Schema by the address that the document declares, or None;
    it is asked only for extensions that are not packaged.
    """
    try:
        document = parse_quickly(raw)
    except StrictJsonError as error:
        fix = "Write the document as strict JSON (RFC 8259)."
        return [Finding(error.code, error.where, str(error), fix, "error" if error.unread else "violated")]
    if not isinstance(document, dict):
        return [Finding("not_stac", "", "A STAC document is a JSON object.", "Give an Item, Collection or Catalog.")]
    if document.get("type") == "FeatureCollection":
        return _item_collection(document, profile, schemas)
    if profile == "core" and _sound(document):
        return []
    return list(_findings(document, "", profile, schemas))


def _sound(document: Mapping[str, Any]) -> bool:
    """Whether all is packaged that the document is to be judged by, and none of it finds anything.

    Most documents are sound, and the way that looks for what is wrong takes half as long again.
    """
    version, kind, declared = document.get("stac_version"), document.get("type"), document.get("stac_extensions", ())
    if version not in VERSIONS or kind not in _TYPES or not core_validator(version, kind).is_valid(document):
        return False
    return all(uri in EXTENSIONS and extension_validator(uri).is_valid(document) for uri in declared)


def _item_collection(document: Mapping[str, Any], profile: Profile, schemas: Schemas | None) -> list[Finding]:
    features = document.get("features")
    if not isinstance(features, list):
        return [Finding("schema_violation", "/features", "An ItemCollection has a list of features.", "Add it.")]
    found: list[Finding] = []
    for index, feature in enumerate(features):
        where = f"/features/{index}"
        if isinstance(feature, dict) and feature.get("type") == "Feature":
            found += _findings(feature, where, profile, schemas)
        else:
            found.append(Finding("schema_violation", where, "A feature of an ItemCollection is an Item.", "Mend it."))
    return found


def _findings(document: Mapping[str, Any], where: str, profile: Profile, schemas: Schemas | None) -> Iterator[Finding]:
    version, kind = document.get("stac_version"), document.get("type")
    if version not in VERSIONS:
        fix = f"Use stac_version {' or '.join(VERSIONS)}."
        yield Finding(
            "unknown_stac_version", f"{where}/stac_version", f"STAC version {version!r} is not known here.", fix
        )
        return
    if kind not in _TYPES:
        yield Finding("not_stac", f"{where}/type", f"type {kind!r} is none of {', '.join(_TYPES)}.", "Set the type.")
        return
    yield from _schema_findings(core_validator(version, kind), document, where)
    yield from _extension_findings(document, where, schemas)
    if profile == "kfm":
        yield from _kfm_findings(document, where)


def _schema_findings(validator: Any, document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    if validator.is_valid(document):  # quicker than looking for all that is wrong, and most documents are well
        return
    for error in validator.iter_errors(document):
        pointer = where + "".join(f"/{step}" for step in error.instance_path)
        yield Finding("schema_violation", pointer, _words(error)[:500], "Mend the field as the STAC schema says.")


def _words(error: Any) -> str:
    """The engine's own sentence, but where it tells a reader nothing: of a pattern, or of what refuses everything."""
    if getattr(error.kind, "pattern", None) == REFERENCE:
        return f'{error.instance!r} is no address: it is empty, or holds a space or one of <>"{{}}|\\^`.'
    if error.kind.name in _REFUSES_ALL and error.instance_path == ["collection"]:
        return "The item names a collection, and has no link of relation collection that leads to it."
    return str(error.message)


def _extension_findings(document: Mapping[str, Any], where: str, schemas: Schemas | None) -> Iterator[Finding]:
    declared = document.get("stac_extensions")
    # what is no text, or comes twice, the core schema has found already
    for uri in dict.fromkeys(one for one in declared if isinstance(one, str)) if isinstance(declared, list) else ():
        if uri in EXTENSIONS:
            yield from _schema_findings(extension_validator(uri), document, where)
            continue
        given = schemas(uri) if schemas else None
        if given is None:
            message = f"The extension {uri:.300} is not packaged, so its fields can't be checked."
            yield Finding("cannot_check", f"{where}/stac_extensions", message, _UNPACKAGED, "error")
            continue
        try:
            validator = given_validator(given)
        except ValueError as error:
            message = f"The schema of {uri:.300} can't be used: {error}"
            yield Finding("cannot_check", f"{where}/stac_extensions", message[:500], _UNPACKAGED, "error")
            continue
        yield from _schema_findings(validator, document, where)


def _kfm_findings(document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    if document["stac_version"] != "1.1.0":
        yield _missing("kfm_stac_version", f"{where}/stac_version", "KFM's profile is STAC 1.1.0.")
    if document["type"] == "Catalog":
        yield _missing("kfm_document_type", f"{where}/type", "KFM's triplet holds a Collection and Items.")
        return
    if document["type"] == "Collection":
        yield from _kfm_collection(document, where)
    else:
        yield from _kfm_item(document, where)


def _missing(code: str, where: str, message: str, fix: str = "Rebuild the catalog from the facts.") -> Finding:
    return Finding(code, where, message, fix, "missing" if code.endswith("missing") else "violated")


def _required(holder: Mapping[str, Any], where: str, names: tuple[str, ...]) -> Iterator[Finding]:
    for name in names:
        value = holder.get(name)
        if not isinstance(value, str) or not value.strip():
            yield _missing("kfm_field_missing", f"{where}/{name}", f"{name} is required by KFM's profile.")


def _documents_linked(document: Mapping[str, Any]) -> set[str]:
    return {str(link["kfm:document"]) for link in links(document) if link.get("kfm:document") and link.get("href")}


def _notices(holder: Mapping[str, Any], where: str) -> Iterator[Finding]:
    """Each ``show_notice`` among the obligations is shown, word for word, in ``kfm:notice``."""
    obligations, shown = holder.get("kfm:obligations"), holder.get("kfm:notice")
    texts = shown if isinstance(shown, list) else [shown]
    for item in obligations if isinstance(obligations, list) else []:
        owed = isinstance(item, dict) and item.get("type") == "show_notice"
        if owed and item.get("message") not in texts:
            yield _missing("notice_missing", f"{where}/kfm:notice", "A notice that policy asks for is not shown.")


def _kfm_collection(document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    yield from _required(document, where, ("title", "version", *_REQUIRED))
    yield from _notices(document, where)
    declared = document.get("stac_extensions")
    if not isinstance(declared, list) or VERSION_EXTENSION not in declared:
        yield _missing(
            "version_extension_missing", f"{where}/stac_extensions", "The Version extension is not declared."
        )
    if "dcat" not in _documents_linked(document):
        yield _missing("dcat_link_missing", f"{where}/links", "The collection has no link to its DCAT record.")
    for index, bbox in enumerate(_boxes(document)):
        yield from _whole_degrees(bbox, document.get("kfm:policy_label"), f"{where}/extent/spatial/bbox/{index}")


def _boxes(collection: Mapping[str, Any]) -> list[list[float]]:
    """The bounding boxes of its extent; none where the schema has found fault with them already."""
    boxes = mapping(mapping(collection.get("extent")).get("spatial")).get("bbox")
    return boxes if isinstance(boxes, list) and all(_is_box(one) for one in boxes) else []


def _kfm_item(document: Mapping[str, Any], where: str) -> Iterator[Finding]:
    fields = mapping(document.get("properties"))
    yield from _required(fields, f"{where}/properties", _REQUIRED)
    yield from _notices(fields, f"{where}/properties")
    linked = _documents_linked(document)
    if "dcat" not in linked:
        yield _missing("dcat_link_missing", f"{where}/links", "The item has no link to its DCAT record.")
    if not linked & {"prov", "receipt"}:
        yield _missing("prov_link_missing", f"{where}/links", "The item links to no PROV bundle and no run receipt.")
    declared = document.get("stac_extensions")
    if not isinstance(declared, list) or FILE_EXTENSION not in declared:
        yield _missing("file_extension_missing", f"{where}/stac_extensions", "The File extension is not declared.")
    yield from _kfm_assets(document.get("assets"), where)
    yield from _kfm_geometry(document, fields.get("kfm:policy_label"), where)


def _kfm_assets(assets: object, where: str) -> Iterator[Finding]:
    if not isinstance(assets, dict) or not assets:
        yield _missing("asset_missing", f"{where}/assets", "The item has no asset.")
        return
    for key, asset in assets.items():
        fields = mapping(asset)
        place = f"{where}/assets/{key}"
        yield from _required(fields, place, ("href", "type"))
        if not _MULTIHASH.fullmatch(str(fields.get("file:checksum"))):
            message = f"Asset {key} has no sha2-256 multihash in file:checksum (1220 and 64 hex digits)."
            yield _missing("asset_checksum_missing", f"{place}/file:checksum", message)


def _kfm_geometry(document: Mapping[str, Any], label: object, where: str) -> Iterator[Finding]:
    bbox, geometry = document.get("bbox"), document.get("geometry")
    if geometry is None or not _is_box(bbox):
        return  # no place is shown, or the schema has found the bbox already
    yield from _whole_degrees(bbox, label, f"{where}/bbox")
    if _envelope(geometry) != bbox:
        message = "The bbox is not the envelope of the geometry, in four numbers."
        yield _missing("bbox_differs", f"{where}/bbox", message)
    elif not _is_rectangle(geometry, bbox):
        message = "The geometry is not the closed rectangle of the bbox; a finer outline could tell a place."
        yield _missing("geometry_differs", f"{where}/geometry", message)


def _is_box(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(isinstance(edge, (int, float)) for edge in value)


def _whole_degrees(bbox: list[float], label: object, where: str) -> Iterator[Finding]:
    if label == WHOLE_DEGREE_LABEL and any(edge != int(edge) for edge in bbox):
        message = f"Under {WHOLE_DEGREE_LABEL} an extent is shown in whole degrees only; this one could locate a site."
        yield _missing("extent_too_exact", where, message)


def _envelope(geometry: object) -> list[float] | None:
    """West, south, east, north of a GeoJSON geometry's positions; None when it has none."""
    positions = list(_positions(geometry.get("coordinates") if isinstance(geometry, dict) else None))
    if not positions:
        return None
    xs, ys = zip(*positions, strict=True)
    return [min(xs), min(ys), max(xs), max(ys)]


def _is_rectangle(geometry: object, bbox: list[float]) -> bool:
    """Whether it is the Polygon of the bbox's corners, closed, counter-clockwise from the south-west (RFC 7946)."""
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return isinstance(geometry, dict) and geometry.get("type") == "Polygon" and geometry.get("coordinates") == [ring]


def _positions(value: object) -> Iterator[tuple[float, float]]:
    if not isinstance(value, list):
        return
    if len(value) >= 2 and all(isinstance(part, (int, float)) for part in value):  # noqa: PLR2004
        yield (value[0], value[1])
        return
    for part in value:
        yield from _positions(part)
