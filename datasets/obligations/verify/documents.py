"""Whether the catalog documents carry what is owed to readers: the notice and the attribution (C2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from audit.findings import Finding
from datasets.obligations.verify.words import error, found


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
        return [error("catalog_unreadable", "", "A catalog document is no JSON, so it could not be checked.")]
    if not catalogs:
        return [Finding(code, "", f"No catalog document was given. {message}", "Build the catalogs.", "missing")]
    return [found(code, message, name) for name, pairs in catalogs.items() if not any(holds(*pair) for pair in pairs)]


def notice(message: str, documents: Mapping[str, bytes]) -> list[Finding]:
    """Shown where readers look; the list of obligations names the message too, but that is what is owed."""
    keys = {"kfm:notice", "notice", "access_rights", "description", "dct:description"}
    return _in_catalogs(
        documents,
        lambda key, text: key in keys and message in text,
        "notice_absent",
        "The owed notice is not there.",
    )


def attribution(documents: Mapping[str, bytes]) -> list[Finding]:
    keys = {"attribution", "kfm:attribution", "rights", "dct:rights", "dcterms:rights"}
    return _in_catalogs(
        documents,
        lambda key, text: key in keys and bool(text.strip()),
        "attribution_absent",
        "The attribution is not there.",
    )
