"""The link-integrity report: every cross-link of one version's catalogs, in both directions, each with its verdict.

Lists and resolves; the judgement is gate D's own (``crosslinks.check_crosslinks``), whose findings stand in the report
whole: its status is theirs, so that the report never says more good than clause D2 does. Never looks anything up.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.namespaces import DCAT, KFM, PROV
from datasets.catalogs.triplet import Triplet, TripletDocuments, links, mapping, read_triplet

REPORT_VERSION = "v1"
_ARTIFACT = "kfm://artifact/"
Verdict = Literal["holds", "broken"]
#: Findings of D2 that name something present which nothing mentions, and something mentioned which is not present.
ORPHANS = frozenset({"orphan_receipt", "artifact_not_in_prov", "artifact_undistributed", "artifact_without_asset"})


@dataclass(frozen=True, slots=True)
class Link:
    """One link. ``kind``: what it says; ``digest``: of what it leads to, where that has one."""

    kind: str
    source: str
    target: str
    digest: str
    verdict: Verdict

    def as_json(self) -> dict[str, str | None]:
        """The link as the report has it."""
        return {
            "kind": self.kind,
            "from": self.source,
            "to": self.target,
            "digest": self.digest or None,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True)
class _Known:
    """What links may lead to. ``receipts``: run id to digest, inputs and outputs of those that could be read."""

    triplet: Triplet
    receipts: Mapping[str, tuple[str, frozenset[str], frozenset[str]]]
    artifacts: Mapping[str, StoredArtifact]
    activities: frozenset[str] = field(default_factory=frozenset)


def build_link_report(
    documents: TripletDocuments,
    receipts: Mapping[str, bytes],
    artifacts: Mapping[str, StoredArtifact],
    *,
    dataset_version_id: str,
) -> dict[str, Any]:
    """The report as a JSON document. ``receipts`` and ``artifacts`` as ``check_crosslinks`` takes them.

    ``status``: ``pass``, ``fail``, or ``error`` where a document can't be read and nothing else is wrong.
    """
    findings = check_crosslinks(documents, receipts, artifacts)
    triplet, _ = read_triplet(documents)
    found = sorted(set(_links(_known(triplet, receipts, artifacts))), key=_order) if triplet else []
    return {
        "kfm_link_report_version": REPORT_VERSION,
        "dataset_version_id": dataset_version_id,
        "status": _status(findings),
        "documents": _digests(documents),
        "counts": {"links": len(found), "broken": sum(link.verdict == "broken" for link in found)},
        "links": [link.as_json() for link in found],
        "orphans": sorted({f.where for f in findings if f.code in ORPHANS}),
        "dangling": sorted({link.target for link in found if link.verdict == "broken"}),
        "findings": [f.as_json() for f in findings],
    }


def _status(findings: Iterable[Finding]) -> str:
    kinds = {finding.kind for finding in findings}
    return "pass" if not kinds else "error" if kinds == {"error"} else "fail"


def _order(link: Link) -> tuple[str, str, str, str]:
    return (link.kind, link.source, link.target, link.digest)


def _digests(documents: TripletDocuments) -> dict[str, str]:
    named = {"dcat": documents.dcat, "stac/collection": documents.stac_collection, "prov": documents.prov}
    named |= {f"stac/items[{place}]": raw for place, raw in enumerate(documents.stac_items)}
    return {name: _digest(raw) for name, raw in named.items()}


def _digest(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def _known(triplet: Triplet, receipts: Mapping[str, bytes], artifacts: Mapping[str, StoredArtifact]) -> _Known:
    read = {}
    for run, raw in receipts.items():
        try:
            body = mapping(parse_strict(raw))
        except StrictJsonError:
            continue  # gate D's finding says so
        sides = [
            frozenset(str(mapping(row).get("digest")) for row in _rows(body.get(s))) for s in ("inputs", "outputs")
        ]
        read[run] = (_digest(raw), sides[0], sides[1])
    return _Known(triplet, read, artifacts, frozenset(triplet.activities()))


def _rows(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _link(kind: str, source: str, target: str, digest: str = "", *, holds: bool) -> Link:
    return Link(kind, source, target, digest, "holds" if holds else "broken")


def _links(known: _Known) -> Iterator[Link]:
    yield from _dcat(known)
    yield from _stac(known)
    yield from _prov(known)
    yield from _receipts(known)


def _dcat(known: _Known) -> Iterator[Link]:
    triplet = known.triplet
    for run in triplet.dcat.objects(triplet.dataset, PROV + "wasGeneratedBy"):
        yield _link("dcat_to_activity", triplet.dataset, run, holds=run in known.activities)
    covered = set()
    for node in triplet.distributions():
        digest = triplet.checksum(node)
        covered.add(digest)
        named = triplet.dcat.objects(node, KFM + "artifact") == {_ARTIFACT + digest}
        yield _link("dcat_to_distribution", triplet.dataset, node, holds=bool(triplet.key(node)))
        sized = digest in known.artifacts and triplet.dcat.objects(node, DCAT + "byteSize") == {
            str(known.artifacts[digest].size_bytes)
        }
        yield _link("distribution_to_artifact", node, _ARTIFACT + digest, digest, holds=named and sized)
    for digest, stored in known.artifacts.items():
        if stored.role == "data":
            yield _link(
                "artifact_to_distribution", _ARTIFACT + digest, triplet.dataset, digest, holds=digest in covered
            )


def _stac(known: _Known) -> Iterator[Link]:
    triplet, collection = known.triplet, str(known.triplet.collection.get("id"))
    named = [("stac/collection", triplet.collection)]
    named += [(f"stac/items/{item.get('id')}", item) for item in triplet.items]
    for where, document in named:
        for link in links(document):
            if link.get("kfm:document"):
                yield _stac_link(known, where, str(link["kfm:document"]), str(link.get("kfm:ref")), link)
    for item in triplet.items:
        same = item.get("collection") == collection
        yield _link("item_to_collection", f"stac/items/{item.get('id')}", f"stac/{item.get('collection')}", holds=same)
    covered = set()
    for item_id, key, asset in triplet.assets():
        where, checksum = f"stac/items/{item_id}#asset={key}", str(asset.get("file:checksum"))
        digest = "sha256:" + checksum[4:] if checksum.startswith("1220") else ""
        covered.add(digest)
        held = known.artifacts.get(digest)
        agrees = asset.get("kfm:artifact") == _ARTIFACT + digest and held is not None
        agrees = agrees and held is not None and asset.get("file:size") == held.size_bytes
        yield _link("asset_to_artifact", where, str(asset.get("kfm:artifact")), digest, holds=agrees)
        run = str(asset.get("kfm:run_id"))
        made = triplet.prov.objects(_ARTIFACT + digest, PROV + "wasGeneratedBy") == {run}
        yield _link("asset_to_activity", where, run, holds=made)
    for digest in known.artifacts:
        yield _link("artifact_to_asset", _ARTIFACT + digest, "stac/items", digest, holds=digest in covered)


def _stac_link(known: _Known, where: str, kind: str, target: str, link: Mapping[str, Any]) -> Link:
    if kind == "receipt":
        digest = known.receipts[target][0] if target in known.receipts else ""
        same = bool(digest) and link.get("file:checksum") == "1220" + digest.removeprefix("sha256:")
        return _link("stac_to_receipt", where, target, digest, holds=same)
    told = kind != "prov" or target in known.triplet.entities()
    return _link(f"stac_to_{kind}", where, target, holds=target == known.triplet.dataset and told)


def _prov(known: _Known) -> Iterator[Link]:
    prov, entities = known.triplet.prov, known.triplet.entities()
    agents = prov.instances(PROV + "Agent")
    leads = {"used": entities, "wasGeneratedBy": known.activities, "hadMember": entities}
    leads |= {"wasAssociatedWith": agents, "wasAttributedTo": agents, "agent": agents}
    for predicate, targets in leads.items():
        for subject, target in prov.mentioned(PROV + predicate):
            digest = target.removeprefix(_ARTIFACT) if target.startswith(_ARTIFACT) else ""
            yield _link(f"prov_{predicate}", subject, target, digest, holds=target in targets)
    for digest in known.artifacts:
        makers = prov.objects(_ARTIFACT + digest, PROV + "wasGeneratedBy")
        one = len(makers) == 1 and makers <= known.activities
        yield _link("artifact_to_activity", _ARTIFACT + digest, " ".join(sorted(makers)), digest, holds=one)


def _receipts(known: _Known) -> Iterator[Link]:
    prov = known.triplet.prov
    for run in known.activities:
        if prov.objects(run, KFM + "operation") == {"catalog"} and run not in known.receipts:
            continue  # the run that makes these documents has its receipt after them
        digest = known.receipts[run][0] if run in known.receipts else ""
        own = prov.objects(run, KFM + "operation") == {"catalog"}
        same = bool(digest) and (own or prov.objects(run, KFM + "receipt_digest") == {digest})
        yield _link("activity_to_receipt", run, f"receipt of {run}", digest, holds=same)
    for run, (digest, taken, made) in known.receipts.items():
        yield _link("receipt_to_activity", f"receipt of {run}", run, digest, holds=run in known.activities)
        if prov.objects(run, KFM + "operation") == {"catalog"}:
            continue
        used = prov.objects(run, PROV + "used")
        for artifact in taken:
            said = _ARTIFACT + artifact in used
            yield _link("receipt_to_input", f"receipt of {run}", _ARTIFACT + artifact, artifact, holds=said)
        for artifact in made:
            said = prov.objects(_ARTIFACT + artifact, PROV + "wasGeneratedBy") == {run}
            yield _link("receipt_to_output", f"receipt of {run}", _ARTIFACT + artifact, artifact, holds=said)
    for digest in known.artifacts:
        makers = sorted(run for run, (_, _, made) in known.receipts.items() if digest in made)
        yield _link("artifact_to_receipt", _ARTIFACT + digest, " ".join(makers), digest, holds=len(makers) == 1)
