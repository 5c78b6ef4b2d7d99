"""Whether every link between DCAT, STAC, PROV, the receipts and the artifacts resolves, with equal digests.

Decides clause D2, in both directions: nothing points at what is absent, and nothing present is left unmentioned. Never
looks anything up: documents, receipts and artifacts are given. The catalog run is the one activity without a receipt
digest (its receipt digests these documents); when its receipt is given, its outputs must be these very bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding, Kind
from datasets.catalogs.namespaces import DCAT, KFM, PROV
from datasets.catalogs.triplet import Triplet, TripletDocuments, links, mapping, read_triplet

_ARTIFACT = "kfm://artifact/"
_REBUILD = "Rebuild the catalog from the recorded facts."


@dataclass(frozen=True, slots=True)
class StoredArtifact:
    """What the store holds under a digest: its size in bytes, and its role in the version (``data``, ``qa``, …)."""

    size_bytes: int
    role: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """A run receipt, read: ``inputs`` and ``outputs`` are sets of digests; ``digest`` is of its bytes."""

    body: Mapping[str, Any]
    digest: str
    inputs: frozenset[str]
    outputs: frozenset[str]


def check_crosslinks(
    documents: TripletDocuments, receipts: Mapping[str, bytes], artifacts: Mapping[str, StoredArtifact]
) -> list[Finding]:
    """Findings of clause D2; [] when all holds.

    ``receipts``: run_id (``kfm://run/…``) to the receipt's stored bytes;
    ``artifacts``: ``sha256:<hex>`` to what is stored.
    """
    triplet, findings = read_triplet(documents)
    read = {}
    for run_id, raw in sorted(receipts.items()):
        receipt = _receipt(raw)
        if isinstance(receipt, Finding):
            findings.append(receipt)
        else:
            read[run_id] = receipt
    if triplet is None:
        return findings
    if not triplet.dataset:
        findings.append(_broken("dataset_count", "dcat", "The DCAT record does not describe exactly one dataset."))
    findings += _same_facts(triplet)
    findings += _distributions(triplet, artifacts)
    findings += _dcat_activities(triplet)
    findings += _stac_links(triplet, read)
    findings += _assets(triplet, artifacts)
    findings += _provenance(triplet, artifacts)
    findings += _runs(triplet, read, receipts)
    findings += _producers(triplet, read, artifacts)
    findings += _catalog_run(triplet, read, documents)
    return findings


def _broken(code: str, where: str, message: str, kind: Kind = "violated") -> Finding:
    return Finding(code, where, message, _REBUILD, kind)


def _digest(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _receipt(raw: bytes) -> Receipt | Finding:
    digest = _digest(raw)
    try:
        body = parse_strict(raw)
    except StrictJsonError as error:
        return _broken("receipt_unread", digest, f"A run receipt is not strict JSON: {error}"[:500], "error")
    if (
        not isinstance(body, dict)
        or not isinstance(body.get("inputs"), list)
        or not isinstance(body.get("outputs"), list)
    ):
        return _broken("receipt_unread", digest, "A run receipt has no lists of inputs and outputs.", "error")
    sides = [frozenset(str(mapping(item).get("digest")) for item in body[side]) for side in ("inputs", "outputs")]
    return Receipt(body, digest, sides[0], sides[1])


def _same_facts(triplet: Triplet) -> Iterator[Finding]:
    said = list(triplet.said())
    for document, fact, values in said:
        if len(values) != 1:
            kind: Kind = "violated" if values else "missing"
            yield _broken(
                "fact_not_single", f"{document} kfm:{fact}", f"{document} must say kfm:{fact} exactly once.", kind
            )
    for fact in dict.fromkeys(fact for _, fact, _ in said):
        values = {value for _, name, found in said if name == fact for value in found}
        if len(values) > 1:
            shown = ", ".join(sorted(values))
            yield _broken("fact_differs", f"kfm:{fact}", f"The documents disagree about {fact}: {shown}."[:500])
    identifiers = triplet.dcat.objects(triplet.dataset, KFM + "dataset_id")
    if {str(triplet.collection.get("id"))} != identifiers:
        yield _broken("fact_differs", "stac/collection id", "The STAC collection's id is not the dataset_id.")
    for item in triplet.items:
        if item.get("collection") != triplet.collection.get("id"):
            yield _broken("dangling_collection", f"stac/items/{item.get('id')}", "The item names another collection.")


def _distributions(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    covered = set()
    for node in triplet.distributions():
        digest = triplet.checksum(node)
        covered.add(digest)
        if triplet.dcat.objects(node, KFM + "artifact") != {_ARTIFACT + digest}:
            yield _broken("distribution_digest_differs", node, "kfm:artifact and spdx:checksum name different digests.")
        if digest not in artifacts:
            yield _broken(
                "distribution_dangling", node, f"No stored artifact has the digest {digest or 'that is missing'}."
            )
        elif triplet.dcat.objects(node, DCAT + "byteSize") != {str(artifacts[digest].size_bytes)}:
            yield _broken("size_differs", node, "dcat:byteSize is not the stored size.")
        for run in triplet.dcat.objects(node, PROV + "wasGeneratedBy"):
            if run not in triplet.prov.objects(_ARTIFACT + digest, PROV + "wasGeneratedBy"):
                yield _broken("producer_differs", node, f"DCAT says {run} made it; PROV does not.")
    for digest, stored in sorted(artifacts.items()):
        if stored.role == "data" and digest not in covered:
            yield _broken("artifact_undistributed", digest, "A data artifact has no DCAT distribution.", "missing")


def _dcat_activities(triplet: Triplet) -> Iterator[Finding]:
    named = triplet.dcat.objects(triplet.dataset, PROV + "wasGeneratedBy")
    if not named:
        yield _broken(
            "dcat_activity_missing", "dcat", "The DCAT record names no run in prov:wasGeneratedBy.", "missing"
        )
    for run in sorted(named - triplet.activities()):
        yield _broken("dcat_activity_dangling", run, "DCAT names a run that is no prov:Activity in the PROV bundle.")


def _stac_links(triplet: Triplet, receipts: Mapping[str, Receipt]) -> Iterator[Finding]:
    if not triplet.items:
        yield _broken("item_missing", "stac/items", "The triplet has no STAC item.", "missing")
    named = [("stac/collection", triplet.collection)]
    named += [(f"stac/items/{item.get('id')}", item) for item in triplet.items]
    for where, document in named:
        kinds = [str(link.get("kfm:document")) for link in links(document)]
        if "dcat" not in kinds:
            yield _broken("dcat_link_missing", where, "It has no link to the DCAT record.", "missing")
        if where != "stac/collection" and not {"prov", "receipt"} & set(kinds):
            yield _broken("prov_link_missing", where, "It links to no PROV bundle and no run receipt.", "missing")
        for link in links(document):
            yield from _stac_link(triplet, receipts, where, link)


def _stac_link(
    triplet: Triplet, receipts: Mapping[str, Receipt], where: str, link: Mapping[str, Any]
) -> Iterator[Finding]:
    kind, target = str(link.get("kfm:document")), str(link.get("kfm:ref"))
    if kind in {"dcat", "prov"} and target != triplet.dataset:
        yield _broken(f"{kind}_link_dangling", where, f"The link leads to {target}, not to {triplet.dataset}.")
    if kind == "prov" and target not in triplet.entities():
        yield _broken("prov_link_dangling", where, f"{target} is no entity of the PROV bundle.")
    if kind == "receipt":
        receipt = receipts.get(target)
        if receipt is None:
            yield _broken("receipt_link_dangling", where, f"There is no receipt of {target}.")
        elif link.get("file:checksum") != "1220" + receipt.digest.removeprefix("sha256:"):
            yield _broken(
                "receipt_digest_differs", where, f"The link's checksum is not that of the receipt of {target}."
            )


def _assets(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    covered, by_key = set(), {}
    for item, key, asset in triplet.assets():
        where = f"stac/items/{item}#asset={key}"
        checksum = str(asset.get("file:checksum"))
        digest = "sha256:" + checksum[4:] if checksum.startswith("1220") else ""
        covered.add(digest)
        by_key[key] = digest
        if digest not in artifacts:
            yield _broken("asset_dangling", where, f"No stored artifact has the asset's checksum {checksum}.")
        elif asset.get("file:size") != artifacts[digest].size_bytes:
            yield _broken("size_differs", where, "file:size is not the stored size.")
        if asset.get("kfm:artifact") != _ARTIFACT + digest:
            yield _broken("asset_digest_differs", where, "kfm:artifact and file:checksum name different digests.")
        if {str(asset.get("kfm:run_id"))} != triplet.prov.objects(_ARTIFACT + digest, PROV + "wasGeneratedBy"):
            yield _broken("producer_differs", where, "STAC and PROV name different producing runs.")
    for digest in sorted(set(artifacts) - covered):
        yield _broken("artifact_without_asset", digest, "An artifact is no asset of any STAC item.", "missing")
    for node in triplet.distributions():
        key = triplet.key(node)
        if by_key.get(key) != triplet.checksum(node):
            yield _broken("distribution_asset_differs", node, f"Distribution and asset {key!r} have different digests.")


def _provenance(triplet: Triplet, artifacts: Mapping[str, StoredArtifact]) -> Iterator[Finding]:
    entities, activities = triplet.entities(), triplet.activities()
    agents = triplet.prov.instances(PROV + "Agent")
    if triplet.dataset not in entities:
        yield _broken("prov_dataset_missing", "prov", f"{triplet.dataset} is no entity of the PROV bundle.", "missing")
    known = {"used": entities, "wasGeneratedBy": activities, "hadMember": entities, "wasAssociatedWith": agents}
    known |= {"wasAttributedTo": agents, "agent": agents}
    for predicate, targets in known.items():
        for subject, target in triplet.prov.mentioned(PROV + predicate):
            if target not in targets:
                message = f"prov:{predicate} of {subject} leads to {target}, which the bundle does not describe."
                yield _broken("prov_dangling", subject, message)
    for digest in sorted(artifacts):
        iri = _ARTIFACT + digest
        makers = triplet.prov.objects(iri, PROV + "wasGeneratedBy")
        if iri not in entities:
            yield _broken("artifact_not_in_prov", digest, "An artifact is no entity of the PROV bundle.", "missing")
        elif len(makers) != 1:
            yield _broken("artifact_producer_count", digest, f"PROV names {len(makers)} producing runs, not one.")


def _runs(triplet: Triplet, receipts: Mapping[str, Receipt], given: Mapping[str, bytes]) -> Iterator[Finding]:
    activities = triplet.activities()
    for run in sorted(set(given) - activities):
        yield _broken("orphan_receipt", run, "A run receipt is mentioned by no activity of the PROV bundle.")
    for run in sorted(activities):
        if triplet.prov.objects(run, KFM + "operation") == {"catalog"}:
            continue
        if run not in given:
            yield _broken("receipt_missing", run, "An activity of the PROV bundle left no run receipt.", "missing")
        elif run in receipts:
            yield from _run(triplet, run, receipts[run])


def _run(triplet: Triplet, run: str, receipt: Receipt) -> Iterator[Finding]:
    prov, body = triplet.prov, receipt.body
    if prov.objects(run, KFM + "receipt_digest") != {receipt.digest}:
        yield _broken("receipt_digest_differs", run, "PROV's kfm:receipt_digest is not the digest of the receipt.")
    if body.get("run_id") != run:
        yield _broken("run_id_differs", run, f"The receipt says run_id {body.get('run_id')!r:.120}.")
    versions = triplet.dcat.objects(triplet.dataset, KFM + "dataset_version_id")
    if {str(body.get("dataset_version_id"))} != versions:
        yield _broken("fact_differs", f"{run} dataset_version_id", "The receipt names another dataset version.")
    if prov.objects(run, PROV + "used") != {_ARTIFACT + digest for digest in receipt.inputs}:
        yield _broken("inputs_differ", run, "PROV's prov:used and the receipt's inputs are not the same digests.")
    made = {subject for subject, maker in prov.mentioned(PROV + "wasGeneratedBy") if maker == run}
    if made - {triplet.dataset} != {_ARTIFACT + digest for digest in receipt.outputs}:
        yield _broken("outputs_differ", run, "What PROV says the run generated is not the receipt's outputs.")
    if prov.objects(run, KFM + "operation") != {str(body.get("operation"))}:
        yield _broken("operation_differs", run, "PROV and the receipt name different operations.")
    if prov.objects(run, KFM + "policy_decision") != {str(mapping(body.get("policy")).get("decision_id"))}:
        yield _broken("policy_decision_differs", run, "PROV and the receipt name different policy decisions.")
    nodes = prov.objects(run, KFM + "environment")
    for name in ("container_digest", "git_commit"):
        said = {value for node in nodes for value in prov.objects(node, KFM + name)}
        if said != {str(mapping(body.get("environment")).get(name))}:
            yield _broken("environment_differs", run, f"PROV and the receipt disagree about {name}.")


def _producers(
    triplet: Triplet, receipts: Mapping[str, Receipt], artifacts: Mapping[str, StoredArtifact]
) -> Iterator[Finding]:
    for digest in sorted(artifacts):
        makers = {run for run, receipt in receipts.items() if digest in receipt.outputs}
        if len(makers) != 1:
            message = f"{len(makers)} receipts list the artifact as an output; exactly one must."
            yield _broken("artifact_receipt_count", digest, message, "violated" if makers else "missing")
        elif makers != triplet.prov.objects(_ARTIFACT + digest, PROV + "wasGeneratedBy"):
            yield _broken("producer_differs", digest, "The receipt and PROV name different producing runs.")


def _catalog_run(triplet: Triplet, receipts: Mapping[str, Receipt], documents: TripletDocuments) -> Iterator[Finding]:
    stored = {"dcat": documents.dcat, "stac/collection": documents.stac_collection, "prov": documents.prov}
    stored |= {f"stac/items[{index}]": raw for index, raw in enumerate(documents.stac_items)}
    for run, receipt in receipts.items():
        if triplet.prov.objects(run, KFM + "operation") != {"catalog"}:
            continue
        if receipt.body.get("run_id") != run:
            yield _broken("run_id_differs", run, f"The receipt says run_id {receipt.body.get('run_id')!r:.120}.")
        for name, raw in stored.items():
            if _digest(raw) not in receipt.outputs:
                yield _broken("catalog_digest_differs", name, f"The receipt of {run} does not list these bytes.")
