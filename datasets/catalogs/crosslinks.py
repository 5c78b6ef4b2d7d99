"""Whether every link between DCAT, STAC, PROV, the receipts and the artifacts resolves, with equal digests.

Decides clause D2, in both directions: nothing points at what is absent, and nothing present is left unmentioned. Never
looks anything up: documents, receipts and artifacts are given. The catalog run is the one activity without a receipt
digest (its receipt digests these documents); its receipt's outputs must be these very bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from audit.findings import Finding, Kind
from datasets.catalogs.crosslink_addresses import check_addresses
from datasets.catalogs.crosslink_nodes import check_nodes
from datasets.catalogs.crosslink_parts import ARTIFACT, Receipt, StoredArtifact, broken, read_receipt, shown
from datasets.catalogs.crosslink_runs import check_catalog_run, check_producers, check_runs
from datasets.catalogs.crosslink_words import check_words
from datasets.catalogs.namespaces import DCAT, KFM, PROV, digest_in, multihash
from datasets.catalogs.rdf_reading import read_rdf
from datasets.catalogs.triplet import FACTS, Triplet, TripletDocuments, links, read_triplet

__all__ = ["Receipt", "StoredArtifact", "check_crosslinks", "check_twin"]


def check_crosslinks(
    documents: TripletDocuments,
    receipts: Mapping[str, bytes],
    artifacts: Mapping[str, StoredArtifact],
    *,
    cataloged: bool = True,
) -> list[Finding]:
    """Findings of clause D2; [] when all holds.

    ``receipts``: run_id (``kfm://run/…``) to the receipt's stored bytes;
    ``artifacts``: ``sha256:<hex>`` to what is stored;
    ``cataloged``: whether the catalog run is over, so that its receipt is owed as every other run's is.
    """
    triplet, findings = read_triplet(documents)
    read = {}
    for run_id, raw in sorted(receipts.items()):
        receipt = read_receipt(raw)
        if isinstance(receipt, Finding):
            findings.append(receipt)
        else:
            read[run_id] = receipt
    if triplet is None:
        return findings
    if not triplet.dataset:
        findings.append(broken("dataset_count", "dcat", "The DCAT record does not describe exactly one dataset."))
    findings += _same_facts(triplet)
    findings += _distributions(triplet, artifacts)
    findings += _dcat_activities(triplet)
    findings += _stac_links(triplet, read)
    findings += _assets(triplet, artifacts)
    findings += _provenance(triplet, artifacts)
    findings += check_runs(triplet, read, receipts, cataloged=cataloged)
    findings += check_producers(triplet, read, artifacts)
    findings += check_catalog_run(triplet, read, documents)
    findings += check_nodes(triplet, read, artifacts)
    findings += check_words(triplet)
    findings += check_addresses(triplet, read)
    return findings


def check_twin(name: str, document: bytes, turtle: bytes) -> list[Finding]:
    """Findings of clause D2 about a document's Turtle: both say the very same triples, or one can't be read."""
    readings = {name: read_rdf(document), f"{name} in Turtle": read_rdf(turtle, "turtle")}
    unread = [
        broken("document_unread", where, f"{where} could not be read: {reading.findings[0].message}", "error")
        for where, reading in readings.items()
        if reading.triples is None
    ]
    one, other = (frozenset(map(str, reading.triples or ())) for reading in readings.values())
    if unread or one == other:
        return unread
    message = f"The Turtle lacks {len(one - other)} statement(s) of the JSON-LD, and has {len(other - one)} of its own."
    return [broken("twin_differs", f"{name} in Turtle", message)]


def _same_facts(triplet: Triplet) -> Iterator[Finding]:
    said = list(triplet.said())
    for document, fact, values in said:
        if len(values) != 1:
            kind: Kind = "violated" if values else "missing"
            yield broken(
                "fact_not_single", f"{document} kfm:{fact}", f"{document} must say kfm:{fact} exactly once.", kind
            )
    for fact in FACTS:
        says = [(document, values) for document, name, values in said if name == fact]
        if len(set().union(*(values for _, values in says))) > 1:
            told = "; ".join(f"{document}: {shown(values)}" for document, values in says)
            yield broken("fact_differs", f"kfm:{fact}", f"The documents disagree about {fact}. {told}")
    identifiers = triplet.dcat.objects(triplet.dataset, KFM + "dataset_id")
    if {str(triplet.collection.get("id"))} != identifiers:
        yield broken("fact_differs", "stac/collection id", "The STAC collection's id is not the dataset_id.")
    for where, item in triplet.named_items():
        if item.get("collection") != triplet.collection.get("id"):
            yield broken("dangling_collection", where, "The item names another collection.")


def _distributions(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    covered = set()
    for node in triplet.distributions():
        digest = triplet.checksum(node)
        covered.add(digest)
        if triplet.dcat.objects(node, KFM + "artifact") != {ARTIFACT + digest}:
            yield broken("distribution_digest_differs", node, "kfm:artifact and spdx:checksum name different digests.")
        if digest not in artifacts:
            yield broken(
                "distribution_dangling", node, f"No stored artifact has the digest {digest or 'that is missing'}."
            )
        elif triplet.dcat.objects(node, DCAT + "byteSize") != {str(artifacts[digest].size_bytes)}:
            yield broken("size_differs", node, "dcat:byteSize is not the stored size.")
        made = triplet.dcat.objects(node, PROV + "wasGeneratedBy")
        if made != triplet.prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy"):
            yield broken("producer_differs", node, f"DCAT says that {shown(made)} made it; PROV does not.")
    for digest, stored in sorted(artifacts.items()):
        if stored.role == "data" and digest not in covered:
            yield broken("artifact_undistributed", digest, "A data artifact has no DCAT distribution.", "missing")


def _dcat_activities(triplet: Triplet) -> Iterator[Finding]:
    named = triplet.dcat.objects(triplet.dataset, PROV + "wasGeneratedBy")
    if not named:
        yield broken("dcat_activity_missing", "dcat", "The DCAT record names no run in prov:wasGeneratedBy.", "missing")
    for run in sorted(named - triplet.activities()):
        yield broken("dcat_activity_dangling", run, "DCAT names a run that is no prov:Activity in the PROV bundle.")


def _stac_links(triplet: Triplet, receipts: Mapping[str, Receipt]) -> Iterator[Finding]:
    if not triplet.items:
        yield broken("item_missing", "stac/items", "The triplet has no STAC item.", "missing")
    for where, document in triplet.named_stac():
        kinds = [str(link.get("kfm:document")) for link in links(document)]
        if "dcat" not in kinds:
            yield broken("dcat_link_missing", where, "It has no link to the DCAT record.", "missing")
        if "prov" not in kinds:
            yield broken("prov_link_missing", where, "It has no link to the PROV bundle.", "missing")
        for link in links(document):
            yield from _stac_link(triplet, receipts, where, link)


def _stac_link(
    triplet: Triplet, receipts: Mapping[str, Receipt], where: str, link: Mapping[str, Any]
) -> Iterator[Finding]:
    kind, target = str(link.get("kfm:document")), str(link.get("kfm:ref"))
    if kind in {"dcat", "prov"} and target != triplet.dataset:
        yield broken(f"{kind}_link_dangling", where, f"The link leads to {target}, not to {triplet.dataset}.")
    if kind == "prov" and target not in triplet.entities():
        yield broken("prov_link_dangling", where, f"{target} is no entity of the PROV bundle.")
    if kind == "receipt":
        receipt = receipts.get(target)
        if receipt is None:
            yield broken("receipt_link_dangling", where, f"There is no receipt of {target}.")
        elif link.get("file:checksum") != multihash(receipt.digest):
            yield broken(
                "receipt_digest_differs", where, f"The link's checksum is not that of the receipt of {target}."
            )


def _assets(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    covered, by_key = set(), {}
    for item, key, asset in triplet.assets():
        where = f"stac/items/{item}#asset={key}"
        digest = digest_in(asset.get("file:checksum"))
        covered.add(digest)
        by_key[key] = digest
        if digest not in artifacts:
            yield broken(
                "asset_dangling", where, f"No stored artifact has the asset's checksum {asset.get('file:checksum')}."
            )
        elif asset.get("file:size") != artifacts[digest].size_bytes:
            yield broken("size_differs", where, "file:size is not the stored size.")
        if asset.get("kfm:artifact") != ARTIFACT + digest:
            yield broken("asset_digest_differs", where, "kfm:artifact and file:checksum name different digests.")
        if {str(asset.get("kfm:run_id"))} != triplet.prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy"):
            yield broken("producer_differs", where, "STAC and PROV name different producing runs.")
    for digest in sorted(set(artifacts) - covered):
        yield broken("artifact_without_asset", digest, "An artifact is no asset of any STAC item.", "missing")
    for node in triplet.distributions():
        key = triplet.key(node)
        if by_key.get(key) != triplet.checksum(node):
            yield broken("distribution_asset_differs", node, f"Distribution and asset {key!r} have different digests.")


def _provenance(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    entities = triplet.entities()
    if triplet.dataset not in entities:
        yield broken("prov_dataset_missing", "prov", f"{triplet.dataset} is no entity of the PROV bundle.", "missing")
    for digest in sorted(artifacts):
        iri = ARTIFACT + digest
        makers = triplet.prov.objects(iri, PROV + "wasGeneratedBy")
        if iri not in entities:
            yield broken("artifact_not_in_prov", digest, "An artifact is no entity of the PROV bundle.", "missing")
        elif len(makers) != 1:
            yield broken("artifact_producer_count", digest, f"PROV names {len(makers)} producing runs, not one.")
