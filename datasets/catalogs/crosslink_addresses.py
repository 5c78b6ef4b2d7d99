"""Whether every address in the catalogs is the one its target has: links, assets, downloads and receipts.

Decides the part of clause D2 about addresses: all begin where DCAT's landing page says that the version is, and each
ends as its target is called, by the very same characters. Never opens one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.crosslink_parts import Receipt, broken, shown, single
from datasets.catalogs.namespaces import DCAT, DCT, KFM, PROV, RDFS
from datasets.catalogs.triplet import Triplet, links, mapping

_PROVENANCE: Final = PROV + "has_provenance"
_DOCUMENTS: Final = {"dcat": "dcat.jsonld", "prov": "prov/bundle.jsonld"}
_RELATIONS: Final = {"dcat": "describedby", "prov": _PROVENANCE, "receipt": "via"}
_LINKED: Final = "application/ld+json"
_JSON: Final = "application/json"
_GEOJSON: Final = "application/geo+json"


def check_addresses(triplet: Triplet, receipts: Mapping[str, Receipt]) -> Iterator[Finding]:
    dcat, iri = triplet.dcat, triplet.dataset
    slug, version = (single(dcat.objects(iri, KFM + name)) for name in ("dataset_id", "dataset_version_id"))
    page, tail = single(dcat.objects(iri, DCAT + "landingPage")), f"/datasets/{slug}/versions/{version}"
    if not page.endswith(tail):
        yield broken("address_differs", "dcat dcat:landingPage", f"The landing page does not end in {tail}.")
        return
    yield from _dcat(triplet, page)
    yield from _prov(triplet, page)
    yield from _assets(triplet, page)
    yield from _stac(triplet, page.removesuffix(tail), slug)
    for where, document in triplet.named_stac():
        yield from _document_links(where, document, page, receipts)
    linked = {str(link.get("kfm:ref")) for item in triplet.items for link in links(item)}
    for run in sorted(set(receipts) - linked):
        if triplet.prov.objects(run, KFM + "operation") != {"catalog"}:
            yield broken("receipt_without_link", run, "No STAC item links to the receipt of the run.", "missing")


def _differs(where: str, said: set[str], owed: set[str]) -> Iterator[Finding]:
    if said != owed:
        yield broken("address_differs", where, f"{where} is {shown(said)}, not {shown(owed)}.")


def _dcat(triplet: Triplet, page: str) -> Iterator[Finding]:
    dcat = triplet.dcat
    withheld = any(_is_metadata_only(text) for text in dcat.objects(triplet.dataset, KFM + "obligation"))
    for node in triplet.distributions():
        own = set() if withheld else {f"{page}/artifacts/{quote(triplet.key(node))}"}
        yield from _differs(f"{node} dcat:accessURL", dcat.objects(node, DCAT + "accessURL"), {page})
        yield from _differs(f"{node} dcat:downloadURL", dcat.objects(node, DCAT + "downloadURL"), own)


def _is_metadata_only(obligation: str) -> bool:
    try:
        return mapping(parse_strict(obligation)).get("type") == "metadata_only"
    except StrictJsonError:
        return False  # clause D1 says that it is no JSON


def _prov(triplet: Triplet, page: str) -> Iterator[Finding]:
    prov = triplet.prov
    own = {f"{page}/catalog/{_DOCUMENTS['dcat']}"}
    yield from _differs("prov rdfs:seeAlso", prov.objects(triplet.dataset, RDFS + "seeAlso"), own)
    for run in sorted(triplet.activities()):
        digests = prov.objects(run, KFM + "receipt_digest")
        owed = {_receipt_address(page, digest) for digest in digests}
        yield from _differs(f"{run} rdfs:seeAlso", prov.objects(run, RDFS + "seeAlso"), owed)


def _receipt_address(page: str, digest: str) -> str:
    return f"{page}/catalog/receipts/{digest.removeprefix('sha256:')}.json"


def _assets(triplet: Triplet, page: str) -> Iterator[Finding]:
    for item, key, asset in triplet.assets():
        yield from _differs(f"stac/items/{item}#asset={key} href", {str(asset.get("href"))},
                            {f"{page}/artifacts/{quote(key)}"})  # fmt: skip


def _stac(triplet: Triplet, base: str, slug: str) -> Iterator[Finding]:
    """The collection and its items link to each other, to themselves and to the root, and so does nothing else."""
    root, collection = f"{base}/stac/", f"{base}/stac/collections/{slug}"
    items = {f"{collection}/items/{item.get('id')}" for item in triplet.items}
    nodes = triplet.dcat.objects(triplet.dataset, DCT + "rights")
    terms = {target for node in nodes for target in triplet.dcat.objects(node, RDFS + "seeAlso")}
    owed = {"root": ({root}, _JSON), "license": (terms, None), "self": ({collection}, _JSON),
            "item": (items, _GEOJSON), "items": ({f"{collection}/items"}, _GEOJSON)}  # fmt: skip
    yield from _relations("stac/collection", triplet.collection, owed)
    for name, item in triplet.named_items():
        own = f"{collection}/items/{item.get('id')}"
        owed = {"root": ({root}, _JSON), "license": (terms, None), "self": ({own}, _GEOJSON),
                "collection": ({collection}, _JSON), "parent": ({collection}, _JSON)}  # fmt: skip
        yield from _relations(name, item, owed)


def _relations(
    where: str, document: Mapping[str, Any], owed: Mapping[str, tuple[set[str], str | None]]
) -> Iterator[Finding]:
    for relation, (targets, media) in owed.items():
        found = [link for link in links(document) if link.get("rel") == relation]
        yield from _differs(f"{where} {relation} link", {str(link.get("href")) for link in found}, targets)
        if any(link.get("type") != media for link in found):
            yield broken("media_type_differs", where, f"The {relation} link names another media type than {media}.")


def _document_links(
    where: str, document: Mapping[str, Any], page: str, receipts: Mapping[str, Receipt]
) -> Iterator[Finding]:
    for link in links(document):
        kind, target = str(link.get("kfm:document")), str(link.get("kfm:ref"))
        if kind not in _RELATIONS:
            if "kfm:document" in link or "kfm:ref" in link:
                yield broken(
                    "link_kind_unknown", where, f"kfm:document is {kind!r:.60}: neither dcat, prov nor receipt."
                )
            continue
        if kind == "receipt":
            owed = {_receipt_address(page, receipts[target].digest)} if target in receipts else set()
        else:
            owed = {f"{page}/catalog/{_DOCUMENTS[kind]}"}
        if owed:
            yield from _differs(f"{where} {kind} link", {str(link.get("href"))}, owed)
        if link.get("rel") != _RELATIONS[kind]:
            yield broken("link_relation_differs", where, f"The {kind} link's rel is not {_RELATIONS[kind]}.")
        if link.get("type") != (_JSON if kind == "receipt" else _LINKED):
            yield broken("media_type_differs", where, f"The {kind} link names another media type than its target has.")
