"""PROV records out of PROV-JSON and PROV-XML, in the one shape that the constraints can judge.

The same shape comes out of PROV-O (prov_rdf) and PROV-N (prov_notation).

Decides whether the bytes are records at all (names, shapes, declared prefixes); never judges whether the records agree
(prov_constraints does). XML is read with no DTD, no entities and nothing external. Serves clause D1.
"""

from __future__ import annotations

import xml.parsers.expat  # every DOCTYPE is refused before an entity can be declared
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.namespaces import PROV, XSD
from datasets.catalogs.xsd_forms import may_mean

ELEMENTS: Final = ("entity", "activity", "agent")
RELATIONS: Final[dict[str, tuple[str, ...]]] = {
    "wasGeneratedBy": ("entity!", "activity", "time"),
    "used": ("activity!", "entity", "time"),
    "wasInformedBy": ("informed!", "informant!"),
    "wasStartedBy": ("activity!", "trigger", "starter", "time"),
    "wasEndedBy": ("activity!", "trigger", "ender", "time"),
    "wasInvalidatedBy": ("entity!", "activity", "time"),
    "wasDerivedFrom": ("generatedEntity!", "usedEntity!", "activity", "generation", "usage"),
    "wasAttributedTo": ("entity!", "agent!"),
    "wasAssociatedWith": ("activity!", "agent", "plan"),
    "actedOnBehalfOf": ("delegate!", "responsible!", "activity"),
    "wasInfluencedBy": ("influencee!", "influencer!"),
    "specializationOf": ("specificEntity!", "generalEntity!"),
    "alternateOf": ("alternate1!", "alternate2!"),
    "mentionOf": ("specificEntity!", "generalEntity!", "bundle!"),
    "hadMember": ("collection!", "entity!"),
}
"""PROV-DM §5: the formal arguments of each relation; ``!`` marks those that must be there."""
_SUBTYPES: Final = {"plan": "entity", "collection": "entity", "emptyCollection": "entity", "person": "agent"}
_SUBTYPES.update({"organization": "agent", "softwareAgent": "agent"})
_XML_ROOT: Final = PROV + " document"
OWN_PREFIXES: Final[Mapping[str, str]] = {"prov": PROV, "xsd": XSD}


class MalformedProvError(ValueError):
    """The bytes are not PROV in the form they claim; ``where`` points at the place."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


@dataclass(frozen=True, slots=True)
class Record:
    """One element or relation: ``kind`` (``entity``, ``used``, …), ``identifier`` or None, formal arguments by name.

    Names are whole IRIs: two prefixes of one namespace name the same thing, one prefix bound twice does not.
    """

    kind: str
    identifier: str | None
    arguments: Mapping[str, str]
    where: str
    types: frozenset[str] = field(default_factory=frozenset)


def formal_names(kind: str) -> tuple[str, ...]:
    """The formal argument names of a kind, without their marks."""
    if kind in ELEMENTS:
        return ("startTime", "endTime") if kind == "activity" else ()
    return tuple(name.rstrip("!") for name in RELATIONS[kind])


def expanded(name: str, known: Mapping[str, str], where: str) -> str:
    """The IRI of a qualified name; a blank name stays as it is. MalformedProvError for a prefix not declared."""
    prefix, colon, local = name.partition(":")
    if colon and prefix == "_":
        return name
    namespace = known.get(prefix if colon else "default")
    if not name or namespace is None:
        raise MalformedProvError(where, f"{name!r:.80} uses a prefix that is not declared.")
    return namespace + (local if colon else name)


def checked_time(value: str, where: str) -> str:
    """A time as it is written. MalformedProvError when it is no xsd:dateTime."""
    if not may_mean("dateTime", value.strip()):
        raise MalformedProvError(where, f"{value!r:.80} is no xsd:dateTime.")
    return value


def records_from_json(raw: bytes) -> list[list[Record]]:
    """One list of records a bundle, the document's own first (PROV-JSON, W3C submission). MalformedProvError."""
    try:
        document = parse_strict(raw)
    except StrictJsonError as error:
        raise MalformedProvError(error.where, str(error)) from error
    if not isinstance(document, dict) or not document:
        raise MalformedProvError("", "A PROV-JSON document is a JSON object that holds records.")
    return list(_json_bundles(document, "", OWN_PREFIXES))


def _json_bundles(document: Mapping[str, Any], where: str, outer: Mapping[str, str]) -> Iterator[list[Record]]:
    prefixes = document.get("prefix", {})
    if not isinstance(prefixes, dict) or not all(isinstance(value, str) for value in prefixes.values()):
        raise MalformedProvError(f"{where}/prefix", "prefix maps prefixes to namespaces.")
    known = {**outer, **prefixes}
    records: list[Record] = []
    inner: list[list[Record]] = []
    for kind, entries in document.items():
        place = f"{where}/{kind}"
        if kind == "prefix":
            continue
        if kind not in {*ELEMENTS, *RELATIONS} and (
            kind != "bundle" or where
        ):  # a bundle holds no bundle (PROV-DM §5.4)
            raise MalformedProvError(place, f"{kind!r:.80} is no kind of PROV record.")
        if not isinstance(entries, dict):
            raise MalformedProvError(place, f"{kind} maps identifiers to records.")
        for name, body in entries.items():
            expanded(name, known, place)
            if kind == "bundle":
                if not isinstance(body, dict):
                    raise MalformedProvError(f"{place}/{name}", "A bundle is an object of records.")
                inner += _json_bundles(body, f"{place}/{name}", known)
                continue
            parts = body if isinstance(body, list) else [body]
            records += [_json_record(kind, name, part, known, f"{place}/{name}") for part in parts]
    yield records
    yield from inner


def _json_record(kind: str, name: str, body: object, known: Mapping[str, str], where: str) -> Record:
    if not isinstance(body, dict):
        raise MalformedProvError(where, "A record is an object of attributes.")
    formal = formal_names(kind)
    arguments: dict[str, str] = {}
    types: set[str] = set()
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
                if arguments.setdefault(short, text) != text and kind != "hadMember":
                    raise MalformedProvError(place, f"{key} is given twice.")
    identifier = None if name.startswith("_:") else expanded(name, known, where)
    return Record(kind, identifier, arguments, where, frozenset(types))


def is_time(name: str) -> bool:
    """Whether a formal argument of that name is a time, and not a name."""
    return name.lower().endswith("time")


def type_name(text: str, known: Mapping[str, str]) -> str:
    """The IRI of a ``prov:type`` when it is a qualified name; any other type is a text of its own."""
    prefix, colon, local = text.partition(":")
    return known[prefix] + local if colon and prefix in known else text


def _json_value(value: object, where: str) -> str:
    if isinstance(value, dict):
        if not isinstance(value.get("$"), (str, int, float, bool)) or set(value) - {"$", "type", "lang"}:
            raise MalformedProvError(where, 'A typed value is {"$": value, "type": datatype}.')
        return str(value["$"])
    if isinstance(value, (str, int, float, bool)):
        return str(value)
    raise MalformedProvError(where, "An attribute's value is a text, a number, a boolean or a typed value.")


@dataclass(slots=True)
class _Node:
    name: str
    attributes: dict[str, str]
    line: int
    prefixes: Mapping[str, str]
    children: list[_Node] = field(default_factory=list)
    text: str = ""


def read_xml(raw: bytes) -> _Node:
    """The element tree, each with the prefixes in force. MalformedProvError for a DOCTYPE or ill-formed XML."""
    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    fresh: dict[str, str] = {}
    top = _Node("", {}, 0, {})
    stack = [top]

    def refuse(*_: object) -> None:
        raise MalformedProvError("line 1", "A DOCTYPE is refused: no DTD, no entities, nothing external.")

    def start(name: str, attributes: dict[str, str]) -> None:
        prefixes = {**stack[-1].prefixes, **fresh} if fresh else stack[-1].prefixes
        fresh.clear()
        node = _Node(name, attributes, parser.CurrentLineNumber, prefixes)
        stack[-1].children.append(node)
        stack.append(node)

    def characters(text: str) -> None:
        stack[-1].text += text

    parser.StartDoctypeDeclHandler = refuse
    parser.StartNamespaceDeclHandler = lambda prefix, iri: fresh.__setitem__(prefix or "default", iri or "")
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: stack.pop() and None
    parser.CharacterDataHandler = characters
    try:
        parser.Parse(raw, True)
    except xml.parsers.expat.ExpatError as error:
        raise MalformedProvError(f"line {error.lineno}", f"The XML is not well formed: {error}") from error
    return top.children[0]


def records_from_xml(raw: bytes) -> list[list[Record]]:
    """One list of records a bundle, the document's own first (PROV-XML). MalformedProvError."""
    root = read_xml(raw)
    if root.name != _XML_ROOT:
        raise MalformedProvError("line 1", "The root element is not prov:document.")
    return list(_xml_bundles(root))


def _xml_bundles(node: _Node) -> Iterator[list[Record]]:
    records: list[Record] = []
    inner: list[list[Record]] = []
    for child in node.children:
        space, _, local = child.name.rpartition(" ")
        kind = _SUBTYPES.get(local, local)
        if space != PROV:
            continue
        if local == "bundleContent" or (local == "bundle" and child.children):
            if node.name != _XML_ROOT:
                raise MalformedProvError(f"line {child.line}", "A bundle holds no bundle (PROV-DM §5.4).")
            inner += _xml_bundles(child)
        elif kind in {*ELEMENTS, *RELATIONS}:
            records.append(_xml_record(kind, child))
        elif local not in {"other", "label", "type", "location", "value", "role"}:
            raise MalformedProvError(f"line {child.line}", f"prov:{local} is no kind of PROV record.")
    yield records
    yield from inner


def _xml_record(kind: str, node: _Node) -> Record:
    where = f"line {node.line}"
    identifier = node.attributes.get(f"{PROV} id")
    arguments: dict[str, str] = {}
    for child in node.children:
        local = child.name.removeprefix(PROV + " ")
        if local not in formal_names(kind):
            continue
        value, place = child.attributes.get(f"{PROV} ref") or child.text.strip(), f"line {child.line}"
        value = checked_time(value, place) if is_time(local) else expanded(value, child.prefixes, place)
        if arguments.setdefault(local, value) != value and kind != "hadMember":
            raise MalformedProvError(f"line {child.line}", f"prov:{local} is given twice.")
    if identifier is not None:
        identifier = expanded(identifier, node.prefixes, where)
    types = {type_name(child.text.strip(), child.prefixes) for child in node.children if child.name == PROV + " type"}
    if node.name == PROV + " emptyCollection":
        types.add(PROV + "EmptyCollection")
    return Record(kind, identifier, arguments, where, frozenset(types))


def malformed(error: MalformedProvError) -> Finding:
    return Finding(
        "prov_malformed", error.where, str(error), "Write the document in PROV-O, PROV-JSON, PROV-XML or PROV-N."
    )
