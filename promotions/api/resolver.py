"""Reader: an EvidenceRef into its bundle, exactly, or nothing.

A reference resolves when it names, by the very same characters, something in the released documents of a published
version that this person may resolve evidence in (clause D3). Never a nearest match, never a guess; a denied one, an
absent one and one that is no reference are all ``None`` here. A bundle's id is the digest of its canonical bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from audit.references import (
    DcatReference,
    DocReference,
    EvidenceRef,
    GraphReference,
    InvalidReference,
    ProvReference,
    StacReference,
    parse_evidence_ref,
)
from datasets import enforcement
from datasets.catalogs.evidence_index import EvidenceIndex, EvidenceTarget, build_index, resolve_exact
from datasets.catalogs.triplet import mapping
from datasets.models import PolicyDecision, RunReceipt
from datasets.policy.requests import Action
from datasets.stores import measure, read_document
from datasets.zones.store import DamagedObject, ObjectTooLarge
from promotions.api import files
from promotions.api.files import File
from promotions.api.reading import Reader, Released, recorded_obligations, released

PAGE_BREAK = "\f"


#: What each version's documents can be cited by, by primary key; one request reads them once.
Indexes = dict[int, EvidenceIndex]


def resolve(ref: str, reader: Reader, indexes: Indexes) -> dict[str, Any] | None:
    """The bundle of *ref*, or ``None``. Raises the store's errors when the released bytes can't be read."""
    try:
        parsed = parse_evidence_ref(ref)
    except InvalidReference:
        return None
    named = _named(parsed)
    if named is None:
        return None
    for version in reader.published(Action.RESOLVE_EVIDENCE).filter(named).distinct():
        found = released(version)
        if version.pk not in indexes:
            indexes[version.pk] = _index(found)
        target = resolve_exact(ref, indexes[version.pk])
        if target is not None and isinstance(parsed, DocReference) and not _span_exists(parsed):
            target = None
        if target is None:
            continue
        decision = enforcement.enforce(reader.person, version, Action.RESOLVE_EVIDENCE, at=reader.at)
        if decision.decision == "allow":
            return _bundle(ref, target, found, decision)
    return None


def _named(parsed: EvidenceRef) -> Q | None:
    """Which versions a reference can speak of; ``None``: none, as for graphs, which this console does not hold."""
    match parsed:
        case DcatReference():
            return Q(dataset__slug=parsed.slug, version_id=parsed.version)
        case StacReference():
            return Q(dataset__slug=parsed.collection, version_id=parsed.item)
        case ProvReference():
            return Q(receipts__run_id=str(parsed.run))
        case DocReference():
            return Q(files__artifact_id=parsed.digest) | Q(receipts__document_id=parsed.digest)
        case GraphReference():
            return None


def _index(found: Released) -> EvidenceIndex:
    return build_index(files.triplet(found), frozenset(file.digest for file in _documents(found)))


def _documents(found: Released) -> list[File]:
    """What can be cited by page and span: catalogs, receipts, the QA report and the terms; never the data."""
    records = [file for file in files.artifacts(found) if files.action_for(found, file) is not Action.DOWNLOAD]
    return records + files.catalogs(found)


def _span_exists(ref: DocReference) -> bool:
    """Whether the page and the span are in the text (UTF-8; pages are divided by form feeds)."""
    try:
        pages = read_document(ref.digest).decode().split(PAGE_BREAK)
    except (UnicodeDecodeError, ObjectTooLarge):
        return False  # no page of it can be told, so none is named
    return ref.page <= len(pages) and ref.span_end <= len(pages[ref.page - 1])


def _bundle(ref: str, target: EvidenceTarget, found: Released, decision: PolicyDecision) -> dict[str, Any]:
    item = files.json_document(found, files.item_path(found))
    wanted = _artifacts(target, found, item)
    recorded = recorded_obligations(found)
    body = {
        "evidence_bundle_version": "v1",
        "ref": ref,
        "target": {"kind": target.kind, "iri": target.iri, "digest": target.digest or None},
        "version": {
            "dataset_id": found.slug,
            "dataset_version_id": found.version_id,
            "spec_hash": found.version.spec.spec_hash,
            "inputs_digest": found.version.inputs_digest,
            "manifest_digest": found.release.manifest_digest,
            "href": files.version_url(found),
        },
        "policy": {
            "label": found.version.policy_label_id,
            "decision": decision.decision,
            "decision_id": found.manifest["policy"]["decision_id"],
            "obligations": recorded,
        },
        "cards": [_card(target, found, mapping(item.get("properties")), recorded)],
        "provenance": _provenance(target, found),
        "artifacts": [_artifact(found, file) for file in wanted],
        "checks": _checks(ref, target, found),
    }
    digest = str(digest_bytes(canonical_bytes(body)))
    bundle_id = f"kfm://evidence/{digest.removeprefix('sha256:')}"
    return {"bundle_id": bundle_id, "digest": digest, **body, "audit_ref": decision.decision_id}


def _artifacts(target: EvidenceTarget, found: Released, item: Mapping[str, Any]) -> list[File]:
    """The artifacts the target is about: itself, what a run made, or all of the version's."""
    every = files.artifacts(found)
    if target.kind in ("distribution", "asset", "document"):
        return [file for file in every if file.digest == target.digest]
    if target.kind == "run":
        made = {
            key for key, asset in mapping(item.get("assets")).items() if mapping(asset).get("kfm:run_id") == target.iri
        }
        return [file for file in every if file.key in made]
    return every


def _artifact(found: Released, file: File) -> dict[str, Any]:
    return {
        "key": file.key,
        "path": file.path,
        "digest": file.digest,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "href": files.artifact_url(found, file),
    }


def _card(
    target: EvidenceTarget, found: Released, properties: Mapping[str, Any], obligations: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What a reader is shown beside a claim."""
    acquisition = found.version.acquisition
    return {
        "kind": target.kind,
        "title": str(properties.get("title") or found.version.dataset.title),
        "text": str(properties.get("description") or ""),
        "attribution": acquisition.attribution,
        "license": acquisition.license,
        "rights_holder": acquisition.rights_holder,
        "notices": [o["message"] for o in obligations if o.get("type") == "show_notice"],
        "href": files.version_url(found),
    }


def _provenance(target: EvidenceTarget, found: Released) -> dict[str, Any]:
    """The runs behind the version, or the one the reference names, each with its receipt and ledger entry."""
    listed = {row["digest"] for row in found.manifest["catalogs"]}
    rows = RunReceipt.objects.filter(version=found.version, document_id__in=listed).order_by("ledger_index")
    runs = [row for row in rows if target.kind != "run" or row.run_id == target.iri]
    url = files.version_url(found)
    return {
        "prov": f"{url}/catalog/prov/bundle.jsonld",
        "runs": [
            {
                "run_id": row.run_id,
                "operation": row.operation,
                "receipt_digest": row.document_id,
                "receipt": f"{url}/catalog/receipts/{row.document_id.removeprefix('sha256:')}.json",
                "ledger_entry": f"kfm://audit/entry/{row.ledger_index}",
            }
            for row in runs
        ],
    }


def _checks(ref: str, target: EvidenceTarget, found: Released) -> list[dict[str, Any]]:
    """What was checked for this bundle. A check that does not hold raises instead: then there is no bundle."""
    qa = found.manifest["qa"]
    checks = [
        {"clause": "D3", "check": "reference_is_exact", "verdict": "pass", "subject": ref},
        {"clause": "G1", "check": "manifest_digest", "verdict": "pass", "subject": found.release.manifest_digest},
        {"clause": "E2", "check": "qa_report", "verdict": qa["status"], "subject": qa["report_digest"]},
    ]
    if target.digest:
        stored = measure(target.digest, fresh=False)
        if stored != target.digest:
            raise DamagedObject(f"Object {target.digest} is damaged or missing.")
        checks.append({"clause": "G1", "check": "stored_bytes", "verdict": "pass", "subject": target.digest})
    return checks
