"""The namespaces, prefixes and identifiers that the three catalog documents share (design §4 and §7).

Decides how a thing is named in RDF and in links; never builds a document and never judges one. One place, so that
DCAT, STAC and PROV name the same artifact, run and dataset version by the same characters (clause D2).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

DCAT: Final = "http://www.w3.org/ns/dcat#"
DCT: Final = "http://purl.org/dc/terms/"
FOAF: Final = "http://xmlns.com/foaf/0.1/"
GEOSPARQL: Final = "http://www.opengis.net/ont/geosparql#"
KFM: Final = "https://kansasfrontiermatrix.org/ns#"
PROV: Final = "http://www.w3.org/ns/prov#"
RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
SPDX: Final = "http://spdx.org/rdf/terms#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"

PREFIXES: Final[dict[str, str]] = {
    "dcat": DCAT,
    "dct": DCT,
    "foaf": FOAF,
    "geosparql": GEOSPARQL,
    "kfm": KFM,
    "prov": PROV,
    "rdf": RDF,
    "rdfs": RDFS,
    "skos": SKOS,
    "spdx": SPDX,
    "xsd": XSD,
}
MEDIA_TYPES: Final = "https://www.iana.org/assignments/media-types/"
LICENSES: Final = "https://spdx.org/licenses/"
_SHA256: Final = "1220"
_AGENTS: Final = "https://kansasfrontiermatrix.org/agent/"
_THEMES: Final = "https://kansasfrontiermatrix.org/theme/"
_SIMPLE_LICENSE: Final = re.compile(r"(?!LicenseRef-)[A-Za-z0-9][A-Za-z0-9.+-]*")


def dataset_iri(dataset_slug: str, dataset_version_id: str) -> str:
    """``kfm://dataset/<slug>@<version>`` (design §4)."""
    return f"kfm://dataset/{dataset_slug}@{dataset_version_id}"


def artifact_iri(digest: str) -> str:
    """``kfm://artifact/sha256:<hex>`` (design §4); ``digest`` is ``sha256:<hex>``."""
    return f"kfm://artifact/{digest}"


def agent_iri(kind: str, name: str) -> str:
    """The IRI of an agent; ``kind`` is ``principal``, ``pipeline`` or ``role``."""
    return f"{_AGENTS}{kind}/{quote(name, safe='')}"


def theme_iri(theme: str) -> str:
    """A theme given as an http(s) IRI stays as it is; a word becomes a concept of KFM's own scheme."""
    return theme if theme.startswith(("http://", "https://")) else f"{_THEMES}{quote(theme, safe='')}"


def license_iri(license_expression: str, terms_uri: str) -> str:
    """One SPDX id has its page at spdx.org; an expression or a LicenseRef points at the upstream terms."""
    if _SIMPLE_LICENSE.fullmatch(license_expression):
        return LICENSES + license_expression
    return terms_uri


def stac_license(license_expression: str) -> str:
    """STAC's ``license``: one SPDX id as it is, ``other`` for an expression or a LicenseRef (STAC 1.1 schema)."""
    return license_expression if _SIMPLE_LICENSE.fullmatch(license_expression) else "other"


def multihash(digest: str) -> str:
    """``sha256:<hex>`` as a multihash in hex: code 0x12, length 0x20 (STAC File extension 2.1, ``file:checksum``)."""
    return _SHA256 + digest.removeprefix("sha256:")


def digest_in(checksum: object) -> str:
    """``sha256:<hex>`` of such a multihash; empty for anything else."""
    text = checksum if isinstance(checksum, str) else ""
    return f"sha256:{text.removeprefix(_SHA256)}" if text.startswith(_SHA256) else ""
