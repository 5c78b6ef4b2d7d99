"""Which EvidenceRefs the catalog documents make, and whether each resolves exactly.

Decides clause D3: a reference either names something in the index by the very same characters, or it is unresolved.
Never normalises, never takes a nearest match, never looks anything up. Spelling is judged by audit.references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audit.findings import Finding
from audit.references import (
    DcatReference,
    DocReference,
    GraphReference,
    InvalidReference,
    ProvReference,
    StacReference,
    parse_evidence_ref,
)
from datasets.catalogs.namespaces import KFM, PREFIXES, PROV, digest_in
from datasets.catalogs.triplet import Triplet, TripletDocuments, mapping, read_triplet


@dataclass(frozen=True, slots=True)
class EvidenceTarget:
    """What a reference leads to: ``iri`` in the documents, ``digest`` (``sha256:<hex>``) where it has bytes."""

    kind: Literal["dataset", "distribution", "item", "asset", "run", "document", "entity"]
    iri: str
    digest: str = ""


EvidenceIndex = Mapping[str, EvidenceTarget]


def evidence_refs(documents: TripletDocuments) -> list[str]:
    """Every ``kfm:evidence`` text in the documents, sorted, each once; [] when one can't be read (D2 says so)."""
    triplet, _ = read_triplet(documents)
    if triplet is None:
        return []
    found = {value for graph in (triplet.dcat, triplet.prov) for _, value in graph.mentioned(KFM + "evidence")}
    for holder in (triplet.collection, *(mapping(item.get("properties")) for item in triplet.items)):
        found |= _cited(holder)
    return sorted(found)


def _owed(triplet: Triplet) -> Iterator[tuple[str, list[str]]]:
    """(document, references it lacks) for each document that does not cite all that it speaks of."""
    slug = next(iter(triplet.dcat.objects(triplet.dataset, KFM + "dataset_id")), "")
    version = next(iter(triplet.dcat.objects(triplet.dataset, KFM + "dataset_version_id")), "")
    own = f"dcat://{slug}@{version}"
    items = {f"stac://{item.get('collection')}/items/{item.get('id')}" for item in triplet.items}
    files = {f"{own}#dist={triplet.key(node)}" for node in triplet.distributions()}
    makers = {f"prov://{run}" for run in triplet.dcat.objects(triplet.dataset, PROV + "wasGeneratedBy")}
    owed = [("dcat", {own, *items, *files, *makers}, triplet.dcat.objects(triplet.dataset, KFM + "evidence"))]
    runs = {f"prov://{run}" for run in triplet.activities()}
    owed.append(("prov", {own, *items, *runs}, triplet.prov.objects(triplet.dataset, KFM + "evidence")))
    made = {f"prov://{asset.get('kfm:run_id')}" for _, _, asset in triplet.assets()}
    owed.append(("stac/collection", {own, *items, *files, *made}, _cited(triplet.collection)))
    for document, item in triplet.named_items():
        fields = mapping(item.get("properties"))
        assets = mapping(item.get("assets"))
        made = {f"prov://{mapping(asset).get('kfm:run_id')}" for asset in assets.values()}
        held = {ref for ref in files if ref.rpartition("#dist=")[2] in assets}
        name = f"stac://{item.get('collection')}/items/{item.get('id')}"
        owed.append((document, {own, name, *made, *held}, _cited(fields)))
    for document, needed, cited in owed:
        if needed - cited:
            yield document, sorted(needed - cited)


def _cited(holder: Mapping[str, Any]) -> set[str]:
    refs = holder.get("kfm:evidence")
    return {ref if isinstance(ref, str) else repr(ref) for ref in (refs if isinstance(refs, list) else [refs])}


def build_index(documents: TripletDocuments, digests: frozenset[str] = frozenset()) -> dict[str, EvidenceTarget]:
    """Exact reference to target, for all that the documents describe; ``digests``: stored documents (``doc://``)."""
    triplet, _ = read_triplet(documents)
    if triplet is None:
        return {}
    index: dict[str, EvidenceTarget] = {}
    ids = triplet.dcat.objects(triplet.dataset, KFM + "dataset_id")
    versions = triplet.dcat.objects(triplet.dataset, KFM + "dataset_version_id")
    if len(ids) == 1 and len(versions) == 1:
        own = f"dcat://{ids.pop()}@{versions.pop()}"
        index[own] = EvidenceTarget("dataset", triplet.dataset)
        for node in triplet.distributions():
            index[f"{own}#dist={triplet.key(node)}"] = EvidenceTarget("distribution", node, triplet.checksum(node))
    for item in triplet.items:
        name = f"stac://{item.get('collection')}/items/{item.get('id')}"
        index[name] = EvidenceTarget("item", name)
        for key, asset in mapping(item.get("assets")).items():
            digest = digest_in(mapping(asset).get("file:checksum"))
            index[f"{name}#asset={key}"] = EvidenceTarget("asset", f"{name}#asset={key}", digest)
    for run in triplet.activities():
        index[f"prov://{run}"] = EvidenceTarget("run", run)
    index |= _graph(triplet)
    for digest in digests:
        index[f"doc://{digest}"] = EvidenceTarget("document", f"kfm://artifact/{digest}", digest)
    return index


def _graph(triplet: Triplet) -> dict[str, EvidenceTarget]:
    """What PROV describes as a graph: each of our entities and runs, and each relation that is recorded of it."""
    index: dict[str, EvidenceTarget] = {}
    described = triplet.entities() | triplet.activities()
    for iri in sorted(name for name in described if name.startswith("kfm://")):
        digest = iri.removeprefix("kfm://artifact/") if iri.startswith("kfm://artifact/") else ""
        target = EvidenceTarget("entity", iri, digest)
        index[f"graph://{iri}"] = target
        for relation in triplet.prov.predicates(iri):
            prefix, name = next(
                ((p, relation.removeprefix(n)) for p, n in PREFIXES.items() if relation.startswith(n)), ("", "")
            )
            if prefix:
                index[f"graph://{iri}#rel={prefix}:{name}"] = target
    return index


def resolve_exact(ref: str, index: EvidenceIndex) -> EvidenceTarget | None:
    """The target that ``ref`` names exactly, or None; None as well for a text that is no EvidenceRef.

    A ``doc://`` reference resolves when the index holds the whole document; page and span are read later, from bytes.
    An abbreviated ``prov://run/…`` names the same run as ``prov://kfm://run/…`` (audit.references decides that).
    """
    try:
        parsed = parse_evidence_ref(ref)
    except InvalidReference:
        return None
    if isinstance(parsed, DocReference):
        return index.get(f"doc://{parsed.digest}")
    if isinstance(parsed, ProvReference):
        return index.get(f"prov://{parsed.run}")
    if isinstance(parsed, (DcatReference, StacReference, GraphReference)):
        return index.get(ref)
    return None


def place_of(ref: str) -> str:
    """Where a finding says that a reference stands: the reference itself, cut where it is very long."""
    return ref[:160]


def check_evidence(documents: TripletDocuments, digests: frozenset[str] = frozenset()) -> list[Finding]:
    """Findings of clause D3 for one triplet; [] when every reference resolves within it."""
    triplet, findings = read_triplet(documents)
    if triplet is None:
        return findings
    refs, index = evidence_refs(documents), build_index(documents, digests)
    if not refs:
        findings.append(
            Finding("evidence_missing", "", "The catalogs carry no EvidenceRef.", "Rebuild them.", "missing")
        )
    for document, absent in _owed(triplet) if refs else ():
        message = f"{document} carries no EvidenceRef to {', '.join(absent)}, which it speaks of."
        findings.append(Finding("evidence_incomplete", document, message[:500], "Rebuild them.", "missing"))
    for ref in refs:
        if resolve_exact(ref, index) is None:
            message = f"{ref!r:.160} resolves to nothing in these catalogs, exactly as it is written."
            findings.append(
                Finding("evidence_unresolved", place_of(ref), message, "Mend the reference; no guess is made.")
            )
    return findings
