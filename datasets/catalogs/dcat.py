"""The DCAT 3 record of one dataset version, built from facts.

Decides how the facts are said in DCAT; never judges them (validate_dcat does) and never reads a clock. Keeps design §7:
byte-identical on a second build, and every identifier is the one that STAC and PROV use (clause D2).
"""

from __future__ import annotations

from datasets.catalogs import addresses
from datasets.catalogs.facts import ArtifactFact, CatalogFacts
from datasets.catalogs.linked_data import Node, json_bytes, json_ld_bytes, moment, reference, text, turtle_bytes, typed
from datasets.catalogs.namespaces import MEDIA_TYPES, artifact_iri, dataset_iri, license_iri, theme_iri


def build_dcat(facts: CatalogFacts) -> bytes:
    """``dcat.jsonld`` (JSON-LD 1.1, UTF-8, context inline)."""
    return json_ld_bytes(_nodes(facts))


def build_dcat_turtle(facts: CatalogFacts) -> bytes:
    """The same triples as Turtle."""
    return turtle_bytes(_nodes(facts))


def distribution_ref(facts: CatalogFacts, key: str) -> str:
    """The EvidenceRef of one distribution: ``dcat://<slug>@<version>#dist=<key>`` (design §4)."""
    return f"dcat://{facts.dataset_slug}@{facts.dataset_version_id}#dist={key}"


def envelope_wkt(bbox: tuple[float, float, float, float]) -> str:
    """A bbox as a WKT polygon, longitude first (GeoSPARQL's default CRS84)."""
    west, south, east, north = bbox
    ring = [(west, south), (east, south), (east, north), (west, north), (west, south)]
    return "POLYGON((" + ", ".join(f"{x:.10g} {y:.10g}" for x, y in ring) + "))"


def _nodes(facts: CatalogFacts) -> list[Node]:
    iri = dataset_iri(facts.dataset_slug, facts.dataset_version_id)
    data = list(facts.distributed)
    nodes = [_dataset(facts, iri, data), *_people(facts, iri), _spatial(facts, iri), _temporal(facts, iri)]
    nodes += [_theme(theme) for theme in dict.fromkeys(facts.themes)]
    for artifact in data:
        nodes += _distribution(facts, iri, artifact)
    return nodes


def _dataset(facts: CatalogFacts, iri: str, data: list[ArtifactFact]) -> Node:
    own = f"dcat://{facts.dataset_slug}@{facts.dataset_version_id}"
    stac = f"stac://{facts.dataset_slug}/items/{facts.dataset_version_id}"
    producers = sorted({item.run_id for item in data})
    evidence = [
        own,
        stac,
        *(distribution_ref(facts, item.key) for item in data),
        *(f"prov://{run}" for run in producers),
    ]
    return _told(facts, iri) | {
        "@id": iri,
        "@type": ["dcat:Dataset", "prov:Entity"],
        "dct:identifier": typed(f"{facts.dataset_slug}@{facts.dataset_version_id}", "string"),
        "dct:title": text(facts.title),
        "dct:description": text(facts.description),
        "dct:publisher": reference(f"{iri}#publisher"),
        "dct:rightsHolder": reference(f"{iri}#rights-holder"),
        "dct:license": reference(license_iri(facts.license, facts.terms_uri)),
        "dct:rights": reference(f"{iri}#rights"),
        "dct:issued": moment(facts.issued_at),
        "dct:spatial": reference(f"{iri}#spatial"),
        "dct:temporal": reference(f"{iri}#temporal"),
        "dcat:theme": [reference(theme_iri(theme)) for theme in sorted(set(facts.themes))],
        "dcat:keyword": [text(word) for word in sorted(set(facts.keywords))],
        "dcat:version": typed(facts.dataset_version_id, "string"),
        "dcat:landingPage": reference(addresses.version_url(facts)),
        "dcat:distribution": [reference(f"{iri}#dist={item.key}") for item in data],
        "prov:wasGeneratedBy": [reference(run) for run in producers],
        "kfm:dataset_id": typed(facts.dataset_slug, "string"),
        "kfm:dataset_version_id": typed(facts.dataset_version_id, "string"),
        "kfm:license": typed(facts.license, "string"),
        "kfm:policy_label": typed(facts.policy_label, "string"),
        "kfm:policy_decision": reference(facts.decision_id),
        "kfm:obligation": [typed(json_bytes(item).decode().strip(), "rdf:JSON") for item in facts.obligations],
        "kfm:spec_hash": typed(facts.spec_hash, "string"),
        "kfm:evidence": [typed(ref, "string") for ref in sorted(set(evidence))],
    }


def _told(facts: CatalogFacts, iri: str) -> Node:
    """The owed notices, and how far a published place may be from the true one where places were generalized."""
    if facts.uncertainty_m is None:
        return _notices(facts, iri)
    metres = typed(str(facts.uncertainty_m), "nonNegativeInteger")
    return _notices(facts, iri) | {"kfm:coordinate_uncertainty_m": metres}


def _notices(facts: CatalogFacts, iri: str) -> Node:
    """The owed notices: for KFM's readers word for word, for every DCAT reader as the terms of access."""
    if not facts.notices:
        return {}
    return {
        "kfm:notice": [typed(notice, "string") for notice in facts.notices],
        "dct:accessRights": reference(f"{iri}#access-rights"),
    }


def _people(facts: CatalogFacts, iri: str) -> list[Node]:
    access: Node = {
        "@id": f"{iri}#access-rights",
        "@type": "dct:RightsStatement",
        "rdfs:label": [text(notice) for notice in facts.notices],
    }
    return [
        *([access] if facts.notices else []),
        {"@id": f"{iri}#publisher", "@type": "foaf:Agent", "foaf:name": text(facts.publisher)},
        {"@id": f"{iri}#rights-holder", "@type": "foaf:Agent", "foaf:name": text(facts.rights_holder)},
        {
            "@id": f"{iri}#rights",
            "@type": "dct:RightsStatement",
            "rdfs:label": text(facts.attribution),
            "rdfs:seeAlso": reference(facts.terms_uri),
        },
    ]


def _spatial(facts: CatalogFacts, iri: str) -> Node:
    node: Node = {"@id": f"{iri}#spatial", "@type": "dct:Location"}
    if facts.published_bbox is None:
        withheld = "No spatial extent: the data are held back, and their description names no place."
        told = "No spatial extent: the records name no place." if facts.carries_bytes else withheld
        return node | {"rdfs:label": text(told)}
    return node | {"dcat:bbox": typed(envelope_wkt(facts.published_bbox), "geosparql:wktLiteral")}


def _temporal(facts: CatalogFacts, iri: str) -> Node:
    return {
        "@id": f"{iri}#temporal",
        "@type": "dct:PeriodOfTime",
        "dcat:startDate": moment(facts.temporal_start),
        "dcat:endDate": moment(facts.temporal_end),
    }


def _theme(theme: str) -> Node:
    return {"@id": theme_iri(theme), "@type": "skos:Concept", "skos:prefLabel": text(theme)}


def _distribution(facts: CatalogFacts, iri: str, artifact: ArtifactFact) -> list[Node]:
    own = f"{iri}#dist={artifact.key}"
    node: Node = {
        "@id": own,
        "@type": "dcat:Distribution",
        "dct:identifier": typed(artifact.key, "string"),
        "dct:title": text(artifact.title or artifact.path),
        "dct:license": reference(license_iri(facts.license, facts.terms_uri)),
        "kfm:license": typed(facts.license, "string"),
        "dcat:mediaType": reference(MEDIA_TYPES + artifact.media_type.split(";")[0].strip()),
        "dcat:accessURL": reference(addresses.version_url(facts)),
        "dcat:byteSize": typed(str(artifact.size_bytes), "nonNegativeInteger"),
        "spdx:checksum": reference(f"{own}.checksum"),
        "prov:wasGeneratedBy": reference(artifact.run_id),
        "kfm:artifact": reference(artifact_iri(artifact.digest)),
    }
    if facts.carries_bytes:
        node["dcat:downloadURL"] = reference(addresses.artifact_url(facts, artifact.key))
    checksum: Node = {
        "@id": f"{own}.checksum",
        "@type": "spdx:Checksum",
        "spdx:algorithm": reference("spdx:checksumAlgorithm_sha256"),
        "spdx:checksumValue": typed(artifact.digest.removeprefix("sha256:"), "hexBinary"),
    }
    return [node, checksum]
