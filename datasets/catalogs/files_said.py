"""What the documents say of each run and of each artifact, artifacts matched by key, digest and path.

Decides which statement of which document speaks of which run or file; never whether they agree (alignment does).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from datasets.catalogs.facts_said import principal
from datasets.catalogs.namespaces import KFM, artifact_iri, digest_in
from datasets.catalogs.sayings import Column, Fact, Said, compared, from_dcat, from_prov
from datasets.catalogs.triplet import Triplet, links

_PROV: Final[frozenset[Column]] = frozenset({"prov"})
_ORDER: Final = ("ingest", "validate", "redact", "catalog")
_STAC_AND_PROV: Final[frozenset[Column]] = frozenset({"stac", "prov"})


def runs(triplet: Triplet) -> Iterator[Fact]:
    named = triplet.activities() | {one.text for one in from_dcat(triplet, "prov:wasGeneratedBy")}
    named |= {run for run, _, _ in _receipt_links(triplet)}
    for run in sorted(named, key=lambda run: _place(triplet, run)):
        operations = sorted(triplet.prov.objects(run, KFM + "operation"))
        group = f"Run: {operations[0]}" if operations else f"Run: {run.rsplit('.', 1)[-1]}"
        cataloging = operations == ["catalog"]
        yield Fact(group, "Run id", _PROV if cataloging else _STAC_AND_PROV, _run_id(run))
        yield Fact(group, "Receipt", frozenset() if cataloging else _STAC_AND_PROV, _receipt(run))
        yield Fact(group, "Who", _PROV, _agents(run))


def _place(triplet: Triplet, run: str) -> tuple[int, str]:
    """Where a run stands in the truth path; runs of one second have no other order."""
    operations = triplet.prov.objects(run, KFM + "operation")
    known = [_ORDER.index(operation) for operation in operations if operation in _ORDER]
    return (min(known, default=len(_ORDER)), run)


def _run_id(run: str) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found = [one for one in from_dcat(triplet, "prov:wasGeneratedBy") if one.text == run]
        found += [Said("stac", source, run, run, run) for name, source, _ in _receipt_links(triplet) if name == run]
        known = run in triplet.activities()
        return found + ([Said("prov", "prov", run, run, f"{run} @id")] if known else [])

    return said


def _receipt(run: str) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        linked = [
            Said("stac", source, digest, digest, run) for name, source, digest in _receipt_links(triplet) if name == run
        ]
        return linked + from_prov(triplet, "kfm:receipt_digest", run)

    return said


def _receipt_links(triplet: Triplet) -> list[tuple[str, str, str]]:
    """(run, item, receipt digest as linked) of every item's links to receipts."""
    return [
        (str(link.get("kfm:ref")), name, _checksum(link))
        for name, item in triplet.named_items()
        for link in links(item)
        if link.get("kfm:document") == "receipt"
    ]


def _checksum(holder: Mapping[str, object]) -> str:
    """The digest that ``file:checksum`` says, or what it says instead of one."""
    return digest_in(holder.get("file:checksum")) or str(holder.get("file:checksum"))


def _agents(run: str) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found = from_prov(triplet, "prov:wasAssociatedWith", run)
        words = ", ".join(sorted(principal(triplet, one.text) for one in found))
        return [Said("prov", "prov", words, words, found[0].where)] if found else []

    return said


# --- four rows an artifact ---


@dataclass(frozen=True, slots=True)
class _Named:
    """One artifact as each document knows it: a distribution's IRI, an item's asset, an entity's IRI; empty: none."""

    key: str
    distribution: str
    item: str
    asset: Mapping[str, object]
    entity: str


def artifacts(triplet: Triplet) -> Iterator[Fact]:
    for named in _named(triplet):
        group = f"Artifact: {named.key}"
        owed: frozenset[Column] = frozenset({"prov"})
        owed |= {"dcat"} if named.distribution or "data" in _roles(named) else set()
        owed |= {"stac"}
        yield Fact(group, "Digest", owed, _digests(named))
        yield Fact(group, "Size in bytes", owed, _sizes(named))
        yield Fact(group, "Media type", owed, _media_types(named))
        yield Fact(group, "Made by run", owed, _makers(named))


def _roles(named: _Named) -> Sequence[object]:
    roles = named.asset.get("roles")
    return roles if isinstance(roles, list) else ()


def _named(triplet: Triplet) -> list[_Named]:
    assets = {key: (item, asset) for item, key, asset in triplet.assets()}
    nodes = {triplet.key(node) or node: node for node in triplet.distributions()}
    found = []
    for key in sorted({*assets, *nodes}):
        item, asset = assets.get(key, ("", {}))
        node = nodes.get(key, "")
        found.append(_Named(key, node, item, asset, _entity(triplet, node, asset)))
    return found


def _entity(triplet: Triplet, distribution: str, asset: Mapping[str, object]) -> str:
    """The entity of PROV that speaks of the same file: by a digest that DCAT or STAC names, else by its path."""
    entities = triplet.entities()
    for digest in (_checksum(asset), triplet.checksum(distribution) if distribution else ""):
        if artifact_iri(digest) in entities:
            return artifact_iri(digest)
    path = asset.get("kfm:path")
    by_path = [name for name, text in triplet.prov.mentioned(KFM + "path") if text == path]
    return by_path[0] if len(by_path) == 1 else ""


def _asset_said(named: _Named, name: str, text: str) -> list[Said]:
    if named.asset.get(name) is None:
        return []
    return [Said("stac", f"stac/items/{named.item}", text, text, f"assets/{named.key}/{name}")]


def _digests(named: _Named) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found: list[Said] = []
        if named.distribution and triplet.checksum(named.distribution):
            digest = triplet.checksum(named.distribution)
            found.append(Said("dcat", "dcat", digest, digest, f"{named.distribution}.checksum spdx:checksumValue"))
        found += _asset_said(named, "file:checksum", _checksum(named.asset))
        return found + (from_prov(triplet, "kfm:digest", named.entity) if named.entity else [])

    return said


def _sizes(named: _Named) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found = from_dcat(triplet, "dcat:byteSize", named.distribution) if named.distribution else []
        found += _asset_said(named, "file:size", str(named.asset.get("file:size")))
        return found + (from_prov(triplet, "kfm:size_bytes", named.entity) if named.entity else [])

    return said


def _media_types(named: _Named) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found = from_dcat(triplet, "dcat:mediaType", named.distribution) if named.distribution else []
        found += _asset_said(named, "type", str(named.asset.get("type")))
        found += from_prov(triplet, "kfm:media_type", named.entity) if named.entity else []
        return compared(found, _media_type)

    return said


def _media_type(text: str) -> str:
    """DCAT names IANA's page, STAC the type with its parameters: compared by the type alone."""
    return text.partition(";")[0].strip().removeprefix("https://www.iana.org/assignments/media-types/")


def _makers(named: _Named) -> Callable[[Triplet], list[Said]]:
    def said(triplet: Triplet) -> list[Said]:
        found = from_dcat(triplet, "prov:wasGeneratedBy", named.distribution) if named.distribution else []
        found += _asset_said(named, "kfm:run_id", str(named.asset.get("kfm:run_id")))
        return found + (from_prov(triplet, "prov:wasGeneratedBy", named.entity) if named.entity else [])

    return said
