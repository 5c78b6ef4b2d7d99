"""The catalog run: builds DCAT, STAC and PROV from recorded facts and verifies the obligations on what goes out.

Built twice, the documents are the same bytes. Judging them is gate D's. Keeps clauses D1 to D3 by construction and C2
by verifying the released bytes and the words the catalogs carry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq
from django.conf import settings

from datasets import decisions
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.facts import ArtifactFact, CatalogFacts, DigestedUri, RunFact
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from datasets.environment import container_digest, git_commit
from datasets.errors import Refused
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.obligations.verify import verify_obligations
from datasets.people import PIPELINE
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.receipts import instant
from datasets.runs import NewFile, current_files, current_receipts, new_run_id, record_run
from datasets.steps.validate import required_obligations
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import console_store, keep, read_document
from datasets.zones import layout

#: Parts that go out, the key each has in the catalogs, and its role there.
RELEASED = {
    "data": ("data", "data"),
    "preview": ("preview", "overview"),
    "qa_report": ("qa-report", "qa"),
    "terms": ("terms", "terms"),
}
TITLES = {
    "data": "The data as GeoParquet",
    "preview": "A small map of the data",
    "qa_report": "The QA report",
    "terms": "The upstream's terms as captured",
}
JSON_LD, TURTLE = "application/ld+json", "text/turtle"


def build_catalogs(version: DatasetVersion, *, proposer: str, work: Workspace) -> None:
    """Builds, verifies and records; raises ``Refused`` when a fact the catalogs need was never recorded."""
    files = {f.part: f for f in current_files(version)}
    missing = [part for part in RELEASED if part not in files]
    if missing:
        raise Refused(
            "files_missing", f"Nothing to catalog: the version has no {', '.join(missing)}. Run the checks first."
        )
    decision = (
        PolicyDecision.objects.filter(version=version, action=Action.ASSESS.value)
        .order_by("-decided_at", "-pk")
        .first()
    )
    if decision is None:
        raise Refused("decision_missing", "No release decision was recorded. Run the checks first.")
    run_id = new_run_id(work.at)
    data = work.directory / "data.parquet"
    console_store().fetch_to(files["data"].artifact_id, data)
    spec = json.loads(version.spec.canonical)
    facts = catalog_facts(
        version,
        spec=spec,
        files=files,
        bbox=parquet_bbox(data),
        decision=decision,
        run_id=run_id,
        proposer=proposer,
        at=work.at,
    )
    built = documents(version, facts)
    required, faults = required_obligations(version, spec)
    findings = faults or verify_obligations(data, required, {path: raw for path, _, _, raw in built})
    verdict = "all hold" if not findings else f"{len(findings)} finding(s) against them"
    work.listener.line(f"{len(built)} catalog documents built; obligations verified on the bytes: {verdict}.")
    verification = keep_json(
        {
            "kfm_obligation_verification_version": "v1",
            "verified_digest": files["data"].artifact_id,
            "obligations": [o.as_json() for o in required],
            "findings": [f.as_json() for f in findings],
        },
        at=work.at,
    )
    new = [NewFile(keep(raw, media_type=media, at=work.at), "catalog", part, path) for path, part, media, raw in built]
    new.append(
        NewFile(
            verification,
            "work",
            "catalog_verification",
            f"work/{facts.dataset_slug}/{facts.dataset_version_id}/catalog-verification.json",
        )
    )
    record_run(
        version=version,
        run_id=run_id,
        operation="catalog",
        inputs=[files[part].artifact for part in RELEASED],
        files=new,
        passed=not findings,
        report=verification,
        decision=decision,
        params={"api_base_url": facts.api_base_url},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )


def documents(version: DatasetVersion, facts: CatalogFacts) -> list[tuple[str, str, str, bytes]]:
    """(path, part, media type, bytes) of each document."""
    slug, version_id = version.dataset.slug, version.version_id
    dcat, prov = layout.dcat(slug, version_id), layout.prov(slug, version_id)
    return [
        (dcat, "dcat", JSON_LD, build_dcat(facts)),
        (dcat.replace(".jsonld", ".ttl"), "dcat_turtle", TURTLE, build_dcat_turtle(facts)),
        (layout.stac_collection(slug, version_id), "stac_collection", "application/json", build_stac_collection(facts)),
        (layout.stac_item(slug, version_id, version_id), "stac_item", "application/geo+json", build_stac_item(facts)),
        (prov, "prov", JSON_LD, build_prov(facts)),
        (prov.replace(".jsonld", ".ttl"), "prov_turtle", TURTLE, build_prov_turtle(facts)),
    ]


def catalog_facts(  # noqa: PLR0913 - the facts' own sources
    version: DatasetVersion,
    *,
    spec: Mapping[str, Any],
    files: Mapping[str, VersionArtifact],
    bbox: tuple[float, float, float, float] | None,
    decision: PolicyDecision,
    run_id: str,
    proposer: str,
    at: Any,
) -> CatalogFacts:
    """Everything the documents say, from rows and stored records; ``at``: the run's recorded time."""
    acquisition, label = version.acquisition, version.policy_label
    receipts = current_receipts(version)
    earlier = [run_fact(r) for name, r in receipts.items() if name != "catalog"]
    authority = spec["upstream"]["authority"]
    return CatalogFacts(
        dataset_slug=version.dataset.slug,
        dataset_version_id=version.version_id,
        title=spec["title"],
        description=spec.get("description") or f"{spec['title']}, as received from {authority}.",
        publisher=authority,
        license=acquisition.license,
        rights_holder=acquisition.rights_holder,
        attribution=acquisition.attribution,
        terms_uri=acquisition.terms_uri or f"kfm://artifact/{acquisition.terms_id}",
        themes=tuple(spec.get("themes") or ("geospatial data",)),
        keywords=tuple(spec.get("keywords") or ()),
        bbox=bbox,
        temporal_start=version.slice,
        temporal_end=version.slice,
        policy_label=label.name if label else "",
        obligations=tuple(decisions.document_of(decision)["obligations"]),
        decision_id=decision.decision_id,
        spec_hash=version.spec.spec_hash,
        issued_at=instant(at),
        proposer=proposer,
        artifacts=tuple(
            ArtifactFact(
                key=key,
                path=files[part].path,
                media_type=files[part].artifact.media_type,
                digest=files[part].artifact_id,
                size_bytes=files[part].artifact.size_bytes,
                role=role,
                run_id=files[part].receipt_id,
                title=TITLES[part],
            )
            for part, (key, role) in RELEASED.items()
        ),
        runs=(*earlier, _catalog_run(earlier[0], run_id, decision, files, at)),
        approval_roles=tuple(label.sign_off_roles) if label else (),
        api_base_url=f"{settings.KFM_PUBLIC_URL}/api/v1",
    )


def run_fact(receipt: RunReceipt) -> RunFact:
    """A recorded run as its receipt tells it."""
    document = json.loads(read_document(receipt.document_id))
    moment = document["created_at"]
    return RunFact(
        run_id=document["run_id"],
        operation=document["operation"],
        receipt_digest=receipt.document_id,
        inputs=tuple(DigestedUri(i["uri"], i["digest"]) for i in document["inputs"]),
        outputs=tuple(DigestedUri(o["uri"], o["digest"]) for o in document["outputs"]),
        principal=document["actor"]["principal"],
        role=document["actor"]["role"],
        container_digest=document["environment"]["container_digest"],
        git_commit=document["environment"]["git_commit"],
        decision_id=document["policy"]["decision_id"],
        started_at=document["run_id"].removeprefix("kfm://run/")[:20],
        ended_at=moment,
    )


def _catalog_run(
    like: RunFact, run_id: str, decision: PolicyDecision, files: Mapping[str, VersionArtifact], at: Any
) -> RunFact:
    """This very run: the same code, its inputs, and no outputs, since they are these documents."""
    return RunFact(
        run_id=run_id,
        operation="catalog",
        receipt_digest=None,
        inputs=tuple(DigestedUri(f"kfm://artifact/{files[p].artifact_id}", files[p].artifact_id) for p in RELEASED),
        outputs=(),
        principal=like.principal,
        role=like.role,
        container_digest=container_digest(),
        git_commit=git_commit(),
        decision_id=decision.decision_id,
        started_at=instant(at),
        ended_at=instant(at),
    )


def parquet_bbox(path: Any) -> tuple[float, float, float, float] | None:
    """The bbox a GeoParquet file states for its primary column; ``None`` when it has no geometry, or no extent."""
    with pq.ParquetFile(path) as file:
        geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    column = geo.get("columns", {}).get(geo.get("primary_column"), {})
    bbox = column.get("bbox")
    return (bbox[0], bbox[1], bbox[-2], bbox[-1]) if bbox else None
