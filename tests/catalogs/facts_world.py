"""A small true world for the catalog tests: an ingest, a processing run, the catalog run, three artifacts."""

from __future__ import annotations

import hashlib
import json

from datasets.catalogs.facts import ArtifactFact, CatalogFacts, DigestedUri, RunFact


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


RAW, DATA, QA = digest(b"raw"), digest(b"data"), digest(b"qa")
INGEST = "kfm://run/2026-02-01T08:00:00Z.ingest"
PROCESS = "kfm://run/2026-02-01T09:00:00Z.process"
CATALOG = "kfm://run/2026-02-01T10:00:00Z.catalog"
VERSION = "2024.0a1b2c3d"
DECISION = "kfm://policy_decision/0001"


def receipt(run_id: str, operation: str, inputs: dict[str, str], outputs: dict[str, str]) -> bytes:
    body = {
        "run_id": run_id,
        "operation": operation,
        "dataset_version_id": VERSION,
        "inputs": [{"uri": uri, "digest": value} for uri, value in inputs.items()],
        "outputs": [{"uri": uri, "digest": value} for uri, value in outputs.items()],
        "environment": {"container_digest": digest(b"container"), "git_commit": "a" * 40},
        "validation": {"status": "pass", "report_digest": next(reversed(outputs.values()), QA)},
        "policy": {"decision_id": DECISION},
        "created_at": run_id.removeprefix("kfm://run/").split("Z.")[0] + "Z",
    }
    return json.dumps(body, sort_keys=True).encode()


RECEIPTS = {
    INGEST: receipt(INGEST, "ingest", {}, {"raw/airports.csv": RAW}),
    PROCESS: receipt(
        PROCESS, "validate", {"raw/airports.csv": RAW}, {"artifacts/airports.parquet": DATA, "qa/report.json": QA}
    ),
}


def catalog_receipt(documents: dict[str, bytes]) -> bytes:
    """Of the run that made *documents*, by the path each is filed under; the verification is its report."""
    outputs = {path: digest(raw) for path, raw in documents.items()}
    return receipt(
        CATALOG, "catalog", {"artifacts/airports.parquet": DATA}, outputs | {"work/verification.json": digest(b"ok")}
    )


def run(run_id: str, operation: str, role: str = "pipeline", **more) -> RunFact:
    known = RECEIPTS.get(run_id)
    body = json.loads(known) if known else {"inputs": [], "outputs": []}
    start = run_id.removeprefix("kfm://run/").split("Z.")[0] + "Z"
    fields = {
        "run_id": run_id,
        "operation": operation,
        "receipt_digest": digest(known) if known else None,
        "inputs": tuple(DigestedUri(item["uri"], item["digest"]) for item in body["inputs"]),
        "outputs": tuple(DigestedUri(item["uri"], item["digest"]) for item in body["outputs"]),
        "principal": "svc-pipeline",
        "role": role,
        "container_digest": digest(b"container"),
        "git_commit": "a" * 40,
        "decision_id": DECISION,
        "started_at": start,
        "ended_at": start,
    }
    return RunFact(**(fields | more))


def artifacts() -> tuple[ArtifactFact, ...]:
    return (
        ArtifactFact(
            "airports",
            "artifacts/airports.parquet",
            "application/vnd.apache.parquet",
            DATA,
            4096,
            "data",
            PROCESS,
            "Airports",
        ),
        ArtifactFact("qa_report", "qa/report.json", "application/json", QA, 128, "qa", PROCESS),
        ArtifactFact("source", "raw/airports.csv", "text/csv", RAW, 900, "source", INGEST),
    )


def facts(**more) -> CatalogFacts:
    fields = {
        "dataset_slug": "faa_airports_ks",
        "dataset_version_id": VERSION,
        "title": "Airports of Kansas",
        "description": "Public airports of Kansas.",
        "publisher": "Kansas Frontier Matrix",
        "license": "CC0-1.0",
        "rights_holder": "Federal Aviation Administration",
        "attribution": "Source: FAA.",
        "terms_uri": "https://example.org/terms",
        "themes": ("transport",),
        "keywords": ("airports", "aviation"),
        "bbox": (-102.05, 37.0, -94.6, 40.0),
        "temporal_start": "2024",
        "temporal_end": "2024",
        "policy_label": "public",
        "obligations": ({"type": "require_attribution"},),
        "decision_id": DECISION,
        "spec_hash": digest(b"spec"),
        "issued_at": "2026-02-01T10:00:00Z",
        "proposer": "carol",
        "artifacts": artifacts(),
        "runs": (
            run(INGEST, "ingest"),
            run(PROCESS, "validate"),
            run(CATALOG, "catalog", inputs=(DigestedUri("artifacts/airports.parquet", DATA),)),
        ),
        "approval_roles": ("reviewer", "steward"),
        "api_base_url": "https://kfm.example/api/v1",
    }
    return CatalogFacts(**(fields | more))
