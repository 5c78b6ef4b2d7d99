"""Reader: an EvidenceRef into its bundle, exactly, or nothing.

A reference resolves when it names, by the very same characters, something in the released documents of a published
version that this person may resolve evidence in (clause D3). Never a nearest match, never a guess; a denied one, an
absent one and one that is no reference are all ``None`` here. What was released once and is withdrawn or superseded now
is ``Tombstoned``, to whoever may read its tombstone. A bundle's id is the digest of its canonical bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from audit.canonical import canonical_bytes
from audit.digests import digest_bytes
from audit.references import (
    DocReference,
    EvidenceRef,
    GraphReference,
    InvalidReference,
    parse_evidence_ref,
)
from datasets import enforcement
from datasets.catalogs.evidence_index import EvidenceIndex, EvidenceTarget, build_index, resolve_exact
from datasets.catalogs.namespaces import PREFIXES
from datasets.catalogs.triplet import mapping, read_triplet
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt
from datasets.policy.requests import Action
from datasets.stores import measure, read_document
from datasets.zones.store import DamagedObject, ObjectTooLarge
from promotions.api import files
from promotions.api.cited_versions import versions_named
from promotions.api.files import File
from promotions.api.reading import Reader, Released, recorded_obligations, released
from promotions.models import Release

PAGE_BREAK = "\f"
MAX_QUOTE = 2_000
#: In so many versions a digest is looked for: terms that thousands share must not cost thousands of readings.
MOST_VERSIONS = 20
#: What a bundle says of itself, and of the asking; its digest is over the rest.
NOT_IN_BODY = frozenset({"bundle_id", "digest", "audit_ref"})


#: What each version's documents can be cited by, by primary key; one request reads them once.
Indexes = dict[int, EvidenceIndex]


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """What a reference named while it was published. ``audit_ref``: the decision that lets the tombstone be read."""

    tombstone: Mapping[str, Any]
    audit_ref: str


def resolve(ref: str, reader: Reader, indexes: Indexes) -> dict[str, Any] | Tombstoned | None:
    """The bundle of *ref*, its tombstone, or ``None``. Raises the store's errors when released bytes can't be read."""
    try:
        parsed = parse_evidence_ref(ref)
    except InvalidReference:
        return None
    named = versions_named(parsed)
    if named is None:
        return None
    for version in _newest(reader.published(Action.RESOLVE_EVIDENCE).filter(named)):
        found = released(version)
        target = _target(ref, parsed, found, indexes)
        if target is None:
            continue
        decision = enforcement.enforce(reader.person, version, Action.RESOLVE_EVIDENCE, at=reader.at)
        if decision.decision == "allow":
            return _bundle(parsed, target, found, decision)
    return _gone(ref, parsed, named, reader, indexes)


def _gone(ref: str, parsed: EvidenceRef, named: Q, reader: Reader, indexes: Indexes) -> Tombstoned | None:
    """The tombstone of the version that *ref* named exactly, as it was last released."""
    for version in _newest(reader.tombstoned().filter(named)):
        found = _last_released(version)
        if found is None or _target(ref, parsed, found, indexes) is None:
            continue
        decision = enforcement.enforce(reader.person, version, Action.READ_TOMBSTONE, at=reader.at)
        if decision.decision == "allow":
            return Tombstoned(reader.tombstone(version), decision.decision_id)
    return None


def _newest(versions: QuerySet[DatasetVersion]) -> QuerySet[DatasetVersion]:
    """Only a digest can be in several; in the newest of them, since one document is the same in each that holds it."""
    return versions.order_by("-pk").distinct()[:MOST_VERSIONS]


def _last_released(version: DatasetVersion) -> Released | None:
    """A version that is served no longer, with the manifest under which it last was."""
    release = Release.objects.filter(version=version).order_by("-pk").first()
    if release is None or str(digest_bytes(release.manifest.encode())) != release.manifest_digest:
        return None
    return Released(version, release, json.loads(release.manifest))


def _target(ref: str, parsed: EvidenceRef, found: Released, indexes: Indexes) -> EvidenceTarget | None:
    if found.version.pk not in indexes:
        indexes[found.version.pk] = _index(found)
    target = resolve_exact(ref, indexes[found.version.pk])
    if target is not None and isinstance(parsed, DocReference) and _quoted(parsed) is None:
        return None
    return target


def _index(found: Released) -> EvidenceIndex:
    return build_index(files.triplet(found), frozenset(file.digest for file in _documents(found)))


def _documents(found: Released) -> list[File]:
    """What can be cited by page and span: catalogs, receipts, the QA report and the terms; never the data."""
    records = [file for file in files.artifacts(found) if files.action_for(found, file) is not Action.DOWNLOAD]
    return records + files.catalogs(found)


def _quoted(ref: DocReference) -> str | None:
    """The characters that page and span name (UTF-8; form feeds divide pages); ``None`` when there are none."""
    try:
        pages = read_document(ref.digest).decode().split(PAGE_BREAK)
    except (UnicodeDecodeError, ObjectTooLarge):
        return None  # no page of it can be told, so none is named
    if ref.page > len(pages) or ref.span_end > len(pages[ref.page - 1]):
        return None
    return pages[ref.page - 1][ref.span_start : ref.span_end]


def _bundle(parsed: EvidenceRef, target: EvidenceTarget, found: Released, decision: PolicyDecision) -> dict[str, Any]:
    ref = str(parsed)
    item = files.json_document(found, files.item_path(found))
    wanted = _artifacts(target, found, item)
    recorded = recorded_obligations(found)
    body = {
        "evidence_bundle_version": "v1",
        "ref": ref,
        "target": {"kind": target.kind, "iri": target.iri, "digest": target.digest or None, **_related(parsed, found)},
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
        "cards": [_card(target, found, mapping(item.get("properties")), recorded) | _quote(parsed)],
        "provenance": _provenance(target, found),
        "artifacts": [_artifact(found, file) for file in wanted],
        "checks": _checks(ref, target, found),
    }
    digest = str(digest_bytes(canonical_bytes(body)))
    bundle_id = f"kfm://evidence/{digest.removeprefix('sha256:')}"
    return {"bundle_id": bundle_id, "digest": digest, **body, "audit_ref": decision.decision_id}


def _related(parsed: EvidenceRef, found: Released) -> dict[str, Any]:
    """What PROV says of the entity by the relation that a ``graph://`` reference names."""
    if not isinstance(parsed, GraphReference) or parsed.relation is None:
        return {}
    triplet, _ = read_triplet(files.triplet(found))
    prefix, _, name = parsed.relation.partition(":")
    objects = triplet.prov.objects(parsed.entity, PREFIXES[prefix] + name) if triplet else set()
    return {"relation": parsed.relation, "objects": sorted(objects)}


def _quote(parsed: EvidenceRef) -> dict[str, Any]:
    """The cited characters of a document, as many as a card shows, and whether these are all."""
    if not isinstance(parsed, DocReference):
        return {}
    quoted = _quoted(parsed) or ""
    return {"quote": quoted[:MAX_QUOTE], "quote_is_whole": len(quoted) <= MAX_QUOTE}


def _artifacts(target: EvidenceTarget, found: Released, item: Mapping[str, Any]) -> list[File]:
    """The artifacts the target is about: itself, what a run made, or all of the version's."""
    every = files.artifacts(found)
    if target.kind in ("distribution", "asset", "document") or (target.kind == "entity" and target.digest):
        return [file for file in every if file.digest == target.digest]
    if _is_run(target):
        made = {
            key for key, asset in mapping(item.get("assets")).items() if mapping(asset).get("kfm:run_id") == target.iri
        }
        return [file for file in every if file.key in made]
    return every


def _is_run(target: EvidenceTarget) -> bool:
    return target.iri.startswith("kfm://run/")


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
    runs = [row for row in rows if not _is_run(target) or row.run_id == target.iri]
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
