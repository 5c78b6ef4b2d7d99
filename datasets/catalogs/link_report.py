"""The link-integrity report: every cross-link of one version's catalogs, in both directions, each with its verdict.

The list is that of ``cross_links``, followed as the inspector follows it; the judgement is gate D's own
(``crosslinks.check_crosslinks``), whose findings stand in the report whole: its status is theirs, so that the report
never says more good than clause D2 does. Never looks anything up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from audit.findings import Finding
from datasets.catalogs.cross_links import Known
from datasets.catalogs.crosslink_parts import digest_of
from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.followed_links import Followed, follow
from datasets.catalogs.triplet import TripletDocuments, read_triplet

REPORT_VERSION = "v2"
#: What the report calls each state of a link; ``unchecked``: a document or a receipt that it hangs on can't be read.
VERDICTS: Final = {"resolved": "holds", "unresolved": "broken", "unchecked": "unchecked"}
#: Findings of D2 that name something present which nothing mentions, and something mentioned which is not present.
ORPHANS = frozenset({"orphan_receipt", "artifact_not_in_prov", "artifact_undistributed", "artifact_without_asset"})


def build_link_report(
    documents: TripletDocuments,
    receipts: Mapping[str, bytes],
    artifacts: Mapping[str, StoredArtifact],
    *,
    dataset_version_id: str,
    cataloged: bool = True,
) -> dict[str, Any]:
    """The report as a JSON document. The other arguments as ``check_crosslinks`` takes them.

    ``status``: ``pass``, ``fail``, or ``error`` where a document can't be read and nothing else is wrong.
    """
    findings = check_crosslinks(documents, receipts, artifacts, cataloged=cataloged)
    triplet, _ = read_triplet(documents)
    known = Known.of(triplet, receipts, artifacts, cataloged=cataloged) if triplet else None
    links = sorted(map(_row, follow(known, findings)), key=_order) if known else []
    broken = [link for link in links if link["verdict"] == "broken"]
    return {
        "kfm_link_report_version": REPORT_VERSION,
        "dataset_version_id": dataset_version_id,
        "status": _status(findings),
        "documents": _digests(documents),
        "counts": {"links": len(links), "broken": len(broken)},
        "links": links,
        "orphans": sorted({f.where for f in findings if f.code in ORPHANS}),
        "dangling": sorted({str(link["to"]) for link in broken}),
        "findings": [f.as_json() for f in findings],
    }


def _status(findings: Iterable[Finding]) -> str:
    kinds = {finding.kind for finding in findings}
    return "pass" if not kinds else "error" if kinds == {"error"} else "fail"


def _row(followed: Followed) -> dict[str, str | None]:
    link = followed.link
    return {
        "kind": link.kind,
        "from": link.source,
        "to": link.target,
        "digest": link.digest or None,
        "verdict": VERDICTS[followed.state],
    }


def _order(link: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(str(link[name]) for name in ("kind", "from", "to", "digest", "verdict"))


def _digests(documents: TripletDocuments) -> dict[str, str]:
    named = {"dcat": documents.dcat, "stac/collection": documents.stac_collection, "prov": documents.prov}
    named |= {f"stac/items[{place}]": raw for place, raw in enumerate(documents.stac_items)}
    return {name: digest_of(raw) for name, raw in named.items()}
