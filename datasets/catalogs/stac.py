"""The STAC 1.1 collection and item of one dataset version, built from facts with pystac.

Decides how the facts are said in STAC; never judges them (validate_stac does) and never reads a clock. Keeps design §7:
assets carry the File extension's multihash, links lead to DCAT, PROV and receipts, the geometry obeys the label.
"""

from __future__ import annotations

from calendar import monthrange
from typing import Any, Final

import pystac

from datasets.catalogs import addresses
from datasets.catalogs.dcat import distribution_ref
from datasets.catalogs.facts import WORLD, ArtifactFact, CatalogFacts, RunFact
from datasets.catalogs.linked_data import json_bytes
from datasets.catalogs.namespaces import artifact_iri, dataset_iri, multihash, stac_license

STAC_VERSION: Final = "1.1.0"
FILE_EXTENSION: Final = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
VERSION_EXTENSION: Final = "https://stac-extensions.github.io/version/v1.2.0/schema.json"
PROJECTION_EXTENSION: Final = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
HAS_PROVENANCE: Final = "http://www.w3.org/ns/prov#has_provenance"
"""PROV-AQ §3: the link relation to a provenance record (STAC's own ``derived_from`` is for source items)."""
_JSON_LD: Final = "application/ld+json"


def build_stac_collection(facts: CatalogFacts) -> bytes:
    """``stac/collection.json``: id is the dataset_slug; ``version`` is the dataset_version_id."""
    document: dict[str, Any] = {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [VERSION_EXTENSION],
        "id": facts.dataset_slug,
        "title": facts.title,
        "description": facts.description,
        "keywords": sorted(set(facts.keywords)) or sorted(set(facts.themes)),
        "license": _license(facts),
        "version": facts.dataset_version_id,
        "providers": [
            {"name": facts.publisher, "roles": ["host", "processor"]},
            {"name": facts.rights_holder, "roles": ["licensor", "producer"]},
        ],
        "extent": {
            "spatial": {"bbox": [list(facts.published_bbox or WORLD)]},
            "temporal": {"interval": [[first_moment(facts.temporal_start), last_moment(facts.temporal_end)]]},
        },
        "links": [
            *_shared_links(facts),
            _link("self", addresses.stac_collection_url(facts), "application/json"),
            _link("item", addresses.stac_item_url(facts), "application/geo+json"),
            _link("items", f"{addresses.stac_collection_url(facts)}/items", "application/geo+json"),
        ],
        **_kfm_fields(facts),
    }
    return json_bytes(_through_pystac(pystac.Collection.from_dict(document)))


def build_stac_item(facts: CatalogFacts) -> bytes:
    """``stac/items/<dataset_version_id>.json``: one item a version, one asset an artifact."""
    bbox = facts.published_bbox
    receipts = [_receipt_link(facts, run) for run in facts.runs if run.receipt_digest is not None]
    collection = addresses.stac_collection_url(facts)
    placed = facts.grid is not None or any(item.crs for item in facts.artifacts)
    document: dict[str, Any] = {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": [FILE_EXTENSION, *([PROJECTION_EXTENSION] if placed else [])],
        "id": facts.dataset_version_id,
        "collection": facts.dataset_slug,
        "geometry": None if bbox is None else envelope(bbox),
        "properties": {
            "title": facts.title,
            "description": facts.description,
            "datetime": None,
            "start_datetime": first_moment(facts.temporal_start),
            "end_datetime": last_moment(facts.temporal_end),
            "created": facts.issued_at,
            "license": _license(facts),
            **_kfm_fields(facts),
        },
        "links": [
            *_shared_links(facts),
            _link("self", addresses.stac_item_url(facts), "application/geo+json"),
            _link("collection", collection, "application/json"),
            _link("parent", collection, "application/json"),
            *receipts,
        ],
        "assets": {item.key: _asset(facts, item) for item in facts.artifacts},
    }
    if bbox is not None:
        document["bbox"] = list(bbox)
    return json_bytes(_through_pystac(pystac.Item.from_dict(document)))


def envelope(bbox: tuple[float, float, float, float]) -> dict[str, Any]:
    """A bbox as a closed, counter-clockwise GeoJSON polygon (RFC 7946 §3.1.6)."""
    west, south, east, north = bbox
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


def first_moment(value: str) -> str:
    """The first second of ``YYYY[-MM[-DD]]``; a full time stays as it is. RFC 3339 UTC."""
    return value if "T" in value else f"{value}{'-01-01'[len(value) - 4 :]}T00:00:00Z"


def last_moment(value: str) -> str:
    """The last second of ``YYYY[-MM[-DD]]``; a full time stays as it is. RFC 3339 UTC."""
    if "T" in value:
        return value
    year, month, day = value[:4], value[5:7] or "12", value[8:]
    return f"{year}-{month}-{day or monthrange(int(year), int(month))[1]}T23:59:59Z"


def _through_pystac(thing: pystac.Collection | pystac.Item) -> dict[str, Any]:
    document: dict[str, Any] = thing.to_dict(include_self_link=True, transform_hrefs=False)
    return document


def _license(facts: CatalogFacts) -> str:
    """An SPDX id, or ``other``: STAC 1.1's schema refuses an expression's spaces. The text is in ``kfm:license``."""
    return stac_license(facts.license)


def _kfm_fields(facts: CatalogFacts) -> dict[str, Any]:
    own = f"{facts.dataset_slug}@{facts.dataset_version_id}"
    evidence = {f"dcat://{own}", f"stac://{facts.dataset_slug}/items/{facts.dataset_version_id}"}
    evidence |= {f"prov://{item.run_id}" for item in facts.artifacts}
    evidence |= {distribution_ref(facts, item.key) for item in facts.distributed}
    told: dict[str, Any] = {"kfm:notice": list(facts.notices)} if facts.notices else {}
    if facts.uncertainty_m is not None:
        told["kfm:coordinate_uncertainty_m"] = facts.uncertainty_m
    return told | {
        "kfm:dataset_id": facts.dataset_slug,
        "kfm:dataset_version_id": facts.dataset_version_id,
        "kfm:license": facts.license,
        "kfm:policy_label": facts.policy_label,
        "kfm:policy_decision": facts.decision_id,
        "kfm:obligations": [dict(item) for item in facts.obligations],
        "kfm:spec_hash": facts.spec_hash,
        "kfm:attribution": facts.attribution,
        "kfm:evidence": sorted(evidence),
    }


def _link(rel: str, href: str, media_type: str, **more: str) -> dict[str, str]:
    return {"rel": rel, "href": href, "type": media_type, **more}


def _shared_links(facts: CatalogFacts) -> list[dict[str, str]]:
    dataset = dataset_iri(facts.dataset_slug, facts.dataset_version_id)
    dcat = addresses.catalog_url(facts, "dcat.jsonld")
    prov = addresses.catalog_url(facts, "prov/bundle.jsonld")
    described, proven = {"title": "DCAT record"}, {"title": "PROV bundle"}
    described |= {"kfm:document": "dcat", "kfm:ref": dataset}
    proven |= {"kfm:document": "prov", "kfm:ref": dataset}
    return [
        _link("root", addresses.stac_root_url(facts), "application/json"),
        _link("describedby", dcat, _JSON_LD, **described),
        _link(HAS_PROVENANCE, prov, _JSON_LD, **proven),
        {"rel": "license", "href": facts.terms_uri, "title": "Upstream terms"},
    ]


def _receipt_link(facts: CatalogFacts, run: RunFact) -> dict[str, str]:
    digest = str(run.receipt_digest)
    more = {"title": f"Run receipt ({run.operation})", "kfm:document": "receipt", "kfm:ref": run.run_id}
    more |= {"file:checksum": multihash(digest)}
    return _link("via", addresses.receipt_url(facts, digest), "application/json", **more)


def _asset(facts: CatalogFacts, artifact: ArtifactFact) -> dict[str, Any]:
    placed: dict[str, Any] = {"proj:code": artifact.crs} if artifact.crs else {}
    if facts.grid is not None and artifact.role == "data":
        shape, transform = list(facts.grid.shape), list(facts.grid.transform)
        placed = {"proj:code": facts.grid.code or None, "proj:shape": shape, "proj:transform": transform}
    return placed | {
        "href": addresses.artifact_url(facts, artifact.key),
        "type": artifact.media_type,
        "title": artifact.title or artifact.path,
        "roles": [artifact.role],
        "file:checksum": multihash(artifact.digest),
        "file:size": artifact.size_bytes,
        "kfm:artifact": artifact_iri(artifact.digest),
        "kfm:path": artifact.path,
        "kfm:run_id": artifact.run_id,
    }
