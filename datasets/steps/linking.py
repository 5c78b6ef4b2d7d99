"""The link-integrity report of one version, from the documents and what is recorded beside them.

Gathers only; the judgement is gate D's (``catalogs.link_report`` asks ``crosslinks``). What can't be read is left out
of what is gathered, and so comes out as a broken link.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from datasets.catalogs.crosslinks import StoredArtifact
from datasets.catalogs.link_report import build_link_report
from datasets.catalogs.released_parts import RELEASED
from datasets.catalogs.triplet import TripletDocuments
from datasets.models import DatasetVersion, RunReceipt, VersionArtifact
from datasets.stores import read_whole

PART = "link_report"
TRIPLET_PARTS = ("dcat", "stac_collection", "stac_item", "prov")


def report_on(
    version: DatasetVersion,
    documents: dict[str, list[bytes]],
    receipts: Iterable[RunReceipt],
    files: Iterable[VersionArtifact],
    *,
    cataloged: bool = True,
) -> dict[str, Any] | None:
    """The report on *documents*, by part; ``None`` while one of the four parts is not there.

    *files*: those of the version whose stored bytes are whole; *cataloged*: the run that made them is recorded.
    """
    if not all(documents.get(part) for part in TRIPLET_PARTS):
        return None
    triplet = TripletDocuments(
        documents["dcat"][0], documents["stac_collection"][0], tuple(documents["stac_item"]), documents["prov"][0]
    )
    read = {receipt.run_id: read_whole(receipt.document_id) for receipt in receipts}
    held = {
        f.artifact_id: StoredArtifact(f.artifact.size_bytes, RELEASED[f.part][1]) for f in files if f.part in RELEASED
    }
    there = {run: raw for run, raw in read.items() if raw is not None}
    return build_link_report(triplet, there, held, dataset_version_id=version.version_id, cataloged=cataloged)
