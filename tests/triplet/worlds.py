"""Many good triplets: facts that differ in label, licence, place, period, obligations, words and files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import pyoxigraph as ox

from audit.canonical import StrictJsonError, parse_strict
from audit.findings import Finding
from datasets.catalogs.crosslinks import StoredArtifact, check_crosslinks
from datasets.catalogs.dcat import build_dcat, build_dcat_turtle
from datasets.catalogs.evidence_index import check_evidence
from datasets.catalogs.facts import ArtifactFact, CatalogFacts, DigestedUri, Grid, RunFact
from datasets.catalogs.prov import build_prov, build_prov_turtle
from datasets.catalogs.stac import build_stac_collection, build_stac_item
from datasets.catalogs.triplet import TripletDocuments
from datasets.catalogs.validate_dcat import validate_dcat
from datasets.catalogs.validate_prov import validate_prov
from datasets.catalogs.validate_stac import validate_stac
from promotions.gates import d_catalogs, f_receipt
from tests.catalogs.facts_world import digest, facts
from tests.promotions.gate_world import PROOF, VERIFIER

RAW, DATA, QA, TERMS, PREVIEW = (digest(name) for name in (b"raw", b"data", b"qa", b"terms", b"preview"))
INGEST, VALIDATE, REDACT, CATALOG = (
    f"kfm://run/2026-02-01T{hour:02}:00:00Z.{name}"
    for hour, name in ((8, "ingest"), (9, "validate"), (10, "redact"), (11, "catalog"))
)


@dataclass(frozen=True)
class World:
    """One version as gates D and F see it. ``recorded``: the digest of each receipt, by run, as it was entered."""

    documents: TripletDocuments
    receipts: Mapping[str, bytes]
    stored: Mapping[str, StoredArtifact]
    recorded: Mapping[str, str]

    def with_documents(self, **changed: Any) -> World:
        return replace(self, documents=replace(self.documents, **changed))

    def d1(self) -> list[Finding]:
        held = self.documents
        found = validate_dcat(held.dcat, profile="kfm") + validate_prov(held.prov, profile="kfm")
        for raw in (held.stac_collection, *held.stac_items):
            found += validate_stac(raw, profile="kfm")
        return found

    def d2(self) -> list[Finding]:
        """Without the one finding that every changed document gives: the catalog receipt lists other bytes."""
        found = check_crosslinks(self.documents, self.receipts, self.stored)
        changed = digest(self.receipts.get(CATALOG, b"")) == self.recorded[CATALOG]
        return [finding for finding in found if not (changed and finding.code == "catalog_digest_differs")]

    def gate_d(self, filed: Mapping[str, str]) -> set[str]:
        """Codes of clause D2 at the gate. ``filed``: the digest of each document by the path it lies under."""
        held = self.documents
        twins = [
            ox.serialize(ox.parse(raw, format=ox.RdfFormat.JSON_LD), format=ox.RdfFormat.TURTLE)
            for raw in (held.dcat, held.prov)
        ]
        evidence = d_catalogs.Evidence(
            held.dcat,
            held.stac_collection,
            held.stac_items,
            held.prov,
            self.receipts,
            self.stored,
            filed,
            filed,
            *twins,
        )
        return {finding.code for finding in d_catalogs.evaluate(evidence) if finding.clause == "D2"}

    def f(self, *, repointed: bool = False) -> set[str]:
        """Clauses of gate F that fail. ``repointed``: whoever changed a receipt changed its row to say so as well."""
        filed = []
        for run, raw in self.receipts.items():
            now, was = digest(raw), self.recorded.get(run)
            row = now if repointed else was or now
            filed.append(f_receipt.Receipt(run, _operation(run), _parsed(raw), row, now, (), PROOF.index, was, PROOF))
        evidence = f_receipt.Evidence(facts().dataset_version_id, (), tuple(filed), VERIFIER)
        return {finding.clause for finding in f_receipt.evaluate(evidence)}

    def d3(self) -> list[Finding]:
        return check_evidence(self.documents, frozenset(self.stored))

    def clauses(self) -> dict[str, list[Finding]]:
        return {"D1": self.d1(), "D2": self.d2(), "D3": self.d3()}


def _operation(run: str) -> str:
    return run.rpartition(".")[2]


def _parsed(raw: bytes) -> Mapping[str, Any] | None:
    """As the look at a version gives it: nothing, where it is no strict JSON."""
    try:
        return parse_strict(raw)
    except StrictJsonError:
        return None


def receipt(run: RunFact, version: str, outputs: tuple[DigestedUri, ...]) -> bytes:
    body = {
        "run_id": run.run_id,
        "operation": run.operation,
        "dataset_version_id": version,
        "inputs": [{"uri": item.uri, "digest": item.digest} for item in run.inputs],
        "outputs": [{"uri": item.uri, "digest": item.digest} for item in outputs],
        "environment": {"container_digest": run.container_digest, "git_commit": run.git_commit},
        "validation": {"status": "pass", "report_digest": outputs[-1].digest},
        "policy": {"decision_id": run.decision_id},
        "actor": {"principal": run.principal, "role": run.role},
        "created_at": run.ended_at,
    }
    return json.dumps(body, sort_keys=True).encode()


def _run(run_id: str, operation: str, inputs: list[tuple[str, str]], outputs: list[tuple[str, str]]) -> RunFact:
    start = run_id.removeprefix("kfm://run/")[:20]
    return RunFact(
        run_id, operation, None if operation == "catalog" else QA,
        tuple(DigestedUri(*item) for item in inputs), tuple(DigestedUri(*item) for item in outputs),
        "svc-pipeline" if operation != "ingest" else "omar", "pipeline" if operation != "ingest" else "operator",
        digest(b"container"), "a" * 40, f"kfm://policy_decision/{'0001' if operation == 'catalog' else operation}",
        start, start[:-2] + "9Z" if operation != "catalog" else start,
    )  # fmt: skip


_FILES = {
    "data": ("artifacts/data.parquet", "application/vnd.apache.parquet", DATA, "data", 4096),
    "preview": ("artifacts/preview.geojson", "application/geo+json", PREVIEW, "overview", 77),
    "qa-report": ("qa/report.json", "application/json; charset=utf-8", QA, "qa", 128),
    "terms": ("terms/terms.html", "text/html", TERMS, "terms", 900),
}


def world(*, keys: tuple[str, ...] = tuple(_FILES), redacted: bool = True, **told: Any) -> World:
    """A version with the files *keys* and any other catalog facts told otherwise."""
    makers = {"terms": INGEST, "qa-report": VALIDATE}
    last = REDACT if redacted else VALIDATE
    names = {key: (_FILES[key][0], _FILES[key][2]) for key in keys}
    made = {run: [names[key] for key in keys if makers.get(key, last) == run] for run in (INGEST, VALIDATE, REDACT)}
    made[INGEST].append(("raw/source.csv", RAW))
    made[REDACT].append(("work/redact-verification.json", digest(b"redacted")))
    clean = ("work/clean.parquet", digest(b"clean"))
    if redacted:
        made[VALIDATE].append(clean)
    runs = [
        _run(INGEST, "ingest", [(f"kfm://artifact/{RAW}", RAW)], made[INGEST]),
        _run(VALIDATE, "validate", [(f"kfm://artifact/{RAW}", RAW)], made[VALIDATE]),
    ]
    if redacted:
        runs.append(_run(REDACT, "redact", [(f"kfm://artifact/{clean[1]}", clean[1])], made[REDACT]))
    inputs = [(f"kfm://artifact/{_FILES[key][2]}", _FILES[key][2]) for key in keys]
    own = _run(CATALOG, "catalog", inputs, [])
    version = facts().dataset_version_id
    raw = {run.run_id: receipt(run, version, run.outputs) for run in runs}
    listed = [replace(run, receipt_digest=digest(raw[run.run_id])) for run in runs]
    held = tuple(
        ArtifactFact(key, _FILES[key][0], _FILES[key][1], _FILES[key][2], _FILES[key][4], _FILES[key][3],
                     makers.get(key, last), f"File {key}")
        for key in keys
    )  # fmt: skip
    return of_facts(facts(**{"artifacts": held, "runs": (*listed, own), **told}), raw)


def of_facts(some: CatalogFacts, receipts: Mapping[str, bytes], *, turtle: bool = False) -> World:
    dcat, prov = (build_dcat_turtle, build_prov_turtle) if turtle else (build_dcat, build_prov)
    documents = TripletDocuments(dcat(some), build_stac_collection(some), (build_stac_item(some),), prov(some))
    made = (documents.dcat, documents.stac_collection, *documents.stac_items, documents.prov)
    own = next(run for run in some.runs if run.operation == "catalog")
    outputs = tuple(DigestedUri(path, held) for path, held in filed(made).items())
    report = DigestedUri("work/verification.json", digest(b"verified"))
    every = {**receipts, own.run_id: receipt(own, some.dataset_version_id, (*outputs, report))}
    stored = {item.digest: StoredArtifact(item.size_bytes, item.role) for item in some.artifacts}
    return World(documents, every, stored, {run: digest(raw) for run, raw in every.items()})


def filed(made: Iterable[bytes]) -> dict[str, str]:
    """The digest of each document by the path that the catalog run filed it under."""
    return {f"catalog/{place}": digest(raw) for place, raw in enumerate(made)}


_NOTICE = {"type": "show_notice", "message": "Ask “first”, before you dig."}
_LABELS = ("public", "public_generalized", "restricted", "restricted_sensitive_location", "internal", "embargoed")
_LICENSES = ("CC0-1.0", "CC-BY-4.0", "LicenseRef-kfm-terms", "CC-BY-4.0 OR ODbL-1.0")
_PLACES = (None, (-102.05, 37.0, -94.6, 40.0), (-98.5, 38.5, -98.5, 38.5), (-179.999999, -0.1234567891, 1e-9, 89.5))
_PERIODS = (("2024", "2024"), ("2023-02", "2024-02"), ("2024-06-30", "2024-06-30"),
            ("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"))  # fmt: skip
_WORDS = ("Airports of Kansas", "Ñandú — Ōsage Nation places 🌾", 'Quotes " and \\ and <tags> & more', "وادي النيل")
_OWED = ((), ({"type": "require_attribution"},), (_NOTICE, {"type": "generalize_geometry", "min_cell_size_m": 1000}))
_KEYS = (tuple(_FILES), ("data",), ("data", "qa-report"))


def good_worlds() -> Iterator[tuple[str, World]]:
    """More than five hundred, each in one way or more unlike the one before it."""
    ways = product(_LABELS, _LICENSES, _PLACES, _OWED, (True, False))
    for number, (label, licence, place, owed, redacted) in enumerate(ways):
        word, period = _WORDS[number % 4], _PERIODS[number // 3 % 4]
        told = {
            "policy_label": label, "license": licence, "bbox": place, "obligations": owed, "title": word,
            "description": word * 2, "attribution": f"Source: {word}", "themes": (word, "https://themes.example/a"),
            "keywords": (word, "b") if number % 2 else (), "temporal_start": period[0], "temporal_end": period[1],
            "publisher": word if number % 5 else "KFM", "rights_holder": "FAA" if number % 7 else word,
            "proposer": "carol o'neil" if number % 11 else "carol",
        }  # fmt: skip
        if number % 6 == 0:
            told["grid"] = Grid("EPSG:5070", (20, 30), (10.0, 0.0, 1.5, 0.0, -10.0, 2.5))
        yield f"{number} {label} {licence} {place}", world(keys=_KEYS[number % 3], redacted=redacted, **told)
    for number, label in enumerate(_LABELS):
        withheld = ({"type": "metadata_only"}, *_OWED[number % 3])
        yield f"records only, {label}", world(keys=("qa-report", "terms"), obligations=withheld, policy_label=label)
