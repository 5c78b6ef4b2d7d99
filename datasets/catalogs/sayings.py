"""What each of the three catalog documents says of one fact, in its own words and in one form that can be compared.

Decides only which statement of which document speaks of which fact; never whether they agree (alignment does). A
document that is missing or can't be read says nothing, and the reason is kept. Serves the reading of clause D2.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from audit.canonical import StrictJsonError, parse_strict
from datasets.catalogs.namespaces import DCAT, DCT, FOAF, KFM, PROV, RDFS
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.triplet import Statements, Triplet, mapping

Column = Literal["dcat", "stac", "prov"]
_ABSENT: Final = "It can't be read from the store: it is not there, or its bytes are not the recorded ones."
COLUMNS: Final[tuple[Column, ...]] = ("dcat", "stac", "prov")


@dataclass(frozen=True, slots=True)
class Said:
    """One statement. ``source``: the document; ``text``: as written; ``key``: equal where the meaning is equal;
    ``where``: its place in the document, for the evidence drawer.
    """

    column: Column
    source: str
    text: str
    key: str
    where: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: which documents owe it, and what they say. ``each``: the STAC collection and every item must say it."""

    group: str
    name: str
    owed: frozenset[Column]
    said: Callable[[Triplet], Iterable[Said]]
    each: bool = False


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents as stored bytes; ``None`` or nothing where one is not there or its bytes can't be read."""

    dcat: bytes | None
    stac_collection: bytes | None
    stac_items: tuple[bytes, ...]
    prov: bytes | None


@dataclass(frozen=True, slots=True)
class Read:
    """What could be read. ``problems``: why a document could not, by its name (``dcat``, ``stac/collection`` …)."""

    triplet: Triplet
    problems: Mapping[str, str]

    def unread(self, column: Column) -> bool:
        """Whether the column misses a document."""
        return any(name.partition("/")[0] == column for name in self.problems)


def read_partly(documents: Documents) -> Read:
    """Each document on its own: one that is malformed does not silence the others."""
    problems: dict[str, str] = {}
    graphs = {name: _graph(name, raw, problems) for name, raw in (("dcat", documents.dcat), ("prov", documents.prov))}
    collection = _object("stac/collection", documents.stac_collection, problems)
    if not documents.stac_items:
        problems["stac/items"] = "There is no STAC item."
    items = [_object(f"stac/items[{n}]", raw, problems) for n, raw in enumerate(documents.stac_items)]
    return Read(Triplet(graphs["dcat"], graphs["prov"], collection, tuple(i for i in items if i)), problems)


def _graph(name: str, raw: bytes | None, problems: dict[str, str]) -> Statements:
    if raw is None:
        problems[name] = _ABSENT
        return Statements(())
    reading = read_rdf(raw)
    if reading.triples is None:
        problems[name] = f"The document is malformed: {reading.findings[0].message}"[:300]
    return Statements(reading.triples or ())


def _object(name: str, raw: bytes | None, problems: dict[str, str]) -> Mapping[str, Any]:
    if raw is None:
        problems[name] = _ABSENT
        return {}
    try:
        value = parse_strict(raw)
    except StrictJsonError as error:
        problems[name] = f"The document is malformed: {error}"[:300]
        return {}
    if not isinstance(value, dict):
        problems[name] = "The document is malformed: it is not a JSON object."
    return mapping(value)


# --- one document's statements ---


def from_dcat(triplet: Triplet, predicate: str, subject: str = "", through: str = "") -> list[Said]:
    """The objects of *predicate* (``kfm:license``) of the dataset, or what *through* says of those."""
    return _from_graph("dcat", triplet.dcat, subject or triplet.dataset, predicate, through)


def from_prov(triplet: Triplet, predicate: str, subject: str = "") -> list[Said]:
    """The objects of *predicate* of *subject*, by default of the version itself as PROV's collection."""
    found = [subject] if subject else sorted(triplet.prov.instances(PROV + "Collection"))
    return [said for name in found for said in _from_graph("prov", triplet.prov, name, predicate, "")]


def _from_graph(column: Column, graph: Statements, subject: str, predicate: str, through: str) -> list[Said]:
    values = {(value, subject, predicate) for value in graph.objects(subject, iri(predicate))}
    if through:
        values = {(text, node, through) for node, _, _ in values for text in graph.objects(node, iri(through))}
    return [Said(column, column, text, text, f"{node} {name}") for text, node, name in sorted(values)]


def iri(compact: str) -> str:
    """``kfm:license`` as a whole IRI."""
    prefix, _, local = compact.partition(":")
    names = {"dcat": DCAT, "dct": DCT, "foaf": FOAF, "kfm": KFM, "prov": PROV, "rdfs": RDFS}
    return names[prefix] + local


def from_collection(triplet: Triplet, *path: str) -> list[Said]:
    return _from_json("stac/collection", triplet.collection, path)


def from_items(triplet: Triplet, *path: str) -> list[Said]:
    return [said for name, item in triplet.named_items() for said in _from_json(name, item, path)]


def from_stac(triplet: Triplet, name: str, *, empty: bool = False) -> list[Said]:
    """A field that the collection says at its root and each item in its properties. ``empty``: ``[]`` counts."""
    said = _from_json("stac/collection", triplet.collection, (name,), empty=empty)
    for source, item in triplet.named_items():
        said += _from_json(source, item, ("properties", name), empty=empty)
    return said


def _from_json(source: str, holder: Mapping[str, Any], path: tuple[str, ...], *, empty: bool = False) -> list[Said]:
    value: Any = holder
    for name in path:
        value = mapping(value).get(name)
    if value is None or (value == [] and not empty):
        return []
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return [Said("stac", source, written, written, "/".join(path))]


def stac_documents(triplet: Triplet) -> list[tuple[str, Mapping[str, Any]]]:
    """The collection and the items that could be read."""
    return [(name, document) for name, document in triplet.named_stac() if document]


def compared(said: Iterable[Said], key: Callable[[str], str]) -> list[Said]:
    """The same statements, each to be compared by ``key(text)``."""
    return [Said(one.column, one.source, one.text, key(one.text), one.where) for one in said]
