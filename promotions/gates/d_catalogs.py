"""Gate D, catalogs: D1 (each document valid), D2 (cross-links resolve), D3 (evidence refs resolve). Blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from audit.findings import Finding
from datasets.catalogs.crosslink_parts import Receipt, read_receipt
from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks, check_twin
from datasets.catalogs.evidence_index import check_evidence
from datasets.catalogs.triplet import TripletDocuments, mapping
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from promotions.gates import ClauseFinding, under

FIX = "Run the catalog step again."
#: For what was built once: the step does not run again on what is served.
LOST = "Press Recover on the version's recovery page, linked above its tabs; runbook RB-DATA-050."


@dataclass(frozen=True, slots=True)
class Evidence:
    """The documents as stored bytes (``None``: not there), receipts by run id, and what the store holds by digest.

    ``dcat_turtle`` and ``prov_turtle``: the same two in their other form. ``recorded`` and ``measured``: digest of each
    catalog document as filed and as it lies in the store now, by path.
    """

    dcat: bytes | None
    stac_collection: bytes | None
    stac_items: tuple[bytes, ...]
    prov: bytes | None
    receipts: Mapping[str, bytes]
    artifacts: Mapping[str, StoredArtifact]
    recorded: Mapping[str, str]
    measured: Mapping[str, str | None]
    dcat_turtle: bytes | None
    prov_turtle: bytes | None


def evaluate(evidence: Evidence) -> list[ClauseFinding]:
    findings = _stored(evidence)
    fix = LOST if findings else FIX
    named = {"dcat": evidence.dcat, "stac_collection": evidence.stac_collection, "prov": evidence.prov}
    findings += _twins(evidence)
    absent = [name for name, raw in named.items() if raw is None]
    absent += [] if evidence.stac_items else ["stac_item"]
    if absent or evidence.dcat is None or evidence.stac_collection is None or evidence.prov is None:
        return findings + [
            ClauseFinding(
                clause, "document_missing", name, f"There is no {name.replace('_', ' ')} document.", fix, "missing"
            )
            for clause in ("D1", "D2", "D3")
            for name in absent
        ]
    documents = TripletDocuments(evidence.dcat, evidence.stac_collection, evidence.stac_items, evidence.prov)
    findings += under("D1", _in("dcat", validate_dcat(documents.dcat, profile="kfm")))
    findings += under("D1", _in("stac_collection", validate_stac(documents.stac_collection, profile="kfm")))
    for place, raw in enumerate(documents.stac_items):
        findings += under("D1", _in(f"stac_item/{place}", validate_stac(raw, profile="kfm")))
    findings += under("D1", _in("prov", validate_prov(documents.prov, profile="kfm")))
    findings += under("D2", check_crosslinks(documents, evidence.receipts, evidence.artifacts))
    findings += _filed(evidence)
    findings += under("D3", check_evidence(documents, frozenset(evidence.artifacts)))
    return findings


def _in(name: str, findings: list[Finding]) -> list[Finding]:
    """Says in which document each finding is: the validators see one document and do not know its name."""
    return [replace(finding, where=f"{name}#{finding.where}") for finding in findings]


def _twins(evidence: Evidence) -> list[ClauseFinding]:
    """DCAT and PROV go out in Turtle too; gate D judges the JSON-LD, so the Turtle must say the very same."""
    found: list[ClauseFinding] = []
    pairs = (("dcat", evidence.dcat, evidence.dcat_turtle), ("prov", evidence.prov, evidence.prov_turtle))
    for name, document, turtle in pairs:
        if turtle is None:
            message = f"There is no {name} document in Turtle."
            found.append(ClauseFinding("D2", "document_missing", f"{name}_turtle", message, FIX, "missing"))
        elif document is not None:
            found += under("D2", check_twin(name, document, turtle))
    return found


def _filed(evidence: Evidence) -> list[ClauseFinding]:
    """Each document is filed under the path and the digest by which the receipt of the run that made it lists it."""
    made = [
        {(file.get("uri"), file.get("digest")) for file in map(mapping, receipt.body["outputs"])}
        for receipt in map(read_receipt, evidence.receipts.values())
        if isinstance(receipt, Receipt) and receipt.body.get("operation") == "catalog"
    ]
    return [
        ClauseFinding("D2", "catalog_path_differs", path, f"No catalog receipt lists {path} with its digest.", FIX)
        for path, digest in evidence.recorded.items()
        if not any((path, digest) in listed for listed in made)
    ]


def _stored(evidence: Evidence) -> list[ClauseFinding]:
    return [
        ClauseFinding(
            "D2", "document_changed", path, f"The stored bytes of {path} are not the ones that were filed.", LOST
        )
        for path, digest in evidence.recorded.items()
        if evidence.measured.get(path) != digest
    ]
