"""The STAC schemas that this console can judge by, compiled once, from packaged files only.

Decides which ``stac_version`` and extensions are known; never fetches a schema. Serves clause D1.
1.1.0 is judged by the schemas that pystac bundles (indexed by path: two of their ``$id`` are misspelt),
1.0.0 and all extensions by our own, written from their specifications (no package ships the extensions' schemas).
"""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import jsonschema_rs
import pystac

from audit.canonical import StrictJsonError, parse_strict

_OWN: Final = Path(__file__).parent / "schemas"
_BUNDLED: Final = Path(pystac.__file__).parent / "validation" / "jsonschemas"
_KINDS: Final = {"Feature": "item", "Catalog": "catalog", "Collection": "collection"}
_RELEASES: Final[dict[str, dict[str, str]]] = {
    "eo": {"1.0.0": "1.0", "1.1.0": "1.1", "2.0.0": "2.0"},
    "file": {"2.1.0": "2.1.0"},
    "item-assets": {"1.0.0": "1.0"},
    "processing": {"1.0.0": "1.0", "1.1.0": "1.0", "1.2.0": "1.2"},
    "projection": {"1.0.0": "1.0", "1.1.0": "1.1", "1.2.0": "1.2", "2.0.0": "2.0"},
    "raster": {"1.0.0": "1", "1.1.0": "1", "2.0.0": "2.0"},
    "remote-data": {"1.0.0": "1.0"},
    "sar": {"1.0.0": "1.0", "1.1.0": "1.1"},
    "sat": {"1.0.0": "1.0", "1.1.0": "1.1"},
    "scientific": {"1.0.0": "1.0"},
    "table": {"1.0.0": "1", "1.1.0": "1", "1.2.0": "1"},
    "timestamps": {"1.0.0": "1", "1.1.0": "1"},
    "version": {"1.0.0": "1.0.0", "1.1.0": "1", "1.2.0": "1.2.0"},
    "view": {"1.0.0": "1.0", "1.1.0": "1.1"},
}
"""Extension, release of it, and which of our schemas reads that release."""
EXTENSIONS: Final = {
    f"https://stac-extensions.github.io/{name}/v{release}/schema.json": f"{name}-{reading}.json"
    for name, releases in _RELEASES.items()
    for release, reading in releases.items()
}
REFERENCE: Final = r'^[^ <>"{}|\\^`]+$'
"""An IRI reference holds no space, angle bracket or their like. STAC hrefs may be relative (1.1's best practices)."""
_ADDRESS_FORMATS: Final = frozenset({"iri", "iri-reference"})
VERSIONS: Final = ("1.0.0", "1.1.0")


def _read(path: Path) -> Any:
    """A packaged schema, its address formats as a pattern: the engine asks Python for every single format."""
    return json.loads(path.read_text("utf-8"), object_hook=_patterned)


def _patterned(schema: dict[str, Any]) -> dict[str, Any]:
    said = schema.get("format")
    if isinstance(said, str) and said in _ADDRESS_FORMATS and "pattern" not in schema:
        return {name: value for name, value in schema.items() if name != "format"} | {"pattern": REFERENCE}
    return schema


def _retrieve(uri: str) -> Any:
    """A schema by its address, from the bundle; LookupError for any other address, never the network."""
    address = urlsplit(uri)
    if address.netloc == "geojson.org":
        path = _BUNDLED / "geojson" / Path(address.path).name
    elif address.netloc == "proj.org" and address.path.endswith("/projjson.schema.json"):
        path = _OWN / "projjson.json"
    elif address.netloc == "schemas.stacspec.org" and address.path.startswith("/v1.1.0/"):
        path = _BUNDLED / "stac-spec" / "v1.1.0" / Path(address.path).name
    else:
        path = _BUNDLED / "absent"
    if not path.is_file():
        raise LookupError(f"{uri} is not packaged, and schemas are never fetched.")
    return _read(path)


def _is_reference(value: str) -> bool:
    return re.search(REFERENCE, value) is not None


def _compiled(schema: Any) -> Any:
    return jsonschema_rs.validator_for(
        schema,
        retriever=_retrieve,
        validate_formats=True,
        formats={"iri": _is_reference, "iri-reference": _is_reference},
    )


@cache
def core_validator(stac_version: str, kind: str) -> Any:
    """The compiled core schema; ``kind`` is the document's ``type``. KeyError when the pair is unknown."""
    if stac_version not in VERSIONS:
        raise KeyError(stac_version)
    name = _KINDS[kind]
    if stac_version == "1.0.0":
        schema = _read(_OWN / "stac-1.0.0.json")
        return _compiled({"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]})
    return _compiled(_read(_BUNDLED / "stac-spec" / "v1.1.0" / f"{name}.json"))


@cache
def extension_validator(uri: str) -> Any:
    """The compiled schema of an extension; KeyError when it is not packaged."""
    return _compiled(_read(_OWN / EXTENSIONS[uri]))


@lru_cache(maxsize=64)
def given_validator(schema: bytes) -> Any:
    """A JSON Schema from the caller, compiled. ValueError when it is none, or refers to what is not packaged."""
    try:
        document = parse_strict(schema)
    except StrictJsonError as error:
        raise ValueError(str(error)) from error
    if not isinstance(document, dict) or "$schema" not in document:
        raise ValueError("It does not say that it is a JSON Schema ($schema).")
    try:
        return _compiled(document)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(str(error)) from error
