"""PROV records out of PROV-JSON (W3C submission), in the one shape that the constraints can judge.

Decides whether the bytes are records at all (names, shapes, declared prefixes); never judges whether the records agree
(prov_constraints does). Serves clause D1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_records import (
    ELEMENTS,
    NAMELESS,
    OWN_PREFIXES,
    RELATIONS,
    Bundle,
    MalformedProvError,
    Record,
    checked_time,
    expanded,
    formal_names,
    is_time,
    several,
    type_name,
)
from datasets.catalogs.prov_terms import BLANK


def bundles_from_json(raw: bytes) -> list[Bundle]:
    """The document's own records first, then each bundle's. MalformedProvError; StrictJsonError: too large to read."""
    try:
        document = parse_strict(raw)
    except StrictJsonError as error:
        if error.unread:
            raise
        raise MalformedProvError(error.where, str(error)) from error
    if not isinstance(document, dict) or not document:
        raise MalformedProvError("", "A PROV-JSON document is a JSON object that holds records.")
    return list(_bundles(document, None, "", OWN_PREFIXES))


def _bundles(document: Mapping[str, Any], name: str | None, where: str, outer: Mapping[str, str]) -> Iterator[Bundle]:
    """One instance, and those within it; a bundle holds no bundle (PROV-DM §5.4)."""
    prefixes = document.get("prefix", {})
    if not isinstance(prefixes, dict) or not all(isinstance(value, str) for value in prefixes.values()):
        raise MalformedProvError(f"{where}/prefix", "prefix maps prefixes to namespaces.")
    known = {**outer, **prefixes}
    records: list[Record] = []
    for kind, entries in document.items():
        place = f"{where}/{kind}"
        if kind == "prefix":
            continue
        if kind not in {*ELEMENTS, *RELATIONS} and (kind != "bundle" or where):
            raise MalformedProvError(place, f"{kind!r:.80} is no kind of PROV record.")
        if not isinstance(entries, dict):
            raise MalformedProvError(place, f"{kind} maps identifiers to records.")
        if kind != "bundle":
            for key, body in entries.items():
                records += _records(kind, key, body, known, f"{place}/{key}")
    yield Bundle(name, where, records)
    for key, body in document.get("bundle", {}).items():
        place = f"{where}/bundle/{key}"
        if not isinstance(body, dict):
            raise MalformedProvError(place, "A bundle is an object of records.")
        yield from _bundles(body, expanded(key, known, place), place, known)


def _records(kind: str, key: str, body: object, known: Mapping[str, str], where: str) -> Iterator[Record]:
    """The records under one identifier. A blank one may be referred to, but it names no more than one record."""
    identifier: str | None = expanded(key, known, where)
    parts = body if isinstance(body, list) else [body]
    if kind in NAMELESS or (key.startswith(BLANK) and len(parts) > 1):
        identifier = None
    for part in parts:
        yield from _record(kind, identifier, part, known, where)


def _record(kind: str, identifier: str | None, body: object, known: Mapping[str, str], where: str) -> Iterator[Record]:
    if not isinstance(body, dict):
        raise MalformedProvError(where, "A record is an object of attributes.")
    formal = formal_names(kind)
    arguments: dict[str, str] = {}
    types: set[str] = set()
    members: list[str] = []
    for key, value in body.items():
        place = f"{where}/{key}"
        space, _, short = expanded(key, known, place).rpartition("#")
        for part in value if isinstance(value, list) else [value]:
            text = _json_value(part, place)
            if f"{space}#" != PROV:
                continue
            if short == "type":
                types.add(type_name(text, known))
            elif short in formal:
                text = checked_time(text, place) if is_time(short) else expanded(text, known, place)
                if (kind, short) == ("hadMember", "entity"):
                    members.append(text)
                elif arguments.setdefault(short, text) != text:
                    raise MalformedProvError(place, f"{key} is given twice.")
    for each in several(kind, arguments, members):
        yield Record(kind, identifier, each, where, frozenset(types))


def _json_value(value: object, where: str) -> str:
    if isinstance(value, dict):
        if not isinstance(value.get("$"), (str, int, float, bool)) or set(value) - {"$", "type", "lang"}:
            raise MalformedProvError(where, 'A typed value is {"$": value, "type": datatype}.')
        return str(value["$"])
    if isinstance(value, (str, int, float, bool)):
        return str(value)
    raise MalformedProvError(where, "An attribute's value is a text, a number, a boolean or a typed value.")
