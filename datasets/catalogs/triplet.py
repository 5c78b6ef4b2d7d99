"""The triplet as read: what DCAT, STAC and PROV each say, in one shape that can be compared.

Decides nothing; it reads bytes into ids, digests and links for clauses D2 and D3, and says which document it could not
read. It shares no code with the builders beyond names, so that a builder's slip shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyoxigraph as ox

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.namespaces import DCAT, DCT, KFM, PROV, RDF, SPDX
from datasets.catalogs.rdf_reading import Triples, read_rdf

FACTS = ("dataset_id", "dataset_version_id", "policy_label", "license", "spec_hash")


@dataclass(frozen=True, slots=True)
class TripletDocuments:
    """The catalog documents of one version as stored bytes; RDF as JSON-LD or Turtle."""

    dcat: bytes
    stac_collection: bytes
    stac_items: tuple[bytes, ...]
    prov: bytes


class Statements:
    """An RDF graph by subject and predicate."""

    def __init__(self, triples: Triples) -> None:
        self._objects: dict[tuple[str, str], set[str]] = {}
        for triple in triples:
            if isinstance(triple.subject, ox.Triple) or isinstance(triple.object, ox.Triple):
                continue  # a quoted triple states nothing by itself
            self._objects.setdefault((triple.subject.value, triple.predicate.value), set()).add(triple.object.value)

    def objects(self, subject: str, predicate: str) -> set[str]:
        """IRIs, blank node names and literal texts, without language or datatype."""
        return set(self._objects.get((subject, predicate), ()))

    def predicates(self, subject: str) -> list[str]:
        """What is said of *subject*, by the IRIs of the predicates."""
        return sorted(predicate for name, predicate in self._objects if name == subject)

    def instances(self, class_iri: str) -> set[str]:
        return {
            subject
            for (subject, predicate), values in self._objects.items()
            if predicate == RDF + "type" and class_iri in values
        }

    def mentioned(self, predicate: str) -> Iterator[tuple[str, str]]:
        """(subject, object) of every statement with this predicate."""
        for (subject, name), values in sorted(self._objects.items()):
            if name == predicate:
                yield from ((subject, value) for value in sorted(values))


@dataclass(frozen=True, slots=True)
class Triplet:
    """The four documents, read."""

    dcat: Statements
    prov: Statements
    collection: Mapping[str, Any]
    items: tuple[Mapping[str, Any], ...]

    @property
    def dataset(self) -> str:
        """The IRI of the DCAT record's dataset; empty when it describes none or several."""
        datasets = self.dcat.instances(DCAT + "Dataset")
        return datasets.pop() if len(datasets) == 1 else ""

    def named_items(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Each STAC item, by the name that findings use."""
        return [(f"stac/items/{item.get('id')}", item) for item in self.items]

    def named_stac(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The STAC collection and each item, by the names that findings use."""
        return [("stac/collection", self.collection), *self.named_items()]

    def distributions(self) -> list[str]:
        return sorted(self.dcat.objects(self.dataset, DCAT + "distribution"))

    def checksum(self, distribution: str) -> str:
        """``sha256:<hex>`` of a distribution; empty when there is none or several."""
        nodes = self.dcat.objects(distribution, SPDX + "checksum")
        values = {value for node in nodes for value in self.dcat.objects(node, SPDX + "checksumValue")}
        return f"sha256:{values.pop()}" if len(values) == 1 else ""

    def key(self, distribution: str) -> str:
        names = self.dcat.objects(distribution, DCT + "identifier")
        return names.pop() if len(names) == 1 else ""

    def activities(self) -> set[str]:
        return self.prov.instances(PROV + "Activity")

    def entities(self) -> set[str]:
        return self.prov.instances(PROV + "Entity")

    def said(self) -> Iterator[tuple[str, str, set[str]]]:
        """(document, fact, values) for each fact that all four documents must repeat."""
        for fact in FACTS:
            yield ("dcat", fact, self.dcat.objects(self.dataset, KFM + fact))
            yield ("prov", fact, {value for _, value in self.prov.mentioned(KFM + fact)})
            yield ("stac/collection", fact, _text(self.collection, fact))
            for name, item in self.named_items():
                yield (name, fact, _text(mapping(item.get("properties")), fact))

    def assets(self) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
        """(item id, asset key, asset) of every item."""
        for item in self.items:
            for key, asset in mapping(item.get("assets")).items():
                yield (str(item.get("id")), key, mapping(asset))


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def links(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    value = document.get("links")
    return [link for link in value if isinstance(link, dict)] if isinstance(value, list) else []


def _text(holder: Mapping[str, Any], fact: str) -> set[str]:
    value = holder.get(f"kfm:{fact}")
    return {value} if isinstance(value, str) else set()


def read_triplet(documents: TripletDocuments) -> tuple[Triplet | None, list[Finding]]:
    """The triplet, or None with one finding per document that could not be read. Readers share it: change nothing."""
    triplet, findings = _read(documents)
    return triplet, list(findings)


# One evaluation of gate D, and one dossier, read the same bytes several times; equal bytes say the same.
@lru_cache(maxsize=2)
def _read(documents: TripletDocuments) -> tuple[Triplet | None, tuple[Finding, ...]]:
    findings: list[Finding] = []
    graphs: dict[str, Statements] = {}
    for name, raw in (("dcat", documents.dcat), ("prov", documents.prov)):
        reading = read_rdf(raw)
        if reading.triples is None:
            findings.append(_unread(name, reading.findings[0].message))
        else:
            graphs[name] = Statements(reading.triples)
    objects: list[Mapping[str, Any]] = []
    named = [("stac/collection", documents.stac_collection)]
    named += [(f"stac/items[{index}]", raw) for index, raw in enumerate(documents.stac_items)]
    for name, raw in named:
        try:
            value = parse_strict(raw)
        except StrictJsonError as error:
            findings.append(_unread(name, str(error)))
            continue
        if isinstance(value, dict):
            objects.append(value)
        else:
            findings.append(_unread(name, "It is not a JSON object."))
    if findings:
        return None, tuple(findings)
    return Triplet(graphs["dcat"], graphs["prov"], objects[0], tuple(objects[1:])), ()


def _unread(where: str, reason: str) -> Finding:
    message = f"The document could not be read, so its links can't be checked: {reason}"
    return Finding("document_unread", where, message[:500], "Rebuild the catalog from the facts.", "error")
