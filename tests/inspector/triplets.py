"""One good triplet as bytes, and ways to spoil one thing in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.dcat import build_dcat
from datasets.catalogs.prov import build_prov
from datasets.catalogs.sayings import Documents
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from datasets.catalogs.triplet import TripletDocuments
from tests.catalogs.facts_world import CATALOG, RECEIPTS, catalog_receipt, facts

ARTIFACTS = {item.digest: StoredArtifact(item.size_bytes, item.role) for item in facts().artifacts}


@dataclass(frozen=True)
class Good:
    """The documents of a good triplet, each as a JSON value that a test may change."""

    dcat: Any
    collection: Any
    item: Any
    prov: Any

    def documents(self) -> Documents:
        raw = [json.dumps(value).encode() for value in (self.dcat, self.collection, self.item, self.prov)]
        return Documents(raw[0], raw[1], (raw[2],), raw[3])

    def findings(self):
        given = self.documents()
        documents = TripletDocuments(given.dcat, given.stac_collection, given.stac_items, given.prov)
        return check_crosslinks(documents, receipts_of(given), ARTIFACTS)

    def node(self, document: str, ending: str) -> dict[str, Any]:
        """The node of DCAT or PROV whose ``@id`` ends so."""
        found = [node for node in getattr(self, document)["@graph"] if node["@id"].endswith(ending)]
        assert len(found) == 1, ending
        return found[0]


def receipts_of(given: Documents) -> dict[str, bytes]:
    """Of every run, that of the run that made these very documents with them."""
    named = {"dcat.jsonld": given.dcat, "stac/collection.json": given.stac_collection, "prov/bundle.jsonld": given.prov}
    made = {path: raw for path, raw in named.items() if raw is not None}
    made |= {f"stac/items/{place}.json": raw for place, raw in enumerate(given.stac_items)}
    return {**RECEIPTS, CATALOG: catalog_receipt(made)}


def good() -> Good:
    given = facts()
    built = (build_dcat(given), build_stac_collection(given), build_stac_item(given), build_prov(given))
    return Good(*(json.loads(raw) for raw in built))


def spoiled(change: Callable[[Good], None]) -> Good:
    triplet = good()
    change(triplet)
    return triplet


def without(documents: Documents, **fields: Any) -> Documents:
    return replace(documents, **fields)
