"""The evidence of each gate, gathered from one look at a version (``Shelf``): files, records, terms, proofs.

Gathers and freezes; it judges nothing. What can't be read becomes ``None`` in the evidence, and the gate says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from audit import keys, ledger
from audit.canonical import parse_object
from audit.findings import Finding
from datasets import decisions
from datasets.catalogs.crosslinks import StoredArtifact
from datasets.catalogs.released_parts import DATA_PARTS, RELEASED
from datasets.catalogs.triplet import read_triplet
from datasets.models import PolicyLabel, RunReceipt
from datasets.terms import standing_terms, words_captured
from promotions.gates import a_identity, b_rights, c_sensitivity, d_catalogs, e_quality, f_receipt, g_manifest
from promotions.shelf import CATALOG_PARTS, RELEASED_PARTS, Shelf, receipt_path

#: What gate E judges of a QA report. The rest holds values of the data: a dossier, which everyone who works on the
#: version may open, binds it by its digest alone (clause C2).
JUDGED_OF_A_REPORT = (
    "kfm_qa_report_version",
    "artifact_digest",
    "measured_digest",
    "rows",
    "rows_quarantined",
    "rows_rejected",
    "status",
    "checks",
)


def collect(shelf: Shelf, letters: str) -> dict[str, object]:
    """The evidence of each gate in *letters*."""
    whole = "D" in letters
    readers: dict[str, Callable[[], object]] = {
        "A": lambda: _identity(shelf, whole=whole),
        "B": lambda: _rights(shelf, whole=whole),
        "C": lambda: _sensitivity(shelf, whole=whole),
        "D": lambda: _catalogs(shelf),
        "E": lambda: _quality(shelf),
        "F": lambda: _receipts(shelf),
        "G": lambda: _manifest(shelf),
    }
    return {letter: readers[letter]() for letter in letters}


def _identity(shelf: Shelf, *, whole: bool) -> a_identity.Evidence:
    version = shelf.version
    documents = []
    for operation, receipt in shelf.receipts.items():
        said = shelf.json(receipt.document_id) or {}
        documents.append(
            a_identity.DocumentIds(f"receipt/{operation}", version.dataset.slug, said.get("dataset_version_id"))
        )
    acquisition = shelf.json(version.acquisition.manifest_id) or {}
    documents.append(
        a_identity.DocumentIds("acquisition_manifest", acquisition.get("dataset_slug"), version.version_id)
    )
    if whole:
        documents += [
            a_identity.DocumentIds(
                name, said.get("dataset_id"), said.get("dataset_version_id"), said.get("spec_hash"), says_spec_hash=True
            )
            for name, said in _said(shelf).items()
        ]
    return a_identity.Evidence(
        dataset_slug=version.dataset.slug,
        version_id=version.version_id,
        slice=version.slice,
        spec=shelf.spec,
        recorded_spec_hash=version.spec.spec_hash,
        source_digests=(shelf.measured(version.acquisition.source_id),),
        recorded_inputs_digest=version.inputs_digest,
        documents=tuple(documents),
    )


def _said(shelf: Shelf) -> dict[str, dict[str, str | None]]:
    """What each catalog document says of the common facts; an unreadable or contradictory one says nothing."""
    names = ("dcat", "prov", "stac/collection", "stac/item")
    documents = shelf.triplet()
    triplet = read_triplet(documents)[0] if documents else None
    if triplet is None:
        return {name: {} for name in names}
    said: dict[str, dict[str, str | None]] = {}
    for document, fact, values in triplet.said():
        said.setdefault(document, {})[fact] = next(iter(values)) if len(values) == 1 else None
    return said


def _rights(shelf: Shelf, *, whole: bool) -> b_rights.Evidence:
    acquisition = shelf.version.acquisition
    upstream = shelf.spec.get("upstream") or {}
    stated = upstream.get("terms") or upstream.get("terms_snapshot") or {}
    documents = []
    if stated.get("license"):
        documents.append(
            b_rights.Terms("spec", stated["license"], stated.get("rights_holder"), stated.get("attribution"))
        )
    manifest_terms = (shelf.json(acquisition.manifest_id) or {}).get("terms") or {}
    documents.append(
        b_rights.Terms("acquisition_manifest", manifest_terms.get("license"), manifest_terms.get("rights_holder"))
    )
    if whole:
        documents += [b_rights.Terms(name, said.get("license")) for name, said in _said(shelf).items()]
    return b_rights.Evidence(
        captured=b_rights.Terms("terms", acquisition.license, acquisition.rights_holder, acquisition.attribution),
        documents=tuple(documents),
        carries_bytes=not shelf.withheld,
        terms_recorded_digest=acquisition.terms_id,
        terms_measured_digest=shelf.measured(acquisition.terms_id),
        terms_size_bytes=acquisition.terms.size_bytes,
        **_terms_watch(shelf),
    )


def _terms_watch(shelf: Shelf) -> dict[str, Any]:
    """What the upstream's terms say now and what stands accepted, as words digests, with the days for people."""
    acquisition = shelf.version.acquisition
    standing = standing_terms(shelf.version.dataset, source_pk=acquisition.upstream_id)
    accepted_at = standing.acceptance.accepted_at if standing.acceptance else None
    accepted_at = accepted_at or (standing.accepted.observed_at if standing.accepted else None)
    return {
        "terms_captured_words": words_captured(acquisition),
        "terms_observed": standing.observed,
        "terms_accepted": standing.words,
        "terms_observed_on": f"{standing.latest.observed_at:%Y-%m-%d}" if standing.latest else "",
        "terms_accepted_on": f"{accepted_at:%Y-%m-%d}" if accepted_at else "",
    }


def _sensitivity(shelf: Shelf, *, whole: bool) -> c_sensitivity.Evidence:
    decision = shelf.decision
    report = shelf.json(shelf.digest_of("catalog_verification" if whole else "verification"))
    # Where nothing of the data goes out, what was verified is that the checked bytes are held back.
    output = shelf.part("normalized") if shelf.withheld else shelf.part("data")
    return c_sensitivity.Evidence(
        version_id=shelf.version.version_id,
        dataset_slug=shelf.version.dataset.slug,
        label=shelf.version.policy_label_id,
        known_labels=tuple(PolicyLabel.objects.order_by("name").values_list("name", flat=True)),
        decision=decisions.document_of(decision) if decision else None,
        replayed=_answer(decisions.ask_again(decision)) if decision else None,
        output_digest=shelf.measured(output.artifact_id) if output else None,
        verified_digest=report.get("verified_digest") if report else None,
        verification=tuple(Finding(**f) for f in report["findings"]) if report else None,
        data_outgoing=tuple(sorted({f.path for f in shelf.parts(DATA_PARTS)})),
        leaks=_leaks(shelf) if whole else None,
        going_out={f.path: f.artifact_id for f in shelf.parts((*RELEASED_PARTS, *CATALOG_PARTS))} if whole else None,
    )


def _leaks(shelf: Shelf) -> c_sensitivity.LeakReport | None:
    """What the leak check of the catalog run looked through and found; ``None`` where it left no readable report."""
    report = shelf.json(shelf.digest_of("leak_report"))
    if report is None:
        return None
    scanned = {one["path"]: one["digest"] for one in report["scanned"]}
    findings = tuple(Finding(**finding) for finding in report["findings"])
    return c_sensitivity.LeakReport(report["verified_digest"], scanned, findings)


def _answer(decision: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The part of a replayed decision that counts; its bundle digest may differ while the answer is the same."""
    return None if decision is None else {"decision": decision["decision"], "obligations": decision["obligations"]}


def _catalogs(shelf: Shelf) -> d_catalogs.Evidence:
    items = [shelf.document(f.artifact_id) for f in shelf.parts(("stac_item",))]
    receipts = {r.run_id: shelf.document(r.document_id) for r in shelf.receipts.values()}
    filed = shelf.parts(CATALOG_PARTS)
    return d_catalogs.Evidence(
        dcat=shelf.document(shelf.digest_of("dcat")),
        stac_collection=shelf.document(shelf.digest_of("stac_collection")),
        stac_items=tuple(i for i in items if i is not None),
        prov=shelf.document(shelf.digest_of("prov")),
        receipts={run_id: raw for run_id, raw in receipts.items() if raw is not None},
        artifacts={
            f.artifact_id: StoredArtifact(f.artifact.size_bytes, RELEASED[f.part][1])
            for f in shelf.parts(RELEASED_PARTS)
            if shelf.measured(f.artifact_id) == f.artifact_id
        },
        recorded={f.path: f.artifact_id for f in filed},
        measured={f.path: shelf.measured(f.artifact_id) for f in filed},
        dcat_turtle=shelf.document(shelf.digest_of("dcat_turtle")),
        prov_turtle=shelf.document(shelf.digest_of("prov_turtle")),
    )


def _quality(shelf: Shelf) -> e_quality.Evidence:
    released = shelf.part("qa_report")
    # Where the released copy may not tell all, the report as made lies beside it, and that one is judged.
    report = shelf.part("qa_report_whole") or released
    body = shelf.json(report.artifact_id) if report else None
    checked = shelf.part("normalized") or shelf.part("data")
    source = shelf.part("measured") or checked
    rejects, apart = shelf.part("rejects"), shelf.part("quarantined")
    return e_quality.Evidence(
        declared=tuple((shelf.spec.get("validation") or {}).get("checks") or ()),
        report=None if body is None else {key: body[key] for key in JUDGED_OF_A_REPORT if key in body},
        report_recorded_digest=report.artifact_id if report else None,
        report_measured_digest=shelf.measured(report.artifact_id) if report else None,
        released_recorded_digest=released.artifact_id if released else None,
        released_measured_digest=shelf.measured(released.artifact_id) if released else None,
        checked_digest=shelf.measured(checked.artifact_id) if checked else None,
        source_digest=shelf.measured(source.artifact_id) if source else None,
        rows_rejected=body.get("rows_rejected") if body else None,
        rejects_measured_digest=shelf.measured(rejects.artifact_id) if rejects else None,
        quarantine_recorded_digest=apart.artifact_id if apart else None,
        quarantine_measured_digest=shelf.measured(apart.artifact_id) if apart else None,
    )


def _receipts(shelf: Shelf) -> f_receipt.Evidence:
    redacted = shelf.part("normalized") is not None and not shelf.withheld
    required = ["ingest", "validate"] + (["redact"] if redacted else []) + ["catalog"]
    return f_receipt.Evidence(
        version_id=shelf.version.version_id,
        required=tuple(required),
        receipts=tuple(_receipt(shelf, r) for r in shelf.receipts.values()),
        verifier_key=str(keys.verifier_key()),
    )


def _receipt(shelf: Shelf, receipt: RunReceipt) -> f_receipt.Receipt:
    recorded: str | None = None
    proof: f_receipt.Proof | None = None
    with suppress(ledger.NotInLedger):  # absent stays None, and the gate says so
        entry = ledger.entry(receipt.ledger_index)
        recorded = _receipt_in(entry.body)
        found = ledger.inclusion_proof(receipt.ledger_index)
        # The leaf is hashed from the entry's own text: a rewritten entry is not under the checkpoint any more.
        proof = f_receipt.Proof(found.index, ledger.leaf_of(entry), found.hashes, found.checkpoint)
    return f_receipt.Receipt(
        run_id=receipt.run_id,
        operation=receipt.operation,
        document=shelf.json(receipt.document_id),
        recorded_digest=receipt.document_id,
        measured_digest=shelf.measured(receipt.document_id),
        produced=tuple(f.artifact_id for f in shelf.files if f.receipt_id == receipt.run_id),
        ledger_index=receipt.ledger_index,
        ledger_receipt_digest=recorded,
        proof=proof,
    )


def _receipt_in(body: str) -> str | None:
    """The receipt's digest as the ledger entry's text says it: the text is what the tree commits to."""
    references = (parse_object(body.encode()) or {}).get("references")
    digest = references.get("receipt") if isinstance(references, dict) else None
    return digest if isinstance(digest, str) else None


def _manifest(shelf: Shelf) -> g_manifest.Evidence:
    files = [
        g_manifest.StoredFile(kind, f.path, f.artifact_id, shelf.measured(f.artifact_id))
        for kind, names in (("artifacts", RELEASED_PARTS), ("catalogs", CATALOG_PARTS))
        for f in shelf.parts(names)
    ]
    files += [
        g_manifest.StoredFile("catalogs", receipt_path(shelf.version, r), r.document_id, shelf.measured(r.document_id))
        for r in shelf.receipts.values()
    ]
    return g_manifest.Evidence(draft=shelf.draft(), files=tuple(files))
