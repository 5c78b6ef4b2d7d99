"""The catalog run: builds DCAT, STAC and PROV from recorded facts and verifies the obligations on what goes out.

Built twice, the documents are the same bytes. Judging them is gate D's. Keeps clauses D1 to D3 by construction and C2
by verifying the released bytes and the words the catalogs carry. Where the data are held back (``metadata_only``), the
catalogs describe the records that go out, and name no place but the one that the spec itself names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from audit.findings import Finding
from datasets import decisions
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.facts import ArtifactFact, CatalogFacts, DigestedUri, RunFact
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.released_parts import DATA_PARTS, RELEASED
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from datasets.environment import container_digest, git_commit
from datasets.errors import Refused
from datasets.formats.result import Bbox
from datasets.models import DatasetVersion, PolicyDecision, RunReceipt, VersionArtifact
from datasets.obligations.verify import verify_obligations
from datasets.people import PIPELINE
from datasets.policy.obligation_words import displaced
from datasets.policy.obligations import Obligation
from datasets.policy.requests import Action
from datasets.policy.roles import Role
from datasets.receipts import instant
from datasets.runs import NewFile, current_files, current_receipts, new_run_id, record_run
from datasets.steps import leak_check, linking
from datasets.steps.checking import work_path
from datasets.steps.outgoing import (
    bbox_of,
    fetch_data,
    generalization_of,
    grid_of,
    raster_of,
    released,
    systems_of,
)
from datasets.steps.validate import required_obligations, withholds
from datasets.steps.workspace import Workspace, keep_json
from datasets.stores import keep, read_document
from datasets.zones import layout

TITLES = {
    "data": "The data as GeoParquet",
    "preview": "A small map of the data",
    "qa_report": "The QA report",
    "terms": "The upstream's terms as captured",
}
RASTER_TITLES = {"data": "The data as Cloud-Optimized GeoTIFF", "preview": "The outline of the raster"}
#: Documents beside the catalogs that obligations are verified on.
VERIFIED_BESIDE = ("preview", "qa_report")
JSON_LD, TURTLE = "application/ld+json", "text/turtle"


def build_catalogs(version: DatasetVersion, *, proposer: str, work: Workspace) -> None:
    """Builds, verifies and records; raises ``Refused`` when a fact the catalogs need was never recorded."""
    spec = json.loads(version.spec.canonical)
    required, faults = required_obligations(version, spec)
    files = {f.part: f for f in current_files(version)}
    _check_files(files, withheld=withholds(required))
    decision, run_id = _decision(version), new_run_id(work.at)
    data = fetch_data(files, work)
    facts = catalog_facts(
        version,
        spec=spec,
        files=files,
        bbox=bbox_of(files, data, spec),
        decision=decision,
        run_id=run_id,
        proposer=proposer,
        at=work.at,
    )
    built = documents(version, facts)
    findings = faults or verify_obligations(data, required, going_out(files, built))
    verdict = "all hold" if not findings else f"{len(findings)} finding(s) against them"
    work.listener.line(f"{len(built)} catalog documents built; obligations verified on the bytes: {verdict}.")
    verified = files["data" if data else "normalized"].artifact_id
    verification = _verification(version, verified, required, findings, work)
    new = [NewFile(keep(raw, media_type=media, at=work.at), "catalog", part, path) for path, part, media, raw in built]
    leaks = [] if faults else leak_check.report_on(version, required, files, built, data, work)
    record_run(
        version=version,
        run_id=run_id,
        operation="catalog",
        inputs=[files[part].artifact for part in released(files)],
        files=[*new, verification, *leaks, *_links(version, built, files, work)],
        passed=not findings,
        report=verification.artifact,
        decision=decision,
        params={"api_base_url": facts.api_base_url},
        by=PIPELINE,
        role=Role.PIPELINE.value,
        at=work.at,
        hold=work.listener.hold,
    )


def going_out(files: Mapping[str, VersionArtifact], built: Sequence[tuple[str, str, str, bytes]]) -> dict[str, bytes]:
    """What goes out beside the data, by path: the catalog documents, the small map and the QA report."""
    beside = {files[part].path: read_document(files[part].artifact_id) for part in VERIFIED_BESIDE if part in files}
    return {**beside, **{path: raw for path, _, _, raw in built}}


def _decision(version: DatasetVersion) -> PolicyDecision:
    assessed = PolicyDecision.objects.filter(version=version, action=Action.ASSESS.value)
    decision = assessed.order_by("-decided_at", "-pk").first()
    if decision is None:
        raise Refused("decision_missing", "No release decision was recorded. Run the checks first.")
    return decision


def _verification(
    version: DatasetVersion, digest: str, required: Sequence[Obligation], findings: Sequence[Finding], work: Workspace
) -> NewFile:
    """What the obligations came to on the bytes of *digest* and on the documents, as the run's report."""
    said = {
        "kfm_obligation_verification_version": "v1",
        "verified_digest": digest,
        "obligations": [o.as_json() for o in required],
        "findings": [f.as_json() for f in findings],
    }
    path = work_path(version, "catalog-verification.json")
    return NewFile(keep_json(said, at=work.at), "work", "catalog_verification", path)


def _links(
    version: DatasetVersion,
    built: Sequence[tuple[str, str, str, bytes]],
    files: Mapping[str, VersionArtifact],
    work: Workspace,
) -> list[NewFile]:
    """The link-integrity report, as a document of its own; this run's receipt comes after it and is not in it."""
    by_part: dict[str, list[bytes]] = {}
    for _, part, _, raw in built:
        by_part.setdefault(part, []).append(raw)
    earlier = [receipt for name, receipt in current_receipts(version).items() if name != "catalog"]
    report = linking.report_on(version, by_part, earlier, files.values(), cataloged=False)
    path = work_path(version, "link-report.json")
    return [NewFile(keep_json(report, at=work.at), "work", linking.PART, path)] if report is not None else []


def _check_files(files: Mapping[str, VersionArtifact], *, withheld: bool) -> None:
    """Raises ``Refused`` when a file that goes out is not there, or one is that must not."""
    owed = [part for part in RELEASED if not (withheld and part in DATA_PARTS)]
    missing = [part for part in [*owed, *(["normalized"] if withheld else [])] if part not in files]
    if missing:
        raise Refused(
            "files_missing", f"Nothing to catalog: the version has no {', '.join(missing)}. Run the checks first."
        )
    if withheld and files.keys() & set(DATA_PARTS):
        raise Refused(
            "bytes_beside_metadata_only", "Only the record may go out, and data lie ready. Run the checks again."
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
    bbox: Bbox | None,
    decision: PolicyDecision,
    run_id: str,
    proposer: str,
    at: Any,
) -> CatalogFacts:
    """Everything the documents say, from rows and stored records; ``at``: the run's recorded time."""
    acquisition, label = version.acquisition, version.policy_label
    receipts = current_receipts(version)
    earlier = [run_fact(r) for name, r in receipts.items() if name != "catalog"]
    authority, raster = spec["upstream"]["authority"], raster_of(files)
    generalization, systems = generalization_of(files), systems_of(files)
    producers = {output.digest: run.run_id for run in reversed(earlier) for output in run.outputs}
    return CatalogFacts(
        dataset_slug=version.dataset.slug,
        dataset_version_id=version.version_id,
        title=spec["title"],
        description=_description(spec, generalization),
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
                media_type=raster["media_type"] if raster and part == "data" else files[part].artifact.media_type,
                digest=files[part].artifact_id,
                size_bytes=files[part].artifact.size_bytes,
                role=role,
                run_id=producers.get(files[part].artifact_id, files[part].receipt_id),
                title=RASTER_TITLES.get(part, TITLES[part]) if raster else TITLES[part],
                crs=systems.get(part, ""),
            )
            for part, (key, role) in RELEASED.items()
            if part in files
        ),
        runs=(*earlier, _catalog_run(earlier[0], run_id, decision, files, at)),
        approval_roles=tuple(label.sign_off_roles) if label else (),
        api_base_url=f"{settings.KFM_PUBLIC_URL}/api/v1",
        grid=grid_of(raster),
        uncertainty_m=None if generalization is None else int(generalization["uncertainty_m"]),
    )


def _description(spec: Mapping[str, Any], generalization: Mapping[str, Any] | None) -> str:
    """The spec's own words, and how far off the places are where they were generalized."""
    said = spec.get("description") or f"{spec['title']}, as received from {spec['upstream']['authority']}."
    return f"{said} {displaced(generalization)}".strip()


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
        inputs=tuple(
            DigestedUri(f"kfm://artifact/{files[p].artifact_id}", files[p].artifact_id) for p in released(files)
        ),
        outputs=(),
        principal=like.principal,
        role=like.role,
        container_digest=container_digest(),
        git_commit=git_commit(),
        decision_id=decision.decision_id,
        started_at=instant(at),
        ended_at=instant(at),
    )
