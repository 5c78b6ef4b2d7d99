"""One look at a version: its rows, its current files and its small documents, as they lie in the store now.

Rows and documents are read once, every file is measured once. It judges nothing; what can't be read is ``None``. Large
files are hashed as streams, never loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from audit.canonical import parse_object
from datasets import decisions
from datasets.catalogs.released_parts import DATA_PARTS, RELEASED
from datasets.catalogs.triplet import TripletDocuments
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.policy.obligations import ObligationKind
from datasets.policy.requests import Action
from datasets.runs import current_files, current_receipts
from datasets.stores import measure, read_whole
from datasets.zones import layout

#: Parts of a version that a release hands out, and those that are its catalogs.
RELEASED_PARTS = tuple(RELEASED)
CATALOG_PARTS = ("dcat", "dcat_turtle", "stac_collection", "stac_item", "prov", "prov_turtle", "receipt")
#: Parts that are records about the data; every other artifact is data, and needs the right to download.
RECORD_PARTS: Mapping[str, Action] = {"terms": Action.READ, "qa_report": Action.READ_QA}


@dataclass(slots=True)
class Shelf:
    """Everything known of one version at one look."""

    version: DatasetVersion
    fresh: bool
    files: list[VersionArtifact]
    receipts: dict[str, RunReceipt]
    spec: dict[str, Any]
    decision: PolicyDecision | None
    _measured: dict[str, str | None] = field(default_factory=dict)
    _documents: dict[str, bytes | None] = field(default_factory=dict)

    @classmethod
    def open(cls, version: DatasetVersion, *, fresh: bool) -> Shelf:
        """Reads the rows."""
        decision = (
            PolicyDecision.objects.filter(version=version, action=Action.ASSESS.value)
            .order_by("-decided_at", "-pk")
            .first()
        )
        return cls(
            version=version,
            fresh=fresh,
            files=current_files(version),
            receipts=current_receipts(version),
            spec=json.loads(version.spec.canonical),
            decision=decision,
        )

    def part(self, name: str) -> VersionArtifact | None:
        """The current file that is the version's *name*, or ``None``; the latest where runs left several."""
        return next((file for file in reversed(self.files) if file.part == name), None)

    def parts(self, names: tuple[str, ...]) -> list[VersionArtifact]:
        return [file for file in self.files if file.part in names]

    def measured(self, digest: str) -> str | None:
        """The digest of the stored bytes now; each file is read at most once a look."""
        if digest not in self._measured:
            self._measured[digest] = measure(digest, fresh=self.fresh)
        return self._measured[digest]

    def document(self, digest: str | None) -> bytes | None:
        """A small document's bytes when they are there, whole and undamaged; ``None`` otherwise."""
        if digest is None:
            return None
        if digest not in self._documents:
            self._documents[digest] = read_whole(digest)
        return self._documents[digest]

    def json(self, digest: str | None) -> dict[str, Any] | None:
        """A small JSON document, strictly parsed; ``None`` when it is not there or not an object."""
        return parse_object(self.document(digest))

    def digest_of(self, name: str) -> str | None:
        file = self.part(name)
        return file.artifact_id if file else None

    @property
    def withheld(self) -> bool:
        """Whether the release decision lets nothing of the data out, and nothing of them lies ready to go out."""
        return self.metadata_only and not self.parts(DATA_PARTS)

    @property
    def metadata_only(self) -> bool:
        """Whether the release decision lets nothing of the data out."""
        owed = decisions.document_of(self.decision)["obligations"] if self.decision else ()
        return any(obligation.get("type") == ObligationKind.METADATA_ONLY.value for obligation in owed)

    def media_type(self, file: VersionArtifact) -> str:
        """As the version has it: a raster that went on as it came is what its reader found, whatever was declared."""
        raster = self.json(self.digest_of("raster")) if file.part == "data" else None
        return str(raster["media_type"]) if raster else file.artifact.media_type

    def triplet(self) -> TripletDocuments | None:
        """The stored catalog documents, when all are readable."""
        dcat, collection, prov = (self.document(self.digest_of(n)) for n in ("dcat", "stac_collection", "prov"))
        items = [self.document(f.artifact_id) for f in self.parts(("stac_item",))]
        if dcat is None or collection is None or prov is None or not items or None in items:
            return None
        return TripletDocuments(dcat, collection, tuple(i for i in items if i is not None), prov)

    def draft(self) -> dict[str, Any]:
        """The promotion manifest as it would be written now, without release time and approvals."""
        report = self.part("qa_report")
        return {
            "kfm_promotion_manifest_version": "v1",
            "dataset_slug": self.version.dataset.slug,
            "dataset_version_id": self.version.version_id,
            "spec_hash": self.version.spec.spec_hash,
            "artifacts": [
                {"path": f.path, "digest": f.artifact_id, "media_type": self.media_type(f)}
                for f in self.parts(RELEASED_PARTS)
            ],
            "catalogs": [{"path": f.path, "digest": f.artifact_id} for f in self.parts(CATALOG_PARTS)]
            + [{"path": receipt_path(self.version, r), "digest": r.document_id} for r in self.receipts.values()],
            "qa": {
                "status": (self.json(report.artifact_id) or {}).get("status") if report else None,
                "report_digest": report.artifact_id if report else None,
            },
            "policy": {
                "policy_label": self.version.policy_label_id,
                "decision_id": self.decision.decision_id if self.decision else None,
            },
        }


def receipt_path(version: DatasetVersion, receipt: RunReceipt) -> str:
    """Where a receipt lies in an export (design §5)."""
    name = f"{receipt.document_id.removeprefix('sha256:')}.json"
    return layout.receipt(version.dataset.slug, version.version_id, name)
