"""PROV records out of PROV-XML (W3C Note), in the one shape that the constraints can judge.

Decides whether the bytes are records at all (names, shapes, declared prefixes); never judges whether the records agree
(prov_constraints does). XML is read with no DTD, no entities and nothing external. Serves clause D1.
"""

from __future__ import annotations

import xml.parsers.expat  # every DOCTYPE is refused before an entity can be declared
from collections import ChainMap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from datasets.catalogs.namespaces import PROV
from datasets.catalogs.prov_records import (
    ELEMENTS,
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

_ROOT: Final = PROV + " document"
_DEEPEST: Final = 4
"""Document, bundle, record, argument: nothing is read from below."""
_SUBTYPES: Final = {
    "plan": ("entity", "Plan"),
    "collection": ("entity", "Collection"),
    "emptyCollection": ("entity", "EmptyCollection"),
    "dictionary": ("entity", "Dictionary"),
    "emptyDictionary": ("entity", "EmptyCollection"),
    "bundle": ("entity", "Bundle"),
    "person": ("agent", "Person"),
    "organization": ("agent", "Organization"),
    "softwareAgent": ("agent", "SoftwareAgent"),
    "wasRevisionOf": ("wasDerivedFrom", "Revision"),
    "wasQuotedFrom": ("wasDerivedFrom", "Quotation"),
    "hadPrimarySource": ("wasDerivedFrom", "PrimarySource"),
}
"""Elements that name a kind of record and a type of it besides (PROV-XML §3)."""
_UNJUDGED: Final = frozenset(
    [
        "other",
        "label",
        "type",
        "location",
        "value",
        "role",
        "hadDictionaryMember",
        "derivedByInsertionFrom",
        "derivedByRemovalFrom",
    ]
)
"""What PROV-XML and PROV-DICTIONARY allow besides records; no constraint speaks of it."""


@dataclass(slots=True)
class _Node:
    name: str
    attributes: dict[str, str]
    line: int
    prefixes: Mapping[str, str]
    children: list[_Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()


def read_xml(raw: bytes) -> _Node:
    """The element tree, each with the prefixes in force. MalformedProvError for a DOCTYPE or ill-formed XML."""
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    fresh: dict[str, str] = {}
    top = _Node("", {}, 0, {})
    stack = [top]

    def refuse(*_: object) -> None:
        raise MalformedProvError("line 1", "A DOCTYPE is refused: no DTD, no entities, nothing external.")

    def start(name: str, attributes: dict[str, str]) -> None:
        above = stack[-1].prefixes
        if fresh and len(stack) <= _DEEPEST:
            above = ChainMap(dict(fresh), *(above.maps if isinstance(above, ChainMap) else [dict(above)]))
        fresh.clear()
        node = _Node(name, attributes, parser.CurrentLineNumber, above)
        stack[-1].children.append(node)
        stack.append(node)

    def characters(text: str) -> None:
        stack[-1].texts.append(text)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartNamespaceDeclHandler = lambda prefix, iri: fresh.__setitem__(prefix or "default", iri or "")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop() and None
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(raw, True)
    except xml.parsers.expat.ExpatError as error:
        raise MalformedProvError(f"line {error.lineno}", f"The XML is not well formed: {error}") from error
    except (LookupError, ValueError) as error:
        if isinstance(error, MalformedProvError):
            raise
        raise MalformedProvError("line 1", f"The XML names an encoding that can't be read: {error}") from error
    return top.children[0]


def bundles_from_xml(raw: bytes) -> list[Bundle]:
    """The document's own records first, then each bundle's. MalformedProvError."""
    root = read_xml(raw)
    if root.name != _ROOT:
        raise MalformedProvError("line 1", "The root element is not prov:document.")
    return list(_bundles(root, None))


def _local(node: _Node) -> str:
    space, _, local = node.name.rpartition(" ")
    return local if space == PROV else ""


def _kind(local: str) -> tuple[str, str]:
    """The kind of record that an element is, and the type that its name states; empty when it is no record."""
    if local in {*ELEMENTS, *RELATIONS}:
        return local, ""
    return _SUBTYPES.get(local, ("", ""))


def _holds_records(node: _Node) -> bool:
    """Whether it is a bundle's content: so named, or a ``prov:bundle`` of records, as ProvToolbox writes it."""
    local = _local(node)
    return local == "bundleContent" or (local == "bundle" and any(_kind(_local(child))[0] for child in node.children))


def _bundles(node: _Node, name: str | None) -> Iterator[Bundle]:
    """One instance, and those within it; a bundle holds no bundle (PROV-DM §5.4)."""
    records: list[Record] = []
    contents: list[_Node] = []
    for child in node.children:
        local = _local(child)
        kind, subtype = _kind(local)
        if _holds_records(child):
            if node.name != _ROOT:
                raise MalformedProvError(f"line {child.line}", "A bundle holds no bundle (PROV-DM §5.4).")
            contents.append(child)
        elif kind:
            records += _records(kind, subtype, child)
        elif local and local not in _UNJUDGED:
            raise MalformedProvError(f"line {child.line}", f"prov:{local} is no kind of PROV record.")
    yield Bundle(name, f"line {node.line}", records)
    for content in contents:
        yield from _bundles(content, _identifier(content))


def _identifier(node: _Node) -> str | None:
    identifier = node.attributes.get(f"{PROV} id")
    return None if identifier is None else expanded(identifier, node.prefixes, f"line {node.line}")


def _records(kind: str, subtype: str, node: _Node) -> Iterator[Record]:
    arguments: dict[str, str] = {}
    types = {PROV + subtype} if subtype else set()
    members: list[str] = []
    for child in node.children:
        local, place = _local(child), f"line {child.line}"
        if local == "type":
            types.add(type_name(child.text, child.prefixes))
        if local not in formal_names(kind):
            continue
        value = child.attributes.get(f"{PROV} ref") or child.text
        value = checked_time(value, place) if is_time(local) else expanded(value, child.prefixes, place)
        if (kind, local) == ("hadMember", "entity"):
            members.append(value)
        elif arguments.setdefault(local, value) != value:
            raise MalformedProvError(place, f"prov:{local} is given twice.")
    for each in several(kind, arguments, members):
        yield Record(kind, _identifier(node), each, f"line {node.line}", frozenset(types))
