"""What differs between two builds of one catalog document: a unified diff to read, and the facts behind it.

Decides only how a difference is told: JSON in canonical order and indented, other text line by line. Which recorded
fact a field comes from is said by the field's own name; a field that is not known is said to be so, never guessed at.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from audit.canonical import StrictJsonError, parse_strict

MOST_LINES = 400
CONTEXT = 3
#: Ends of field names, in DCAT, STAC and PROV, and the recorded fact that each is made from.
FACTS: dict[str, str] = {
    "policy_label": "the version's policy label",
    "access_rights": "the obligations of the release decision",
    "accessRights": "the obligations of the release decision",
    "obligation": "the obligations of the release decision",
    "obligations": "the obligations of the release decision",
    "notice": "the obligations of the release decision",
    "policy_decision": "the release decision",
    "license": "the licence captured at ingest",
    "rights": "the rights captured at ingest",
    "attribution": "the rights captured at ingest",
    "rightsHolder": "the rights captured at ingest",
    "label": "a statement of rights, of access or of place",
    "seeAlso": "the terms captured at ingest",
    "title": "the spec",
    "description": "the spec",
    "keyword": "the spec",
    "keywords": "the spec",
    "theme": "the spec",
    "publisher": "the spec",
    "providers": "the spec and the rights captured at ingest",
    "spec_hash": "the spec",
    "bbox": "the data's extent",
    "geometry": "the data's extent",
    "extent": "the data's extent and slice",
    "spatial": "the data's extent",
    "temporal": "the version's slice",
    "datetime": "the version's slice",
    "start_datetime": "the version's slice",
    "end_datetime": "the version's slice",
    "startDate": "the version's slice",
    "endDate": "the version's slice",
    "href": "the console's public address, and the files' paths",
    "landingPage": "the console's public address",
    "accessURL": "the console's public address",
    "downloadURL": "the console's public address",
    "byteSize": "the files on record",
    "size": "the files on record",
    "checksum": "the files on record",
    "checksumValue": "the files on record",
    "artifact": "the files on record",
    "approval_role": "the roles that sign",
    "artifact_role": "the files on record",
    "digest": "the files on record",
    "path": "the files on record",
    "media_type": "the files on record",
    "size_bytes": "the files on record",
    "mediaType": "the files on record",
    "wasGeneratedBy": "the run receipts",
    "used": "the run receipts",
    "run_id": "the run receipts",
    "receipt_digest": "the run receipts",
    "wasAssociatedWith": "the run receipts, and the roles that sign",
    "git_commit": "the run receipts",
    "container_digest": "the run receipts",
    "startedAtTime": "the run receipts",
    "endedAtTime": "the run receipts",
    "issued": "the run receipts",
    "wasAttributedTo": "the proposal",
}
UNKNOWN = "not told by the field's name"
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line. ``mark``: ``+`` as rebuilt, ``-`` as recorded, ``@`` a place, else the same in both."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. ``pointer``: where, as a JSON pointer that names a thing of a graph by its [id].

    ``fact``: what the field is made from.
    """

    pointer: str
    fact: str
    recorded: str
    rebuilt: str


def unified(recorded: bytes, rebuilt: bytes) -> tuple[list[DiffLine], bool]:
    """The unified diff from *recorded* to *rebuilt*; whether it was cut at ``MOST_LINES``."""
    found = list(difflib.unified_diff(_lines(recorded), _lines(rebuilt), lineterm="", n=CONTEXT))[2:]  # two headers
    lines = [DiffLine(text[:1], text if text.startswith("@") else text[1:]) for text in found]
    return lines[:MOST_LINES], len(lines) > MOST_LINES


def field_changes(recorded: bytes, rebuilt: bytes) -> list[FieldChange]:
    """The leaves that differ between two JSON documents; none where one of them is no JSON."""
    try:
        was, now = parse_strict(recorded), parse_strict(rebuilt)
    except StrictJsonError:
        return []
    old, new = dict(_leaves(was)), dict(_leaves(now))
    return [
        FieldChange(_pointer(path), _fact(path), _text(old.get(path, _ABSENT)), _text(new.get(path, _ABSENT)))
        for path in sorted(old.keys() | new.keys(), key=lambda path: [str(part) for part in path])
        if old.get(path, _ABSENT) != new.get(path, _ABSENT)
    ]


def facts_behind(changes: list[FieldChange]) -> list[str]:
    """The recorded facts that *changes* come from, each once; that some are not known comes last."""
    return sorted(dict.fromkeys(change.fact for change in changes), key=lambda fact: fact == UNKNOWN)


def _lines(raw: bytes) -> list[str]:
    try:
        return json.dumps(parse_strict(raw), indent=2, sort_keys=True, ensure_ascii=False).splitlines()
    except StrictJsonError:
        return raw.decode("utf-8", "replace").splitlines()


def _leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    items: Any = value.items() if isinstance(value, dict) else _listed(value) if isinstance(value, list) else None
    if items is None or not value:
        yield path, value if items is None else ("empty", type(value).__name__)
        return
    for key, item in items:
        yield from _leaves(item, (*path, key))


def _listed(items: list[Any]) -> list[tuple[str | int, Any]]:
    """Things of a graph by their ids, so that one more moves none of the others; anything else by its place."""
    ids = [item.get("@id") if isinstance(item, dict) else None for item in items]
    named = [text for text in ids if isinstance(text, str)]
    return list(zip(named if len(set(named)) == len(items) else range(len(items)), items, strict=True))


def _pointer(path: tuple[str | int, ...]) -> str:
    return "".join(f"/{_step(str(part))}" for part in path)


def _step(part: str) -> str:
    return f"[{part}]" if "://" in part else part.replace("~", "~0").replace("/", "~1")


def _fact(path: tuple[str | int, ...]) -> str:
    names = [part.rsplit(":", 1)[-1] for part in path if isinstance(part, str)]
    return next((FACTS[name] for name in reversed(names) if name in FACTS), UNKNOWN)


def _text(value: object) -> str:
    return "absent" if value is _ABSENT else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
