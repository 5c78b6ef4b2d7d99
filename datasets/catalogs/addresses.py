"""Where the governed API serves what the catalogs link to: one function per kind of thing (design §8).

Decides the URLs written into catalog documents, never who may read them.
"""

from __future__ import annotations

from urllib.parse import quote

from datasets.catalogs.facts import CatalogFacts


def version_url(facts: CatalogFacts) -> str:
    return f"{facts.api_base_url.rstrip('/')}/datasets/{facts.dataset_slug}/versions/{facts.dataset_version_id}"


def artifact_url(facts: CatalogFacts, key: str) -> str:
    return f"{version_url(facts)}/artifacts/{quote(key)}"


def catalog_url(facts: CatalogFacts, path: str) -> str:
    """``path`` as in the catalog zone: ``dcat.jsonld``, ``prov/bundle.jsonld``, ``stac/collection.json``."""
    return f"{version_url(facts)}/catalog/{path}"


def receipt_url(facts: CatalogFacts, receipt_digest: str) -> str:
    return catalog_url(facts, f"receipts/{receipt_digest.removeprefix('sha256:')}.json")


def stac_root_url(facts: CatalogFacts) -> str:
    return f"{facts.api_base_url.rstrip('/')}/stac/"


def stac_collection_url(facts: CatalogFacts) -> str:
    return f"{stac_root_url(facts)}collections/{facts.dataset_slug}"


def stac_item_url(facts: CatalogFacts) -> str:
    return f"{stac_collection_url(facts)}/items/{facts.dataset_version_id}"
