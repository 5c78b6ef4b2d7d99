"""Whether any attribute that must go is still named anywhere in what goes out: C2, on file and documents.

Looks at every column, nested field and note of the file, and at the documents that describe its columns: the preview's
properties, the QA report's columns and a STAC item's table. The obligation's own list names them too, and may.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from audit.findings import Finding
from datasets.obligations.verify.columns import names
from datasets.obligations.verify.words import found
from datasets.policy.obligations import Obligation

#: Members of a document whose entries name columns.
_LISTS_OF_COLUMNS = frozenset({"columns", "table:columns", "distributions", "type_changes"})
_LISTS_OF_NAMES = frozenset({"columns_added", "columns_removed"})


def removed(path: Path, item: Obligation) -> list[Finding]:
    """Every field of *item* that the file still has, or still names."""
    wanted = _wanted(item)
    metadata = dict(pq.read_metadata(path).metadata or {})
    paths = {*names(pq.read_schema(path))}
    stored = metadata.pop(b"ARROW:schema", None)
    notes = [*metadata.values()]
    if stored is not None:
        schema = pa.ipc.read_schema(pa.BufferReader(base64.b64decode(stored)))
        paths |= {*names(schema)}
        notes += [*(schema.metadata or {}).values()]
    notes += [note for field in pq.read_schema(path) for note in (field.metadata or {}).values()]
    present = sorted(p for p in paths if p.casefold() in wanted or p.casefold().rpartition(".")[2] in wanted)
    findings = [found("attribute_present", f"The field {name} is still there.", name) for name in present]
    text = b"\n".join(notes).decode("utf-8", "replace").casefold()
    return findings + [
        found("attribute_in_metadata", f"The file's metadata still names {name}.", "metadata")
        for name in sorted(wanted)
        if f'"{name}"' in text
    ]


def named_in_documents(documents: Mapping[str, bytes], item: Obligation) -> list[Finding]:
    """Every field of *item* that a document describes as a column of what goes out."""
    wanted = _wanted(item)
    findings = []
    for name, raw in sorted(documents.items()):
        if not name.endswith(("json", "geojson")):
            continue
        told = {column.casefold() for column in _columns(json.loads(raw))}
        told |= {column.rpartition(".")[2] for column in told}
        findings += [
            found("attribute_in_document", f"{name} still describes the field {field}.", name)
            for field in sorted(wanted & told)
        ]
    return findings


def _wanted(item: Obligation) -> frozenset[str]:
    """The fields to look for. Raises ``ValueError`` for an obligation that names none: unasked is not verified."""
    if not isinstance(item.value, tuple) or not item.value:
        raise ValueError("the obligation names no field")
    return frozenset(str(name).casefold() for name in item.value)


def _columns(value: Any, inside: bool = False) -> Iterator[str]:  # noqa: FBT001, FBT002 - where the walk is
    """The names of columns that a document gives, wherever they stand; a feature's properties are columns as well."""
    if isinstance(value, list):
        for one in value:
            yield from _columns(one, inside)
    elif isinstance(value, dict):
        if inside and isinstance(value.get("name"), str):
            yield value["name"]
        if value.get("type") == "Feature" and "stac_version" not in value and isinstance(value.get("properties"), dict):
            yield from value["properties"]
        for key, one in value.items():
            if key in _LISTS_OF_NAMES and isinstance(one, list):
                yield from (name for name in one if isinstance(name, str))
            yield from _columns(one, key in _LISTS_OF_COLUMNS)
