"""The PROV-O bundle of one dataset version, built from facts.

Decides how runs, artifacts and agents are said in PROV-O; never judges them and never reads a clock. Keeps design §7:
an activity per run, an entity per artifact, agents, policy decision and environment, byte-identical on a second build.

The catalog run is an activity here, without digests of its own outputs (this document is one of them). For each role
that must approve there is an agent; who approved is in the promotion manifest, because people sign a dossier that
already holds the digest of these bytes.
"""

from __future__ import annotations

from datasets.catalogs import addresses
from datasets.catalogs.facts import ArtifactFact, CatalogFacts, DigestedUri, RunFact
from datasets.catalogs.linked_data import Node, json_ld_bytes, moment, reference, text, turtle_bytes, typed
from datasets.catalogs.namespaces import agent_iri, artifact_iri, dataset_iri

PIPELINE = agent_iri("pipeline", "kfm")


def build_prov(facts: CatalogFacts) -> bytes:
    """``prov/bundle.jsonld`` (JSON-LD 1.1, UTF-8, context inline)."""
    return json_ld_bytes(_nodes(facts))


def build_prov_turtle(facts: CatalogFacts) -> bytes:
    """The same triples as Turtle."""
    return turtle_bytes(_nodes(facts))


def _nodes(facts: CatalogFacts) -> list[Node]:
    nodes = {str(node["@id"]): node for node in (*_agents(facts), *_entities(facts))}
    for run in facts.runs:
        nodes |= {str(node["@id"]): node for node in _activity(run, facts)}
    iri = dataset_iri(facts.dataset_slug, facts.dataset_version_id)
    nodes[iri] = _dataset(facts, iri)
    return list(nodes.values())


def _dataset(facts: CatalogFacts, iri: str) -> Node:
    data = facts.distributed
    own = f"{facts.dataset_slug}@{facts.dataset_version_id}"
    evidence = {f"dcat://{own}", f"stac://{facts.dataset_slug}/items/{facts.dataset_version_id}"}
    evidence |= {f"prov://{run.run_id}" for run in facts.runs}
    return {
        "@id": iri,
        "@type": ["prov:Entity", "prov:Collection"],
        "dct:title": text(facts.title),
        "prov:hadMember": [reference(iri) for iri in sorted({artifact_iri(item.digest) for item in data})],
        "prov:wasGeneratedBy": [reference(run) for run in sorted({item.run_id for item in data})],
        "prov:wasAttributedTo": reference(agent_iri("principal", facts.proposer)),
        "rdfs:seeAlso": reference(addresses.catalog_url(facts, "dcat.jsonld")),
        "kfm:dataset_id": typed(facts.dataset_slug, "string"),
        "kfm:dataset_version_id": typed(facts.dataset_version_id, "string"),
        "kfm:policy_label": typed(facts.policy_label, "string"),
        "kfm:policy_decision": reference(facts.decision_id),
        "kfm:license": typed(facts.license, "string"),
        "kfm:spec_hash": typed(facts.spec_hash, "string"),
        "kfm:evidence": [typed(ref, "string") for ref in sorted(evidence)],
    }


def _agents(facts: CatalogFacts) -> list[Node]:
    people: dict[str, set[str]] = {facts.proposer: {"contributor"}}
    for run in facts.runs:
        people.setdefault(run.principal, set()).add(run.role)
    software = {"pipeline"}
    nodes: list[Node] = [
        {"@id": PIPELINE, "@type": ["prov:Agent", "prov:SoftwareAgent"], "rdfs:label": text("KFM pipeline")},
    ]
    for principal, roles in sorted(people.items()):
        kind = "prov:SoftwareAgent" if roles <= software else "prov:Person"
        node: Node = {"@id": agent_iri("principal", principal), "@type": ["prov:Agent", kind]}
        node["kfm:principal"] = typed(principal, "string")
        node["kfm:role"] = [typed(role, "string") for role in sorted(roles)]
        nodes.append(node)
    for role in sorted(set(facts.approval_roles)):
        node = {"@id": agent_iri("role", role), "@type": ["prov:Agent", "prov:Organization"]}
        node["kfm:approval_role"] = typed(role, "string")
        nodes.append(node)
    return nodes


def _entities(facts: CatalogFacts) -> list[Node]:
    producers = {item.digest: run.run_id for run in facts.runs for item in run.outputs}
    producers |= {item.digest: item.run_id for item in facts.artifacts}
    nodes: dict[str, Node] = {}
    for run in facts.runs:
        for item in (*run.inputs, *run.outputs):
            nodes[item.digest] = _entity(item, nodes.get(item.digest))
    for artifact in facts.artifacts:
        nodes[artifact.digest] = _artifact_entity(artifact, nodes.get(artifact.digest))
    for digest, node in nodes.items():
        if digest in producers:
            node["prov:wasGeneratedBy"] = reference(producers[digest])
    return list(nodes.values())


def _entity(item: DigestedUri, known: Node | None) -> Node:
    node = known or {"@id": artifact_iri(item.digest), "@type": "prov:Entity", "kfm:path": []}
    node["kfm:digest"] = typed(item.digest, "string")
    node["kfm:path"] = sorted({*(path["@value"] for path in node["kfm:path"]), item.uri})
    node["kfm:path"] = [typed(path, "string") for path in node["kfm:path"]]
    return node


def _artifact_entity(artifact: ArtifactFact, known: Node | None) -> Node:
    node = _entity(DigestedUri(artifact.path, artifact.digest), known)
    node["kfm:size_bytes"] = typed(str(artifact.size_bytes), "nonNegativeInteger")
    node["kfm:media_type"] = typed(artifact.media_type, "string")
    node["kfm:artifact_role"] = typed(artifact.role, "string")
    return node


def _activity(run: RunFact, facts: CatalogFacts) -> list[Node]:
    association = f"{run.run_id}#association"
    environment = f"{run.run_id}#environment"
    principal = agent_iri("principal", run.principal)
    node: Node = {
        "@id": run.run_id,
        "@type": "prov:Activity",
        "prov:startedAtTime": moment(run.started_at),
        "prov:endedAtTime": moment(run.ended_at),
        "prov:used": [reference(iri) for iri in sorted({artifact_iri(item.digest) for item in run.inputs})],
        "prov:wasAssociatedWith": [reference(PIPELINE), reference(principal)],
        "prov:qualifiedAssociation": reference(association),
        "kfm:operation": typed(run.operation, "string"),
        "kfm:environment": reference(environment),
        "kfm:policy_decision": reference(run.decision_id),
    }
    if run.receipt_digest is not None:
        node["kfm:receipt_digest"] = typed(run.receipt_digest, "string")
        node["rdfs:seeAlso"] = reference(addresses.receipt_url(facts, run.receipt_digest))
    return [
        node,
        {
            "@id": association,
            "@type": "prov:Association",
            "prov:agent": reference(principal),
            "prov:hadRole": reference(agent_iri("role-in-run", run.role)),
        },
        {"@id": agent_iri("role-in-run", run.role), "@type": "prov:Role", "rdfs:label": text(run.role)},
        {
            "@id": environment,
            "@type": "kfm:Environment",
            "kfm:container_digest": typed(run.container_digest, "string"),
            "kfm:git_commit": typed(run.git_commit, "string"),
        },
    ]
