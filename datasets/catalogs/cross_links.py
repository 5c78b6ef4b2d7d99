"""Every cross-link of a triplet, its receipts and its artifacts, in both directions: one list for all who show links.

Lists, and says of each whether what it names is there and says the same; gate D's findings decide (clause D2), and
``followed_links`` puts them beside the link that they speak of. Never looks anything up. Receipts that can't be read
are left out; a finding says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from datasets.catalogs.crosslink_parts import ARTIFACT, Receipt, StoredArtifact, read_receipt
from datasets.catalogs.namespaces import DCAT, KFM, PROV, digest_in, multihash
from datasets.catalogs.triplet import Triplet, links

#: What each kind of link says, in words.
RULES: Final[Mapping[str, str]] = {
    "dcat_to_activity": "DCAT dataset to the run in PROV",
    "dcat_to_entity": "DCAT dataset is an entity of PROV",
    "dcat_to_distribution": "DCAT dataset to its distribution",
    "distribution_to_artifact": "DCAT distribution to its artifact",
    "artifact_to_distribution": "Artifact of data to its DCAT distribution",
    "collection_to_dcat": "STAC collection to DCAT",
    "collection_to_prov": "STAC collection to PROV",
    "collection_to_receipt": "STAC collection to a receipt",
    "item_to_dcat": "STAC item to DCAT",
    "item_to_prov": "STAC item to PROV",
    "item_to_receipt": "STAC item to a receipt",
    "item_to_collection": "STAC item to its collection",
    "asset_to_artifact": "STAC asset to its artifact",
    "asset_to_activity": "STAC asset to the run that made it",
    "artifact_to_asset": "Artifact to its STAC asset",
    "prov_used": "PROV run to what it used",
    "prov_wasGeneratedBy": "PROV entity to the run that made it",
    "prov_hadMember": "PROV dataset to its file",
    "prov_wasAssociatedWith": "PROV run to who ran it",
    "prov_wasAttributedTo": "PROV dataset to who is behind it",
    "prov_agent": "PROV association to its agent",
    "artifact_to_activity": "Artifact to the one run that made it",
    "activity_to_receipt": "PROV run to its receipt",
    "receipt_to_activity": "Receipt to its run in PROV",
    "receipt_to_input": "Receipt to what PROV says the run used",
    "receipt_to_output": "Receipt to what PROV says the run made",
    "artifact_to_receipt": "Artifact to the one receipt that made it",
}
_OF_A_RUN: Final = (
    "receipt_missing", "receipt_digest_differs", "run_id_differs",
    "operation_differs", "policy_decision_differs", "environment_differs", "report_dangling", "time_differs",
    "actor_differs", "run_agent_differs", "run_role_missing", "run_role_differs", "receipt_without_link",
)  # fmt: skip
_OF_AN_ARTIFACT: Final = ("artifact_not_in_prov", "artifact_producer_count")
_OF_A_FILE: Final = ("size_differs", "producer_differs", "media_type_differs", "role_differs", "path_differs")


@dataclass(frozen=True, slots=True)
class Link:
    """``document`` makes the link (``dcat``, ``stac/items/…``, ``prov``, ``receipt``; empty: the stored bytes), about
    ``source``, at the place ``at`` in it. ``target_document``: what it leads to (``prov``, ``receipt`` …; empty: the
    stored bytes), ``target``: the very name, ``digest``: its digest, where it has one. ``holds``: whether the target is
    there and says the same. ``place`` and ``codes``: where, and by which codes, a finding speaks of this link.
    """

    kind: str
    document: str
    source: str
    at: str
    target_document: str
    target: str
    digest: str
    holds: bool
    place: str
    codes: frozenset[str]

    @property
    def rule(self) -> str:
        """What it says, in words."""
        return RULES[self.kind]


@dataclass(frozen=True, slots=True)
class Known:
    """What links may lead to. ``receipts``: those that could be read, by run; ``artifacts``: stored, by digest;
    ``cataloged``: whether the run that made the documents is over, so that its receipt is owed.
    """

    triplet: Triplet
    receipts: Mapping[str, Receipt]
    artifacts: Mapping[str, StoredArtifact]
    cataloged: bool = True

    @classmethod
    def of(
        cls,
        triplet: Triplet,
        receipts: Mapping[str, bytes],
        artifacts: Mapping[str, StoredArtifact],
        *,
        cataloged: bool = True,
    ) -> Known:
        """From the receipts' bytes."""
        read = {run: read_receipt(raw) for run, raw in sorted(receipts.items())}
        return cls(triplet, {run: one for run, one in read.items() if isinstance(one, Receipt)}, artifacts, cataloged)

    def is_catalog(self, run: str) -> bool:
        """Whether the run is the one that made the documents."""
        return self.triplet.prov.objects(run, KFM + "operation") == {"catalog"}


def links_of(known: Known) -> Iterator[Link]:
    """In reading order: DCAT's, STAC's, PROV's, the receipts'; of each, what leads back to it from the artifacts."""
    yield from _of_dcat(known)
    yield from _of_stac(known)
    yield from _of_assets(known)
    yield from _of_prov(known)
    yield from _of_activities(known)
    yield from _of_receipts(known)


def _link(  # noqa: PLR0913 - a link's own parts
    kind: str, document: str, source: str, at: str, target_document: str, target: str,
    *codes: str, holds: bool, place: str, digest: str = "",
) -> Link:  # fmt: skip
    return Link(kind, document, source, at, target_document, target, digest, holds, place, frozenset(codes))


def _of_dcat(known: Known) -> Iterator[Link]:
    triplet, iri, covered = known.triplet, known.triplet.dataset, set()
    dcat = triplet.dcat
    for run in sorted(dcat.objects(iri, PROV + "wasGeneratedBy")):
        yield _link("dcat_to_activity", "dcat", iri, f"{iri} prov:wasGeneratedBy", "prov", run,
                    "dcat_activity_dangling", holds=run in triplet.activities(), place=run)  # fmt: skip
    if iri:
        yield _link("dcat_to_entity", "dcat", iri, iri, "prov", iri,
                    "prov_dataset_missing", holds=iri in triplet.entities(), place="prov")  # fmt: skip
    for node in triplet.distributions():
        digest = triplet.checksum(node)
        covered.add(digest)
        yield _link("dcat_to_distribution", "dcat", iri, f"{iri} dcat:distribution", "dcat", node,
                    "dcat_dangling", holds=bool(triplet.key(node)), place=iri)  # fmt: skip
        named = dcat.objects(node, KFM + "artifact") == {ARTIFACT + digest}
        held = known.artifacts.get(digest)
        sized = held is not None and dcat.objects(node, DCAT + "byteSize") == {str(held.size_bytes)}
        yield _link("distribution_to_artifact", "dcat", node, f"{node} kfm:artifact", "", ARTIFACT + digest,
                    "distribution_digest_differs", "distribution_dangling", "distribution_asset_differs",
                    *_OF_A_FILE, holds=named and sized, place=node, digest=digest)  # fmt: skip
    for digest, stored in sorted(known.artifacts.items()):
        if stored.role == "data":
            yield _link("artifact_to_distribution", "", ARTIFACT + digest, digest, "dcat", iri,
                        "artifact_undistributed", holds=digest in covered, place=digest, digest=digest)  # fmt: skip


def _of_stac(known: Known) -> Iterator[Link]:
    triplet = known.triplet
    for name, document in triplet.named_stac():
        word = "collection" if document is triplet.collection else "item"
        for link in links(document):
            if link.get("kfm:document") in {"dcat", "prov", "receipt"}:
                yield _document_link(known, word, name, link)
        if word == "item":
            target = str(document.get("collection"))
            same = document.get("collection") == triplet.collection.get("id")
            yield _link("item_to_collection", name, name, "collection", "stac/collection", target,
                        "dangling_collection", holds=same, place=name)  # fmt: skip


def _document_link(known: Known, word: str, name: str, link: Mapping[str, Any]) -> Link:
    kind, target = str(link["kfm:document"]), str(link.get("kfm:ref"))
    if kind != "receipt":
        there = target == known.triplet.dataset and (kind == "dcat" or target in known.triplet.entities())
        return _link(f"{word}_to_{kind}", name, name, "links/kfm:ref", kind, target,
                     f"{kind}_link_dangling", holds=there, place=name)  # fmt: skip
    receipt = known.receipts.get(target)
    digest = receipt.digest if receipt else ""
    same = bool(digest) and link.get("file:checksum") == multihash(digest)
    return _link(f"{word}_to_receipt", name, name, target, kind, target,
                 "receipt_link_dangling", "receipt_digest_differs", holds=same, place=name, digest=digest)  # fmt: skip


def _of_assets(known: Known) -> Iterator[Link]:
    triplet, covered = known.triplet, set()
    for item, key, asset in triplet.assets():
        document, place = f"stac/items/{item}", f"stac/items/{item}#asset={key}"
        digest, target = digest_in(asset.get("file:checksum")), str(asset.get("kfm:artifact"))
        covered.add(digest)
        held = known.artifacts.get(digest)
        sized = held is not None and asset.get("file:size") == held.size_bytes
        yield _link("asset_to_artifact", document, place, f"assets/{key}/file:checksum", "", target,
                    "asset_dangling", "asset_digest_differs", *_OF_A_FILE,
                    holds=sized and target == ARTIFACT + digest, place=place, digest=digest)  # fmt: skip
        run = str(asset.get("kfm:run_id"))
        made = triplet.prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy") == {run}
        yield _link("asset_to_activity", document, place, f"assets/{key}/kfm:run_id", "prov", run,
                    "producer_differs", holds=made, place=place)  # fmt: skip
    item_document = next((name for name, _ in triplet.named_items()), "")
    for digest in sorted(known.artifacts):
        yield _link("artifact_to_asset", "", ARTIFACT + digest, digest, item_document, ARTIFACT + digest,
                    "artifact_without_asset", holds=digest in covered, place=digest, digest=digest)  # fmt: skip


def _of_prov(known: Known) -> Iterator[Link]:
    prov, entities, activities = known.triplet.prov, known.triplet.entities(), known.triplet.activities()
    agents = prov.instances(PROV + "Agent")
    leads = {"used": entities, "wasGeneratedBy": activities, "hadMember": entities}
    leads |= {"wasAssociatedWith": agents, "wasAttributedTo": agents, "agent": agents}
    more = {"used": ("inputs_differ",), "wasGeneratedBy": ("producer_differs",), "hadMember": ("members_differ",)}
    for name, targets in leads.items():
        for subject, target in prov.mentioned(PROV + name):
            digest = target.removeprefix(ARTIFACT) if target.startswith(ARTIFACT) else ""
            yield _link(f"prov_{name}", "prov", subject, f"{subject} prov:{name}", "prov", target,
                        "prov_dangling", *more.get(name, ()),
                        holds=target in targets, place=subject, digest=digest)  # fmt: skip
    for digest in sorted(known.artifacts):
        makers = prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy")
        one = len(makers) == 1 and makers <= activities
        yield _link("artifact_to_activity", "", ARTIFACT + digest, digest, "prov", " ".join(sorted(makers)),
                    *_OF_AN_ARTIFACT, holds=one, place=digest, digest=digest)  # fmt: skip


def _of_activities(known: Known) -> Iterator[Link]:
    """The catalog run's receipt comes after these documents: until that run is over, there is no such link."""
    prov = known.triplet.prov
    for run in sorted(known.triplet.activities()):
        receipt, own = known.receipts.get(run), known.is_catalog(run)
        if own and receipt is None and not known.cataloged:
            continue
        digest = receipt.digest if receipt else ""
        same = bool(digest) and (own or prov.objects(run, KFM + "receipt_digest") == {digest})
        yield _link("activity_to_receipt", "prov", run, f"{run} kfm:receipt_digest", "receipt", run,
                    *_OF_A_RUN, holds=same, place=run, digest=digest)  # fmt: skip


def _of_receipts(known: Known) -> Iterator[Link]:
    prov, activities = known.triplet.prov, known.triplet.activities()
    for run, receipt in known.receipts.items():
        source = f"receipt of {run}"
        yield _link("receipt_to_activity", "receipt", source, run, "prov", run,
                    "orphan_receipt", holds=run in activities, place=run)  # fmt: skip
        if known.is_catalog(run):
            continue
        used = prov.objects(run, PROV + "used")
        for digest in sorted(receipt.inputs):
            yield _link("receipt_to_input", "receipt", source, run, "prov", ARTIFACT + digest,
                        "inputs_differ", holds=ARTIFACT + digest in used, place=run, digest=digest)  # fmt: skip
        for digest in sorted(receipt.outputs):
            said = prov.objects(ARTIFACT + digest, PROV + "wasGeneratedBy") == {run}
            yield _link("receipt_to_output", "receipt", source, run, "prov", ARTIFACT + digest,
                        "outputs_differ", holds=said, place=run, digest=digest)  # fmt: skip
    for digest in sorted(known.artifacts):
        makers = sorted(run for run, receipt in known.receipts.items() if digest in receipt.outputs)
        yield _link("artifact_to_receipt", "", ARTIFACT + digest, digest, "receipt", " ".join(makers),
                    "artifact_receipt_count", "producer_differs",
                    holds=len(makers) == 1, place=digest, digest=digest)  # fmt: skip
